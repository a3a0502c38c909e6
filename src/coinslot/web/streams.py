"""Server-sent events: streams that end when their reader leaves or the server stops, and leak nothing.

A route hands an iterator of encoded events to `sse`. Whatever happens to the stream, the iterator is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterable, Iterator
from typing import Final, Protocol, runtime_checkable

from litestar import Request
from litestar.background_tasks import BackgroundTask, BackgroundTasks
from litestar.datastructures import Cookie
from litestar.enums import MediaType
from litestar.response import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send, TypeEncodersMap

from coinslot.addresses import source_of
from coinslot.web.problems import Problem

HEARTBEAT_S: Final = 15.0
"""Proxies and phones' radios give up a connection that is silent for 30 s and more."""
STALLED_S: Final = 30.0
"""Who has not taken what was sent for that long is gone, whatever the network says."""
PER_SOURCE: Final = 50
"""A dormitory behind one address watches less at once, and pages fall back on asking."""
MOST: Final = 4000
CONNECTION: Final = "coinslot.connection"
"""The ASGI extension in which our server gives the request's connection, as `held`."""

_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_BEAT: Final = b":\n\n"
_AGAIN: Final = b"retry: 1000\n\n"
_LAST_WORD_S: Final = 0.1
"""A server that stops waits no longer for somebody who has not taken what came before."""


def event(data: bytes, kind: str = "message", id: str | None = None) -> bytes:
    """One event as it goes over the wire. ValueError for a kind or id that is no single line."""
    for word in (kind, id or ""):
        if not word.isprintable():
            raise ValueError("the kind and the id of an event are each one line of text")
    head = b"" if kind == "message" else b"event: " + kind.encode() + b"\n"
    if id is not None:
        head += b"id: " + id.encode() + b"\n"
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return head + b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"


@runtime_checkable
class Held(Protocol):
    """The connection that a request came by."""

    def endless(self) -> None:
        """The answer is a stream: it may take as long as it will."""

    def cut(self) -> None:
        """Break the connection off: its peer takes nothing."""


class Streams:
    """All streams of one process: how many are open, for whom, and the word to end them."""

    def __init__(self, per_source: int = PER_SOURCE, most: int = MOST) -> None:
        self.stopping = asyncio.Event()
        """Set once, when the server begins to stop: every stream then ends by itself."""
        self._per_source = per_source
        self._most = most
        self._open: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """Streams open now."""
        return self._open.total()

    @contextlib.contextmanager
    def open(self, address: str) -> Iterator[None]:
        """A place for one stream to this address. Problem 429 when it has its share, 503 when all are taken."""
        source = source_of(address)
        if self._open[source] >= self._per_source:
            raise _too_many(429, "too_many_streams", "This address watches as much as one address may.")
        if self.count >= self._most:
            raise _too_many(503, "too_many_streams", "This server has as many watchers as it can serve.")
        self._open[source] += 1
        try:
            yield
        finally:
            self._open[source] -= 1
            if not self._open[source]:
                del self._open[source]


def sse(events: AsyncIterator[bytes], streams: Streams) -> Response[None]:
    """`text/event-stream` of what `event` encoded: until the events end, the reader leaves or the server stops.

    A reader who lost the stream to a stop is told to come again after a second. One address has a limited
    number of streams and is answered 429 beyond it; nothing of `events` has then been asked for.
    """
    return _EventResponse(events, streams)


class _EventResponse(Response[None]):
    __slots__ = ("_events", "_streams")

    def __init__(self, events: AsyncIterator[bytes], streams: Streams) -> None:
        super().__init__(None, headers=_HEADERS, media_type="text/event-stream")
        self._events = events
        self._streams = streams

    def to_asgi_response(
        self,
        app: object,
        request: Request[object, object, object],  # type: ignore[type-var]
        *,
        background: BackgroundTask | BackgroundTasks | None = None,
        cookies: Iterable[Cookie] | None = None,
        encoded_headers: Iterable[tuple[bytes, bytes]] | None = None,
        headers: dict[str, str] | None = None,
        is_head_response: bool = False,
        media_type: MediaType | str | None = None,
        status_code: int | None = None,
        type_encoders: TypeEncodersMap | None = None,
    ) -> ASGIResponse:
        """See the framework's Response; what a route or the application adds to headers and cookies is kept."""
        return _EventStream(
            self._events,
            self._streams,
            cookies=[*self.cookies, *(cookies or ())],
            headers={**(headers or {}), **self.headers},
            media_type=self.media_type,
        )


