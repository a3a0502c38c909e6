"""Shares and transfers at the made-up WeChat Pay, by our adapter and the library as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from coinslot.payments.port import RefundState, Rejected, RetrySameKey, Unknown
from coinslot.payments.shares import (
    Payee,
    PayeeKind,
    PayoutOrder,
    PayoutState,
    ReturnOrder,
    ReturnState,
    Share,
    ShareState,
    SplitOrder,
    SplitState,
)
from coinslot.providers.wechat import WechatPay
from coinslot.sandbox.providers.switches import Failure
from tests.support.wechat import SHORT, World, keys_of, payment, refund, wechat_world

NUMBER = "Attempt0000000000000000000000001"
SPLIT = "Split000000000000000000000000001"
HOTEL = Payee(kind=PayeeKind.MERCHANT, account="1900000777", name="海滨酒店有限公司")
MAKER = Payee(kind=PayeeKind.MERCHANT, account="1900000888", name="Dryer Makers Ltd.")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with wechat_world() as made:
        yield made


@pytest.fixture
async def provider(world: World) -> AsyncIterator[WechatPay]:
    keys = keys_of(world, transfer_scene="1009", transfer_reports=(("采购商品名称", "分成"),))
    made = WechatPay(keys, deadlines=SHORT, now=world.clock.now)
    yield made
    made.close_connections()


async def paid(world: World, provider: WechatPay, *, wait_s: int = 61) -> str:
    """Ten yuan, paid; the provider's id of it, once so much time has passed."""
    soon = world.clock.now() + timedelta(minutes=5)
    order = payment(NUMBER, world.door, amount_minor=1_000, expires_at=soon, sharing=True)
    await provider.create(order)
    world.wechat.pay(NUMBER)
    await world.clock.advance(wait_s)
    return world.wechat.book.find(NUMBER).transaction_id


def split(payment_id: str, *shares: Share, number: str = SPLIT, rest: bool = False) -> SplitOrder:
    return SplitOrder(
        number=number,
        payment_number=NUMBER,
        provider_payment_id=payment_id,
        currency="CNY",
        shares=shares,
        releases_rest=rest,
    )


def share(payee: Payee, amount_minor: int) -> Share:
    return Share(payee=payee, amount_minor=amount_minor, description="Share of 21 November")


async def test_a_payment_is_shared_once_it_is_old_enough(world: World, provider: WechatPay) -> None:
    payment_id = await paid(world, provider, wait_s=0)
    order = split(payment_id, share(HOTEL, 200), share(MAKER, 100))
    with pytest.raises(RetrySameKey) as early:
        await provider.split(order)
    assert early.value.code == "TOO_EARLY"
    await world.clock.advance(61)
    assert (await provider.split(order)).state is SplitState.PROCESSING
    assert (await provider.split(order)).state is SplitState.PROCESSING, "the same number is the same split"
    await world.clock.advance(4)
    seen = await provider.query_split(SPLIT, payment_id)
    assert seen.state is SplitState.FINISHED
    assert [(each.account, each.amount_minor, each.state) for each in seen.shares] == [
        (HOTEL.account, 200, ShareState.SUCCEEDED),
        (MAKER.account, 100, ShareState.SUCCEEDED),
    ]
    assert order.shares[0].payee.name == "海滨酒店有限公司", "the library writes into a copy"


async def test_more_than_may_be_shared_is_refused_for_good(world: World, provider: WechatPay) -> None:
    payment_id = await paid(world, provider, wait_s=600)
    for amount_minor in (301, 1_001):
        with pytest.raises(Rejected) as over:
            await provider.split(split(payment_id, share(HOTEL, amount_minor)))
        assert over.value.code == "RULE_LIMIT"
    assert (await provider.query_split(SPLIT, payment_id)).state is SplitState.ABSENT


async def test_each_part_has_an_end_of_its_own(world: World, provider: WechatPay) -> None:
    payment_id = await paid(world, provider)
    world.switches.turn_on(Failure.SPLIT_FAILS, value=MAKER.account)
    await provider.split(split(payment_id, share(HOTEL, 200), share(MAKER, 100)))
    await world.clock.advance(4)
    seen = await provider.query_split(SPLIT, payment_id)
    assert [each.state for each in seen.shares] == [ShareState.SUCCEEDED, ShareState.FAILED]
    assert seen.shares[1].reason == "ACCOUNT_ABNORMAL"


async def test_a_split_whose_answer_was_lost_is_the_same_split(world: World, provider: WechatPay) -> None:
    payment_id = await paid(world, provider)
    world.switches.turn_on(Failure.SERVER_ERROR_AFTER, on="split", times=1)
    order = split(payment_id, share(HOTEL, 200))
    with pytest.raises(Unknown):
        await provider.split(order)
    assert (await provider.split(order)).shares[0].amount_minor == 200
    assert world.wechat.book.find(NUMBER).split_out == 200
    with pytest.raises(Unknown):
        await provider.split(split(payment_id, share(HOTEL, 150)))
    assert world.wechat.book.find(NUMBER).split_out == 200


async def test_what_nobody_shares_is_released(world: World, provider: WechatPay) -> None:
    payment_id = await paid(world, provider, wait_s=600)
    assert (await provider.split(split(payment_id, rest=True))).shares == ()
    with pytest.raises(Rejected):
        await provider.split(split(payment_id, share(HOTEL, 1), number="Split2", rest=True))
    with pytest.raises(Rejected):
        await provider.split(split(payment_id, number="Split3"))


