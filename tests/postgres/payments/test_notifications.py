"""What providers say by themselves: twice, at once, too early, too late, falsely."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest

from coinslot.engines.connect import Pool, open_pool
from coinslot.ledger.accounts import customer_arrears, customer_bonus, hold_principal
from coinslot.payments.model import Mark
from coinslot.payments.port import Outcome, PaymentSeen, PaymentState, RefundSeen, RefundState
from coinslot.payments.states import AttemptState, IntentState
from coinslot.people.erasing import forget_person
from coinslot.settlement.payments.inbox import apply_next
from tests.support.played_provider import PlayedProvider
from tests.support.till import Till, meanwhile


async def test_a_payment_fills_the_wallet_with_its_bonus_after_what_was_owed(till: Till) -> None:
    customer = await till.customer(owes_minor=45)
    attempt = await till.offered(await till.topup(customer, 10_00, bonus_minor=1_00))
    assert attempt.state is AttemptState.PENDING
    assert attempt.created is not None
    till.provider.pays(attempt.number)
    assert await till.notified(attempt) is Outcome.TAKEN
    assert await till.principal(customer) == 0, "an answer is given before anything is done"
    await till.cashier.apply()
    assert await till.principal(customer) == 10_00 - 45
    assert await till.balance(customer_bonus(customer)) == 1_00
    assert await till.balance(customer_arrears(customer)) == 0
    intent = await till.intent(attempt)
    assert (intent.state, intent.paid_by, intent.follow_at) == (IntentState.PAID, attempt.number, None)
    await till.in_order()


async def test_a_direct_payment_is_held_and_its_start_is_due(till: Till) -> None:
    attempt = await till.offered(await till.direct(5_00))
    till.provider.pays(attempt.number)
    await till.notified(attempt)
    await till.cashier.apply()
    intent = await till.intent(attempt)
    assert intent.state is IntentState.PAID
    assert intent.follow_at is not None
    assert await till.balance(hold_principal(intent.intent_id)) == 5_00
    await till.in_order()


async def test_the_same_notification_again_and_again_is_one_payment(till: Till) -> None:
    customer = await till.customer()
    attempt = await till.paid_topup(customer)
    for _ in range(5):
        assert await till.notified(attempt) is Outcome.TAKEN
        await till.cashier.apply()
    assert await till.notified(attempt, "another-id") is Outcome.TAKEN
    await till.cashier.apply()
    assert await till.principal(customer) == 10_00
    assert await till.inbox() == [("applied", ""), ("applied", "")]
    await till.in_order()


async def test_many_notifications_at_once_through_many_workers_are_one_payment(till: Till) -> None:
    customer = await till.customer()
    attempt = await till.offered(await till.topup(customer))
    till.provider.pays(attempt.number)
    answers = await asyncio.gather(*(till.notified(attempt, f"n{n % 5}") for n in range(30)))
    assert set(answers) == {Outcome.TAKEN}
    await asyncio.gather(*(till.cashier.apply() for _ in range(8)))
    assert await till.principal(customer) == 10_00
    assert len(await till.inbox()) == 5
    await till.in_order()


async def test_a_replay_and_a_forgery_leave_no_trace(till: Till) -> None:
    customer = await till.customer()
    attempt = await till.offered(await till.topup(customer))
    till.provider.pays(attempt.number)
    headers, raw = till.provider.notice(attempt.number)
    till.provider.ahead = timedelta(minutes=6)
    assert await till.hears((headers, raw)) is Outcome.REFUSED
    till.provider.ahead = timedelta()
    assert await till.hears((headers, raw.replace(b"1000", b"9000"))) is Outcome.REFUSED
    other = PlayedProvider("6666")
    other.sheet = till.provider.sheet
    assert await till.hears(other.notice(attempt.number)) is Outcome.REFUSED
    assert await till.inbox() == []
    assert await till.hears((headers, raw)) is Outcome.TAKEN


async def test_one_that_cannot_be_stored_is_asked_for_again(till: Till, payments_url: str) -> None:
    attempt = await till.offered(await till.topup(await till.customer()))
    till.provider.pays(attempt.number)
    said = till.provider.notice(attempt.number)
    gone = await open_pool(payments_url)
    await gone.close()
    whole, till.pool = till.pool, gone
    assert await till.hears(said) is Outcome.AGAIN
    till.pool = whole
    assert await till.hears(said) is Outcome.TAKEN


async def test_a_notification_before_create_has_returned_is_a_payment(till: Till) -> None:
    customer = await till.customer()
    attempt = await till.begin(await till.topup(customer))

    async def is_paid() -> None:
        till.provider.pays(attempt.number)
        await till.notified(attempt)
        await till.cashier.apply()

    await meanwhile(till.provider, "create", is_paid)
    created = await till.create(attempt)
    assert created.state is AttemptState.SUCCEEDED, "what create says later does not undo it"
    assert await till.principal(customer) == 10_00
    await till.in_order()


WRONG: list[tuple[dict[str, object], str, int]] = [
    ({"amount_minor": 1}, "amount", 1),
    ({"amount_minor": 10_01}, "amount", 10_01),
    ({"amount_minor": None}, "amount", 0),
    ({"amount_minor": -10_00}, "amount", 0),
    ({"amount_minor": 0}, "amount", 0),
    ({"amount_minor": 2**63}, "amount", 0),
    ({"currency": "USD"}, "currency", 10_00),
    ({"currency": ""}, "currency", 0),
    ({"app": "app2"}, "app", 10_00),
    ({"app": ""}, "app", 10_00),
    ({"merchant": "1901"}, "merchant", 0),
    ({"merchant": ""}, "merchant", 0),
    ({"number": "p" + "0" * 31}, "unknown_number", 10_00),
    ({"number": "'; drop\u0000 --"}, "not_posted", 10_00),
    ({"provider_id": ""}, "no_transaction", 0),
]


async def test_what_does_not_agree_is_quarantined_and_never_credited(till: Till, pool: Pool) -> None:
    customer = await till.customer()
    for number, (changed, reason, suspended) in enumerate(WRONG):
        attempt = await till.offered(await till.topup(customer))
        id = till.provider.pays(attempt.number)
        assert await till.notified(attempt, f"a{number}", **changed) is Outcome.TAKEN
        await till.cashier.apply()
        assert (await till.inbox())[-1] == ("quarantined", reason), changed
        assert (await till.intent(attempt)).state is IntentState.OPEN, changed
        wanted = ("payment_suspense" if suspended else "payment_quarantined",)
        assert (await till.reviews())[-1:] == [*wanted], changed
        await till.notified(attempt, f"b{number}", **changed)
        await till.cashier.apply()
        taken = await pool.fetch("SELECT * FROM provider_payment WHERE provider_id = $1", id)
        assert [row["amount_minor"] for row in taken] == [suspended] * bool(suspended), changed
        assert [row["currency"] for row in taken] == [changed.get("currency", "CNY")] * bool(suspended)
    assert await till.principal(customer) == 0
    assert await till.suspense() == sum(s for c, _, s in WRONG if "currency" not in c)


async def test_a_payment_of_another_operators_attempt_is_not_this_ones(till: Till, pool: Pool) -> None:
    other = await Till(pool).open(["2900"])
    victim = await other.customer()
    theirs = await other.offered(await other.topup(victim))
    said = till.provider.signed(
        "n1",
        PaymentSeen(
            number=theirs.number,
            state=PaymentState.PAID,
            provider_id="tx-1",
            amount_minor=10_00,
            currency="CNY",
            merchant="1900",
            app="app1",
        ),
    )
    assert await till.hears(said) is Outcome.TAKEN
    await till.cashier.apply()
    assert await till.inbox() == [("quarantined", "unknown_number")]
    assert await other.principal(victim) == 0
    assert (await other.attempt(theirs)).state is AttemptState.PENDING


async def test_a_merchant_cannot_pay_what_was_ordered_with_another(till: Till) -> None:
    await till.add_merchant(PlayedProvider("1901"))
    customer = await till.customer()
    attempt = await till.offered(await till.topup(customer))
    till.provider.pays(attempt.number)
    second = till.merchants[1]
    other = till.providers[second.merchant_id]
    seen = till.provider._seen(attempt.number)
    said = other.signed("n1", msgspec.structs.replace(seen, merchant="1901"))
    await till.hears(said, second.merchant_id)
    await till.cashier.apply()
    assert await till.inbox() == [("quarantined", "unknown_number")]
    assert await till.principal(customer) == 0


async def test_one_payment_of_the_provider_pays_for_one_thing_only(till: Till) -> None:
    customer = await till.customer()
    first = await till.paid_topup(customer)
    second = await till.offered(await till.topup(customer))
    till.provider.pays(second.number)
    await till.notified(second, provider_id=first.provider_id)
    await till.cashier.apply()
    assert await till.principal(customer) == 10_00
    assert await till.inbox() == [("applied", ""), ("quarantined", "taken")]
    assert await till.suspense() == 0


async def test_a_second_payment_under_the_same_number_is_kept_apart(till: Till) -> None:
    customer = await till.customer()
    attempt = await till.paid_topup(customer)
    await till.notified(attempt, "n2", provider_id="tx-other")
    await till.cashier.apply()
    assert await till.principal(customer) == 10_00
    assert await till.suspense() == 10_00
    assert await till.reviews() == ["payment_suspense"]


async def test_the_same_id_with_other_words_is_heard_too(till: Till) -> None:
    customer = await till.customer()
    attempt = await till.offered(await till.topup(customer))
    await till.notified(attempt, "one-id")
    till.provider.pays(attempt.number)
    await till.notified(attempt, "one-id")
    await till.notified(attempt, "one-id")
    await till.cashier.apply()
    assert await till.principal(customer) == 10_00
    assert await till.inbox() == [("applied", "")] * 2


async def test_a_refund_nobody_asked_for_is_shown_to_a_person(till: Till) -> None:
    seen = RefundSeen(
        number="r" + "0" * 31,
        payment_number="p" + "0" * 31,
        state=RefundState.SUCCEEDED,
        provider_id="rf-1",
        amount_minor=5_00,
        currency="CNY",
        merchant="1900",
    )
    await till.hears(till.provider.signed("n1", seen))
    await till.cashier.apply()
    assert await till.inbox() == [("quarantined", "unknown_number")]
    assert await till.reviews() == ["payment_quarantined"]


async def test_what_the_ledger_refuses_blocks_nobody_and_is_not_lost(till: Till, pool: Pool) -> None:
    rich = await till.customer(cash_minor=2**62)
    first = await till.offered(await till.topup(rich, 2**62))
    till.provider.pays(first.number)
    await till.notified(first)
    customer = await till.customer()
    second = await till.offered(await till.topup(customer))
    till.provider.pays(second.number)
    await till.notified(second)
    await till.cashier.apply()
    assert await till.principal(customer) == 10_00
    assert (await till.inbox())[0] == ("quarantined", "not_posted")
    assert await till.suspense() == 2**62
    assert await till.principal(rich) == 2**62
    await till.in_order()


async def test_the_payers_id_is_stored_nowhere(till: Till, pool: Pool) -> None:
    attempt = await till.offered(await till.topup(await till.customer()))
    till.provider.pays(attempt.number)
    await till.notified(attempt, amount_minor=1)
    await till.cashier.apply()
    await till.works(every=timedelta(minutes=1))
    for table in ("payment_inbox", "review", "payment_attempt", "audit"):
        assert not [row for row in await pool.fetch(f"SELECT x::text FROM {table} x") if "openid" in row[0]]


async def test_money_for_somebody_who_was_forgotten_goes_back_to_the_payer(till: Till, pool: Pool) -> None:
    customer = await till.customer()
    attempt = await till.offered(await till.topup(customer))
    async with pool.acquire() as connection:
        await forget_person(connection, till.operator, customer, "test")
    till.provider.pays(attempt.number)
    await till.notified(attempt)
    await till.works()
    assert (await till.attempt(attempt)).mark is Mark.UNWANTED
    assert await till.principal(customer) == 0
    assert till.provider.holds_minor == 0
    await till.in_order()


async def test_one_that_nothing_can_be_made_of_holds_up_no_other_and_becomes_a_persons(
    till: Till, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    customer = await till.customer()
    broken, whole = [await till.offered(await till.topup(customer)) for _ in range(2)]
    for attempt in (broken, whole):
        till.provider.pays(attempt.number)
        await till.notified(attempt)
    await pool.execute(
        "UPDATE payment_inbox SET event = '{}' WHERE notification_id = $1", f"n:{broken.number}"
    )
    await till.cashier.apply()
    assert await till.principal(customer) == 10_00
    for _ in range(8):
        await pool.execute("UPDATE payment_inbox SET next_at = now() WHERE state = 'new'")
        await till.cashier.apply()
    assert ("quarantined", "failed") in await till.inbox()
    assert await till.reviews() == ["payment_quarantined"]
    assert "failed 6 times" in caplog.text
    caplog.clear()  # the fixture complains of what is logged with its traceback
    await till.works(every=timedelta(minutes=1))
    assert await till.principal(customer) == 20_00, "asking finds it all the same"


async def test_a_worker_that_dies_after_the_answer_has_lost_nothing(till: Till, pool: Pool) -> None:
    customer = await till.customer()
    attempt = await till.offered(await till.topup(customer))
    till.provider.pays(attempt.number)
    await till.notified(attempt)
    # Applied in a transaction that is never committed.
    connection = await pool.acquire()
    dying = connection.transaction()
    await dying.start()
    await connection.execute("SELECT FROM payment_inbox FOR NO KEY UPDATE")
    assert await apply_next(pool) is False, "one that somebody holds is left to them"
    await dying.rollback()
    await pool.release(connection)
    assert await apply_next(pool) is True
    assert await till.principal(customer) == 10_00
