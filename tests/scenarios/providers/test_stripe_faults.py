"""What may go wrong between us and Stripe: nobody is charged twice, nothing is refunded twice, nothing is assumed."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from coinslot.payments.port import (
    PaymentState,
    ProviderError,
    RefundState,
    Rejected,
    RetrySameKey,
    Unknown,
)
from coinslot.sandbox.providers.switches import Failure
from tests.support.stripe import PERSONAL, QUICK, World, refund_of, stripe_world

UNBELIEVABLE = (
    Failure.TAMPERED,
    Failure.UNSIGNED,
    Failure.REFUSED_UNSIGNED,
    Failure.SERVER_ERROR,
    Failure.SERVER_ERROR_AFTER,
    Failure.SILENT_BEFORE,
    Failure.SILENT_AFTER,
    Failure.CUT_AFTER,
)
"""After any of them nobody knows what has happened."""


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with stripe_world(deadlines=QUICK) as made:
        yield made


async def refused_by(world: World, call: Awaitable[object]) -> ProviderError:
    """What a call ends with; nothing personal is in it, no key, and no word of the provider's."""
    with pytest.raises(ProviderError) as caught:
        await call
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    secret = (world.account.secret_key, world.account.webhook_secret, "on our side", "as it was asked for")
    assert not [each for each in (*PERSONAL, *secret) if each in shown]
    return caught.value


@pytest.mark.parametrize("failure", UNBELIEVABLE)
async def test_an_answer_that_cannot_be_believed_is_no_answer(world: World, failure: Failure) -> None:
    order, new, open_one = world.order(), world.order(), world.order()
    refund = refund_of(order, await world.paid(order), 250)
    await world.stripe.create(open_one)
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "create": lambda: world.stripe.create(new),
        "query": lambda: world.stripe.query(order.number),
        "close": lambda: world.stripe.close(open_one.number),
        "refund": lambda: world.stripe.refund(refund),
        "query_refund": lambda: world.stripe.query_refund(refund.number, order.number),
    }
    for operation, call in calls.items():
        world.switches.turn_on(failure, on=operation, times=1)
        assert isinstance(await refused_by(world, call()), Unknown), operation
        world.switches.turn_off()
    # Whatever had happened, asking again comes to the one thing that was wanted.
    assert (await world.stripe.create(new)).url
    assert (await world.stripe.query(new.number)).state is PaymentState.WAITING
    numbers = [each.body.client_reference_id for each in world.sandbox.book.sessions()]
    assert sorted(numbers) == sorted([order.number, new.number, open_one.number])
    assert (await world.stripe.refund(refund)).amount_minor == 250
    charge = world.session(order.number).charge
    assert charge is not None
    assert charge.refunded() == 250
    assert (await world.stripe.close(open_one.number)).state is PaymentState.CLOSED


async def test_a_storm_of_errors_makes_one_session_and_one_refund(world: World) -> None:
    order = world.order()
    storm = (Failure.SERVER_ERROR_AFTER, Failure.SERVER_ERROR, Failure.RATE_LIMIT, Failure.CUT_AFTER)

    async def insisting(operation: str, work: Callable[[], Awaitable[object]]) -> int:
        for failure in storm:
            world.switches.turn_on(failure, on=operation, times=2)
        for turn in range(20):
            try:
                await work()
            except (Unknown, RetrySameKey):
                continue
            world.switches.turn_off()
            return turn
        raise AssertionError("it never got through")

    assert await insisting("create", lambda: world.stripe.create(order)) > 0
    world.sandbox.pay(order.number)
    refund = refund_of(order, world.session(order.number).intent, 500)
    assert await insisting("refund", lambda: world.stripe.refund(refund)) > 0
    assert len(world.sandbox.book.sessions()) == 1
    charge = world.session(order.number).charge
    assert charge is not None
    assert len(charge.refunds) == 1


async def test_a_key_whose_answer_was_an_error_is_not_the_end_of_an_order(world: World) -> None:
    order = world.order()
    world.switches.turn_on(Failure.SERVER_ERROR, on="create", times=2)
    for _ in range(2):
        assert isinstance(await refused_by(world, world.stripe.create(order)), Unknown)
    assert (await world.stripe.create(order)).url
    assert len(world.sandbox.book.sessions()) == 1
    # While it cannot be seen whether the first has made one, no second is made.
    lost = world.order()
    world.switches.turn_on(Failure.SERVER_ERROR_AFTER, on="create", times=1)
    world.switches.turn_on(Failure.SERVER_ERROR, on="query", times=1)
    for _ in range(2):
        assert isinstance(await refused_by(world, world.stripe.create(lost)), Unknown)
    assert (await world.stripe.create(lost)).url
    assert len(world.sandbox.book.sessions()) == 2


