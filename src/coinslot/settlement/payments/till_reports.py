"""The till of one day: who has received and paid out how much, and what must be in each drawer at its end."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from coinslot.ledger.accounts import merchant_clearing
from coinslot.ledger.store import balance
from coinslot.rows import many
from coinslot.settlement.payments.counter import PROVIDER
from coinslot.settlement.payments.rows import Access
from coinslot.wire.ids import OperatorId, StaffId

_MOVED: Final = """
    SELECT merchant_id, received_by AS staff_id, received_at AS at, amount_minor AS received, 0::bigint AS paid,
        0::bigint AS banked
    FROM counter_payment WHERE operator_id = $1 AND received_at IS NOT NULL AND received_at < $2
    UNION ALL
    SELECT merchant_id, paid_by, paid_at, 0, amount_minor, 0 FROM counter_refund
    WHERE operator_id = $1 AND paid_at IS NOT NULL AND paid_at < $2
    UNION ALL
    SELECT merchant_id, by, at, 0, 0, amount_minor FROM counter_banked WHERE operator_id = $1 AND at < $2
"""
_BY_PERSON: Final = f"""
    SELECT t.merchant_id, t.staff_id, s.name,
        sum(t.received)::bigint AS received_minor, count(*) FILTER (WHERE t.received > 0) AS receipts,
        sum(t.paid)::bigint AS paid_out_minor, count(*) FILTER (WHERE t.paid > 0) AS pay_outs,
        sum(t.banked)::bigint AS banked_minor
    FROM ({_MOVED}) t JOIN staff s ON s.operator_id = $1 AND s.staff_id = t.staff_id
    WHERE t.at >= $3 GROUP BY t.merchant_id, t.staff_id, s.name ORDER BY t.merchant_id, s.name, t.staff_id
"""
_BY_DRAWER: Final = f"""
    SELECT m.merchant_id, m.name,
        coalesce(sum(t.received - t.paid - t.banked) FILTER (WHERE t.at < $3), 0)::bigint AS before_minor,
        coalesce(sum(t.received - t.paid - t.banked), 0)::bigint AS must_hold_minor
    FROM merchant m LEFT JOIN ({_MOVED}) t ON t.merchant_id = m.merchant_id
    WHERE m.operator_id = $1 AND m.provider = '{PROVIDER}' GROUP BY m.merchant_id, m.name ORDER BY m.merchant_id
"""


class TillLine(Struct, frozen=True, kw_only=True):
    """What one person has done with one drawer that day. Amounts in minor units."""

    merchant_id: str
    staff_id: StaffId
    name: str
    received_minor: int
    receipts: int
    paid_out_minor: int
    pay_outs: int
    banked_minor: int

    @property
    def kept_minor(self) -> int:
        """By how much the drawer has grown in this person's hands."""
        return self.received_minor - self.paid_out_minor - self.banked_minor


class Drawer(Struct, frozen=True, kw_only=True):
    """One counter account, beside whatever change was put into it."""

    merchant_id: str
    name: str
    before_minor: int
    """What it held when the day began."""
    must_hold_minor: int
    """What must be in it at the day's end, or now."""


class TillReport(Struct, frozen=True, kw_only=True):
    """One day by the operator's clock."""

    day: date
    currency: str
    complete: bool
    """Whether the day is over."""
    lines: tuple[TillLine, ...]
    drawers: tuple[Drawer, ...]


async def till_report(access: Access, operator: OperatorId, day: date | None = None) -> TillReport:
    """The day's till; today's without one."""
    row = await access.fetchrow(
        "SELECT timezone, currency, clock_timestamp() AS now FROM operator WHERE operator_id = $1", operator
    )
    assert row is not None
    zone = ZoneInfo(row["timezone"])
    now: datetime = row["now"]
    day = day or now.astimezone(zone).date()
    begins, ends = (datetime.combine(day + timedelta(days=n), time(), zone) for n in (0, 1))
    return TillReport(
        day=day,
        currency=row["currency"],
        complete=ends <= now,
        lines=tuple(many(await access.fetch(_BY_PERSON, operator, ends, begins), TillLine)),
        drawers=tuple(many(await access.fetch(_BY_DRAWER, operator, ends, begins), Drawer)),
    )


async def in_books(access: Access, operator: OperatorId, drawer: Drawer, currency: str) -> int:
    """What the ledger has in the drawer now: the same as it must hold, once the cashier has looked."""
    return await balance(access, operator, merchant_clearing(drawer.merchant_id), currency)
