"""Headers that every answer carries, errors too, unless its route says otherwise."""

from __future__ import annotations

from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS: Final = (
    (b"cache-control", b"no-store"),  # what is said to one customer is for nobody's cache
    (b"x-content-type-options", b"nosniff"),
)
_HTTPS_ONLY: Final = (b"strict-transport-security", b"max-age=31536000")


class Headed:
    """Adds what is missing. `https_only`: browsers are told to come by https from now on, whatever a link says."""

    def __init__(self, app: ASGIApp, *, https_only: bool = False) -> None:
        self._app = app
        self._headers = (*_ALWAYS, _HTTPS_ONLY) if https_only else _ALWAYS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                there = {name.lower() for name, _ in headers}
                message["headers"] = headers + [one for one in self._headers if one[0] not in there]
            await send(message)

        await self._app(scope, receive, adding)
