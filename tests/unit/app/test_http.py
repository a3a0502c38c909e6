"""The HTTP server over real sockets: what a peer may make it wait for, and TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from litestar import Litestar, Request, get, post

from coinslot.app.connections import Connections, Phase
from coinslot.app.errors import Problem
from coinslot.app.guarded import MOST_HEAD_BYTES
from coinslot.app.http import HttpOptions, HttpServer, server_context
from coinslot.app.proxies import Trust
from tests.support.certificates import write_certificate

GET = b"GET /hello HTTP/1.1\r\nHost: here\r\n\r\n"
LATE_S = 3


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@get("/hello")
async def hello(request: Request[object, object, object]) -> str:  # type: ignore[type-var]
    client = request.client
    return f"{request.url.scheme} {client.host if client else '?'}"


@post("/take")
async def take(request: Request[object, object, object]) -> int:  # type: ignore[type-var]
    return len(await request.body())


class Place:
    def __init__(self, server: HttpServer, clock: Clock, connections: Connections) -> None:
        self.server, self.clock, self.connections = server, clock, connections
        self.host, port = server.url.partition("://")[2].rsplit(":", 1)
        self.port = int(port)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self.host, self.port)

    async def open(self, count: int) -> None:
        """Wait until so many are connected."""
        async with asyncio.timeout(LATE_S):
            while self.connections.count != count:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0)

    async def noticed(self) -> None:
        """Wait until the one connection's phase has begun anew, at the time that it is now."""
        async with asyncio.timeout(LATE_S):
            while self.clock.now_s not in self._begun():  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0)

    def _begun(self) -> list[float]:
        return [place.since_s for places in self.connections._phases.values() for place in places]


@asynccontextmanager
async def serving(
    *,
    most: int = 100,
    per_source: int = 100,
    tls: tuple[Path, Path] | None = None,
    trust: Trust | None = None,
) -> AsyncIterator[Place]:
    clock = Clock()
    connections = Connections(most, per_source, clock)
    app = Litestar([hello, take], openapi_config=None, logging_config=None)
    server = HttpServer(app, HttpOptions(tls=tls, trust=trust or Trust(), connections=connections))
    await server.start()
    try:
        yield Place(server, clock, connections)
    finally:
        await server.stop()
        assert connections.count == 0


