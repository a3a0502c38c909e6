"""Rows of providers' bills: what is due, what a day held, what does not agree."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from msgspec import Struct

from coinslot.payments.billing import Difference, Total, bill_pause, ref_of
from coinslot.payments.model import Merchant
from coinslot.payments.port import BillLine
from coinslot.rows import many, one
from coinslot.settlement.payments.rows import Access
from coinslot.settlement.payments.unit import Connection
from coinslot.wire.ids import OperatorId

LEASE_S: Final = 300
"""Longer than any bill takes to come."""

_ADD: Final = """
    INSERT INTO provider_bill (operator_id, merchant_id, day, begins_at, ends_at, next_at)
    VALUES ($1, $2, $3, $4, $5, now()) ON CONFLICT DO NOTHING
"""
_TAKE: Final = f"""
    UPDATE provider_bill b SET tries = b.tries + 1, next_at = now() + make_interval(secs => {LEASE_S})
    FROM (SELECT operator_id, merchant_id, day FROM provider_bill
          WHERE next_at <= now() AND ($1::text IS NULL OR (operator_id, merchant_id, day) = ($1, $2, $3))
          ORDER BY next_at, day LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) due
    WHERE (b.operator_id, b.merchant_id, b.day) = (due.operator_id, due.merchant_id, due.day)
    RETURNING b.operator_id, b.merchant_id, b.day, b.begins_at, b.ends_at, b.tries, b.review_id
"""
_HURRY: Final = (
    "UPDATE provider_bill SET next_at = now() WHERE (operator_id, merchant_id, day) = ($1, $2, $3)"
)
_PUT_OFF: Final = """
    UPDATE provider_bill SET next_at = now() + $4, error = $5, review_id = coalesce($6, review_id)
    WHERE (operator_id, merchant_id, day) = ($1, $2, $3)
