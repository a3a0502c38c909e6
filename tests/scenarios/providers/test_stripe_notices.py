"""Events as the made-up Stripe sends them: forged, old, doubled, late, wrong, of others' business, in any order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coinslot.payments.port import (
    Forged,
    NotOurs,
    Outcome,
    PaymentSeen,
    PaymentState,
    RefundSeen,
    VerifiedEvent,
)
from coinslot.providers.stripe import StripeKeys
from coinslot.providers.stripe.notifications import parse
from coinslot.sandbox.providers.stripe.bodies import SessionBody
from coinslot.sandbox.providers.stripe.notices import GAPS_S, signature
from coinslot.sandbox.providers.stripe.told import NOBODYS, PAYER, STRANGER
from coinslot.sandbox.providers.switches import Failure
from tests.support.stripe import World, refund_of, stripe_world

SECRET = "whsec_known00known00known00"
KEYS = StripeKeys(
    account="acct_1SandboxWaterCo1",
    secret_key="sk_test_x",
    webhook_secrets=(SECRET,),
    gateway="http://127.0.0.1:1",
)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with stripe_world() as made:
        made.account.endpoints[0].events = ("*",)
        made.door.judge = lambda headers, body: status(made, headers, body)
        yield made


def status(world: World, headers: dict[str, str], body: bytes) -> int:
    """What our server answers."""
    try:
        world.stripe.parse_notification(headers, body, datetime.now(UTC))
    except Forged:
        return world.stripe.answer(Outcome.REFUSED).status
    except NotOurs:
        pass
    return world.stripe.answer(Outcome.TAKEN).status


def signed(body: bytes, at: datetime | None = None, secret: str = SECRET) -> dict[str, str]:
    """Headers of an event that Stripe could have sent."""
    return {"stripe-signature": signature(secret, body, at or datetime.now(UTC))}


def heard(world: World) -> list[VerifiedEvent]:
    """All events of ours that came in, in their order."""
    found = []
    for headers, body in world.door.arrived:
        try:
            found.append(world.stripe.parse_notification(headers, body, datetime.now(UTC)))
        except NotOurs:
            continue
    return found


async def test_it_is_said_again_by_the_providers_schedule_until_it_is_taken(world: World) -> None:
    world.account.endpoints[0].events = ("checkout.session.completed",)
    world.door.judge, world.door.status = None, 500
    await world.paid(world.order())
    for gap_s in GAPS_S:
        before = len(world.door.arrived)
        await world.clock.advance(gap_s - 1)
        assert len(world.door.arrived) == before
        await world.clock.advance(1)
        assert len(world.door.arrived) == before + 1
    await world.clock.advance(3 * 86_400)
    assert len(world.door.arrived) == len(GAPS_S) + 1
    assert len({each.notification_id for each in heard(world)}) == 1
    world.door.status = 200
    await world.paid(world.order())
    await world.clock.advance(86_400)
    assert len(world.door.arrived) == len(GAPS_S) + 2


async def test_the_same_event_at_once_twice_and_again_is_one(world: World) -> None:
    world.switches.turn_on(Failure.NOTIFY_AT_ONCE, on="notify_payment", times=1, value="5")
    world.switches.turn_on(Failure.NOTIFY_TWICE, on="notify_payment", times=1)
    await world.paid(world.order())
    await world.clock.advance(1)
    events = heard(world)
    assert len(events) == 6
    assert len({repr(each) for each in events}) == 1


async def test_an_old_one_is_refused_and_one_from_the_future_too(world: World) -> None:
    world.account.endpoints[0].events = ("checkout.session.completed",)
    world.switches.turn_on(Failure.NOTIFY_STALE, times=1, value="301")
    await world.paid(world.order())
    with pytest.raises(Forged, match="STALE"):
        world.heard(0)
    await world.clock.advance(GAPS_S[0])
    now = datetime.now(UTC)
    for off_s in (-290, 290):
        assert world.heard(1, now + timedelta(seconds=off_s))
    for off_s in (-310, 310, 31 * 86_400):
        with pytest.raises(Forged, match="STALE"):
            world.heard(1, now + timedelta(seconds=off_s))


@pytest.mark.parametrize(
    "failure", [Failure.NOTIFY_TAMPERED, Failure.NOTIFY_UNKNOWN_SIGNER, Failure.NOTIFY_WRONG_KEY]
)
async def test_what_stripe_has_not_signed_is_refused(world: World, failure: Failure) -> None:
    world.account.endpoints[0].events = ("checkout.session.completed",)
    world.switches.turn_on(failure, times=1)
    await world.paid(world.order())
    with pytest.raises(Forged, match="UNVERIFIED"):
        world.heard(0)
    await world.clock.advance(86_400)
    assert [made.status for made in world.sandbox.retries.tries] == [400, 200]


async def test_a_change_of_the_secret_loses_nothing(world: World) -> None:
    earlier = world.account.webhook_secret
    world.account.change_key()
    await world.paid(world.order())
    with pytest.raises(Forged, match="UNVERIFIED"):
        world.heard()
    both = world.adapter(webhook_secrets=(world.account.webhook_secret, earlier))
    early = world.adapter(webhook_secrets=(earlier, world.account.webhook_secret))
    headers, body = world.door.arrived[-1]
    for adapter in (both, early):
        assert adapter.parse_notification(headers, body, datetime.now(UTC))
        adapter.close_connections()
    # While it rolls, Stripe signs with both.
    now = datetime.now(UTC)
    halves = [signature(secret, body, now) for secret in ("whsec_other", earlier)]
    header = halves[0] + "," + halves[1].split(",")[1]
    assert world.stripe.parse_notification({"stripe-signature": header}, body, now)


@pytest.mark.parametrize(
    ("failure", "field", "told"),
    [
        (Failure.WRONG_AMOUNT, "amount_minor", 499),
        (Failure.WRONG_MERCHANT, "merchant", STRANGER),
        (Failure.WRONG_NUMBER, "number", NOBODYS),
    ],
)
async def test_signed_but_wrong_is_told_as_it_is_for_others_to_judge(
    world: World, failure: Failure, field: str, told: object
) -> None:
    world.switches.turn_on(failure, on="notify_payment", times=1)
    await world.paid(world.order())
    [event] = heard(world)
    assert getattr(event.seen, field) == told


async def test_live_money_is_not_taken_for_test_money(world: World) -> None:
    world.switches.turn_on(Failure.WRONG_APP, on="notify_payment", times=1)
    world.account.endpoints[0].events = ("checkout.session.completed",)
    await world.paid(world.order())
    with pytest.raises(Forged, match="LIVEMODE"):
        world.heard()


async def test_others_business_is_heard_and_forgotten(world: World) -> None:
    order = world.order()
    intent = await world.paid(order)
    await world.stripe.refund(refund_of(order, intent, 500))
    foreign = SessionBody(
        mode="payment", line_items=world.session(order.number).body.line_items, success_url="https://x.org"
    )
    world.sandbox.pay_session(world.sandbox.book.make(foreign, 1))
    await world.clock.advance(86_400)
    assert {made.status for made in world.sandbox.retries.tries} == {200}
    assert len(world.door.arrived) == 7
    assert [type(each.seen) for each in heard(world)] == [PaymentSeen, RefundSeen, RefundSeen]


async def test_an_event_may_come_before_the_answer(world: World) -> None:
    world.switches.turn_on(Failure.PAID_BEFORE_ANSWER, on="create", times=1)
    order = world.order()
    await world.stripe.create(order)
    [paid] = heard(world)
    assert paid.seen.state is PaymentState.PAID
    world.switches.turn_on(Failure.REFUNDED_BEFORE_ANSWER, on="refund", times=1)
    await world.stripe.refund(refund_of(order, world.session(order.number).intent, 100))
    assert [each.seen.state.value for each in heard(world)] == ["paid", "processing", "succeeded"]


async def test_what_never_comes_is_found_by_asking_and_late_ones_are_still_true(world: World) -> None:
    world.switches.turn_on(Failure.NOTIFY_NEVER, on="notify_payment", times=1)
    order = world.order()
    await world.paid(order)
    assert heard(world) == []
    assert (await world.stripe.query(order.number)).state is PaymentState.PAID
    world.switches.turn_on(Failure.NOTIFY_LATE, on="notify_payment", times=1, value="60")
    late = world.order()
    await world.stripe.refund(refund_of(late, await world.paid(late), 500))
    await world.clock.advance(60)
    assert [type(each.seen) for each in heard(world)] == [RefundSeen, RefundSeen, PaymentSeen]
    assert heard(world)[-1].seen.state is PaymentState.PAID


def session_event(**changes: object) -> bytes:
    """An event about a session of ours, with changes."""
    number = "p" + "0" * 31
    session = {
        "id": "cs_test_1",
        "object": "checkout.session",
        "livemode": False,
        "mode": "payment",
        "status": "complete",
        "payment_status": "unpaid",
        "amount_total": 500,
        "currency": "cny",
        "client_reference_id": number,
        "metadata": {"coinslot_payment": number},
        "payment_intent": "pi_1",
        "customer_details": dict(PAYER),
        **changes,
    }
    kind = session.pop("type", "checkout.session.completed")
    event = {"id": "evt_1", "object": "event", "livemode": False, "type": kind, "data": {"object": session}}
    return msgspec.json.encode(event)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, PaymentState.WAITING),
        ({"payment_status": "paid"}, PaymentState.PAID),
        ({"type": "checkout.session.async_payment_failed"}, PaymentState.FAILED),
        (
            {"type": "checkout.session.async_payment_succeeded", "payment_status": "paid"},
            PaymentState.PAID,
        ),
        ({"type": "checkout.session.expired", "status": "expired"}, PaymentState.CLOSED),
    ],
)
def test_what_is_paid_days_later_is_waited_for(changes: dict[str, object], state: PaymentState) -> None:
    body = session_event(**changes)
    event = parse(KEYS, signed(body), body, datetime.now(UTC))
    assert event.seen.state is state
    assert PAYER["email"] not in repr(event)


@pytest.mark.parametrize(
    "changes",
    [
        {"client_reference_id": "p" + "1" * 31},
        {"client_reference_id": None},
        {"amount_total": None},
        {"amount_total": -1},
        {"amount_total": 2**63},
        {"amount_total": "500"},
        {"amount_total": 5.5},
        {"currency": "ugx", "amount_total": 150},
        {"mode": "subscription"},
        {"status": "haunted"},
        {"livemode": True},
        {"object": "refund"},
        {"id": ""},
    ],
)
def test_an_event_that_is_not_as_documented_is_refused(changes: dict[str, object]) -> None:
    body = session_event(**changes)
    with pytest.raises(Forged, match="CONTENT"):
        parse(KEYS, signed(body), body, datetime.now(UTC))


@settings(max_examples=150, deadline=None)
@given(raw=st.binary(max_size=200), header=st.text(max_size=120))
def test_no_bytes_make_it_fail_otherwise_than_as_forged(raw: bytes, header: str) -> None:
    now = datetime.now(UTC)
    at = int(now.timestamp())
    for headers in (
        {},
        {"stripe-signature": header},
        {"stripe-signature": f"t={at},v1={header}"},
        signed(raw),
    ):
        with pytest.raises(Forged):
            parse(KEYS, headers, raw, now)


def test_headers_that_only_look_right_are_refused() -> None:
    body, now = session_event(), datetime.now(UTC)
    good = signature(SECRET, body, now)
    moment, v1, _ = good.split(",")
    assert parse(KEYS, {"stripe-signature": good}, body, now)
    for header in (
        *("", moment, v1, f"{v1},{v1}", good.replace("v1", "v0"), good.replace("v1=", "v1=0")),
        *(f"t=,{v1}", f"t=-1,{v1}", f"t=1e9,{v1}", f"t=١٢٣,{v1}", f"t={'9' * 400},{v1}"),
        *(f"t=1,{moment},{v1}", ",".join(["v1=0"] * 5000), f"{moment} {v1}"),
    ):
        with pytest.raises(Forged, match="UNVERIFIED"):
            parse(KEYS, {"stripe-signature": header}, body, now)
    with pytest.raises(Forged, match="UNVERIFIED"):
        parse(KEYS, {"stripe-signature": good}, body + b" ", now)
    long = b"{" + b" " * 70_000
    with pytest.raises(Forged, match="TOO_LONG"):
        parse(KEYS, signed(long), long, now)


def test_answers_are_statuses_that_the_provider_waits_for(world: World) -> None:
    said = {outcome: world.stripe.answer(outcome).status for outcome in Outcome}
    assert said == {Outcome.TAKEN: 200, Outcome.REFUSED: 400, Outcome.AGAIN: 503}
