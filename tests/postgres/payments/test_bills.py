"""Providers' bills held against the books: taken in once, told of once, solved by themselves."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

from msgspec.structs import replace

from coinslot.engines.connect import connect_owner
from coinslot.payments.port import BillLine, BillLineKind, RefundState
from coinslot.payments.states import IntentState
from coinslot.settlement.payments.bill_checks import BillChecks
from coinslot.settlement.payments.bill_reports import bill_day_of, bill_days, bill_differences
from coinslot.settlement.payments.bills import BillChecked, check_bill
from coinslot.settlement.payments.starts import give_up_start
from tests.support.played_provider import Fault
from tests.support.till import Till


def today() -> date:
    """The day in whose bill what is paid now is looked for: Beijing's, and from ten minutes before midnight the next."""
    return (datetime.now(UTC) + timedelta(hours=8, minutes=10)).date()


STRAY = BillLine(
    kind=BillLineKind.PAYMENT,
    number="SomebodyElses",
    provider_id="tx-stray",
    amount_minor=77,
    fee_minor=0,
    currency="CNY",
    at=datetime.now(UTC),
    raw="a line",
)


async def checked(till: Till, day: date | None = None) -> BillChecked:
    return await check_bill(till.pool, till.provider, till.merchant, day or today())


async def agree(till: Till, day: date | None = None) -> None:
    done = await checked(till, day)
    assert done.agrees, done.differences


async def test_a_day_of_business_agrees_and_payments_know_their_bill(till: Till) -> None:
    customer = await till.customer()
    attempt = await till.paid_topup(customer, 10_00)
    back = await till.offered(await till.direct(5_00))
    till.provider.pays(back.number)
    await till.notified(back)
    await till.cashier.apply()
    await give_up_start(till.pool, till.operator, back.intent_id)
    await till.works(rounds=2, every=timedelta(seconds=70))
    till.provider.writes_bill()
    done = await checked(till)
    assert done.agrees, done.differences
    (total,) = done.totals
    assert (total.paid_minor, total.refunded_minor, total.fees_minor, done.lines) == (15_00, 5_00, 6, 3)
    assert (total.our_paid_minor, total.our_refunded_minor, total.net_minor) == (15_00, 5_00, 9_94)
    paid = await till.attempt(attempt)
    assert paid.provider_id is not None
    assert await bill_day_of(till.pool, till.operator, paid.provider, paid.provider_id) == today()
    assert await bill_day_of(till.pool, till.operator, paid.provider, "other") is None
    (day,) = await bill_days(till.pool, till.operator)
    assert (day.day, day.lines, day.open_differences, day.totals) == (today(), 3, 0, list(done.totals))
    again = await checked(till)
    assert again == done
    assert await till.reviews() == []
    await till.in_order()


async def test_a_payment_of_which_nobody_told_is_found_by_the_bill(till: Till) -> None:
    customer = await till.customer()
    attempt = await till.offered(await till.topup(customer, 10_00))
    till.provider.pays(attempt.number)
    till.provider.writes_bill()
    await agree(till)
    await agree(till)
    assert await till.principal(customer) == 10_00
    assert (await till.intent(attempt)).state is IntentState.PAID
    await till.notified(attempt)
    await till.cashier.apply()
    assert await till.principal(customer) == 10_00, "its notification comes after all, and changes nothing"
    await till.in_order()


async def test_money_that_nobody_asked_for_is_in_suspense_once(till: Till) -> None:
    till.provider.bill = [STRAY]
    await asyncio.gather(*(agree_or_busy(till) for _ in range(4)))
    await agree(till)
    assert await till.suspense() == 77
    assert await till.reviews() == ["payment_suspense"]
    await till.in_order(exactly=False)


async def agree_or_busy(till: Till) -> None:
    done = await checked(till)
    assert done.agrees or done.error == "BUSY", done


async def test_a_refund_whose_end_was_not_heard_is_asked_about(till: Till) -> None:
    attempt = await till.offered(await till.direct(5_00))
    till.provider.pays(attempt.number)
    await till.notified(attempt)
    await till.cashier.apply()
    await give_up_start(till.pool, till.operator, attempt.intent_id)
    till.provider.refunds_are = RefundState.PROCESSING
    await till.works()
    (refund,) = await till.refunds()
    till.provider.settles(refund.number, RefundState.SUCCEEDED)
    till.provider.writes_bill()
    await agree(till)
    assert (await till.intent(attempt)).state is IntentState.REFUNDED
    assert await till.clearing() == 0


