"""A provider's daily bill, fetched, kept and held against the books both ways.

What the bill has and the books have not is asked about first and taken in: a payment whose notification never came is
credited, one that nobody asked for goes into suspense, each once. What then still does not agree is for a person.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date
from typing import Final

from msgspec import Struct

from coinslot.payments.billing import (
    LATE_AFTER,
    Difference,
    Total,
    compare,
    period,
    totals,
    unheard,
)
from coinslot.payments.model import Merchant
from coinslot.payments.port import (
    BillLine,
    BillLineKind,
    PaymentSeen,
    PaymentState,
    Provider,
    ProviderError,
    Rejected,
)
from coinslot.settlement.payments import bill_rows
from coinslot.settlement.payments.bill_ours import is_taken, ours_of
from coinslot.settlement.payments.bill_rows import DueBill
from coinslot.settlement.payments.inbox import apply_answer
from coinslot.settlement.payments.reviews import PaymentReview, open_review
from coinslot.settlement.payments.rows import find_attempt, find_merchant, find_refund
from coinslot.settlement.payments.unit import Connection, Pool, ask, transaction
from coinslot.settlement.points import Asked, Purpose

log = logging.getLogger(__name__)

DOWNLOAD_S: Final = 240.0
"""What a bill may take to come: adapters end it by their own deadlines, this is within the lease."""


class BillChecked(Struct, frozen=True, kw_only=True):
    """What became of one bill."""

    merchant_id: str
    day: date
    error: str = ""
    """Why it could not be had, in the provider's word; it is asked for again by itself."""
    lines: int = 0
    totals: tuple[Total, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether bill and books are the same."""
        return not self.error and not self.differences


async def check_bill(pool: Pool, provider: Provider, merchant: Merchant, day: date) -> BillChecked:
    """This day's bill now, whether it was fetched before or not."""
    zone = await bill_rows.zone_of(pool, merchant.operator_id, provider.bill_zone)
    found = period(day, zone)
    await bill_rows.add_bill(pool, merchant, day, found.begins_at, found.ends_at)
    await bill_rows.hurry(pool, merchant, day)
    due = await bill_rows.take_due(pool, (merchant.operator_id, merchant.merchant_id, day))
    if due is None:
        return BillChecked(merchant_id=merchant.merchant_id, day=day, error="BUSY")
    return await check_due(pool, provider, merchant, due)


async def check_due(pool: Pool, provider: Provider, merchant: Merchant, due: DueBill) -> BillChecked:
    """A bill that the caller has leased. No ProviderError leaves."""
    try:
        lines = await ask(Asked.BILL, provider.download_bill(due.day), DOWNLOAD_S)
    except ProviderError as error:
        await _late(pool, merchant, due, error)
        return BillChecked(merchant_id=due.merchant_id, day=due.day, error=error.code)
    async with transaction(pool, Purpose.BILL) as connection:
        await bill_rows.hold_bill(connection, due)
        await bill_rows.keep_lines(connection, due, lines)
    for line in unheard(lines, await ours_of(pool, due, merchant.provider)):
        await _look_up(pool, provider, merchant, due, line)
    async with transaction(pool, Purpose.BILL) as connection:
        checked = await _compare(connection, merchant, due, done=True)
        # A payment at a day's end may stand in the next day's bill: with this one, that is settled.
        for other in await bill_rows.unsolved_days(connection, due):
            await _compare(connection, merchant, other, done=False)
    return checked


async def recompare(pool: Pool, due: DueBill) -> BillChecked:
    """Hold a kept bill against the books as they are now; nobody is asked anything."""
    merchant = await find_merchant(pool, due.operator_id, due.merchant_id)
    assert merchant is not None
    async with transaction(pool, Purpose.BILL) as connection:
        return await _compare(connection, merchant, due, done=False)


async def _late(pool: Pool, merchant: Merchant, due: DueBill, error: ProviderError) -> None:
    """Again later; a person hears of one that cannot be read, or has not come for days."""
    log.warning("the bill of %s for %s: %s", merchant.merchant_id, due.day, error)
    async with transaction(pool, Purpose.BILL) as connection:
        review_id = None
        if due.review_id is None and (isinstance(error, Rejected) or due.tries >= LATE_AFTER):
            said = f"{merchant.provider} {merchant.merchant_id}: bill of {due.day}: {error}"
            review_id = await open_review(connection, due.operator_id, PaymentReview.BILL_MISSING, said)
        await bill_rows.put_off(connection, due, error.code, review_id)


async def _look_up(pool: Pool, provider: Provider, merchant: Merchant, due: DueBill, line: BillLine) -> None:
    """What the provider says of a line that the books do not know the end of; without an answer a difference tells."""
    operator = merchant.operator_id
    try:
        if line.kind is BillLineKind.REFUND:
            refund = await find_refund(pool, operator, line.number)
            if refund is None or refund.merchant_id != merchant.merchant_id:
                return
            told = await ask(Asked.QUERY_REFUND, provider.query_refund(refund.number, refund.attempt_number))
            async with transaction(pool, Purpose.SEEN) as connection:
                await apply_answer(connection, merchant, told)
            return
        attempt = await find_attempt(pool, operator, line.number)
        seen = _as_seen(merchant, line)
        if attempt is not None and attempt.merchant_id == merchant.merchant_id:
            asked_now = await ask(Asked.QUERY, provider.query(attempt.number))
            # Another payment of the same order's is one that nobody asked for; the provider names one of them.
            if asked_now.state is not PaymentState.PAID or asked_now.provider_id == line.provider_id:
                seen = asked_now
    except ProviderError as error:
        log.warning("%s could not be asked about a line of its bill: %s", merchant.merchant_id, error.code)
        return
    async with transaction(pool, Purpose.SEEN) as connection:
        # Two who read the same bill at once take turns, so that nobody is told of one payment twice.
        await bill_rows.hold_bill(connection, due)
        if not await is_taken(connection, merchant, line.provider_id):
            await apply_answer(connection, merchant, seen)


def _as_seen(merchant: Merchant, line: BillLine) -> PaymentSeen:
    """The bill is verified and the merchant's own: what it says was paid to it."""
    return PaymentSeen(
        number=line.number,
        state=PaymentState.PAID,
        provider_id=line.provider_id,
        amount_minor=line.amount_minor,
        currency=line.currency,
        merchant=merchant.account,
        app=merchant.app,
        paid_at=line.at,
    )


async def _compare(connection: Connection, merchant: Merchant, due: DueBill, *, done: bool) -> BillChecked:
    await bill_rows.hold_bill(connection, due)
    lines = await bill_rows.lines_of(connection, due.key)
    ours = await ours_of(connection, due, merchant.provider)
    found, sums = compare(lines, ours), totals(lines, ours)
    await _note(connection, merchant, due, found)
    missed = await bill_rows.note_compared(connection, due, sums, done=done)
    if missed is not None:
        await bill_rows.close_review_of(connection, due, missed, "the bill has come")
    return BillChecked(
        merchant_id=due.merchant_id,
        day=due.day,
        lines=len(lines),
        totals=tuple(sums),
        differences=tuple(found),
    )


async def _note(
    connection: Connection, merchant: Merchant, due: DueBill, found: Sequence[Difference]
) -> None:
    """A review for each that is new or otherwise than it was; those that are gone are solved."""
    known = {_id(each.difference): each for each in await bill_rows.known_differences(connection, due)}
    for each in found:
        earlier = known.pop(_id(each), None)
        if earlier is not None and earlier.is_open:
            if earlier.difference == each:
                continue
            await bill_rows.close_review_of(connection, due, earlier.review_id, "it is otherwise now")
        said = (
            f"{merchant.provider} {merchant.merchant_id}: bill of {due.day}: {each.what} {each.kind} {each.ref[:64]!r} "
            f"number {each.number[:64]!r}: bill {each.theirs or 'nothing'}, books {each.ours or 'nothing'} {each.currency}"
        )
        review_id = await open_review(connection, due.operator_id, PaymentReview.BILL, said)
        await bill_rows.add_difference(connection, due, each, review_id)
    for gone in known.values():
        if gone.is_open:
            await bill_rows.solve_difference(connection, due, gone)


def _id(each: Difference) -> tuple[str, str, str]:
    return each.what.value, each.kind.value, each.ref
