"""One id for each request, in its answer, its errors and its log lines; one line in the log for its end.

Never a path, a query, a header or a body: they hold phone numbers, ids and tokens. A request is known by
its method, its route as the program spells it, such as `/m/{token}`, and its id.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter
from typing import Final, TypeAlias

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

REQUEST_ID: Final = "coinslot.request_id"
"""The ASGI extension in which a trusted proxy's X-Request-Id comes, as `told`."""
UNMATCHED: Final = "unmatched"
"""The route of what has none."""
HEADER: Final = b"x-request-id"

_WELL_FORMED: Final = re.compile(r"(?=.*[A-Za-z])(?!.*[0-9]{10})[A-Za-z0-9_-]{8,64}")
"""A proxy may pass on what a browser sent; what could be somebody's number is not taken."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET: Final = frozenset({"/healthz", "/metrics"})
"""Asked every few seconds by machines."""
_GONE: Final = 499
"""In the log: ended before it was answered."""


@dataclass(slots=True)
class _Request:
    id: str
    open: bool = True


_current: ContextVar[_Request | None] = ContextVar("coinslot_request", default=None)


@dataclass(frozen=True, slots=True)
class Answered:
    """The end of one request."""

    method: str
    route: str
    status: int
    seconds: float
    stream: bool
    """A live view: its seconds say how long somebody watched, not how long he waited."""


Observer: TypeAlias = Callable[[Answered], None]


def request_id() -> str | None:
    """Of the request that is being answered here; None outside one, and in what outlives it."""
    request = _current.get()
    return request.id if request is not None and request.open else None


def route_of(scope: Scope) -> str:
    """The route's own spelling, with names where a path has values."""
    route = scope.get("path_template")
    return route if isinstance(route, str) and route else UNMATCHED


class Traced:
    """Outside the application, so that what matches no route is traced too."""

    def __init__(self, app: ASGIApp, observe: Observer | None = None) -> None:
        self._app = app
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request = _Request(_told(scope) or secrets.token_hex(8))
        header = (HEADER, request.id.encode())
        began_s = perf_counter()
        status, stream = _GONE, False

        async def noting(message: Message) -> None:
            nonlocal status, stream
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message["headers"])
                stream = any(
                    name == b"content-type" and value.startswith(b"text/event-stream")
                    for name, value in headers
                )
                message["headers"] = [*headers, header]
            await send(message)

        before = _current.set(request)
        try:
            await self._app(scope, receive, noting)
        except Exception:
            status = 500
            raise
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            answered = Answered(method, route_of(scope), status, perf_counter() - began_s, stream)
            _say(answered)
            if self._observe is not None:
                self._observe(answered)
            request.open = False
            _current.reset(before)


def _told(scope: HTTPScope) -> str | None:
    told = ((scope.get("extensions") or {}).get(REQUEST_ID) or {}).get("told")
    return told if isinstance(told, str) and _WELL_FORMED.fullmatch(told) else None


def _say(answered: Answered) -> None:
    if answered.status >= 500:
        # 503 is ours to say when the database is away or the server stops; it has its own line then.
        level = logging.WARNING if answered.status == 503 else logging.ERROR
    else:
        level = logging.DEBUG if answered.route in _QUIET else logging.INFO
    log.log(
        level,
        "%s %s %d %.1f ms",
        answered.method,
        answered.route,
        answered.status,
        answered.seconds * 1000,
    )