async def test_each_difference_is_one_review_that_closes_when_it_is_solved(till: Till) -> None:
    customer = await till.customer()
    await till.paid_topup(customer, 10_00)
    lines = till.provider.writes_bill()
    right = list(lines)
    unknown = replace(STRAY, kind=BillLineKind.REFUND, number="r-unknown", provider_id="rf-unknown")
    till.provider.bill = [replace(lines[0], amount_minor=9_99), unknown]
    done = await checked(till)
    assert [each.what.value for each in done.differences] == ["amount", "missing_with_us"]
    assert (done.differences[0].theirs, done.differences[0].ours) == ("999", "1000")
    await checked(till)
    assert await till.reviews() == ["provider_bill", "provider_bill"], "told once, however often it is found"
    assert "bill 999, books 1000 CNY" in await till.pool.fetchval(
        "SELECT detail FROM review ORDER BY review_id LIMIT 1"
    )
    till.provider.bill = right
    await agree(till)
    assert await open_reviews(till) == []
    till.provider.bill = []
    assert [each.what.value for each in (await checked(till)).differences] == ["missing_with_them"]
    till.provider.bill = [replace(right[0], amount_minor=9_99)]
    await checked(till)
    assert await open_reviews(till) == ["provider_bill"]
    (told,) = await bill_differences(till.pool, till.operator)
    assert (told.what, told.day, told.theirs, told.ours) == ("amount", today(), "999", "1000")


async def open_reviews(till: Till) -> list[str]:
    rows = await till.pool.fetch("SELECT reason FROM review WHERE closed_at IS NULL ORDER BY review_id")
    return [row[0] for row in rows]


async def test_a_payment_at_the_days_end_may_stand_in_the_next_bill(till: Till) -> None:
    await till.paid_topup(await till.customer(), 10_00)
    tomorrow = till.provider.writes_bill()
    till.provider.bill = []
    assert [each.what.value for each in (await checked(till)).differences] == ["missing_with_them"]
    till.provider.bill = tomorrow
    await agree(till, today() + timedelta(days=1))
    assert await open_reviews(till) == [], "the later bill has solved the earlier one's difference"


async def test_the_ledger_is_part_of_the_books(till: Till, payments_url: str) -> None:
    attempt = await till.paid_topup(await till.customer(), 10_00)
    till.provider.writes_bill()
    owner = await connect_owner(payments_url)
    # As if an entry had been lost: the ledger's own rules would never let it pass.
    await owner.execute("ALTER TABLE ledger_entry DISABLE TRIGGER USER")
    key = f"payment:{attempt.intent_id}:topup"
    await owner.execute("UPDATE ledger_entry SET key = key || ':lost' WHERE key = $1", key)
    try:
        assert [each.what.value for each in (await checked(till)).differences] == ["ledger"]
    finally:
        await owner.execute("UPDATE ledger_entry SET key = $1 WHERE key = $1 || ':lost'", key)
        await owner.execute("ALTER TABLE ledger_entry ENABLE TRIGGER USER")
        await owner.close()
    await agree(till)


async def test_a_bill_that_is_late_is_asked_for_again_and_a_broken_one_is_told(till: Till) -> None:
    assert (await checked(till)).error == "NOT_READY"
    assert await till.reviews() == []
    row = await till.pool.fetchrow(
        "SELECT error, compared_at, next_at > now() + interval '4 min' FROM provider_bill"
    )
    assert tuple(row) == ("NOT_READY", None, True)
    till.provider.faults["download_bill"] = [Fault.REJECTED, Fault.REJECTED]
    await checked(till)
    await checked(till)
    assert await till.reviews() == ["provider_bill_missing"]
    await till.pool.execute("UPDATE provider_bill SET tries = 30, review_id = NULL")
    await till.pool.execute("UPDATE review SET closed_at = now()")
    await checked(till)
    assert await open_reviews(till) == ["provider_bill_missing"], "one that has not come for days"
    till.provider.bill = []
    await agree(till)
    assert await open_reviews(till) == []


async def test_without_an_answer_about_a_line_nothing_is_assumed(till: Till) -> None:
    attempt = await till.offered(await till.topup(await till.customer(), 10_00))
    till.provider.pays(attempt.number)
    till.provider.writes_bill()
    till.provider.faults["query"] = [Fault.LOST]
    assert [each.what.value for each in (await checked(till)).differences] == ["missing_with_us"]
    await agree(till)
    assert await open_reviews(till) == []


async def test_bills_are_fetched_by_themselves_once_they_are_due(till: Till) -> None:
    await till.pool.execute("UPDATE merchant SET created_at = now() - interval '4 days'")
    till.provider.bill = []
    checks = BillChecks(till.pool, till.find)
    looked_at = await checks.once()
    assert looked_at in (3, 4), "the days until yesterday, or the day before in the early morning"
    assert await checks.once() == 0
    assert till.provider.calls.count("download_bill") == looked_at
    days = await bill_days(till.pool, till.operator)
    assert [each.day for each in days] == sorted((each.day for each in days), reverse=True)


async def test_nobody_without_keys_is_asked(till: Till) -> None:
    await till.pool.execute("UPDATE merchant SET created_at = now() - interval '4 days'")
    assert await BillChecks(till.pool, lambda _: None).once() == 0