"""
_FORGET: Final = "DELETE FROM provider_bill_line WHERE (operator_id, merchant_id, day) = ($1, $2, $3)"
_KEEP: Final = """
    INSERT INTO provider_bill_line
    SELECT $1, $2, $3, t.* FROM unnest($4::int[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::bigint[], $11::bigint[], $12::timestamptz[], $13::text[]) AS t
"""
_FETCHED: Final = """
    UPDATE provider_bill SET fetched_at = now(), error = '', lines = $4
    WHERE (operator_id, merchant_id, day) = ($1, $2, $3)
"""
_HOLD: Final = (
    "SELECT FROM provider_bill WHERE (operator_id, merchant_id, day) = ($1, $2, $3) FOR NO KEY UPDATE"
)
_LINES: Final = """
    SELECT kind, number, provider_id, amount_minor, fee_minor, currency, at, raw FROM provider_bill_line
    WHERE (operator_id, merchant_id, day) = ($1, $2, $3) ORDER BY line
"""
_CLEAR_TOTALS: Final = "DELETE FROM provider_bill_total WHERE (operator_id, merchant_id, day) = ($1, $2, $3)"
_ADD_TOTAL: Final = """
    INSERT INTO provider_bill_total VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
_COMPARED: Final = """
    UPDATE provider_bill SET compared_at = now(), next_at = CASE WHEN $4 THEN NULL ELSE next_at END
    WHERE (operator_id, merchant_id, day) = ($1, $2, $3)
    RETURNING review_id
"""
_KNOWN: Final = """
    SELECT what, kind, ref, number, currency, theirs, ours, solved_at, review_id FROM provider_bill_difference
    WHERE (operator_id, merchant_id, day) = ($1, $2, $3)
"""
_FOUND: Final = """
    INSERT INTO provider_bill_difference AS d
        (operator_id, merchant_id, day, what, kind, ref, number, currency, theirs, ours, review_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT (operator_id, merchant_id, day, what, kind, ref) DO UPDATE SET number = excluded.number,
        currency = excluded.currency, theirs = excluded.theirs, ours = excluded.ours, review_id = excluded.review_id,
        found_at = now(), solved_at = NULL
"""
_SOLVED: Final = """
    UPDATE provider_bill_difference SET solved_at = now()
    WHERE (operator_id, merchant_id, day, what, kind, ref) = ($1, $2, $3, $4, $5, $6)
"""
_CLOSE_REVIEW: Final = """
    UPDATE review SET closed_at = now(), closed_by = 'provider bills', resolution = $3
    WHERE operator_id = $1 AND review_id = $2 AND closed_at IS NULL
"""
_UNSOLVED_DAYS: Final = """
    SELECT DISTINCT b.day, b.begins_at, b.ends_at FROM provider_bill_difference d
    JOIN provider_bill b ON (b.operator_id, b.merchant_id, b.day) = (d.operator_id, d.merchant_id, d.day)
    WHERE d.operator_id = $1 AND d.merchant_id = $2 AND d.solved_at IS NULL AND d.day <> $3
    ORDER BY b.day DESC LIMIT 31
"""
_ZONE: Final = "SELECT timezone FROM operator WHERE operator_id = $1"
_OPENED: Final = "SELECT created_at FROM merchant WHERE operator_id = $1 AND merchant_id = $2"


class DueBill(Struct, frozen=True, kw_only=True):
    """A bill to be fetched, leased to the caller."""

    operator_id: OperatorId
    merchant_id: str
    day: date
    begins_at: datetime
    ends_at: datetime
    tries: int = 0
    review_id: int | None = None

    @property
    def key(self) -> tuple[OperatorId, str, date]:
        """Which it is."""
        return self.operator_id, self.merchant_id, self.day


class Known(Struct, frozen=True, kw_only=True):
    """A difference that was found before."""

    difference: Difference
    is_open: bool
    review_id: int


async def zone_of(access: Access, operator: OperatorId, bill_zone: str) -> str:
    """The bill's time zone: the provider's, or the operator's own."""
    return bill_zone or await access.fetchval(_ZONE, operator) or "UTC"


async def opened_at(access: Access, merchant: Merchant) -> datetime:
    """Since when the merchant has been in the books."""
    moment: datetime = await access.fetchval(_OPENED, merchant.operator_id, merchant.merchant_id)
    return moment


async def add_bill(access: Access, merchant: Merchant, day: date, begins: datetime, ends: datetime) -> None:
    """That this day's bill is due, unless that was known."""
    await access.fetchval(_ADD, merchant.operator_id, merchant.merchant_id, day, begins, ends)


async def hurry(access: Access, merchant: Merchant, day: date) -> None:
    """Have a bill fetched now, whether it was before or not."""
    await access.fetchval(_HURRY, merchant.operator_id, merchant.merchant_id, day)


async def take_due(access: Access, only: tuple[OperatorId, str, date] | None = None) -> DueBill | None:
    """The bill that has waited longest, or this one; leased for five minutes."""
    row = await access.fetchrow(_TAKE, *(only or (None, None, None)))
    return None if row is None else one(row, DueBill)


async def put_off(connection: Connection, due: DueBill, error: str, review_id: int | None) -> None:
    """It could not be had: again later."""
    await connection.execute(_PUT_OFF, *due.key, bill_pause(due.tries), error[:200], review_id)


async def keep_lines(connection: Connection, due: DueBill, lines: Sequence[BillLine]) -> None:
    """The bill as it is now, in place of what it was."""
    await connection.execute(_FORGET, *due.key)
    columns: list[list[object]] = [
        list(range(1, len(lines) + 1)),
        [line.kind.value for line in lines],
        [_plain(ref_of(line)) for line in lines],
        [_plain(line.number) for line in lines],
        [_plain(line.provider_id) for line in lines],
        [line.currency for line in lines],
        [line.amount_minor for line in lines],
        [line.fee_minor for line in lines],
        [line.at for line in lines],
        [_plain(line.raw) for line in lines],
    ]
    await connection.execute(_KEEP, *due.key, *columns)
    await connection.execute(_FETCHED, *due.key, len(lines))


async def lines_of(access: Access, key: tuple[OperatorId, str, date]) -> list[BillLine]:
    """A kept bill's lines, in their order."""
    return many(await access.fetch(_LINES, *key), BillLine)


async def hold_bill(connection: Connection, due: DueBill) -> None:
    """Nobody else compares this day meanwhile."""
    await connection.execute(_HOLD, *due.key)


async def note_compared(
    connection: Connection, due: DueBill, totals: Sequence[Total], *, done: bool
) -> int | None:
    """What the day came to; the review that its bill could not be had, if there is one. `done`: it was fetched just now,
    and need not be again."""
    await connection.execute(_CLEAR_TOTALS, *due.key)
    for each in totals:
        values = (each.currency, each.payments, each.refunds, each.paid_minor, each.refunded_minor)
        more = (each.fees_minor, each.our_paid_minor, each.our_refunded_minor)
        await connection.execute(_ADD_TOTAL, *due.key, *values, *more)
    review_id: int | None = await connection.fetchval(_COMPARED, *due.key, done)
    return review_id


async def known_differences(access: Access, due: DueBill) -> list[Known]:
    """All that were ever found of this day."""
    return [
        Known(
            difference=one(row, Difference),
            is_open=row["solved_at"] is None,
            review_id=row["review_id"],
        )
        for row in await access.fetch(_KNOWN, *due.key)
    ]


async def add_difference(connection: Connection, due: DueBill, found: Difference, review_id: int) -> None:
    """A new one, or one that is there again or otherwise."""
    ids = (found.what.value, found.kind.value, _plain(found.ref), _plain(found.number), found.currency)
    await connection.execute(_FOUND, *due.key, *ids, _plain(found.theirs), _plain(found.ours), review_id)


async def solve_difference(connection: Connection, due: DueBill, known: Known) -> None:
    """The two sides agree now: so much for its review."""
    found = known.difference
    await connection.execute(_SOLVED, *due.key, found.what, found.kind, found.ref)
    await close_review_of(connection, due, known.review_id, "both sides agree now")


async def close_review_of(connection: Connection, due: DueBill, review_id: int, words: str) -> None:
    """It needs nobody any more; a person may have closed it before."""
    await connection.execute(_CLOSE_REVIEW, due.operator_id, review_id, words)


async def unsolved_days(access: Access, due: DueBill) -> list[DueBill]:
    """Other days of the merchant's with differences, which this one's bill may solve."""
    rows = await access.fetch(_UNSOLVED_DAYS, *due.key)
    return [
        DueBill(
            operator_id=due.operator_id, merchant_id=due.merchant_id, day=day, begins_at=begins, ends_at=ends
        )
        for day, begins, ends in rows
    ]


def _plain(text: str) -> str:
    return text.replace("\0", "")[:4_000]
