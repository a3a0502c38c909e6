"""Notifications as the made-up Alipay sends them: forged, old, doubled, late, wrong and in any order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coinslot.payments.port import Forged, Outcome, PaymentSeen, PaymentState, VerifiedEvent
from coinslot.providers.alipay.notifications import parse
from coinslot.providers.alipay.seals import Seals
from coinslot.sandbox.providers.alipay.notices import GAPS_S
from coinslot.sandbox.providers.switches import Failure
from tests.support.alipay import BUYER, World, alipay_world, keys, refund_of


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with alipay_world() as made:
        yield made


def taken(world: World, raw: bytes) -> bytes:
    """What our server says to it."""
    try:
        world.alipay.parse_notification({}, raw, datetime.now(UTC))
    except Forged:
        return world.alipay.answer(Outcome.REFUSED).body
    return world.alipay.answer(Outcome.TAKEN).body


def parsed(world: World, raw: bytes, now: datetime | None = None) -> VerifiedEvent:
    """Read as now."""
    return world.alipay.parse_notification({}, raw, now or datetime.now(UTC))


def seen(world: World, raw: bytes) -> PaymentSeen:
    """What it says of the payment."""
    told = parsed(world, raw).seen
    assert isinstance(told, PaymentSeen)
    return told


async def test_it_is_said_again_by_the_providers_schedule_until_it_is_taken(world: World) -> None:
    world.door.body = b"Success"
    await world.paid(world.order())
    for gap_s in GAPS_S:
        before = len(world.door.arrived)
        await world.clock.advance(gap_s - 1)
        assert len(world.door.arrived) == before
        await world.clock.advance(1)
        assert len(world.door.arrived) == before + 1
    await world.clock.advance(86400)
    assert len(world.door.arrived) == len(GAPS_S) + 1
    assert len({parsed(world, raw).notification_id for raw in world.door.arrived}) == 1
    world.door.judge = lambda raw: taken(world, raw)
    await world.paid(world.order())
    await world.clock.advance(86400)
    assert len(world.door.arrived) == len(GAPS_S) + 2


async def test_the_same_notification_at_once_twice_and_again_is_one(world: World) -> None:
    world.switches.turn_on(Failure.NOTIFY_AT_ONCE, times=1, value="5")
    world.switches.turn_on(Failure.NOTIFY_TWICE, times=1)
    order = world.order()
    await world.paid(order)
    await world.clock.advance(1)
    assert len(world.door.arrived) == 6
    events = {repr(parsed(world, raw)) for raw in world.door.arrived}
    assert len(events) == 1


async def test_an_old_one_is_refused_and_a_fresh_one_only_until_it_is_old(world: World) -> None:
    world.switches.turn_on(Failure.NOTIFY_STALE, times=1, value="301")
    world.door.judge = lambda raw: taken(world, raw)
    await world.paid(world.order())
    with pytest.raises(Forged, match="STALE"):
        parsed(world, world.door.arrived[0])
    await world.clock.advance(GAPS_S[0])
    fresh, now = world.door.arrived[1], datetime.now(UTC)
    assert parsed(world, fresh, now + timedelta(seconds=290))
    for off_s in (-310, 310, 31 * 86400):
        with pytest.raises(Forged, match="STALE"):
            parsed(world, fresh, now + timedelta(seconds=off_s))


@pytest.mark.parametrize(
    "failure", [Failure.NOTIFY_TAMPERED, Failure.NOTIFY_UNKNOWN_SIGNER, Failure.NOTIFY_WRONG_KEY]
)
async def test_what_the_provider_has_not_signed_is_refused(world: World, failure: Failure) -> None:
    world.switches.turn_on(failure, times=1)
    world.door.judge = lambda raw: taken(world, raw)
    await world.paid(world.order())
    with pytest.raises(Forged, match="UNVERIFIED"):
        parsed(world, world.door.arrived[0])
    await world.clock.advance(GAPS_S[0])
    assert taken(world, world.door.arrived[1]) == b"success"
    await world.clock.advance(86400)
    assert len(world.door.arrived) == 2


async def test_every_field_is_signed_and_none_may_be_added_doubled_or_left_out(world: World) -> None:
    await world.paid(world.order())
    raw = world.door.arrived[0]
    fields = dict(parse_qsl(raw.decode(), keep_blank_values=True))
    assert parsed(world, urlencode(dict(reversed(fields.items()))).encode())
    for name in fields:
        without = {each: value for each, value in fields.items() if each != name}
        changed = {**fields, name: fields[name] + "0"}
        for form in (without, changed):
            with pytest.raises(Forged):
                parsed(world, urlencode(form).encode())
    more = [
        *(raw + b"&refund_fee=1.25", raw + b"&trade_status=TRADE_CLOSED", raw + b"&extra="),
        *(raw.replace(b"RSA2", b"RSA"), raw.replace(b"sign_type=RSA2", b"sign_type=")),
        *(b"", b"&", b"sign=&sign_type=RSA2", b"=" * 1000, b"\xff=\xfe", raw + b"&x=" + b"y" * 70_000),
        b"&".join(b"a%d=1" % each for each in range(5000)),
    ]
    for each in more:
        with pytest.raises(Forged):
            parsed(world, each)


@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=300))
def test_no_bytes_make_it_fail_otherwise_than_as_forged(raw: bytes) -> None:
    seals = Seals(keys().public_pems)
    for each in (raw, b"sign_type=RSA2&sign=" + raw, b"sign_type=RSA2&%" + raw + b"=%&sign=%E4"):
        with pytest.raises(Forged):
            parse(seals, each, datetime.now(UTC))


@pytest.mark.parametrize(
    ("failure", "field", "told"),
    [
        (Failure.WRONG_AMOUNT, "amount_minor", 124),
        (Failure.WRONG_MERCHANT, "merchant", "2088000000000999"),
        (Failure.WRONG_APP, "app", "2021000000000999"),
        (Failure.WRONG_NUMBER, "number", "SomebodyElsesOrder00000000000001"),
    ],
)
async def test_signed_but_wrong_is_told_as_it_is_for_others_to_judge(
    world: World, failure: Failure, field: str, told: object
) -> None:
    world.switches.turn_on(failure, on="notify_payment", times=1)
    await world.paid(world.order())
    assert getattr(seen(world, world.door.arrived[0]), field) == told


async def test_a_notification_may_come_before_the_answer(world: World) -> None:
    world.switches.turn_on(Failure.PAID_BEFORE_ANSWER, on="create", times=1)
    order = world.order()
    await world.alipay.create(order)
    assert seen(world, world.door.arrived[0]).state is PaymentState.PAID
    made = world.sandbox.book.order(order.number)
    assert made is not None
    world.switches.turn_on(Failure.REFUNDED_BEFORE_ANSWER, on="refund", times=1)
    await world.alipay.refund(refund_of(order, made.trade_no, 25))
    assert seen(world, world.door.arrived[1]).state is PaymentState.PAID


async def test_what_never_comes_is_found_by_asking(world: World) -> None:
    world.switches.turn_on(Failure.NOTIFY_NEVER)
    order = world.order()
    await world.paid(order)
    await world.clock.advance(86400)
    assert world.door.arrived == []
    assert (await world.alipay.query(order.number)).state is PaymentState.PAID


async def test_out_of_order_each_still_says_that_it_was_paid(world: World) -> None:
    world.switches.turn_on(Failure.NOTIFY_LATE, on="notify_payment", times=1, value="60")
    order = world.order()
    trade_no = await world.paid(order)
    await world.alipay.refund(refund_of(order, trade_no, 125))
    await world.clock.advance(60)
    first, second = world.door.arrived
    assert b"trade_status=TRADE_CLOSED" in first
    assert b"trade_status=TRADE_SUCCESS" in second
    assert seen(world, first) == seen(world, second)
    assert seen(world, first).state is PaymentState.PAID


async def test_who_paid_is_not_read(world: World) -> None:
    await world.paid(world.order())
    raw = world.door.arrived[0]
    assert BUYER[0].encode() in raw
    shown = repr(parsed(world, raw))
    assert [each for each in BUYER if each in shown] == []


def test_answers_are_the_words_that_the_provider_waits_for(world: World) -> None:
    said = {outcome: world.alipay.answer(outcome) for outcome in Outcome}
    assert said[Outcome.TAKEN].body == b"success"
    assert said[Outcome.TAKEN].status == 200
    assert {said[each].body for each in (Outcome.REFUSED, Outcome.AGAIN)} == {b"failure"}
    assert said[Outcome.AGAIN].status == 503
