"""What reconciliation reads: whose and which period, the queries, and the streams side by side."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from coinslot.sessions.model import Session
from coinslot.settlement.differences import PostedLeg
from coinslot.settlement.rows import SESSION_COLUMNS
from coinslot.wire.registers import Register

_stored = msgspec.json.Decoder(dict[Register, int])


class Period(NamedTuple):
    """A day of one operator, or all its time."""

    operator: str
    zone: ZoneInfo
    day: date | None
    begins: datetime | None
    ends: datetime | None

    def day_of(self, moment: datetime) -> date:
        """The day of a moment by the operator's clock."""
        return moment.astimezone(self.zone).date()


def period_of(operator: str, zone: ZoneInfo, day: date | None) -> Period:
    """One day, midnight to midnight in `zone`, or everything."""
    if day is None:
        return Period(operator, zone, None, None, None)
    begins = datetime.combine(day, time(), zone)
    return Period(operator, zone, day, begins, datetime.combine(day + timedelta(days=1), time(), zone))


OPERATORS = """
    SELECT operator_id, timezone FROM operator WHERE $1::text IS NULL OR operator_id = $1 ORDER BY operator_id
"""
"""Those to compare."""
_IN_PERIOD = """($2::timestamptz IS NULL OR
    (COALESCE(s.settled_at, s.created_at) >= $2 AND COALESCE(s.settled_at, s.created_at) < $3))"""
SESSIONS = f"""
    SELECT {SESSION_COLUMNS} FROM session s WHERE s.operator_id = $1 AND {_IN_PERIOD} ORDER BY s.session_id
"""
# Of a day: what its sessions have posted whenever it was, and what was posted then for a session that is not there.
#
# What a guest paid is held before there is a session, in an entry that names only the payment: it is read with it.
LEGS = f"""
    SELECT x.session_id, x.key, x.kind, x.account, x.currency, x.amount_minor FROM (
    SELECT e.session_id, e.entry_id, p.leg, e.key, e.kind, p.account, p.currency, p.amount_minor
    FROM ledger_entry e JOIN ledger_posting p ON p.operator_id = e.operator_id AND p.entry_id = e.entry_id
    LEFT JOIN session s ON s.operator_id = e.operator_id AND s.session_id = e.session_id
    WHERE e.operator_id = $1 AND e.session_id IS NOT NULL
      AND CASE WHEN s.session_id IS NULL
               THEN $2::timestamptz IS NULL OR (e.posted_at >= $2 AND e.posted_at < $3)
               ELSE {_IN_PERIOD} END
    UNION ALL
    SELECT s.session_id, e.entry_id, p.leg, e.key, e.kind, p.account, p.currency, p.amount_minor
    FROM session s
    JOIN ledger_entry e ON e.operator_id = s.operator_id AND e.key = 'payment:' || s.intent_id || ':hold'
    JOIN ledger_posting p ON p.operator_id = e.operator_id AND p.entry_id = e.entry_id
    WHERE s.operator_id = $1 AND s.intent_id IS NOT NULL AND {_IN_PERIOD}
    ) x ORDER BY x.session_id, x.entry_id, x.leg
"""
# Paid for on an appliance: all that was paid is captured, due to the payer, or still held, and what is due has been
# asked back once it could be. Without a session it is held until somebody has decided that none follows.
RESTS = """
    SELECT i.intent_id, s.session_id, s.rest_at IS NOT NULL AS returned, s.settled_at IS NOT NULL AS ended,
           s.hold_principal_minor AS held_minor, coalesce(s.captured_minor, 0) AS captured_minor, i.amount_minor,
           d.intent_id IS NOT NULL AS decided, coalesce(h.amount_minor, 0)::bigint AS account_minor,
           coalesce(r.amount_minor, 0)::bigint AS asked_minor, coalesce(r.asked, 0) AS asked,
           s.merchant_id, a.merchant_id AS paid_to
    FROM payment_intent i
    JOIN payment_attempt a ON a.operator_id = i.operator_id AND a.number = i.paid_by
    LEFT JOIN payment_start d ON d.operator_id = i.operator_id AND d.intent_id = i.intent_id
    LEFT JOIN session s ON s.operator_id = i.operator_id AND s.intent_id = i.intent_id
    LEFT JOIN LATERAL (SELECT sum(x.amount_minor) AS amount_minor FROM ledger_balance x
        WHERE x.operator_id = i.operator_id AND x.account = 'hold/' || i.intent_id || '/principal') h ON true
    LEFT JOIN LATERAL (SELECT sum(x.amount_minor) AS amount_minor, count(*) AS asked FROM refund x
        WHERE x.operator_id = i.operator_id AND x.attempt_number = i.paid_by AND x.why IN ('unused', 'start_failed')) r ON true
    WHERE i.operator_id = $1 AND i.purpose = 'direct_session' AND i.paid_by IS NOT NULL
      AND ($2::timestamptz IS NULL OR (i.paid_at >= $2 AND i.paid_at < $3))
    ORDER BY i.intent_id
"""
HOLDS = """
    SELECT split_part(account, '/', 2) AS ref, split_part(account, '/', 3) AS half, currency, amount_minor
    FROM ledger_balance WHERE operator_id = $1 AND account ^@ 'hold/' AND amount_minor <> 0
"""
BY_OUTLET = f"""
    SELECT {SESSION_COLUMNS} FROM session s
    WHERE s.operator_id = $1 AND (s.meter IS NOT NULL OR s.live)
    ORDER BY s.terminal_id, s.outlet, s.created_at, s.session_id
"""
# Of a day: its sessions, the live ones, and the one before at each outlet, where the chain begins.
BY_OUTLET_OF_DAY = f"""
    SELECT s.* FROM (
        SELECT {SESSION_COLUMNS} FROM session s
        WHERE s.operator_id = $1 AND (s.live OR s.meter IS NOT NULL AND s.settled_at >= $2 AND s.settled_at < $3)
        UNION ALL
        (SELECT DISTINCT ON (s.terminal_id, s.outlet) {SESSION_COLUMNS} FROM session s
         WHERE s.operator_id = $1 AND s.meter IS NOT NULL AND s.state <> 'released' AND s.settled_at < $2
         ORDER BY s.terminal_id, s.outlet, s.created_at DESC)) s
    ORDER BY s.terminal_id, s.outlet, s.created_at, s.session_id
"""
# The last idle reading of each day tells all that the day's readings can. Of one day also the day before: what had
# flowed by then is not this day's.
READINGS = """
    SELECT DISTINCT ON (r.terminal_id, r.outlet, (r.at AT TIME ZONE $2)::date) r.terminal_id, r.outlet, r.at, r.registers
    FROM reading r
    WHERE r.operator_id = $1 AND r.session_id IS NULL
      AND ($3::timestamptz IS NULL OR (r.at >= $3::timestamptz - interval '1 day' AND r.at < $4))
    ORDER BY r.terminal_id, r.outlet, (r.at AT TIME ZONE $2)::date, r.at DESC
"""


