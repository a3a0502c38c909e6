"""A party's statement: every movement of its account in a period, with the balance before and after.

It is read from the ledger alone, so its total is the account's movement, whatever sessions or agreements say today.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import asyncpg
from msgspec import Struct

from coinslot.audit import Connection
from coinslot.fields import FieldError
from coinslot.ledger.accounts import party_payable
from coinslot.sharing import PartyId, SharingError, thaw
from coinslot.wire.ids import OperatorId

SETTLING_TIME = timedelta(minutes=1)
"""An entry bears the moment at which its transaction began, and is seen when that ends: well within this."""

_OPENING = """
    SELECT COALESCE(-sum(p.amount_minor), 0)
    FROM ledger_posting p JOIN ledger_entry e ON e.operator_id = p.operator_id AND e.entry_id = p.entry_id
    WHERE p.operator_id = $1 AND p.account = $2 AND p.currency = $3 AND e.posted_at < $4
"""
_SUMS = """
    SELECT e.kind, count(*) AS lines, -sum(p.amount_minor) AS amount_minor
    FROM ledger_posting p JOIN ledger_entry e ON e.operator_id = p.operator_id AND e.entry_id = p.entry_id
    WHERE p.operator_id = $1 AND p.account = $2 AND p.currency = $3 AND e.posted_at >= $4 AND e.posted_at < $5
    GROUP BY e.kind ORDER BY e.kind
"""
_BEFORE = """
    SELECT COALESCE(-sum(amount_minor), 0) FROM (
        SELECT p.amount_minor
        FROM ledger_posting p JOIN ledger_entry e ON e.operator_id = p.operator_id AND e.entry_id = p.entry_id
        WHERE p.operator_id = $1 AND p.account = $2 AND p.currency = $3 AND e.posted_at >= $4 AND e.posted_at < $5
        ORDER BY e.posted_at, e.entry_id, p.leg LIMIT $6
    ) AS before
"""
_LINES = """
    SELECT e.posted_at, e.kind, e.session_id, a.name AS appliance, i.name AS site, e.entry_id, e.key,
           s.sharing, c.charge_minor, -p.amount_minor AS amount_minor
    FROM ledger_posting p
    JOIN ledger_entry e ON e.operator_id = p.operator_id AND e.entry_id = p.entry_id
    LEFT JOIN session s ON s.operator_id = e.operator_id AND s.session_id = e.session_id
    LEFT JOIN appliance a ON a.operator_id = s.operator_id AND a.appliance_id = s.appliance_id
    LEFT JOIN site i ON i.operator_id = a.operator_id AND i.site_id = a.site_id
    LEFT JOIN LATERAL (
        SELECT -sum(x.amount_minor) AS charge_minor FROM ledger_posting x
        WHERE e.session_id IS NOT NULL AND x.operator_id = e.operator_id AND x.entry_id = e.entry_id
          AND x.currency = p.currency AND (x.account = 'operator/revenue' OR x.account ^@ 'party/')
    ) c ON true
    WHERE p.operator_id = $1 AND p.account = $2 AND p.currency = $3 AND e.posted_at >= $4 AND e.posted_at < $5
    ORDER BY e.posted_at, e.entry_id, p.leg OFFSET $6 LIMIT $7
"""


class Line(Struct, frozen=True, kw_only=True):
    """One movement; amounts in minor units, positive in the party's favour."""

    posted_at: datetime
    """By the operator's clock."""
    kind: str
    """The entry's: `capture`, `arrears`, `refund`, `payout`, …"""
    session: str | None
    appliance: str | None
    """Its name today, like its site's."""
    site: str | None
    agreement: str | None
    """Id and version of the agreement by which the session is shared."""
    entry_id: int
    key: str
    """The ledger entry's; `coinslot ledger` shows it."""
    charge_minor: int | None
    """What all holders, the operator included, have of the entry; None where it belongs to no session."""
    amount_minor: int
    balance_minor: int
    """Of the account after this line."""


class KindSum(Struct, frozen=True, kw_only=True):
    """All lines of one kind together."""

    kind: str
    lines: int
    amount_minor: int