async def test_a_refund_waits_until_what_was_shared_is_back(world: World, provider: WechatPay) -> None:
    payment_id = await paid(world, provider)
    await provider.split(split(payment_id, share(HOTEL, 300)))
    await world.clock.advance(4)
    back = replace(refund("R1", NUMBER, world.door, amount_minor=1_000), total_minor=1_000)
    with pytest.raises(RetrySameKey) as short:
        await provider.refund(back)
    assert short.value.code == "NOT_ENOUGH"
    order = ReturnOrder(
        number="Return1",
        split_number=SPLIT,
        account=HOTEL.account,
        amount_minor=300,
        currency="CNY",
        reason="x",
    )
    world.switches.turn_on(Failure.RETURN_FAILS, times=1)
    assert (await provider.return_split(order)).state is ReturnState.PROCESSING
    await world.clock.advance(4)
    assert (await provider.query_return("Return1", SPLIT)).state is ReturnState.FAILED
    again = ReturnOrder(
        number="Return2",
        split_number=SPLIT,
        account=HOTEL.account,
        amount_minor=300,
        currency="CNY",
        reason="x",
    )
    await provider.return_split(again)
    assert (await provider.return_split(again)).state is ReturnState.PROCESSING
    await world.clock.advance(4)
    assert (await provider.query_return("Return2", SPLIT)).state is ReturnState.SUCCEEDED
    assert (await provider.query_return("Return3", SPLIT)).state is ReturnState.ABSENT
    assert (await provider.refund(back)).state is RefundState.PROCESSING


async def test_what_a_person_got_is_not_asked_back(provider: WechatPay) -> None:
    order = ReturnOrder(
        number="Return1", split_number=SPLIT, account="o4GgauInH", amount_minor=1, currency="CNY", reason="x"
    )
    with pytest.raises(Rejected) as refused:
        await provider.return_split(order)
    assert refused.value.code == "PERSON"


def payout(world: World, amount_minor: int = 500, *, name: str = "", number: str = "Payout1") -> PayoutOrder:
    payee = Payee(kind=PayeeKind.PERSON, account=world.wechat.openids.default, name=name)
    return PayoutOrder(
        number=number, payee=payee, amount_minor=amount_minor, currency="CNY", reason="Shares of November"
    )


async def test_a_transfer_is_paid_once_its_payee_has_confirmed(world: World, provider: WechatPay) -> None:
    sent = await provider.payout(payout(world, 2_000_00, name="王小明"))
    assert sent.state is PayoutState.CONFIRMING
    assert sent.confirm_with
    assert (await provider.payout(payout(world, 2_000_00, name="王小明"))).provider_id == sent.provider_id
    assert (await provider.query_payout("Payout1")).state is PayoutState.CONFIRMING
    world.wechat.confirm_transfer("Payout1")
    assert (await provider.query_payout("Payout1")).state is PayoutState.ACCEPTED
    await world.clock.advance(4)
    seen = await provider.query_payout("Payout1")
    assert (seen.state, seen.amount_minor, seen.currency) == (PayoutState.SUCCEEDED, 2_000_00, "CNY")


async def test_a_transfer_that_nobody_confirms_in_a_day_is_closed(world: World, provider: WechatPay) -> None:
    await provider.payout(payout(world))
    await world.clock.advance(24 * 3_600 - 60)
    assert (await provider.query_payout("Payout1")).state is PayoutState.CONFIRMING
    await world.clock.advance(61)
    seen = await provider.query_payout("Payout1")
    assert (seen.state, seen.reason) == (PayoutState.CLOSED, "OVERDUE_CLOSE")


async def test_a_transfer_may_fail_or_be_lost_on_the_way_and_is_never_sent_twice(
    world: World, provider: WechatPay
) -> None:
    world.switches.turn_on(Failure.SERVER_ERROR_AFTER, on="payout", times=1)
    with pytest.raises(Unknown):
        await provider.payout(payout(world))
    with pytest.raises(Unknown):
        await provider.payout(payout(world, 600))
    world.switches.turn_on(Failure.PAYOUT_FAILS, times=1)
    world.wechat.confirm_transfer("Payout1")
    await world.clock.advance(4)
    assert (await provider.query_payout("Payout1")).state is PayoutState.FAILED
    assert (await provider.query_payout("Payout9")).state is PayoutState.ABSENT


async def test_what_could_never_be_sent_is_refused_before_it_leaves(
    world: World, provider: WechatPay
) -> None:
    shop = Payee(kind=PayeeKind.MERCHANT, account="1900000777")
    unfit = PayoutOrder(number="P", payee=shop, amount_minor=1, currency="CNY", reason="x")
    codes = []
    for order in (payout(world, 2_000_00), unfit, payout(world, 0)):
        with pytest.raises(Rejected) as refused:
            await provider.payout(order)
        codes.append(refused.value.code)
    bare = WechatPay(keys_of(world), deadlines=SHORT)
    with pytest.raises(Rejected) as refused:
        await bare.payout(payout(world))
    bare.close_connections()
    assert [*codes, refused.value.code] == ["NAME", "PAYEE", "AMOUNT", "SCENE"]
    assert "小明" not in repr(Payee(kind=PayeeKind.PERSON, account="o-1", name="王小明"))
