"""Our adapter against the made-up Alipay: orders, payments, closing, refunds, as the wire has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from msgspec.structs import replace

from coinslot.payments.port import (
    Channel,
    PaymentSeen,
    PaymentState,
    RefundState,
    Rejected,
    RetrySameKey,
    Unknown,
)
from coinslot.providers.alipay import Alipay
from coinslot.sandbox.providers.alipay.book import State
from coinslot.sandbox.providers.phone import Act
from coinslot.sandbox.providers.switches import Failure
from tests.support.alipay import World, alipay_world, refund_of


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with alipay_world() as made:
        yield made


def seen_now(world: World) -> PaymentSeen:
    """What the last notification says."""
    event = world.alipay.parse_notification({}, world.door.arrived[-1], datetime.now(UTC))
    assert isinstance(event.seen, PaymentSeen)
    return event.seen


async def test_a_code_is_no_trade_before_it_is_scanned(world: World) -> None:
    order = world.order()
    created = await world.alipay.create(order)
    assert created.qr.startswith(world.server.url)
    assert (await world.alipay.query(order.number)).state is PaymentState.ABSENT
    assert (await world.alipay.close(order.number)).state is PaymentState.ABSENT
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as phone:
        page = await phone.get(created.qr)
    assert "1.25 CNY" in page.text
    seen = await world.alipay.query(order.number)
    assert (seen.state, seen.amount_minor, seen.currency) == (PaymentState.WAITING, 125, "CNY")


async def test_a_payment_is_told_and_found(world: World) -> None:
    order = world.order()
    trade_no = await world.paid(order)
    told, found = seen_now(world), await world.alipay.query(order.number)
    for seen in (told, found):
        assert (seen.number, seen.state) == (order.number, PaymentState.PAID)
        assert (seen.provider_id, seen.amount_minor, seen.currency) == (trade_no, 125, "CNY")
        assert seen.paid_at is not None
        assert abs(seen.paid_at - world.clock.now()) < timedelta(seconds=2)
        assert seen.payer == ""
    assert (told.merchant, told.app) == (world.account.seller_id, world.account.app_id)


async def test_the_same_order_again_is_the_same_code(world: World) -> None:
    order = world.order()
    first = await world.alipay.create(order)
    assert await world.alipay.create(order) == first
    await world.paid(world.order())
    assert len(world.sandbox.book.orders()) == 2


async def test_a_number_that_was_paid_or_is_anothers_is_asked_about_and_not_given_up(world: World) -> None:
    order = world.order()
    await world.paid(order)
    with pytest.raises(Unknown, match="TRADE_HAS_SUCCESS"):
        await world.alipay.create(order)
    other = world.order()
    await world.alipay.create(other)
    with pytest.raises(Unknown, match="CONTEXT_INCONSISTENT"):
        await world.alipay.create(replace(other, amount_minor=126))


@pytest.mark.parametrize("channel", [Channel.BROWSER, Channel.IN_APP])
async def test_a_page_is_an_address_and_no_call(world: World, channel: Channel) -> None:
    order = world.order(channel=channel)
    created = await world.alipay.create(order)
    assert created.url.startswith(f"{world.gateway}?")
    assert world.sandbox.book.orders() == ()
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as phone:
        page = await phone.get(created.url)
        assert "热水 5 分钟" in page.text
        assert (await world.alipay.query(order.number)).state is PaymentState.WAITING
        await phone.post(str(page.url), data={"act": "pay"})
    await world.clock.settled()
    assert seen_now(world).state is PaymentState.PAID


async def test_a_page_that_somebody_changed_opens_nothing(world: World) -> None:
    order = world.order(channel=Channel.BROWSER)
    created = await world.alipay.create(order)
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as phone:
        page = await phone.get(created.url.replace("1.25", "0.01"))
    assert "isv.invalid-signature" in page.text
    assert world.sandbox.book.orders() == ()


async def test_braces_in_a_subject_mislead_nobody(world: World) -> None:
    for subject in ("热水 {5 分钟", "}{", '}},"sign":"', "\\", "💧 / = & , \"'<b>\n{{"):
        order = world.order(subject=subject)
        await world.paid(order)
        assert (await world.alipay.query(order.number)).state is PaymentState.PAID
        assert seen_now(world).number == order.number


async def test_the_code_and_the_trade_both_end_when_we_said(world: World) -> None:
    order = world.order(lives=timedelta(seconds=90))
    await world.alipay.create(order)
    made = world.sandbox.book.order(order.number)
    assert made is not None
    assert timedelta(0) <= made.qr_until - order.expires_at < timedelta(minutes=1)
    ends = made.body.expires_at()
    assert ends is not None
    assert timedelta(0) <= order.expires_at - ends < timedelta(seconds=1)
    await world.clock.advance(91)
    assert world.sandbox.till.act(made.code, Act.PAY).startswith("Not paid")
    assert (await world.alipay.query(order.number)).state is PaymentState.ABSENT


async def test_a_scanned_trade_ends_by_itself_and_says_that_nobody_paid(world: World) -> None:
    order = world.order(lives=timedelta(minutes=2))
    await world.alipay.create(order)
    made = world.sandbox.book.order(order.number)
    assert made is not None
    assert world.sandbox.till.act(made.code, Act.DECLINE) == "You did not pay."
    await world.clock.advance(121)
    assert b"refund_fee=0.00" in world.door.arrived[-1]
    assert seen_now(world).state is PaymentState.CLOSED
    assert (await world.alipay.query(order.number)).state is PaymentState.CLOSED


async def test_closing_races_with_paying_and_never_gives_money_back(world: World) -> None:
    scanned, paid, closed = world.order(), world.order(), world.order()
    for order in (scanned, closed):
        await world.alipay.create(order)
        made = world.sandbox.book.order(order.number)
        assert made is not None
        world.sandbox.scan(made)
    trade_no = await world.paid(paid)
    assert (await world.alipay.close(scanned.number)).state is PaymentState.CLOSED
    assert (await world.alipay.close(scanned.number)).state is PaymentState.CLOSED
    seen = await world.alipay.close(paid.number)
    assert (seen.state, seen.provider_id) == (PaymentState.PAID, trade_no)
    assert world.sandbox.book.cancelled == []
    assert (await world.alipay.close("0" * 32)).state is PaymentState.ABSENT
    await world.alipay.close(closed.number)
    world.sandbox.pay(closed.number, although_closed=True)
    await world.clock.settled()
    assert seen_now(world).state is PaymentState.PAID
    assert (await world.alipay.query(closed.number)).state is PaymentState.PAID


async def test_two_attempts_paid_are_two_trades_and_pressing_twice_is_one(world: World) -> None:
    first, second = world.order(), world.order()
    assert await world.paid(first) != await world.paid(second)
    pressed = world.order()
    await world.alipay.create(pressed)
    made = world.sandbox.book.order(pressed.number)
    assert made is not None
    assert "Not paid" in world.sandbox.till.act(made.code, Act.PAY_TWICE)
    await world.clock.settled()
    assert len(world.door.arrived) == 3


async def test_a_part_given_back_is_told_as_paid_once_more_and_is_no_second_payment(world: World) -> None:
    order = world.order(500)
    trade_no = await world.paid(order)
    first = seen_now(world)
    refund = refund_of(order, trade_no, 200)
    done = await world.alipay.refund(refund)
    assert (done.state, done.amount_minor, done.payment_number) == (RefundState.SUCCEEDED, 200, order.number)
    await world.clock.settled()
    assert b"trade_status=TRADE_SUCCESS" in world.door.arrived[-1]
    assert b"refund_fee=2.00" in world.door.arrived[-1]
    assert seen_now(world) == first
    rest = await world.alipay.refund(refund_of(order, trade_no, 300))
    assert rest.state is RefundState.SUCCEEDED
    await world.clock.settled()
    assert b"trade_status=TRADE_CLOSED" in world.door.arrived[-1]
    assert seen_now(world) == first
    events = [
        world.alipay.parse_notification({}, raw, datetime.now(UTC)).notification_id
        for raw in world.door.arrived
    ]
    assert len(set(events)) == 3


async def test_a_refund_is_done_once_however_often_it_is_asked_for(world: World) -> None:
    order = world.order(500)
    trade_no = await world.paid(order)
    refund = refund_of(order, trade_no, 200)
    first = await world.alipay.refund(refund)
    assert await world.alipay.refund(refund) == first
    assert await world.alipay.query_refund(refund.number, order.number) == first
    made = world.sandbox.book.order(order.number)
    assert made is not None
    assert made.refunded() == 200
    with pytest.raises(Rejected, match="DISCORDANT"):
        await world.alipay.refund(replace(refund, amount_minor=201))


async def test_more_than_was_paid_is_not_given_back(world: World) -> None:
    order = world.order(500)
    trade_no = await world.paid(order)
    with pytest.raises(Rejected, match="REFUND_AMT_NOT_EQUAL_TOTAL"):
        await world.alipay.refund(refund_of(order, trade_no, 501))
    await world.alipay.refund(refund_of(order, trade_no, 400))
    with pytest.raises(Rejected, match="REFUND_AMT_NOT_EQUAL_TOTAL"):
        await world.alipay.refund(refund_of(order, trade_no, 101))
    unasked = refund_of(order, trade_no, 50)
    seen = await world.alipay.query_refund(unasked.number, order.number)
    assert seen.state is RefundState.ABSENT
    assert (await world.alipay.query_refund(unasked.number, "0" * 32)).state is RefundState.ABSENT
    await world.clock.advance(366 * 86400)
    with pytest.raises(Rejected, match="TRADE_HAS_FINISHED"):
        await world.alipay.refund(unasked)


async def test_a_refund_without_change_of_funds_is_looked_up_and_not_believed(world: World) -> None:
    order = world.order(500)
    trade_no = await world.paid(order)
    refund = refund_of(order, trade_no, 200)
    world.switches.turn_on(Failure.REFUND_STAYS, on="refund", times=1)
    with pytest.raises(Unknown, match="FUND_CHANGE"):
        await world.alipay.refund(refund)
    assert (await world.alipay.query_refund(refund.number, order.number)).state is RefundState.ABSENT
    assert (await world.alipay.refund(refund)).state is RefundState.SUCCEEDED


async def test_a_trade_too_old_to_be_refunded_is_still_paid(world: World) -> None:
    order = world.order()
    await world.paid(order)
    made = world.sandbox.book.order(order.number)
    assert made is not None
    made.state = State.FINISHED
    assert (await world.alipay.query(order.number)).state is PaymentState.PAID


async def test_what_could_never_be_sent_is_refused_before(world: World) -> None:
    order = world.order()
    for wrong in (
        replace(order, currency="USD"),
        replace(order, amount_minor=0),
        replace(order, amount_minor=10**10 + 1),
        replace(order, number="too short"),
        replace(order, channel=Channel.COUNTER),
        replace(order, notify_url="https://wash.example.org/" + "x" * 256),
    ):
        with pytest.raises(Rejected):
            await world.alipay.create(wrong)
    assert world.sandbox.book.orders() == ()


async def test_an_adapter_that_was_given_up_says_that_nothing_was_sent(world: World) -> None:
    world.alipay.close_connections()
    with pytest.raises(RetrySameKey):
        await world.alipay.query("0" * 32)


async def test_many_calls_at_once_are_all_answered(world: World) -> None:
    orders = [world.order() for _ in range(40)]
    created = await asyncio.gather(*(world.alipay.create(order) for order in orders))
    assert len({each.qr for each in created}) == 40


def test_the_adapter_is_a_provider() -> None:
    assert Alipay.name == "alipay"
