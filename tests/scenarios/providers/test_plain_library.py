"""The unmodified client library, not our adapter, against the made-up provider."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta, timezone

import pytest
from wechatpayv3 import SignType, WeChatPay, WeChatPayType

from coinslot.sandbox.providers.switches import Failure
from tests.support.wechat import World, wechat_world

NUMBER = "PlainLibrary0000000000000000001a"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with wechat_world() as made:
        yield made


def library(world: World) -> WeChatPay:
    """As its manual says, but for where the provider is."""
    account = world.account
    client = WeChatPay(
        wechatpay_type=WeChatPayType.NATIVE,
        mchid=account.mchid,
        private_key=account.private_pem(),
        cert_serial_no=account.serial,
        appid=account.appid,
        apiv3_key=account.apiv3_key,
        notify_url=world.door.url,
        public_key=account.signing_key.pem(),
        public_key_id=account.signing_key.id,
        timeout=(2, 5),
    )
    client._core._gate_way = world.server.url
    return client


async def call(work: Callable[..., tuple[int, str]], **arguments: object) -> tuple[int, dict[str, object]]:
    """In a thread, since it blocks; the body read."""
    code, text = await asyncio.to_thread(work, **arguments)
    return code, json.loads(text) if text else {}


def soon() -> str:
    """Five minutes from now."""
    moment = datetime.now(timezone(timedelta(hours=8))) + timedelta(minutes=5)
    return moment.isoformat(timespec="seconds")


async def test_an_order_is_made_paid_told_queried_and_refunded(world: World) -> None:
    client = library(world)
    code, made = await call(
        client.pay,
        description="热水 5 分钟",
        out_trade_no=NUMBER,
        amount={"total": 300, "currency": "CNY"},
        time_expire=soon(),
    )
    assert (code, made) == (
        200,
        {"code_url": f"{world.server.url}/pay/{world.wechat.book.find(NUMBER).code}"},
    )

    world.wechat.pay(NUMBER)
    await world.clock.settled()
    [(headers, body)] = world.door.arrived
    told = client.callback(headers, body)
    assert told is not None
    assert told["event_type"] == "TRANSACTION.SUCCESS"
    assert told["resource"]["amount"]["total"] == 300

    code, seen = await call(client.query, out_trade_no=NUMBER)
    assert (code, seen["trade_state"]) == (200, "SUCCESS")
    assert await call(client.query, transaction_id=seen["transaction_id"]) == (200, seen)

    code, refund = await call(
        client.refund,
        out_refund_no="R1",
        out_trade_no=NUMBER,
        amount={"refund": 100, "total": 300, "currency": "CNY"},
        notify_url=world.door.url,
    )
    assert (code, refund["status"]) == (200, "PROCESSING")
    await world.clock.advance(5)
    assert (await call(client.query_refund, out_refund_no="R1"))[1]["status"] == "SUCCESS"
    headers, body = world.door.arrived[-1]
    told = client.callback(headers, body)
    assert told is not None
    assert told["resource"]["refund_status"] == "SUCCESS"


async def test_an_order_is_closed(world: World) -> None:
    client = library(world)
    await call(client.pay, description="x", out_trade_no=NUMBER, amount={"total": 1})
    assert await call(client.close, out_trade_no=NUMBER) == (204, {})
    assert (await call(client.query, out_trade_no=NUMBER))[1]["trade_state"] == "CLOSED"
    assert (await call(client.close, out_trade_no=NUMBER))[0] == 400


async def test_the_library_itself_refuses_an_answer_that_was_changed(world: World) -> None:
    client = library(world)
    world.switches.turn_on(Failure.TAMPERED, on="create", times=1)
    with pytest.raises(Exception, match="failed to verify the signature"):
        await call(client.pay, description="x", out_trade_no=NUMBER, amount={"total": 1})


async def test_profit_sharing_comes_later_and_within_its_limits(world: World) -> None:
    client = library(world)
    await call(
        client.pay,
        description="x",
        out_trade_no=NUMBER,
        amount={"total": 1000},
        settle_info={"profit_sharing": True},
    )
    world.wechat.pay(NUMBER)
    transaction_id = world.wechat.book.find(NUMBER).transaction_id
    code, _ = await call(
        client.profitsharing_add_receiver,
        account_type="MERCHANT_ID",
        account="1900000777",
        relation_type="PARTNER",
        name="Laundry Partner Ltd.",
    )
    assert code == 200

    def split(amount: int, number: str) -> tuple[int, str]:
        receivers = [
            {"type": "MERCHANT_ID", "account": "1900000777", "amount": amount, "description": "share"}
        ]
        return client.profitsharing_order(transaction_id, number, receivers, False)  # type: ignore[no-any-return]

    assert (await call(split, amount=300, number="S1"))[0] == 400, "too early"
    await world.clock.advance(61)
    assert (await call(split, amount=301, number="S1"))[1]["code"] == "RULE_LIMIT"
    assert (await call(split, amount=300, number="S1"))[1]["state"] == "PROCESSING"
    await world.clock.advance(5)
    query = {"transaction_id": transaction_id, "out_order_no": "S1"}
    assert (await call(client.profitsharing_order_query, **query))[1]["state"] == "FINISHED"

    whole = {"refund": 1000, "total": 1000, "currency": "CNY"}
    code, refused = await call(client.refund, out_refund_no="R1", out_trade_no=NUMBER, amount=whole)
    assert (code, refused["code"]) == (403, "NOT_ENOUGH")
    await call(
        client.profitsharing_return,
        out_return_no="B1",
        return_mchid="1900000777",
        amount=300,
        description="refund",
        out_order_no="S1",
    )
    await world.clock.advance(5)
    returned = {"out_order_no": "S1", "out_return_no": "B1"}
    assert (await call(client.profitsharing_return_query, **returned))[1]["result"] == "SUCCESS"
    assert (await call(client.refund, out_refund_no="R1", out_trade_no=NUMBER, amount=whole))[0] == 200


async def test_what_the_page_is_called_with_is_signed_by_the_library(world: World) -> None:
    client = library(world)
    assert client.sign(["wx", "1", "n", "prepay_id=p"], SignType.RSA_SHA256)
