"""Money back to payers: never twice, never too much, never forgotten."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from coinslot.engines.connect import Pool
from coinslot.fields import MissingError
from coinslot.ledger.accounts import hold_principal
from coinslot.payments.model import Attempt, Intent, Refund, Why
from coinslot.payments.port import RefundState as Providers
from coinslot.payments.states import AttemptState, IllegalEvent, IntentState, RefundState
from coinslot.settlement.payments.errors import KeyReused, TooMuch
from coinslot.settlement.payments.refunds import RefundRequest, add_refund, ask_again, give_up_refund
from coinslot.settlement.payments.rows import find_attempt, lock_intent
from coinslot.settlement.payments.starts import due_starts, give_up_start
from coinslot.settlement.reconcile import reconcile
from tests.support.played_provider import Fault
from tests.support.till import Till, meanwhile


async def paid_direct(till: Till, amount_minor: int = 5_00) -> Intent:
    """A direct payment whose start is due."""
    attempt = await till.offered(await till.direct(amount_minor))
    till.provider.pays(attempt.number)
    await till.notified(attempt)
    await till.cashier.apply()
    return await till.intent(attempt)


async def given_up(till: Till) -> Refund:
    """A direct payment that no start will follow, its refund not yet sent."""
    intent = await paid_direct(till)
    refund = await give_up_start(till.pool, till.operator, intent.intent_id)
    assert refund is not None
    return refund


async def refund_of(till: Till) -> Refund:
    """The only one there is."""
    [refund] = await till.refunds()
    return refund


async def wants_back(
    pool: Pool, attempt: Attempt, amount_minor: int, key: str, why: Why = Why.UNUSED
) -> Refund:
    """Somebody asks for part of a payment."""
    async with pool.acquire() as connection, connection.transaction():
        await lock_intent(connection, attempt.operator_id, attempt.intent_id)
        return await add_refund(
            connection, attempt, RefundRequest(key=key, amount_minor=amount_minor, why=why)
        )


async def test_paid_but_not_started_is_given_back_exactly_once(till: Till, pool: Pool) -> None:
    intent = await paid_direct(till)
    async with pool.acquire() as connection:
        assert [each.intent_id for each in await due_starts(connection)] == [intent.intent_id]
        assert (await reconcile(connection, operator=till.operator)).sound, (
            "what is held for a start that is due is no stray"
        )
    refunds = await asyncio.gather(*(give_up_start(pool, till.operator, intent.intent_id) for _ in range(20)))
    assert len({refund.number for refund in refunds if refund is not None}) == 1
    assert await till.balance(hold_principal(intent.intent_id)) == 0
    assert await till.due() == 5_00
    await till.works(rounds=3)
    assert (await refund_of(till)).state is RefundState.SUCCEEDED
    assert (await till.intent(intent)).state is IntentState.REFUNDED
    assert (till.provider.holds_minor, await till.due()) == (0, 0)
    async with pool.acquire() as connection:
        assert await due_starts(connection) == []
    await till.in_order()


async def test_what_was_not_paid_cannot_be_given_up(till: Till, pool: Pool) -> None:
    for intent in (await till.direct(), await till.topup(await till.customer())):
        with pytest.raises(MissingError):
            await give_up_start(pool, till.operator, intent.intent_id)
    attempt = await till.paid_topup(await till.customer())
    with pytest.raises(MissingError):
        await give_up_start(pool, till.operator, attempt.intent_id)


async def test_a_refund_without_an_answer_is_asked_for_again_with_its_number(till: Till) -> None:
    refund = await given_up(till)
    till.provider.faults["refund"] = [Fault.UNANSWERED, Fault.LOST, Fault.BUSY, Fault.BROKEN]
    await till.works()
    assert (await refund_of(till)).state is RefundState.REQUESTED
    await till.works(every=timedelta(seconds=30))
    assert till.provider.calls.count("refund") == 1, "a provider wants a minute between two"
    await till.works(every=timedelta(minutes=5), rounds=4)
    done = await refund_of(till)
    assert (done.number, done.state) == (refund.number, RefundState.SUCCEEDED)
    assert list(till.provider.sheet.returns) == [refund.number]
    assert till.provider.holds_minor == 0
    await till.in_order()


async def test_a_refusal_after_an_unanswered_request_does_not_undo_what_it_did(till: Till) -> None:
    await given_up(till)
    till.provider.faults["refund"] = [Fault.UNANSWERED, Fault.REJECTED]
    await till.works()
    await till.works(every=timedelta(minutes=2))
    assert (await refund_of(till)).state is RefundState.SUCCEEDED
    assert till.provider.calls[-2:] == ["refund", "query_refund"]
    await till.in_order()


async def test_a_refusal_is_final_only_when_no_request_can_be_under_way(till: Till) -> None:
    await given_up(till)
    till.provider.faults["refund"] = [Fault.LOST, Fault.REJECTED, Fault.REJECTED]
    await till.works()
    await till.works(every=timedelta(minutes=2))
    assert (await refund_of(till)).state is RefundState.REQUESTED, "the first may still arrive"
    await till.works(every=timedelta(minutes=20))
    assert (await refund_of(till)).state is RefundState.CLOSED
    assert await till.reviews() == ["refund_closed"]
    assert await till.due() == 5_00, "it is still owed"
    await till.in_order()


async def test_a_refused_refund_is_closed_and_can_be_asked_anew(till: Till, pool: Pool) -> None:
    refund = await given_up(till)
    till.provider.faults["refund"] = [Fault.REJECTED]
    await till.works()
    assert (await refund_of(till)).state is RefundState.CLOSED
    attempt = await find_attempt(pool, till.operator, refund.attempt_number)
    assert attempt is not None
    assert attempt.refundable_minor == 5_00
    await wants_back(pool, attempt, 5_00, "again", Why.START_FAILED)
    await till.works()
    assert (await till.due(), till.provider.holds_minor) == (0, 0)
    assert (await till.intent(attempt)).state is IntentState.REFUNDED
    await till.in_order()


async def test_one_in_processing_is_asked_after_until_it_is_done(till: Till) -> None:
    till.provider.refunds_are = Providers.PROCESSING
    refund = await given_up(till)
    await till.works()
    assert (await refund_of(till)).state is RefundState.PROCESSING
    assert await till.due() == 5_00, "accepted is not done"
    await till.works(every=timedelta(minutes=2))
    till.provider.settles(refund.number, Providers.SUCCEEDED)
    till.provider.faults["query_refund"] = [Fault.LOST, Fault.BUSY]
    await till.works(every=timedelta(minutes=10), rounds=3)
    assert (await refund_of(till)).state is RefundState.SUCCEEDED
    assert till.provider.calls.count("refund") == 1
    await till.in_order()


async def test_a_notification_of_a_refund_before_its_answer_is_stored(till: Till) -> None:
    refund = await given_up(till)
    till.provider.refunds_are = Providers.PROCESSING

    async def is_done() -> None:
        till.provider.settles(refund.number, Providers.SUCCEEDED)
        for n in range(3):
            await till.hears(till.provider.refund_notice(refund.number, f"n{n}"))
        await till.cashier.apply()
        till.provider.settles(refund.number, Providers.PROCESSING)  # its answer was written before

    await meanwhile(till.provider, "refund", is_done)
    await till.cashier.call()
    await till.works()
    till.provider.settles(refund.number, Providers.SUCCEEDED)
    assert (await refund_of(till)).state is RefundState.SUCCEEDED
    await till.in_order()


WRONG: list[tuple[dict[str, object], str]] = [
    ({"amount_minor": 4_99}, "amount"),
    ({"amount_minor": None}, "amount"),
    ({"currency": "USD"}, "currency"),
    ({"merchant": "1901"}, "merchant"),
    ({"payment_number": "p" + "1" * 31}, "payment"),
    ({"number": "r" + "1" * 31}, "unknown_number"),
]


async def test_a_refund_that_does_not_agree_is_not_believed(till: Till) -> None:
    refund = await given_up(till)
    till.provider.refunds_are = Providers.PROCESSING
    await till.works()
    till.provider.settles(refund.number, Providers.SUCCEEDED)
    for changed, reason in WRONG:
        await till.hears(till.provider.refund_notice(refund.number, reason + str(changed), **changed))
        await till.cashier.apply()
        assert (await till.inbox())[-1] == ("quarantined", reason), changed
    assert (await refund_of(till)).state is RefundState.PROCESSING
    assert await till.due() == 5_00


async def test_an_abnormal_refund_is_for_a_person_who_may_try_again(till: Till, pool: Pool) -> None:
    till.provider.refunds_are = Providers.ABNORMAL
    refund = await given_up(till)
    await till.works()
    assert (await refund_of(till)).state is RefundState.ABNORMAL
    assert await till.reviews() == ["refund_abnormal"]
    await till.works(every=timedelta(hours=2), rounds=2)
    assert await till.reviews() == ["refund_abnormal"], "once is enough"
    till.provider.sheet.returns.clear()
    till.provider.refunds_are = Providers.SUCCEEDED
    await ask_again(pool, till.operator, refund.number)
    await till.works()
    assert (await refund_of(till)).state is RefundState.SUCCEEDED
    with pytest.raises(IllegalEvent):
        await ask_again(pool, till.operator, refund.number)
    await till.in_order()


async def test_an_abnormal_refund_that_the_provider_does_after_all(till: Till) -> None:
    till.provider.refunds_are = Providers.ABNORMAL
    refund = await given_up(till)
    await till.works()
    till.provider.settles(refund.number, Providers.SUCCEEDED)
    await till.works(every=timedelta(hours=2))
    assert (await refund_of(till)).state is RefundState.SUCCEEDED
    await till.in_order()


async def test_a_refund_that_is_done_after_a_person_gave_it_up_is_in_the_books(
    till: Till, pool: Pool
) -> None:
    till.provider.refunds_are = Providers.ABNORMAL
    refund = await given_up(till)
    await till.works()
    await give_up_refund(pool, till.operator, refund.number)
    assert await till.due() == 5_00
    till.provider.settles(refund.number, Providers.SUCCEEDED)
    await till.hears(till.provider.refund_notice(refund.number))
    await till.works()
    assert (await refund_of(till)).state is RefundState.SUCCEEDED
    assert await till.due() == 0
    await till.in_order()


async def test_a_person_is_told_of_one_that_never_ends(till: Till) -> None:
    await given_up(till)
    till.provider.faults["refund"] = [Fault.LOST] * 40
    await till.works(every=timedelta(hours=2), rounds=30)
    assert await till.reviews() == ["refund_stuck"]
    assert (await refund_of(till)).state is RefundState.REQUESTED


async def test_two_hundred_who_ask_at_once_never_get_more_than_was_paid(till: Till, pool: Pool) -> None:
    attempt = await till.paid_topup(await till.customer(), 100_00)
    answers = await asyncio.gather(
        *(wants_back(pool, attempt, 7_00, f"k{n}") for n in range(200)), return_exceptions=True
    )
    made = [answer for answer in answers if isinstance(answer, Refund)]
    refused = [answer for answer in answers if isinstance(answer, TooMuch)]
    assert (len(made), len(refused)) == (14, 186)
    assert {error.left_minor for error in refused} == {2_00}
    again = [f"k{n}" for n, answer in enumerate(answers) if isinstance(answer, Refund)]
    same = await asyncio.gather(*(wants_back(pool, attempt, 7_00, key) for key in again))
    assert {refund.number for refund in same} == {refund.number for refund in made}


async def test_the_database_itself_refuses_an_over_refund_and_a_changed_one(till: Till, pool: Pool) -> None:
    attempt = await till.paid_topup(await till.customer())
    refund = await wants_back(pool, attempt, 9_00, "k1")
    insert = (
        "INSERT INTO refund (operator_id, number, request_key, attempt_number, merchant_id, why, currency, amount_minor,"
        " next_at) VALUES ($1, $2, 'k2', $3, $4, 'unused', 'CNY', 101, now())"
    )
    with pytest.raises(asyncpg.CheckViolationError, match="over_refund"):
        await pool.execute(insert, till.operator, "r" + "2" * 31, attempt.number, attempt.merchant_id)
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute("UPDATE refund SET amount_minor = 1 WHERE number = $1", refund.number)
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(
            "UPDATE payment_attempt SET refunding_minor = 10_01 WHERE number = $1", attempt.number
        )
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute("DELETE FROM refund")


async def test_the_same_key_for_another_refund_is_refused(till: Till, pool: Pool) -> None:
    attempt = await till.paid_topup(await till.customer())
    first = await wants_back(pool, attempt, 1_00, "k1")
    assert await wants_back(pool, attempt, 1_00, "k1") == first
    with pytest.raises(KeyReused):
        await wants_back(pool, attempt, 2_00, "k1")
    unpaid = await till.offered(await till.topup(await till.customer()))
    assert unpaid.state is AttemptState.PENDING
    with pytest.raises(TooMuch):
        await wants_back(pool, unpaid, 1, "k9")