class Statement(Struct, frozen=True, kw_only=True):
    """A party's account in one currency, from the first day to the last, or some of its lines with what is true of all."""

    party: PartyId
    currency: str
    first: date
    last: date
    opening_minor: int
    skipped: int = 0
    """How many lines come before those here."""
    carried_minor: int
    """The balance before the first line that is here."""
    lines: tuple[Line, ...]
    sums: tuple[KindSum, ...]
    """Of all lines of the period, by kind."""
    closing_minor: int
    complete: bool
    """Whether the period is over: no line can come any more."""

    @property
    def moved_minor(self) -> int:
        """The account's movement in the period."""
        return self.closing_minor - self.opening_minor

    @property
    def count(self) -> int:
        """How many lines the period has."""
        return sum(one.lines for one in self.sums)


class Part(NamedTuple):
    """Which of the lines are wanted."""

    skip: int = 0
    at_most: int | None = None


class TooLong(FieldError):
    """The period has more lines than were wanted at once."""

    def __init__(self, lines: int, at_most: int) -> None:
        super().__init__(
            "to", f"the period has {lines} lines and at most {at_most} go here; choose a shorter one"
        )
        self.lines = lines
        self.at_most = at_most


async def make_statement(
    connection: Connection,
    operator: OperatorId,
    party: PartyId,
    currency: str,
    *,
    first: date,
    last: date,
    timezone: str,
    part: Part = Part(),  # noqa: B008 - it is immutable
    whole_up_to: int | None = None,
) -> Statement:
    """The statement for the days from `first` to `last` by the operator's clock, from one snapshot of the ledger.

    With `part` it has those lines only; the balances and sums are the whole period's. With `whole_up_to`, TooLong
    before any line is read when there are more.
    """
    begins, ends = _bounds(first, last, timezone)
    period = (operator, party_payable(party), currency, begins, ends)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        now: datetime = await connection.fetchval("SELECT clock_timestamp()")
        opening_minor = int(await connection.fetchval(_OPENING, *period[:4]))
        sums = tuple(
            KindSum(kind=row["kind"], lines=row["lines"], amount_minor=int(row["amount_minor"]))
            for row in await connection.fetch(_SUMS, *period)
        )
        count = sum(one.lines for one in sums)
        if whole_up_to is not None and count > whole_up_to:
            raise TooLong(count, whole_up_to)
        before_minor = int(await connection.fetchval(_BEFORE, *period, part.skip)) if part.skip else 0
        carried_minor = balance_minor = opening_minor + before_minor
        lines = []
        async for row in connection.cursor(_LINES, *period, part.skip, part.at_most, prefetch=1_000):
            balance_minor += row["amount_minor"]
            lines.append(_line(row, ZoneInfo(timezone), balance_minor))
    return Statement(
        party=party,
        currency=currency,
        first=first,
        last=last,
        opening_minor=opening_minor,
        skipped=min(part.skip, count),
        carried_minor=carried_minor,
        lines=tuple(lines),
        sums=sums,
        closing_minor=opening_minor + sum(one.amount_minor for one in sums),
        complete=ends + SETTLING_TIME <= now,
    )


def _bounds(first: date, last: date, timezone: str) -> tuple[datetime, datetime]:
    if last < first:
        raise FieldError("to", f"{last} is before the first day, {first}")
    if last == date.max:
        raise FieldError("to", f"{last} has no day after it")
    zone = ZoneInfo(timezone)
    return datetime.combine(first, time(), zone), datetime.combine(last + timedelta(days=1), time(), zone)


def _line(row: asyncpg.Record, zone: ZoneInfo, balance_minor: int) -> Line:
    charge_minor = row["charge_minor"]
    return Line(
        posted_at=row["posted_at"].astimezone(zone),
        kind=row["kind"],
        session=row["session_id"],
        appliance=row["appliance"],
        site=row["site"],
        agreement=_agreement(row["sharing"]),
        entry_id=row["entry_id"],
        key=row["key"],
        charge_minor=None if charge_minor is None else int(charge_minor),
        amount_minor=row["amount_minor"],
        balance_minor=balance_minor,
    )


def _agreement(sharing: str | None) -> str | None:
    if not sharing:
        return None
    try:
        frozen = thaw(sharing)
    except SharingError:
        return "unreadable"  # the ledger's line stands, whatever became of the session's row
    return f"{frozen.agreement} version {frozen.version}"