class IdleReading(NamedTuple):
    """Where an outlet stood while nobody used it."""

    terminal: str
    outlet: int
    at: datetime
    text: str

    @property
    def registers(self) -> dict[Register, int]:
        """What it says. A reading is not durable and moves no money: one that cannot be read says nothing."""
        try:
            return _stored.decode(self.text)
        except msgspec.MsgspecError:
            return {}


class Legs:
    """Legs by session, handed out session by session; those before it belong to none."""

    def __init__(self, rows: AsyncIterator[asyncpg.Record]) -> None:
        self._rows = rows
        self._ahead: PostedLeg | None = None

    async def upto(self, session: str | None) -> tuple[list[PostedLeg], list[PostedLeg]]:
        """The session's own, and those of sessions that do not exist before it; None for all that are left."""
        own: list[PostedLeg] = []
        strangers: list[PostedLeg] = []
        while (leg := await self._take()) is not None:
            if session is not None and leg.session > session:
                self._ahead = leg
                break
            (own if leg.session == session else strangers).append(leg)
        return own, strangers

    async def _take(self) -> PostedLeg | None:
        if self._ahead is not None:
            leg, self._ahead = self._ahead, None
            return leg
        row = await anext(self._rows, None)
        return None if row is None else PostedLeg(*row)


async def in_order(
    sessions: AsyncIterator[Session], readings: AsyncIterator[IdleReading]
) -> AsyncIterator[Session | IdleReading]:
    """Both in one stream, by outlet and time."""
    reading = await anext(readings, None)
    async for session in sessions:
        place = (session.terminal, session.outlet, session.created_at)
        while reading is not None and reading[:3] < place:
            yield reading
            reading = await anext(readings, None)
        yield session
    while reading is not None:
        yield reading
        reading = await anext(readings, None)
