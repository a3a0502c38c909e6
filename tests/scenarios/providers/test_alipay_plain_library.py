"""The unmodified client library, not our adapter, against the made-up provider: where it can work at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta

import pytest

import coinslot.providers.alipay.library  # noqa: F401  (first: the library alone would close every log handler)
from coinslot.providers.alipay.library import BEIJING
from coinslot.sandbox.providers.switches import Failure
from tests.support.alipay import World, alipay_world

from alipay import AliPay  # isort: skip
from alipay.exceptions import AliPayException, AliPayValidationError  # isort: skip

NUMBER = "PlainLibrary0000000000000000001a"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with alipay_world() as made:
        yield made


@pytest.fixture
def beijing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The library dates its requests by this machine's zone."""
    monkeypatch.setenv("TZ", "CST-8")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def library(world: World) -> AliPay:
    """As its manual says, but for where the provider is."""
    client = AliPay(
        appid=world.account.app_id,
        app_notify_url=world.door.url,
        app_private_key_string=world.account.private_pem(),
        alipay_public_key_string=world.account.public_pem(),
        sign_type="RSA2",
    )
    client._gateway = world.gateway
    return client


async def call(work: Callable[..., dict[str, str]], **arguments: object) -> dict[str, str]:
    """In a thread, since it blocks."""
    return await asyncio.to_thread(work, **arguments)


def soon() -> str:
    """Five minutes from now."""
    return f"{datetime.now(BEIJING) + timedelta(minutes=5):%Y-%m-%d %H:%M:%S}"


@pytest.mark.usefixtures("beijing")
async def test_an_order_is_made_paid_told_queried_and_refunded(world: World) -> None:
    client = library(world)
    made = await call(
        client.api_alipay_trade_precreate,
        subject="热水 5 分钟",
        out_trade_no=NUMBER,
        total_amount="1.25",
        time_expire=soon(),
    )
    assert made["code"] == "10000"
    assert (await call(client.api_alipay_trade_query, out_trade_no=NUMBER))[
        "sub_code"
    ] == "ACQ.TRADE_NOT_EXIST"
    world.sandbox.pay(NUMBER)
    await world.clock.settled()
    fields = dict(pair.split("=", 1) for pair in _decoded(world.door.arrived[0]))
    assert client.verify(fields, fields.pop("sign"))
    assert fields["trade_status"] == "TRADE_SUCCESS"
    seen = await call(client.api_alipay_trade_query, out_trade_no=NUMBER)
    assert (seen["trade_status"], seen["total_amount"]) == ("TRADE_SUCCESS", "1.25")
    assert (await call(client.api_alipay_trade_close, out_trade_no=NUMBER))[
        "sub_code"
    ] == "ACQ.TRADE_STATUS_ERROR"
    refund = {"out_trade_no": NUMBER, "refund_amount": "0.25", "out_request_no": "r1"}
    assert (await call(client.api_alipay_trade_refund, **refund))["fund_change"] == "Y"
    assert (await call(client.api_alipay_trade_refund, **refund))["fund_change"] == "N"
    found = await call(client.api_alipay_trade_fastpay_refund_query, out_trade_no=NUMBER, out_request_no="r1")
    assert (found["refund_status"], found["refund_amount"]) == ("REFUND_SUCCESS", "0.25")


@pytest.mark.usefixtures("beijing")
async def test_cancel_gives_back_what_was_paid(world: World) -> None:
    client = library(world)
    for number in (NUMBER, NUMBER[:-1] + "b"):
        await call(
            client.api_alipay_trade_precreate, subject="热水", out_trade_no=number, total_amount="1.25"
        )
        order = world.sandbox.book.order(number)
        assert order is not None
        world.sandbox.scan(order)
    world.sandbox.pay(NUMBER)
    assert (await call(client.api_alipay_trade_cancel, out_trade_no=NUMBER))["action"] == "refund"
    cancelled = await call(client.api_alipay_trade_cancel, out_trade_no=NUMBER[:-1] + "b")
    assert cancelled["action"] == "close"
    order = world.sandbox.book.order(NUMBER)
    assert order is not None
    assert order.refunded() == 125


@pytest.mark.usefixtures("beijing")
async def test_a_brace_in_a_subject_is_where_it_cannot_work(world: World) -> None:
    client = library(world)
    await call(client.api_alipay_trade_precreate, subject="热水 }", out_trade_no=NUMBER, total_amount="1.25")
    world.sandbox.pay(NUMBER)
    with pytest.raises(AliPayValidationError):
        await call(client.api_alipay_trade_query, out_trade_no=NUMBER)


async def test_without_beijings_time_nothing_is_let_in(world: World) -> None:
    with pytest.raises(AliPayException, match=r"isv\.invalid-timestamp"):
        await call(library(world).api_alipay_trade_query, out_trade_no=NUMBER)


@pytest.mark.usefixtures("beijing")
async def test_it_notices_what_was_tampered_with(world: World) -> None:
    world.switches.turn_on(Failure.TAMPERED)
    with pytest.raises(AliPayValidationError):
        await call(library(world).api_alipay_trade_query, out_trade_no=NUMBER)


def _decoded(raw: bytes) -> list[str]:
    from urllib.parse import unquote_plus

    return [unquote_plus(pair) for pair in raw.decode().split("&")]
