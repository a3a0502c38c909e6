"""What providers' bills came to, for people: by day, by difference, by payment. Reads only."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

import msgspec
from msgspec import Struct

from coinslot.payments.billing import Total
from coinslot.rows import many
from coinslot.settlement.payments.rows import Access
from coinslot.wire.ids import OperatorId

_DAYS: Final = """
    SELECT b.merchant_id, m.provider, m.name AS merchant, b.day, b.lines, b.error, b.compared_at,
        (SELECT count(*) FROM provider_bill_difference d
         JOIN review r ON (r.operator_id, r.review_id) = (d.operator_id, d.review_id)
         WHERE (d.operator_id, d.merchant_id, d.day) = (b.operator_id, b.merchant_id, b.day)
           AND d.solved_at IS NULL AND r.closed_at IS NULL) AS open_differences,
        (SELECT coalesce(json_agg(to_jsonb(t) - '{operator_id,merchant_id,day}'::text[] ORDER BY t.currency), '[]')
         FROM provider_bill_total t
         WHERE (t.operator_id, t.merchant_id, t.day) = (b.operator_id, b.merchant_id, b.day))::text AS totals
    FROM provider_bill b JOIN merchant m ON (m.operator_id, m.merchant_id) = (b.operator_id, b.merchant_id)
    WHERE b.operator_id = $1 AND ($2::date IS NULL OR b.day = $2) AND ($3::text IS NULL OR b.merchant_id = $3)
    ORDER BY b.day DESC, m.created_at, b.merchant_id LIMIT $4
"""
_DIFFERENCES: Final = """
    SELECT d.merchant_id, m.provider, d.day, d.what, d.kind, d.ref, d.number, d.currency, d.theirs, d.ours, d.found_at,
        d.review_id
    FROM provider_bill_difference d
    JOIN merchant m ON (m.operator_id, m.merchant_id) = (d.operator_id, d.merchant_id)
    JOIN review r ON (r.operator_id, r.review_id) = (d.operator_id, d.review_id)
    WHERE d.operator_id = $1 AND d.solved_at IS NULL AND r.closed_at IS NULL
      AND ($2::date IS NULL OR d.day = $2) AND ($3::text IS NULL OR d.merchant_id = $3)
    ORDER BY d.day, d.merchant_id, d.what, d.ref LIMIT $4
"""
_DAY_OF: Final = """
    SELECT l.day FROM provider_bill_line l
    JOIN merchant m ON (m.operator_id, m.merchant_id) = (l.operator_id, l.merchant_id)
    WHERE l.operator_id = $1 AND l.ref = $3 AND l.kind = 'payment' AND m.provider = $2 ORDER BY l.day LIMIT 1
"""


class BillDay(Struct, frozen=True, kw_only=True):
    """One merchant's bill of one day."""

    merchant_id: str
    provider: str
    merchant: str
    """The account's name."""
    day: date
    lines: int
    error: str
    """Why it is not there yet; empty: it is, or nobody has asked."""
    compared_at: datetime | None
    open_differences: int
    """Those that nobody has explained; nought: the books agree."""
    totals: list[Total]


class OpenDifference(Struct, frozen=True, kw_only=True):
    """A difference that waits for a person, or for the other side."""

    merchant_id: str
    provider: str
    day: date
    what: str
    kind: str
    ref: str
    number: str
    currency: str
    theirs: str
    ours: str
    found_at: datetime
    review_id: int


async def bill_days(
    access: Access,
    operator: OperatorId,
    *,
    day: date | None = None,
    merchant_id: str | None = None,
    most: int = 100,
) -> list[BillDay]:
    """An operator's bills, the latest day first."""
    rows = await access.fetch(_DAYS, operator, day, merchant_id, most)
    return [
        msgspec.convert({**dict(row.items()), "totals": msgspec.json.decode(row["totals"])}, BillDay)
        for row in rows
    ]


async def bill_differences(
    access: Access,
    operator: OperatorId,
    *,
    day: date | None = None,
    merchant_id: str | None = None,
    most: int = 1_000,
) -> list[OpenDifference]:
    """What does not agree and was not explained, the oldest day first."""
    return many(await access.fetch(_DIFFERENCES, operator, day, merchant_id, most), OpenDifference)


async def bill_day_of(access: Access, operator: OperatorId, provider: str, provider_id: str) -> date | None:
    """The day, by the provider's clock, in whose bill a payment stands; None: in none so far."""
    found: date | None = await access.fetchval(_DAY_OF, operator, provider, provider_id)
    return found