async def closed(reader: asyncio.StreamReader) -> bytes:
    """What came before the server hung up."""
    async with asyncio.timeout(LATE_S):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def answer(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(LATE_S):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return head + await reader.readexactly(length)


@pytest.mark.parametrize("said", [b"", b"GET", GET[:-2], b"\r\n" * 3])
async def test_half_a_head_is_waited_for_ten_seconds(said: bytes) -> None:
    async with serving() as place:
        reader, writer = await place.connect()
        writer.write(said)
        await place.open(1)
        place.clock.now_s += 9.9
        other, other_writer = await place.connect()
        other_writer.write(GET)
        assert b"200 OK" in await answer(other)
        assert place.connections.count == 2
        place.clock.now_s += 0.2
        assert await closed(reader) == b""
        other_writer.close()
        writer.close()


async def test_a_byte_now_and_then_gains_no_time() -> None:
    async with serving() as place:
        reader, writer = await place.connect()
        for byte in GET[:10]:
            writer.write(bytes([byte]))
            await place.open(1)
            place.clock.now_s += 1.1
        assert await closed(reader) == b""
        writer.close()


async def test_a_body_is_waited_for_twenty_seconds() -> None:
    async with serving() as place:
        reader, writer = await place.connect()
        writer.write(b"POST /take HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nhalf")
        async with asyncio.timeout(LATE_S):
            while not place.connections._phases[Phase.BODY]:  # noqa: ASYNC110
                await asyncio.sleep(0)
        place.clock.now_s += 20.1
        assert await closed(reader) == b""
        writer.close()


async def test_a_large_body_that_goes_on_coming_is_taken_whole() -> None:
    async with serving() as place:
        reader, writer = await place.connect()
        writer.write(b"POST /take HTTP/1.1\r\nHost: here\r\nContent-Length: 400000\r\n\r\n")
        for _ in range(4):
            place.clock.now_s += 8
            writer.write(b"x" * 100_000)
            await place.noticed()
        assert (await answer(reader)).endswith(b"400000")
        writer.close()


async def test_a_kept_connection_serves_again_and_is_closed_after_its_time() -> None:
    async with serving() as place:
        reader, writer = await place.connect()
        for _ in range(3):
            writer.write(GET)
            assert b"200 OK" in await answer(reader)
            place.clock.now_s += 25
        place.clock.now_s += 10
        assert await closed(reader) == b""
        writer.close()


async def test_requests_sent_together_are_answered_in_order_but_not_any_number() -> None:
    async with serving() as place:
        reader, writer = await place.connect()
        writer.write(GET * 5)
        for _ in range(5):
            assert b"200 OK" in await answer(reader)
        writer.close()
        flood, flooder = await place.connect()
        flooder.write(GET * 5000)
        assert (await closed(flood)).count(b"200 OK") < 100
        flooder.close()


async def test_a_head_has_an_end() -> None:
    async with serving() as place:
        reader, writer = await place.connect()
        writer.write(b"GET /hello HTTP/1.1\r\nHost: here\r\n")
        for number in range(MOST_HEAD_BYTES // 1000 + 2):
            writer.write(f"X-{number}: {'y' * 1000}\r\n".encode())
            await asyncio.sleep(0)
        assert b"431" in await closed(reader) or place.connections.count == 0
        writer.close()


@pytest.mark.parametrize(
    "said",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"GET /hello HTTP/1.1\r\nHost here\r\n\r\n",
        b"GET /hello HTTP/9.9\r\n\r\n",
        b"POST /take HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /take HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /take HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
    ],
)
async def test_what_is_no_http_is_refused_and_hung_up_on(said: bytes) -> None:
    async with serving() as place:
        reader, writer = await place.connect()
        writer.write(said)
        assert (await closed(reader)).startswith(b"HTTP/1.1 400")
        await place.open(0)
        writer.close()


async def test_an_upgrade_that_we_do_not_know_is_answered_without(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as place:
        reader, writer = await place.connect()
        writer.write(GET[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert b"200 OK" in await answer(reader)
        assert not caplog.records
        writer.close()


async def test_one_address_that_opens_too_many_loses_its_oldest() -> None:
    async with serving(per_source=5) as place:
        held = [await place.connect() for _ in range(5)]
        await place.open(5)
        reader, writer = await place.connect()
        writer.write(GET)
        assert b"200 OK" in await answer(reader)
        assert await closed(held[0][0]) == b""
        for _, each in (*held, (reader, writer)):
            each.close()


async def test_only_a_named_proxy_is_believed_and_it_has_no_share_of_one_address() -> None:
    forwarded = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
    async with serving() as place, httpx.AsyncClient(base_url=place.server.url) as http:
        assert (await http.get("/hello", headers=forwarded)).text == "http 127.0.0.1"
    async with (
        serving(per_source=1, trust=Trust(("127.0.0.1",))) as place,
        httpx.AsyncClient(base_url=place.server.url) as http,
    ):
        held = [await place.connect() for _ in range(5)]
        await place.open(5)
        assert (await http.get("/hello", headers=forwarded)).text == "https 192.0.2.1"
        for _, writer in held:
            writer.close()


async def test_tls_is_served_with_the_given_certificate_and_plain_text_is_not(tmp_path: Path) -> None:
    cert, key = write_certificate(tmp_path)
    async with serving(tls=(cert, key)) as place:
        assert place.server.url.startswith("https://")
        context = ssl.create_default_context(cafile=str(cert))
        async with httpx.AsyncClient(verify=context) as http:
            found = await http.get(f"https://localhost:{place.port}/hello")
            assert found.text.startswith("https ")
        reader, writer = await place.connect()
        writer.write(GET)
        assert b"200 OK" not in await closed(reader)
        writer.close()


async def test_a_handshake_that_is_not_finished_is_waited_for_ten_seconds(tmp_path: Path) -> None:
    async with serving(tls=write_certificate(tmp_path)) as place:
        reader, writer = await place.connect()
        await place.open(1)
        place.clock.now_s += 10.1
        assert await closed(reader) == b""
        await place.open(0)
        writer.close()


async def test_open_handshakes_count_as_connections(tmp_path: Path) -> None:
    async with serving(per_source=3, tls=write_certificate(tmp_path)) as place:
        held = [await place.connect() for _ in range(4)]
        assert await closed(held[0][0]) == b""
        await place.open(3)
        for _, writer in held:
            writer.close()


def test_a_certificate_that_is_not_its_keys_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    cert, _ = write_certificate(tmp_path / "a")
    _, key = write_certificate(tmp_path / "b")
    with pytest.raises(Problem, match="cannot be used") as caught:
        server_context(cert, key)
    assert "its own key" in caught.value.remedy
    with pytest.raises(Problem, match="cannot be used"):
        server_context(cert, cert)


async def test_a_taken_port_is_named() -> None:
    async with serving() as place:
        second = HttpServer(Litestar([]), HttpOptions(port=place.port))
        with pytest.raises(Problem, match=f"cannot listen on 127.0.0.1:{place.port}"):
            await second.start()
