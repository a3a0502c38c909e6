"""Whose word on a customer's address counts."""

from __future__ import annotations

import logging

import pytest
from litestar.types import HTTPScope, Message, Receive, Scope, Send

from coinslot.app.proxies import BehindProxies, Trust, customer
from coinslot.web.tracing import REQUEST_ID

OURS = Trust(("10.0.0.0/24", "::1"))


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("10.0.0.7", True),
        ("::ffff:10.0.0.7", True),
        ("10.0.1.7", False),
        ("::1", True),
        ("::2", False),
        ("", False),
        ("proxy", False),
    ],
)
def test_a_proxy_is_ours_by_its_address(address: str, ours: bool) -> None:
    assert (address in OURS) is ours
    assert address not in Trust()


@pytest.mark.parametrize(
    ("chain", "found"),
    [
        (["192.0.2.1"], "192.0.2.1"),
        # What the customer claims of himself stands left of what our proxy saw.
        (["1.1.1.1", "192.0.2.1"], "192.0.2.1"),
        (["garbage", "192.0.2.1"], "192.0.2.1"),
        (["1.1.1.1", "192.0.2.1", "10.0.0.9", "10.0.0.8"], "192.0.2.1"),
        (["10.0.0.9"], "10.0.0.9"),
        (["192.0.2.1:4711"], "192.0.2.1"),
        (["[2001:db8::1]:4711"], "2001:db8::1"),
        (["2001:DB8::1"], "2001:db8::1"),
        (["::ffff:192.0.2.1"], "192.0.2.1"),
        (["unknown"], "10.0.0.1"),
        (["192.0.2.1", "unknown"], "10.0.0.1"),
        (["192.0.2.1", "_hidden", "10.0.0.9"], "10.0.0.1"),
        (["192.0.2.1; DROP"], "10.0.0.1"),
        ([""], "10.0.0.1"),
        ([], "10.0.0.1"),
        (["192.0.2.1", *["10.0.0.9"] * 5000], "10.0.0.9"),
    ],
)
def test_the_right_most_address_that_is_not_ours_counts(chain: list[str], found: str) -> None:
    assert customer(chain, "10.0.0.1", OURS) == found


async def heard(peer: str, *headers: tuple[bytes, bytes], trust: Trust = OURS) -> HTTPScope:
    """What the application gets to see."""
    seen: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope)

    async def receive() -> Message:
        raise AssertionError

    async def send(_message: Message) -> None:
        raise AssertionError

    scope = {
        "type": "http",
        "client": (peer, 4711),
        "scheme": "http",
        "headers": [(b"host", b"inside:8080"), *headers],
        "extensions": {},
    }
    await BehindProxies(app, trust)(scope, receive, send)  # type: ignore[arg-type]
    (found,) = seen
    return found  # type: ignore[return-value]


async def test_a_proxy_of_ours_tells_address_scheme_host_and_request() -> None:
    scope = await heard(
        "10.0.0.1",
        (b"x-forwarded-for", b"1.1.1.1"),
        (b"x-forwarded-for", b"192.0.2.1"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"wash.example.org"),
        (b"x-request-id", b"abcdef0123"),
        (b"accept", b"*/*"),
    )
    assert scope["client"] == ("192.0.2.1", 0)
    assert scope["scheme"] == "https"
    assert sorted(scope["headers"]) == [(b"accept", b"*/*"), (b"host", b"wash.example.org")]
    assert (scope["extensions"] or {})[REQUEST_ID] == {"told": "abcdef0123"}


async def test_anybody_else_tells_nothing_and_the_application_never_sees_it() -> None:
    scope = await heard(
        "198.51.100.1",
        (b"x-forwarded-for", b"127.0.0.1"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"evil.example"),
        (b"x-real-ip", b"127.0.0.1"),
        (b"forwarded", b"for=127.0.0.1"),
        (b"x-request-id", b"abcdef0123"),
    )
    assert scope["client"] == ("198.51.100.1", 4711)
    assert scope["scheme"] == "http"
    assert scope["headers"] == [(b"host", b"inside:8080")]
    assert REQUEST_ID not in (scope["extensions"] or {})


@pytest.mark.parametrize("proto", [b"gopher", b"", b"https://", b"javascript"])
@pytest.mark.parametrize("host", [b"", b"evil.example/path", b"a b", b"a\r\nb", b"user@host", b"h:123456"])
async def test_what_is_malformed_is_ignored(proto: bytes, host: bytes) -> None:
    scope = await heard("10.0.0.1", (b"x-forwarded-proto", proto), (b"x-forwarded-host", host))
    assert (scope["client"], scope["scheme"]) == (("10.0.0.1", 0), "http")
    assert scope["headers"] == [(b"host", b"inside:8080")]


async def test_a_proxy_that_nobody_named_is_noticed_once(caplog: pytest.LogCaptureFixture) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        pass

    behind = BehindProxies(app, Trust())
    for _ in range(2):
        scope = {"type": "http", "client": ("127.0.0.1", 1), "headers": [(b"x-forwarded-for", b"192.0.2.1")]}
        await behind(scope, None, None)  # type: ignore[arg-type]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "`trusted_proxies`" in caplog.text
    assert "192.0.2.1" not in caplog.text
