"""Notifications: sent, and sent again by the provider's own schedule until they are taken."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import httpx
from msgspec import Struct
from msgspec.structs import replace

from coinslot.sandbox.providers.clock import SandboxClock


class Parcel(Struct, frozen=True, kw_only=True):
    """What is to be delivered, made afresh for each try: signatures hold the time."""

    label: str
    """For people; no personal data."""
    url: str
    make: Callable[[], tuple[Mapping[str, str], bytes]]
    """Headers and body of one try."""
    taken: Callable[[int, bytes], bool]
    """Whether this answer ends the tries."""


class Try(Struct, frozen=True, kw_only=True):
    """One delivery, as it went."""

    label: str
    at: datetime
    """The sandbox's time."""
    url: str
    status: int | None
    """None: no answer in time, or nobody there."""
    taken: bool
    again_at: datetime | None = None
    """When it is sent again; None: never, or by nobody's schedule."""


class Retries:
    """Delivers parcels. `gaps_s` are the provider's pauses between tries; `answer_within_s` is real time."""

    def __init__(self, clock: SandboxClock, gaps_s: Sequence[float], *, answer_within_s: float = 5.0) -> None:
        self.tries: list[Try] = []
        """Each that was made, in order."""
        self._clock = clock
        self._gaps_s = gaps_s
        self._answer_within_s = answer_within_s
        self._trust: ssl.SSLContext | bool = False

    def send(self, parcel: Parcel, *, after_s: float = 0.0) -> None:
        """Now or later, and then by the schedule."""

        async def first() -> None:
            await self._deliver(parcel, 0)

        self._clock.after(after_s, first)

    async def once(self, parcel: Parcel) -> Try:
        """One try, whatever comes of it."""
        headers, body = parcel.make()
        if parcel.url.startswith("https:") and self._trust is False:
            self._trust = httpx.create_ssl_context()
        status: int | None = None
        answer = b""
        try:
            # A transport and not a client: no proxies of the environment, no log line for each try.
            async with (
                asyncio.timeout(self._answer_within_s),
                httpx.AsyncHTTPTransport(verify=self._trust) as transport,
            ):
                request = httpx.Request("POST", parcel.url, headers=dict(headers), content=body)
                request.extensions["timeout"] = httpx.Timeout(self._answer_within_s).as_dict()
                response = await transport.handle_async_request(request)
                answer = await response.aread()
                status = response.status_code
                await response.aclose()
        except (httpx.TransportError, httpx.InvalidURL, OSError):  # a time-out is an OSError
            status = None
        made = Try(
            label=parcel.label,
            at=self._clock.now(),
            url=parcel.url,
            status=status,
            taken=status is not None and parcel.taken(status, answer),
        )
        self.tries.append(made)
        return made

    async def _deliver(self, parcel: Parcel, earlier: int) -> None:
        made = await self.once(parcel)
        if made.taken or earlier >= len(self._gaps_s):
            return
        gap_s = self._gaps_s[earlier]
        self.tries[-1] = replace(made, again_at=made.at + timedelta(seconds=gap_s))

        async def again() -> None:
            await self._deliver(parcel, earlier + 1)

        self._clock.after(gap_s, again)