class _EventStream(ASGIResponse):
    _should_set_content_length = False

    def __init__(
        self,
        events: AsyncIterator[bytes],
        streams: Streams,
        *,
        cookies: Iterable[Cookie],
        headers: dict[str, str],
        media_type: MediaType | str | None,
    ) -> None:
        super().__init__(cookies=cookies, headers=headers, media_type=media_type)
        self._events = events
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until one of the three ends."""
        client = scope.get("client")
        try:
            with self._streams.open(client[0] if client else ""):
                if (held := _held(scope)) is not None:
                    held.endless()
                await self.start_response(send)
                stream = _Stream(self._events, self._streams.stopping, scope, receive, send)
                await stream.run()
        finally:
            if isinstance(self._events, AsyncGenerator):
                await self._events.aclose()


class _Stream:
    """One stream from its first byte to its last."""

    def __init__(
        self,
        events: AsyncIterator[bytes],
        stopping: asyncio.Event,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        self._events = events
        self._scope = scope
        self._send = send
        self._stopping = asyncio.ensure_future(_until_set(stopping))
        self._gone = asyncio.ensure_future(_until_gone(receive))
        self._ends = (self._stopping, self._gone)

    async def run(self) -> None:
        """Pass events on, with a heart-beat while there are none."""
        coming = asyncio.ensure_future(_next(self._events))
        try:
            # The first bytes open the stream for the page at once; some proxies pass headers on only with them.
            alive = await self._pass(_BEAT)
            while alive:
                await asyncio.wait({coming, *self._ends}, timeout=HEARTBEAT_S, return_when=_FIRST)
                if self._ended:
                    break
                if not coming.done():
                    alive = await self._pass(_BEAT)
                    continue
                chunk = coming.result()
                if chunk is None:
                    break
                coming = asyncio.ensure_future(_next(self._events))
                alive = await self._pass(chunk)
            if not self._gone.done():
                await self._finish()
        finally:
            await _end(coming, *self._ends)

    @property
    def _ended(self) -> bool:
        return self._stopping.done() or self._gone.done()

    async def _pass(self, chunk: bytes) -> bool:
        """Whether the reader took it and the stream goes on."""
        return await self._offered(self._body(chunk, more=True), STALLED_S) and not self._ended

    async def _finish(self) -> None:
        stopping = self._stopping.done()
        last = self._body(_AGAIN if stopping else b"", more=False)
        if not await self._offered(last, _LAST_WORD_S if stopping else STALLED_S):
            self._drop()

    async def _offered(self, sending: Awaitable[None], patience_s: float) -> bool:
        """Whether it was taken in time; at once in nearly every case, as the socket has room."""
        task = asyncio.ensure_future(sending)
        ends = (self._gone,) if self._stopping.done() else self._ends
        await asyncio.wait({task, *ends}, timeout=patience_s, return_when=_FIRST)
        if task.done():
            task.result()
            return True
        if not self._ended:
            self._drop()
        await _end(task)
        return False

    def _body(self, chunk: bytes, *, more: bool) -> Awaitable[None]:
        return self._send({"type": "http.response.body", "body": chunk, "more_body": more})

    def _drop(self) -> None:
        if (held := _held(self._scope)) is not None:
            held.cut()


_FIRST: Final = asyncio.FIRST_COMPLETED


def _held(scope: Scope) -> Held | None:
    held = ((scope.get("extensions") or {}).get(CONNECTION) or {}).get("held")
    return held if isinstance(held, Held) else None


async def _next(events: AsyncIterator[bytes]) -> bytes | None:
    return await anext(events, None)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _until_set(signal: asyncio.Event) -> None:
    await signal.wait()


async def _end(*tasks: asyncio.Future[bytes | None] | asyncio.Future[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


def _too_many(status: int, reason: str, detail: str) -> Problem:
    return Problem(status, reason, "Too many live views", detail, headers={"Retry-After": "5"})
