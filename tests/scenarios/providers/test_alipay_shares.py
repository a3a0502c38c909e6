"""Shares and transfers at the made-up Alipay, by our adapter and the library as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from coinslot.payments.numbers import payment_number, refund_number
from coinslot.payments.port import PaymentOrder, RefundState, Rejected, RetrySameKey, Unknown
from coinslot.payments.shares import (
    Payee,
    PayeeKind,
    PayoutOrder,
    PayoutState,
    ReturnedShare,
    ReturnOrder,
    Share,
    ShareState,
    SplitOrder,
    SplitState,
)
from coinslot.sandbox.providers.alipay.transfers import State
from coinslot.sandbox.providers.switches import Failure
from tests.support.alipay import World, alipay_world, refund_of

SPLIT = payment_number()
HOTEL = Payee(kind=PayeeKind.MERCHANT, account="2088101126765726", name="海滨酒店有限公司")
OWNER = Payee(kind=PayeeKind.PERSON, account="owner@example.com", name="王小明")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with alipay_world() as made:
        yield made


def split(order: PaymentOrder, trade_no: str, *amounts: int, number: str = SPLIT) -> SplitOrder:
    shares = zip((HOTEL, OWNER), amounts, strict=False)
    return SplitOrder(
        number=number,
        payment_number=order.number,
        provider_payment_id=trade_no,
        currency="CNY",
        shares=tuple(Share(payee=payee, amount_minor=each, description="share") for payee, each in shares),
        releases_rest=not amounts,
    )


async def test_each_part_of_a_payment_has_an_end_of_its_own(world: World) -> None:
    order = world.order(1_000)
    trade_no = await world.paid(order)
    world.switches.turn_on(Failure.SPLIT_FAILS, value=OWNER.account)
    asked = split(order, trade_no, 200, 100)
    assert (await world.alipay.query_split(SPLIT, trade_no)).state is SplitState.ABSENT
    assert (await world.alipay.split(asked)).state is SplitState.PROCESSING
    assert (await world.alipay.split(asked)).state is SplitState.PROCESSING
    assert (await world.alipay.query_split(SPLIT, trade_no)).state is SplitState.PROCESSING
    await world.clock.advance(4)
    seen = await world.alipay.query_split(SPLIT, trade_no)
    assert seen.state is SplitState.FINISHED
    assert [(each.account, each.amount_minor, each.state) for each in seen.shares] == [
        (HOTEL.account, 200, ShareState.SUCCEEDED),
        (OWNER.account, 100, ShareState.FAILED),
    ]


async def test_what_may_not_be_shared_is_refused(world: World) -> None:
    order = world.order(1_000)
    await world.alipay.create(order)
    with pytest.raises(Rejected):
        await world.alipay.split(split(order, "2026112222001000000000000000", 100))
    world.sandbox.pay(order.number)
    made = world.sandbox.book.order(order.number)
    assert made is not None
    with pytest.raises(Rejected) as over:
        await world.alipay.split(split(order, made.trade_no, 301))
    assert over.value.code == "ACQ.ALLOC_AMOUNT_VALIDATE_ERROR"
    nobody = replace(HOTEL, account="nobody")
    unfit = replace(
        split(order, made.trade_no, 1), shares=(Share(payee=nobody, amount_minor=1, description=""),)
    )
    with pytest.raises(Rejected):
        await world.alipay.split(unfit)


async def test_a_split_whose_answer_was_lost_is_the_same_split(world: World) -> None:
    order = world.order(1_000)
    trade_no = await world.paid(order)
    world.switches.turn_on(Failure.SERVER_ERROR_AFTER, on="split", times=1)
    with pytest.raises(Unknown):
        await world.alipay.split(split(order, trade_no, 200))
    await world.alipay.split(split(order, trade_no, 200))
    with pytest.raises(Unknown):
        await world.alipay.split(split(order, trade_no, 150))
    await world.alipay.split(split(order, trade_no, number=payment_number()))
    with pytest.raises(Rejected):
        await world.alipay.split(split(order, trade_no, 1, number=payment_number()))


async def test_a_refund_takes_the_shares_back_itself(world: World) -> None:
    order = world.order(1_000)
    trade_no = await world.paid(order)
    await world.alipay.split(split(order, trade_no, 300))
    await world.clock.advance(4)
    whole = refund_of(order, trade_no, 1_000)
    with pytest.raises(RetrySameKey) as short:
        await world.alipay.refund(whole)
    assert short.value.code == "ACQ.SELLER_BALANCE_NOT_ENOUGH"
    too_much = replace(whole, number=refund_number(), amount_minor=100, shares=(_back(200),))
    with pytest.raises(Rejected):
        await world.alipay.refund(too_much)
    done = await world.alipay.refund(replace(whole, number=refund_number(), shares=(_back(300),)))
    assert done.state is RefundState.SUCCEEDED
    apart = ReturnOrder(
        number="R", split_number=SPLIT, account=HOTEL.account, amount_minor=1, currency="CNY", reason="x"
    )
    with pytest.raises(Rejected) as refused:
        await world.alipay.return_split(apart)
    assert refused.value.code == "WITH_REFUND"


def _back(amount_minor: int) -> ReturnedShare:
    return ReturnedShare(payee=HOTEL, amount_minor=amount_minor)


def payout(amount_minor: int = 500, payee: Payee = OWNER, number: str = "") -> PayoutOrder:
    return PayoutOrder(
        number=number or payment_number(),
        payee=payee,
        amount_minor=amount_minor,
        currency="CNY",
        reason="Shares of November",
    )


async def test_a_transfer_arrives_fails_or_stays_under_way(world: World) -> None:
    order = payout()
    assert (await world.alipay.payout(order)).state is PayoutState.SUCCEEDED
    seen = await world.alipay.query_payout(order.number)
    assert (seen.state, seen.amount_minor) == (PayoutState.SUCCEEDED, 500)
    world.switches.turn_on(Failure.PAYOUT_FAILS, times=1)
    failed = await world.alipay.payout(payout(payee=HOTEL))
    assert (failed.state, failed.reason) == (PayoutState.FAILED, "PAYEE_ACC_OCUPIED")
    world.switches.turn_on(Failure.PAYOUT_STAYS, times=1)
    under_way = payout()
    assert (await world.alipay.payout(under_way)).state is PayoutState.ACCEPTED
    world.sandbox.transfers.end(under_way.number, State.CLOSED)
    assert (await world.alipay.query_payout(under_way.number)).state is PayoutState.CLOSED
    assert (await world.alipay.query_payout(payment_number())).state is PayoutState.ABSENT


async def test_a_transfer_whose_answer_was_lost_is_never_sent_twice(world: World) -> None:
    order = payout()
    world.switches.turn_on(Failure.SERVER_ERROR_AFTER, on="payout", times=1)
    with pytest.raises(Unknown):
        await world.alipay.payout(order)
    first = await world.alipay.query_payout(order.number)
    assert (await world.alipay.payout(order)).provider_id == first.provider_id
    with pytest.raises(Unknown):
        await world.alipay.payout(replace(order, amount_minor=600))
    with pytest.raises(Rejected):
        await world.alipay.payout(payout(payee=replace(OWNER, name="")))
