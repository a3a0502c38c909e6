"""The guard's deadlines and limits, against servers that the provider would never be."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import pytest
from msgspec import structs

from coinslot.payments.port import ProviderError, Unknown
from coinslot.providers.wechat import WechatPay, read_keys
from coinslot.providers.wechat.guard import NotTheirs, Seals
from coinslot.sandbox.providers.wechat.signing import signed_headers
from tests.support.wechat import SHORT, account, settings_of

Answering: TypeAlias = Callable[[asyncio.StreamWriter], Awaitable[None]]
KEYS = read_keys(settings_of(account()))


@contextlib.asynccontextmanager
async def served(answering: Answering) -> AsyncIterator[tuple[WechatPay, list[str]]]:
    """Our adapter with a server that answers like this; the request lines that came."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            asked.append((await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[0])
            await answering(writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    provider = WechatPay(structs.replace(KEYS, gateway=url, api_host=url), deadlines=SHORT)
    try:
        yield provider, asked
    finally:
        provider.close_connections()
        server.close()


def saying(*parts: bytes, pause_s: float = 0.0) -> Answering:
    """These bytes, one after the other."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return answer


async def outcome(answering: Answering) -> ProviderError:
    """What a query ends with."""
    async with served(answering) as (provider, _):
        with pytest.raises(ProviderError) as caught:
            await provider.query("N1")
        return caught.value


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


async def test_an_answer_that_drips_is_given_up_by_the_whole_deadline() -> None:
    begun = time.monotonic()
    error = await outcome(saying(HEAD + b"Content-Length: 100\r\n\r\n", *[b" "] * 100, pause_s=0.1))
    assert (type(error), error.code) == (Unknown, "TIMEOUT")
    assert error.reason == "the answer did not end in time", "the thread itself is free again"
    assert time.monotonic() - begun < 5


async def test_an_answer_that_is_too_long_is_not_read_to_its_end() -> None:
    error = await outcome(saying(HEAD + b"Content-Length: 9000000\r\n\r\n", *[b"x" * 100_000] * 90))
    assert (type(error), error.code) == (Unknown, "TOO_LONG")


async def test_an_answer_that_grows_when_unzipped_is_not_unzipped_to_its_end() -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    zipped = HEAD + f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    assert (await outcome(saying(zipped, bomb))).code == "TOO_LONG"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\x01\x02",
        b"HTTP/1.1 200",
        HEAD + b"\r\n",
        HEAD + b"Content-Length: 2\r\n\r\n{}",
        HEAD + b"Content-Length: 50\r\n\r\n{}",
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 26\r\n\r\n" + b'{"code":"ORDER_NOT_EXIST"}',
    ],
)
async def test_whatever_else_answers_nothing_is_known(answer: bytes) -> None:
    assert type(await outcome(saying(answer))) is Unknown


async def test_a_redirect_is_not_followed() -> None:
    redirect = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    async with served(saying(redirect)) as (provider, asked):
        with pytest.raises(Unknown):
            await provider.query("N1")
        with pytest.raises(Unknown):
            await provider.openid_of("code")
    assert len(asked) == 2


NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def judged(at: datetime, **changes: str) -> str:
    """What is doubted of a body signed then, looked at now."""
    key, body = account().signing_key, json.dumps({"a": "水"}).encode()
    headers = {name.lower(): value for name, value in signed_headers(key.id, key.private, body, at).items()}
    try:
        Seals(KEYS).verify({**headers, **changes}, body, NOW)
    except NotTheirs as doubt:
        return str(doubt)
    return ""


def test_the_time_of_a_signature_may_be_off_by_five_minutes() -> None:
    for off_s, is_believed in ((0, True), (299, True), (-299, True), (302, False), (-302, False)):
        assert (judged(NOW + timedelta(seconds=off_s)) == "") is is_believed


def test_doubles_of_the_headers_in_another_spelling_are_not_looked_at() -> None:
    # The library prefers these, as they come from other frameworks.
    assert judged(NOW, HTTP_WECHATPAY_SIGNATURE="AAAA", HTTP_WECHATPAY_SERIAL="1") == ""
    assert judged(NOW, HTTP_WECHATPAY_SIGNATURE="AAAA", **{"wechatpay-signature": ""}) == "it is not signed"


def test_a_probe_is_named() -> None:
    assert judged(NOW, **{"wechatpay-signature": "WECHATPAY/SIGNTEST/abc"}) == "it is a probe"