async def test_the_same_number_with_other_values_is_never_a_second_session(world: World) -> None:
    order = world.order()
    created = await world.stripe.create(order)
    renamed = world.order(number=order.number, subject="Hot water", expires_at=order.expires_at)
    assert await world.stripe.create(renamed) == created, "what is paid and how much is the same"
    dearer = world.order(501, number=order.number, expires_at=order.expires_at)
    assert (await refused_by(world, world.stripe.create(dearer))).code == "OTHER_VALUES"
    world.sandbox.pay(order.number)
    assert (await refused_by(world, world.stripe.create(order))).code == "OVER"
    assert len(world.sandbox.book.sessions()) == 1


async def test_a_refund_is_one_refund_however_long_it_is_asked_for(world: World) -> None:
    order = world.order()
    refund = refund_of(order, await world.paid(order), 200)
    world.switches.turn_on(Failure.SILENT_AFTER, on="refund", times=1)
    assert isinstance(await refused_by(world, world.stripe.refund(refund)), Unknown)
    assert (await world.stripe.refund(refund)).state is RefundState.PROCESSING
    # The key is forgotten after a day; the refund is not.
    await world.clock.advance(3 * 86_400)
    assert (await world.stripe.refund(refund)).state is RefundState.SUCCEEDED
    together = await asyncio.gather(*(world.stripe.refund(refund) for _ in range(4)))
    assert len({each.provider_id for each in together}) == 1
    charge = world.session(order.number).charge
    assert charge is not None
    assert charge.refunded() == 200
    other = refund_of(order, world.session(order.number).intent, 201)
    clash = type(other)(
        **{**{name: getattr(other, name) for name in other.__struct_fields__}, "number": refund.number}
    )
    assert (await refused_by(world, world.stripe.refund(clash))).code == "OTHER_VALUES"


async def test_more_than_was_paid_is_not_refunded(world: World) -> None:
    order = world.order()
    intent = await world.paid(order)
    assert isinstance(await refused_by(world, world.stripe.refund(refund_of(order, intent, 501))), Rejected)
    await world.stripe.refund(refund_of(order, intent, 300))
    assert isinstance(await refused_by(world, world.stripe.refund(refund_of(order, intent, 201))), Rejected)
    await world.stripe.refund(refund_of(order, intent, 200))
    over = await refused_by(world, world.stripe.refund(refund_of(order, intent, 1)))
    assert (type(over), over.code) == (Rejected, "charge_already_refunded")
    unpaid = world.order()
    await world.stripe.create(unpaid)
    assert (await refused_by(world, world.stripe.refund(refund_of(unpaid, "", 1)))).code == "NOT_PAID"


@pytest.mark.parametrize(
    ("failure", "state"),
    [
        (Failure.REFUND_ABNORMAL, RefundState.ABNORMAL),
        (Failure.REFUND_CLOSED, RefundState.CLOSED),
        (Failure.REFUND_STAYS, RefundState.PROCESSING),
    ],
)
async def test_how_refunds_may_end(world: World, failure: Failure, state: RefundState) -> None:
    order = world.order()
    refund = refund_of(order, await world.paid(order), 500)
    world.switches.turn_on(failure, times=1)
    await world.stripe.refund(refund)
    await world.clock.advance(5)
    assert (await world.stripe.query_refund(refund.number, order.number)).state is state
    if state is RefundState.PROCESSING:
        return
    told = world.heard().seen
    assert told.state is state
    # Somebody has decided that it is to be tried again: under the same number, with another key.
    again = await world.stripe.refund(refund)
    assert again.state is RefundState.PROCESSING
    await world.clock.advance(5)
    done = await world.stripe.query_refund(refund.number, order.number)
    assert (done.state, done.provider_id) == (RefundState.SUCCEEDED, again.provider_id)
    charge = world.session(order.number).charge
    assert charge is not None
    assert charge.refunded() == 500


