"""Making, asking after, closing: requests and answers that get lost, and people who pay at the worst moment."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from coinslot.engines.connect import Pool
from coinslot.fields import FieldError, MissingError
from coinslot.payments.model import Mark, Why
from coinslot.payments.port import Channel, PaymentState
from coinslot.payments.states import AttemptState, IntentState, RefundState
from coinslot.settlement.payments.attempts import MOST, BeginAttempt, begin_attempt
from coinslot.settlement.payments.errors import KeyReused, NotPayable, Unpayable
from coinslot.settlement.payments.intents import expire_intents
from coinslot.settlement.payments.merchants import switch_merchant
from coinslot.wire.ids import CustomerId
from tests.support.played_provider import Fault, PlayedProvider
from tests.support.till import Till, meanwhile

LONG = timedelta(minutes=40)


async def test_the_attempt_is_committed_before_the_provider_hears_of_it(till: Till) -> None:
    attempt = await till.begin(await till.topup(await till.customer()))
    stored: list[AttemptState] = []

    async def looks() -> None:
        stored.append((await till.attempt(attempt)).state)

    await meanwhile(till.provider, "create", looks)
    await till.create(attempt)
    assert stored == [AttemptState.NEW]
    order = till.provider.sheet.orders[attempt.number]
    assert order.expires_at == attempt.expires_at, "the provider itself refuses the money after it"


async def test_a_create_that_times_out_after_acceptance_is_found_and_can_be_asked_again(till: Till) -> None:
    till.provider.faults["create"] = [Fault.UNANSWERED, Fault.LOST, Fault.REJECTED]
    customer = await till.customer()
    attempt = await till.begin(await till.topup(customer))
    for _ in range(3):
        unclear = await till.create(attempt)
        assert unclear.state is AttemptState.CREATE_UNKNOWN, "a refusal now says nothing of the first request"
    assert list(till.provider.sheet.orders) == [attempt.number]
    await till.works(every=timedelta(seconds=10))
    found = await till.attempt(attempt)
    assert (found.state, found.created) == (AttemptState.PENDING, None)
    created = await till.create(found)
    assert created.created is not None
    assert (await till.create(created)) == created, "what is known is not asked again"
    till.provider.pays(attempt.number)
    await till.works(every=timedelta(seconds=30))
    assert await till.principal(customer) == 10_00


async def test_a_create_that_never_arrived_does_nothing_until_its_life_has_ended(till: Till) -> None:
    till.provider.faults["create"] = [Fault.LOST]
    attempt = await till.create(await till.begin(await till.topup(await till.customer())))
    await till.works(every=timedelta(minutes=2), rounds=3)
    assert (await till.attempt(attempt)).state is AttemptState.CREATE_UNKNOWN, "absent is not yet dead"
    await till.works(every=timedelta(minutes=10), rounds=3)
    assert (await till.attempt(attempt)).state is AttemptState.CLOSED


async def test_an_adapter_that_breaks_its_promise_leaves_the_outcome_open(till: Till) -> None:
    till.provider.faults["create"] = [Fault.BROKEN]
    attempt = await till.create(await till.begin(await till.topup(await till.customer())))
    assert (attempt.state, attempt.error) == (AttemptState.CREATE_UNKNOWN, "adapter")


async def test_a_refused_attempt_has_failed_and_another_can_pay(till: Till) -> None:
    till.provider.faults["create"] = [Fault.REJECTED]
    customer = await till.customer()
    intent = await till.topup(customer)
    failed = await till.create(await till.begin(intent))
    assert (failed.state, failed.next_poll_at, failed.error) == (AttemptState.FAILED, None, "NO")
    attempt = await till.offered(intent)
    till.provider.pays(attempt.number)
    await till.works(every=timedelta(seconds=10))
    assert await till.principal(customer) == 10_00


async def test_a_payment_that_nobody_tells_of_is_found_by_asking(till: Till) -> None:
    customer = await till.customer()
    attempt = await till.offered(await till.topup(customer))
    till.provider.pays(attempt.number)
    till.provider.faults["query"] = [Fault.LOST, Fault.BUSY, Fault.BROKEN, Fault.UNANSWERED]
    await till.works(every=timedelta(seconds=3))
    assert (await till.attempt(attempt)).state is AttemptState.PENDING
    await till.works(every=timedelta(seconds=90), rounds=5)
    assert (await till.attempt(attempt)).state is AttemptState.SUCCEEDED
    assert await till.principal(customer) == 10_00
    await till.notified(attempt)
    await till.works()
    assert await till.principal(customer) == 10_00, "and told of, much later, it is the same payment"
    await till.in_order()


async def test_questions_back_off_and_the_end_is_looked_at_on_time(till: Till) -> None:
    attempt = await till.offered(await till.topup(await till.customer()))
    asked = 0
    while "close" not in till.provider.calls:
        await till.works(every=timedelta(seconds=5))
        asked = len(till.provider.calls) - 1
        assert asked < 12
    late_s = await till.pool.fetchval("SELECT extract(epoch FROM now() - expires_at) FROM payment_attempt")
    assert 0 <= late_s < 30
    assert (await till.attempt(attempt)).state is AttemptState.CLOSED


async def test_a_storm_of_errors_is_not_answered_by_a_storm_of_questions(till: Till) -> None:
    attempt = await till.offered(await till.topup(await till.customer()))
    till.provider.faults["query"] = [Fault.LOST] * 500
    till.provider.faults["close"] = [Fault.BUSY] * 500
    for _ in range(60):
        await till.works(every=timedelta(seconds=30))
    assert len(till.provider.calls) < 20
    assert (await till.attempt(attempt)).state is AttemptState.CLOSING
    assert (await till.intent(attempt)).state is IntentState.OPEN, "nothing is assumed"
    till.provider.faults.clear()
    await till.works(every=LONG, rounds=2)
    assert (await till.intent(attempt)).state is IntentState.EXPIRED


async def test_a_payment_after_our_expiry_counts_while_the_provider_takes_it(till: Till) -> None:
    customer = await till.customer()
    attempt = await till.offered(await till.topup(customer))
    await till.passes(LONG)
    till.provider.pays(attempt.number)
    await till.works(rounds=2)
    assert (await till.attempt(attempt)).mark is Mark.NONE
    assert await till.principal(customer) == 10_00
    await till.in_order()


async def test_a_payment_that_is_quicker_than_the_close_wins(till: Till) -> None:
    customer = await till.customer()
    attempt = await till.offered(await till.topup(customer))
    till.provider.pays(attempt.number)
    closed = await till.closed(attempt)
    assert closed.state is AttemptState.SUCCEEDED
    assert await till.principal(customer) == 10_00
    await till.in_order()


async def test_a_close_without_an_answer_is_tried_again(till: Till) -> None:
    attempt = await till.offered(await till.topup(await till.customer()))
    till.provider.faults["close"] = [Fault.LOST, Fault.LOST]
    assert (await till.closed(attempt)).state is AttemptState.CLOSING
    await till.works(every=timedelta(minutes=2))
    assert (await till.attempt(attempt)).state is AttemptState.CLOSING
    await till.works(every=timedelta(minutes=2))
    assert (await till.attempt(attempt)).state is AttemptState.CLOSED
    assert (await till.intent(attempt)).state is IntentState.OPEN, "it can still be paid in another way"


async def test_money_after_the_close_goes_back_by_itself_once(till: Till) -> None:
    customer = await till.customer()
    attempt = await till.offered(await till.topup(customer))
    assert (await till.closed(attempt)).state is AttemptState.CLOSED
    till.provider.sheet.orders[
        attempt.number
    ].state = PaymentState.WAITING  # the provider thinks better of it
    till.provider.pays(attempt.number)
    for n in range(3):
        await till.notified(attempt, f"n{n}")
    await till.works(rounds=2)
    late = await till.attempt(attempt)
    assert (late.state, late.mark, late.refunded_minor) == (AttemptState.SUCCEEDED, Mark.LATE, 10_00)
    assert [(r.why, r.amount_minor, r.state) for r in await till.refunds()] == [
        (Why.LATE, 10_00, RefundState.SUCCEEDED)
    ]
    assert await till.principal(customer) == 0
    assert (till.provider.holds_minor, await till.due(), await till.suspense()) == (0, 0, 0)
    assert (await till.intent(attempt)).state is IntentState.OPEN
    await till.in_order()


async def test_of_two_attempts_that_are_paid_at_once_one_is_kept_and_one_goes_back(till: Till) -> None:
    await till.add_merchant(PlayedProvider("1901"))
    customer = await till.customer()
    intent = await till.topup(customer)
    attempts = [await till.offered(intent, merchant) for merchant in till.merchants]
    for attempt in attempts:
        till.providers[attempt.merchant_id].pays(attempt.number)
        await till.notified(attempt)
    await asyncio.gather(*(till.cashier.apply() for _ in range(4)))
    await till.works()
    assert await till.principal(customer) == 10_00
    found = [await till.attempt(attempt) for attempt in attempts]
    assert sorted(a.mark for a in found) == [Mark.NONE, Mark.DUPLICATE]
    assert sum(provider.holds_minor for provider in till.providers.values()) == 10_00
    assert (await till.intent(intent)).state is IntentState.PAID, (
        "the refund of a duplicate is none of the intent's"
    )
    await till.in_order()


async def test_what_pays_closes_the_other_ways_to_pay(till: Till) -> None:
    customer = await till.customer()
    intent = await till.topup(customer)
    first, second = [await till.offered(intent) for _ in range(2)]
    till.provider.pays(first.number)
    await till.notified(first)
    await till.works(rounds=2)
    assert (await till.attempt(second)).state is AttemptState.CLOSED
    assert till.provider.sheet.orders[second.number].state is PaymentState.CLOSED


async def test_an_intent_expires_only_when_no_code_of_it_can_be_paid_any_more(till: Till) -> None:
    till.provider.lazy = True  # the provider knows no order before it is scanned
    customer = await till.customer()
    intent = await till.topup(customer)
    attempt = await till.offered(intent)
    assert (await till.closed(attempt)).state is AttemptState.CLOSING, "its code may still be scanned"
    await till.passes(timedelta(minutes=31))
    await expire_intents(till.pool)
    assert (await till.intent(intent)).state is IntentState.OPEN
    await till.works(every=timedelta(minutes=6), rounds=3)
    assert (await till.attempt(attempt)).state is AttemptState.CLOSED
    assert (await till.intent(intent)).state is IntentState.EXPIRED


async def test_a_code_that_is_scanned_after_the_close_was_asked_for_still_pays(till: Till) -> None:
    till.provider.lazy = True
    customer = await till.customer()
    attempt = await till.offered(await till.topup(customer))
    await till.closed(attempt)
    till.provider.pays(attempt.number)
    await till.works(every=timedelta(minutes=2))
    assert await till.principal(customer) == 10_00
    await till.in_order()


async def test_an_intent_that_nobody_tried_to_pay_expires(till: Till) -> None:
    intent = await till.topup(await till.customer())
    await till.works(every=timedelta(minutes=29))
    assert (await till.intent(intent)).state is IntentState.OPEN
    await till.works(every=timedelta(minutes=2))
    assert (await till.intent(intent)).state is IntentState.EXPIRED
    with pytest.raises(NotPayable) as refused:
        await till.begin(intent)
    assert refused.value.reason is Unpayable.OVER


async def test_a_payer_who_fails_for_good_may_try_again(till: Till) -> None:
    intent = await till.topup(await till.customer())
    attempt = await till.offered(intent)
    till.provider.fails(attempt.number)
    await till.works(every=timedelta(seconds=5))
    assert (await till.attempt(attempt)).state is AttemptState.FAILED
    assert (await till.offered(intent)).state is AttemptState.PENDING


async def test_the_same_key_is_the_same_intent_and_attempt(till: Till) -> None:
    customer = await till.customer()
    intents = await asyncio.gather(*(till.topup(customer, key="one") for _ in range(8)))
    assert len({intent.intent_id for intent in intents}) == 1
    attempts = await asyncio.gather(*(till.begin(intents[0], key="try") for _ in range(8)))
    assert len({attempt.number for attempt in attempts}) == 1
    with pytest.raises(KeyReused):
        await till.topup(customer, 11_00, key="one")
    with pytest.raises(KeyReused):
        await till.begin(await till.topup(customer), key="try")


async def test_no_attempt_is_made_that_could_not_end_well(till: Till, pool: Pool) -> None:
    customer = await till.customer()
    tried = await till.topup(customer)
    for _ in range(MOST):
        await till.begin(tried)
    short = await till.topup(customer)
    await till.passes(timedelta(minutes=29))
    paid = await till.intent(await till.paid_topup(customer))
    fresh = await till.topup(customer)
    async with pool.acquire() as connection:
        await switch_merchant(connection, till.operator, till.merchant.merchant_id, active=False, by="test")
    shut = till.merchant
    reasons = {}
    for name, intent in {"shut": fresh}.items():
        with pytest.raises(NotPayable) as refused:
            await till.begin(intent, shut)
        reasons[name] = refused.value.reason
    async with pool.acquire() as connection:
        await switch_merchant(connection, till.operator, till.merchant.merchant_id, active=True, by="test")
    for name, intent in {"tried": tried, "short": short, "paid": paid}.items():
        with pytest.raises(NotPayable) as refused:
            await till.begin(intent)
        reasons[name] = refused.value.reason
    assert reasons == {
        "shut": Unpayable.NO_MERCHANT,
        "tried": Unpayable.TOO_LATE,
        "short": Unpayable.TOO_LATE,
        "paid": Unpayable.OVER,
    }
    with pytest.raises(MissingError):
        await begin_attempt(
            pool,
            BeginAttempt(
                operator=till.operator,
                key="x",
                intent="pay_none",
                merchant=shut.merchant_id,
                channel=Channel.QR,
            ),
        )


async def test_an_intent_is_tried_only_so_often(till: Till) -> None:
    intent = await till.topup(await till.customer())
    for _ in range(MOST):
        await till.begin(intent)
    with pytest.raises(NotPayable) as refused:
        await till.begin(intent)
    assert refused.value.reason is Unpayable.TOO_MANY


async def test_amounts_that_are_none_are_refused_by_name(till: Till) -> None:
    customer = await till.customer()
    for amount in (0, -1, 2**63):
        with pytest.raises(FieldError, match="amount_minor"):
            await till.topup(customer, amount)
    with pytest.raises(FieldError, match="bonus_minor"):
        await till.topup(customer, bonus_minor=-1)
    with pytest.raises(MissingError):
        await till.topup(CustomerId("cus_nobody"))
