"""Server-sent events over real sockets: each way a stream can end, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from litestar import Litestar, get
from litestar.response import Response

from coinslot.app.http import HttpOptions, HttpServer
from coinslot.web import streams as module
from coinslot.web.problems import Problem
from coinslot.web.streams import Streams, event, sse

HEAD = b"GET /live HTTP/1.1\r\nHost: here\r\nAccept: text/event-stream\r\n\r\n"


@dataclass
class Source:
    """Events that the test hands out, and what became of their generator."""

    queue: asyncio.Queue[bytes | Exception | None] = field(default_factory=asyncio.Queue)
    begun: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def events(self) -> AsyncIterator[bytes]:
        self.begun += 1
        try:
            while (item := await self.queue.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self.closed.set()


@dataclass
class Place:
    """A server with one stream route."""

    server: HttpServer
    streams: Streams
    source: Source

    async def reader(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self.server.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=2**14)
        writer.write(HEAD)
        return reader, writer


@asynccontextmanager
async def serving(streams: Streams | None = None) -> AsyncIterator[Place]:
    streams, source = streams or Streams(), Source()

    @get("/live")
    async def live() -> Response[None]:
        return sse(source.events(), streams)

    def refused(_request: object, error: Problem) -> Response[bytes]:
        return error.response()

    app = Litestar(
        [live],
        response_headers={"Cache-Control": "private", "X-Content-Type-Options": "nosniff"},
        exception_handlers={Problem: refused},
        openapi_config=None,
        logging_config=None,
    )
    server = HttpServer(app, HttpOptions())
    await server.start()
    try:
        yield Place(server, streams, source)
    finally:
        streams.stopping.set()
        await server.stop()


async def becomes(true: Callable[[], bool]) -> None:
    """Let the loop turn until it is so; five seconds at most."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - the server has no event for what only a test asks
            await asyncio.sleep(0)


async def until(reader: asyncio.StreamReader, wanted: bytes) -> bytes:
    return await asyncio.wait_for(reader.readuntil(wanted), 5)


async def test_events_pass_as_they_come_under_headers_no_cache_or_proxy_misreads() -> None:
    async with serving() as place:
        reader, writer = await place.reader()
        head = (await until(reader, b"\r\n\r\n")).decode().lower()
        assert head.startswith("http/1.1 200")
        assert "content-type: text/event-stream" in head
        assert "cache-control: no-store" in head
        assert head.count("cache-control") == 1
        assert "x-accel-buffering: no" in head
        assert "x-content-type-options: nosniff" in head
        assert "content-length" not in head
        assert "content-encoding" not in head
        await until(reader, b":\n\n")
        place.source.queue.put_nowait(event(b"one", "meter", "7"))
        await until(reader, b"event: meter\nid: 7\ndata: one\n\n")
        assert place.streams.count == 1
        writer.close()
        await asyncio.wait_for(place.source.closed.wait(), 5)


async def test_a_reader_who_leaves_closes_the_source_and_gives_the_place_back() -> None:
    async with serving() as place:
        reader, writer = await place.reader()
        await until(reader, b":\n\n")
        writer.transport.abort()
        await asyncio.wait_for(place.source.closed.wait(), 5)
        await becomes(lambda: place.streams.count == 0)


async def test_a_source_that_ends_ends_the_response_whole() -> None:
    async with serving() as place:
        reader, writer = await place.reader()
        place.source.queue.put_nowait(event(b"last"))
        place.source.queue.put_nowait(None)
        await until(reader, b"data: last\n\n")
        await until(reader, b"0\r\n\r\n")
        assert place.source.closed.is_set()
        writer.close()


async def test_a_stop_ends_it_at_once_and_asks_the_reader_to_come_again() -> None:
    async with serving() as place:
        reader, writer = await place.reader()
        await until(reader, b":\n\n")
        began = time.monotonic()
        place.streams.stopping.set()
        await place.server.stop()
        assert time.monotonic() - began < 1
        rest = await asyncio.wait_for(reader.read(), 5)
        assert rest.endswith(b"retry: 1000\n\n\r\n0\r\n\r\n")
        assert place.source.closed.is_set()
        writer.close()


async def test_a_reader_who_takes_nothing_does_not_hold_up_the_stop() -> None:
    async with serving() as place:
        reader, writer = await place.reader()
        await until(reader, b":\n\n")
        for _ in range(200):
            place.source.queue.put_nowait(event(b"x" * 100_000))
        await becomes(lambda: place.source.queue.qsize() < 200)
        began = time.monotonic()
        place.streams.stopping.set()
        await place.server.stop()
        assert time.monotonic() - began < 1
        assert place.source.closed.is_set()
        writer.transport.abort()


async def test_a_reader_who_takes_nothing_for_long_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALLED_S", 0.05)
    async with serving() as place:
        reader, writer = await place.reader()
        await until(reader, b":\n\n")
        for _ in range(200):
            place.source.queue.put_nowait(event(b"x" * 100_000))
        await asyncio.wait_for(place.source.closed.wait(), 5)
        writer.transport.abort()


async def test_silence_is_filled_with_heart_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.01)
    async with serving() as place:
        reader, writer = await place.reader()
        for _ in range(3):
            await until(reader, b":\n\n")
        place.source.queue.put_nowait(event(b"still here"))
        await until(reader, b"data: still here\n\n")
        writer.close()


async def test_a_source_that_fails_breaks_the_stream_off_and_is_not_silent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving() as place:
        reader, writer = await place.reader()
        await until(reader, b":\n\n")
        place.source.queue.put_nowait(RuntimeError("broken inside"))
        rest = await asyncio.wait_for(reader.read(), 5)
        assert not rest.endswith(b"0\r\n\r\n")
        assert place.streams.count == 0
        assert "broken inside" in caplog.text
        writer.close()


async def test_one_address_has_its_share_and_no_more() -> None:
    async with serving(Streams(per_source=2)) as place:
        first, second, third = [await place.reader() for _ in range(3)]
        await until(first[0], b":\n\n")
        await until(second[0], b":\n\n")
        head = await until(third[0], b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 429")
        assert b"retry-after: 5" in head.lower()
        assert place.source.begun == 2
        first[1].transport.abort()
        await asyncio.wait_for(place.source.closed.wait(), 5)
        await becomes(lambda: place.streams.count == 1)
        fourth = await place.reader()
        assert (await until(fourth[0], b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        for _, writer in (second, third, fourth):
            writer.close()


def test_all_places_taken_is_503_whoever_asks() -> None:
    streams = Streams(most=1)
    with (
        streams.open("192.0.2.1"),
        pytest.raises(Problem, match="503 too_many_streams"),
        streams.open("192.0.2.2"),
    ):
        raise AssertionError("there was a place")
    assert streams.count == 0


@pytest.mark.parametrize(
    ("data", "wire"),
    [
        (b"", b"data: \n\n"),
        (b"a\nb", b"data: a\ndata: b\n\n"),
        (b"a\r\nb\rc", b"data: a\ndata: b\ndata: c\n\n"),
        ("元".encode(), "data: 元\n\n".encode()),
    ],
)
def test_data_cannot_leave_its_event(data: bytes, wire: bytes) -> None:
    assert event(data) == wire


@pytest.mark.parametrize("word", ["a\nb", "a\rb", "a\0b"])
def test_neither_can_a_kind_or_an_id(word: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        event(b"x", word)
    with pytest.raises(ValueError, match="one line"):
        event(b"x", id=word)