CODES: tuple[tuple[str, type[ProviderError]], ...] = (
    ("500 x", Unknown),
    ("503 x", Unknown),
    ("429 rate_limit", RetrySameKey),
    ("400 rate_limit", RetrySameKey),
    ("409 idempotency_key_in_use", RetrySameKey),
    ("400 lock_timeout", RetrySameKey),
    ("400 balance_insufficient", RetrySameKey),
    ("302 x", Unknown),
    ("401 api_key_expired", Rejected),
    ("403 insufficient_permissions", Rejected),
    ("400 charge_disputed", Rejected),
    ("400 nobody_knows_this", Rejected),
)


async def test_codes_say_whether_it_is_for_good(world: World) -> None:
    order = world.order()
    intent = await world.paid(order)
    for told, kind in CODES:
        for operation in ("create", "refund"):
            world.switches.turn_on(Failure.REFUSED, on=operation, times=1, value=told)
        new, refund = world.order(), refund_of(order, intent, 1)
        for call in (world.stripe.create(new), world.stripe.refund(refund)):
            assert type(await refused_by(world, call)) is kind, told


async def test_a_wrong_key_is_named_by_its_setting(world: World) -> None:
    stranger = world.adapter(secret_key="sk_test_somebody00else00")
    try:
        for call in (
            stranger.create(world.order()),
            stranger.query(world.order().number),
            stranger.refund(refund_of(world.order(), "pi_1", 1)),
        ):
            error = await refused_by(world, call)
            assert isinstance(error, Rejected)
            assert "`secret_key`" in error.reason
    finally:
        stranger.close_connections()


async def test_test_and_live_are_never_mixed(world: World) -> None:
    order = world.order()
    await world.stripe.create(order)
    for failure in (Failure.WRONG_APP, Failure.WRONG_NUMBER):
        world.switches.turn_on(failure, on="query", times=1)
        error = await refused_by(world, world.stripe.query(order.number))
        assert isinstance(error, Unknown)


async def test_an_answer_about_another_number_is_no_answer(world: World) -> None:
    order = world.order()
    world.switches.turn_on(Failure.WRONG_NUMBER, on="create", times=1)
    assert isinstance(await refused_by(world, world.stripe.create(order)), Unknown)
    refund = refund_of(order, await world.paid(order), 1)
    world.switches.turn_on(Failure.WRONG_NUMBER, on="refund", times=1)
    assert isinstance(await refused_by(world, world.stripe.refund(refund)), Unknown)


async def test_nobody_there_means_that_nothing_was_sent(world: World) -> None:
    gone = world.adapter(gateway="http://127.0.0.1:9")
    assert (await refused_by(world, gone.create(world.order()))).code == "UNREACHABLE"
    gone.close_connections()
    error = await refused_by(world, gone.query(world.order().number))
    assert (type(error), error.code) == (RetrySameKey, "CLOSED")


async def test_many_calls_at_once(world: World) -> None:
    orders = [world.order() for _ in range(24)]
    created = await asyncio.gather(*(world.stripe.create(order) for order in orders))
    assert len({each.url for each in created}) == 24
    again = await asyncio.gather(*(world.stripe.create(orders[0]) for _ in range(6)))
    assert {each.url for each in again} == {created[0].url}
    seen = await asyncio.gather(*(world.stripe.query(order.number) for order in orders))
    assert {each.state for each in seen} == {PaymentState.WAITING}


async def test_the_library_says_nothing_and_keeps_nothing(
    world: World, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("stripe").setLevel(logging.CRITICAL)
        order = world.order()
        refund = refund_of(order, await world.paid(order), 1)
        await world.stripe.refund(refund)
        world.switches.turn_on(Failure.REFUSED, on="refund", times=1)
        await refused_by(world, world.stripe.refund(refund_of(order, refund.provider_payment_id, 1)))
    said = caplog.text + "".join(str(each.message) for each in recwarn.list)
    secret = (world.account.secret_key, order.number, "热水", "/v1/", "as it was asked for")
    assert not [each for each in (*PERSONAL, *secret) if each in said]


async def test_a_late_order_is_not_made_and_may_be_there_already(world: World) -> None:
    order = world.order(expires_at=world.clock.now() + timedelta(minutes=-1))
    assert (await refused_by(world, world.stripe.create(order))).code == "TOO_LATE"
    assert (await world.stripe.query(order.number)).state is PaymentState.ABSENT
