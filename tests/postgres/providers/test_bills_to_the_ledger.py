"""Daily bills of made-up providers, by their real wires, held against the books on real PostgreSQL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from coinslot.payments.states import IntentState
from coinslot.sandbox.providers.switches import Failure
from coinslot.settlement.payments.bill_reports import bill_day_of
from coinslot.settlement.payments.bills import BillChecked

if TYPE_CHECKING:
    from tests.postgres.providers.conftest import WiredShop


async def test_the_bill_finds_what_nobody_told_of_and_keeps_apart_what_nobody_asked_for(
    wired: WiredShop,
) -> None:
    attempt = await wired.topup()
    assert (await wired.checked()).error, "the day is not over"
    await wired.until_ten()
    wired.switches.turn_on(Failure.BILL_NOT_READY, times=1)
    assert (await wired.checked()).error
    wired.switches.turn_on(Failure.BILL_REORDERED, times=1)
    wired.switches.turn_on(Failure.BILL_UNKNOWN_LINE)
    done = await wired.checked()
    assert done.agrees, done
    assert done.lines == 2
    assert await wired.till.principal(wired.customer) == 10_00
    assert (await wired.till.intent(attempt)).state is IntentState.PAID
    stray_minor = await wired.till.pool.fetchval(
        "SELECT amount_minor FROM provider_payment WHERE number IS NULL AND operator_id = $1",
        wired.till.operator,
    )
    assert await wired.till.reviews() == ["payment_suspense"]
    (total,) = done.totals
    assert total.paid_minor == total.our_paid_minor == 10_00 + stray_minor
    assert 0 < total.fees_minor < total.paid_minor
    paid = await wired.till.attempt(attempt)
    found = await bill_day_of(
        wired.till.pool, wired.till.operator, wired.merchant.provider, paid.provider_id or ""
    )
    assert found == wired.day
    kept = await wired.till.pool.fetch("SELECT raw FROM provider_bill_line")
    payer = "oUpF8" if wired.merchant.provider == "wechat" else "137****2600"
    assert not any(payer in row[0] for row in kept)


async def test_a_bill_that_cannot_be_relied_upon_changes_nothing(wired: WiredShop) -> None:
    await wired.topup()
    await wired.until_ten()
    broken: list[tuple[Failure, int]] = [(Failure.BILL_WRONG_HASH, 2), (Failure.BILL_LINK_EXPIRED, 2)]
    for failure, times in broken:
        wired.switches.turn_on(failure, times=times)
        assert (await wired.checked()).error, failure
        assert await wired.till.principal(wired.customer) == 0
    assert await wired.till.reviews() == []
    await _agrees(wired.checked)
    assert await wired.till.principal(wired.customer) == 10_00


async def _agrees(checked: Callable[[], Awaitable[BillChecked]]) -> None:
    done = await checked()
    assert done.agrees, done


async def test_a_line_that_is_missing_with_them_is_told_until_it_comes(wired: WiredShop) -> None:
    attempt = await wired.topup()
    await wired.clock.advance(1)
    await wired.topup()
    await wired.until_ten()
    await _agrees(wired.checked)
    wired.switches.turn_on(Failure.BILL_MISSING_LINE, times=1)
    # As our books have it, the payment was taken in today; what is due of the day is looked for by that.
    shop_day_of_books = (datetime.now(UTC) + timedelta(hours=8, minutes=10)).date()
    done = await wired.checked()
    paid = await wired.till.attempt(attempt)
    wanted = [("missing_with_them", paid.provider_id)] if shop_day_of_books == wired.day else []
    assert [(each.what.value, each.ref) for each in done.differences] == wanted
    await _agrees(wired.checked)
    assert await wired.till.pool.fetchval("SELECT count(*) FROM review WHERE closed_at IS NULL") == 0
