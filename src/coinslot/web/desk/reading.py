"""What a desk's page shows, as rows: today's uses and how the site's appliances stand. Read for display alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from coinslot.fleet.front_desks import DeskHere
from coinslot.rows import many
from coinslot.sessions.states import State
from coinslot.wire.records import FaultCode

if TYPE_CHECKING:
    from coinslot.web.reading import Reader

MOST: Final = 60
"""Uses of one appliance that are read: more than a day has."""
_OVER_MIDNIGHT: Final = timedelta(hours=6)
"""A use that began so long before the day and still runs is shown in it."""
_SHUTTING_FAULTS: Final = [code.value for code in FaultCode if code is not FaultCode.SENSOR]

# Joins are pinned, see settlement/store.py. A code that nobody has paid is shown while it can be; of a paid one
# everything is, whether a session has followed or not.
_ORDERS: Final = """
    SELECT o.intent_id, a.appliance_id, a.name AS appliance, a.room, o.title AS package, o.made_at AS at, i.currency,
           i.amount_minor, coalesce(p.provider, o.provider) AS provider, i.paid_at, i.state AS intent_state, t.decided_at,
           t.session_id, coalesce(r.refunded_minor, 0) AS refunded_minor, coalesce(r.refunding_minor, 0) AS refunding_minor,
           coalesce(r.why, '') AS refund_why, coalesce(r.stuck, false) AS refund_stuck
    FROM (SELECT * FROM appliance x WHERE x.operator_id = $1 AND x.site_id = $2 OFFSET 0) a
    CROSS JOIN LATERAL (SELECT * FROM direct_order x
        WHERE x.appliance_id = a.appliance_id AND x.operator_id = a.operator_id AND x.made_at >= $3
        ORDER BY x.made_at DESC LIMIT $4) o
    CROSS JOIN LATERAL (SELECT * FROM payment_intent x
        WHERE x.operator_id = o.operator_id AND x.intent_id = o.intent_id OFFSET 0) i
    LEFT JOIN LATERAL (SELECT * FROM payment_attempt x
        WHERE x.operator_id = i.operator_id AND x.number = i.paid_by OFFSET 0) p ON true
    LEFT JOIN LATERAL (SELECT * FROM payment_start x
        WHERE x.operator_id = o.operator_id AND x.intent_id = o.intent_id OFFSET 0) t ON true
    LEFT JOIN LATERAL (SELECT sum(x.amount_minor) FILTER (WHERE x.state = 'succeeded')::bigint AS refunded_minor,
                              sum(x.amount_minor) FILTER (WHERE x.state <> 'succeeded')::bigint AS refunding_minor,
                              bool_or(x.state IN ('abnormal', 'closed')) AS stuck,
                              (array_agg(x.why ORDER BY x.requested_at DESC))[1] AS why
        FROM refund x WHERE x.attempt_number = p.number AND x.operator_id = p.operator_id) r ON p.number IS NOT NULL
    WHERE (i.paid_at IS NOT NULL OR (i.state = 'open' AND o.over_at IS NULL AND i.expires_at > now()))
      AND coalesce(i.paid_at, o.made_at) >= $5
"""
_SESSIONS: Final = """
    SELECT s.session_id, s.intent_id, a.appliance_id, a.name AS appliance, a.room, s.created_at AS at, s.state, s.currency,
           s.started_at, s.settled_at, s.stop_asked_at IS NOT NULL AS stop_asked, s.stop_reason, s.limits,
           s.hold_principal_minor + s.hold_bonus_minor AS hold_minor, s.captured_minor
    FROM (SELECT * FROM appliance x WHERE x.operator_id = $1 AND x.site_id = $2 OFFSET 0) a
    CROSS JOIN LATERAL (SELECT * FROM session x
        WHERE x.appliance_id = a.appliance_id AND x.operator_id = a.operator_id AND x.created_at >= $5
          AND (x.created_at >= $3 OR x.live) AND x.flush_by IS NULL
        ORDER BY x.created_at DESC LIMIT $4) s
"""
_APPLIANCES: Final = """
    SELECT a.appliance_id, a.name, a.room, a.closed, count(o.*)::int AS outlets,
           count(*) FILTER (WHERE o.tariff_id IS NOT NULL)::int AS priced,
           coalesce(bool_or(coalesce(l.online AND l.link_began_at IS NOT NULL, false)), false) AS online,
           coalesce(bool_or(f.faulty), false) AS faulty,
           coalesce(bool_or(s.running), false) AS running
    FROM (SELECT * FROM appliance x WHERE x.operator_id = $1 AND x.site_id = $2 OFFSET 0) a
    CROSS JOIN LATERAL (SELECT x.* FROM outlet x JOIN terminal t USING (operator_id, terminal_id)
        WHERE x.operator_id = a.operator_id AND x.appliance_id = a.appliance_id AND t.revoked_at IS NULL OFFSET 0) o
    LEFT JOIN LATERAL (SELECT * FROM terminal_link x
        WHERE x.operator_id = o.operator_id AND x.terminal_id = o.terminal_id OFFSET 0) l ON true
    CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM alarm x
        WHERE x.operator_id = o.operator_id AND x.terminal_id = o.terminal_id AND x.cleared_at IS NULL
          AND coalesce(x.outlet, o.outlet) = o.outlet AND x.kind = ANY ($3::text[])) AS faulty OFFSET 0) f
    CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM session x
        WHERE x.terminal_id = o.terminal_id AND x.outlet = o.outlet AND x.live AND x.state <> 'promised') AS running OFFSET 0) s
    GROUP BY a.appliance_id, a.name, a.room, a.closed
"""


class OrderRow(Struct, frozen=True, kw_only=True):
    """A code that an appliance showed, and its payment."""

    intent_id: str
    appliance_id: str
    appliance: str
    room: str
    package: str
    at: datetime
    currency: str
    amount_minor: int
    provider: str
    paid_at: datetime | None
    intent_state: str
    decided_at: datetime | None
    """When it was decided what follows: a session, or none and the money back."""
    session_id: str | None
    refunded_minor: int
    refunding_minor: int
    """Asked back and not confirmed yet."""
    refund_why: str
    refund_stuck: bool
    """A refund cannot be done without a person."""


class SessionRow(Struct, frozen=True, kw_only=True):
    """A use of an appliance, whoever it is."""

    session_id: str
    intent_id: str | None
    appliance_id: str
    appliance: str
    room: str
    at: datetime
    state: State
    currency: str
    started_at: datetime | None
    settled_at: datetime | None
    stop_asked: bool
    stop_reason: str | None
    limits: str
    hold_minor: int
    captured_minor: int | None


class ApplianceRow(Struct, frozen=True, kw_only=True):
    """How an appliance of the site stands."""

    appliance_id: str
    name: str
    room: str
    closed: bool
    outlets: int
    priced: int
    online: bool
    faulty: bool
    running: bool


class Today(Struct, frozen=True, kw_only=True):
    """Everything at one moment."""

    now: datetime
    orders: tuple[OrderRow, ...]
    sessions: tuple[SessionRow, ...]
    appliances: tuple[ApplianceRow, ...]


def day_begins(timezone: str, now: datetime) -> datetime:
    """Midnight by the clock on the site's wall."""
    local = now.astimezone(ZoneInfo(timezone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


async def read_today(reader: Reader, desk: DeskHere) -> Today:
    """What there is for this desk now."""
    now: datetime = await reader.fetchval("SELECT clock_timestamp()")
    begins = day_begins(desk.timezone, now)
    at = (desk.operator_id, desk.site_id)
    # Codes first: a session that begins in between is seen with its code, never without. A code paid after midnight
    # may have been shown before it.
    orders = many(await reader.fetch(_ORDERS, *at, begins - timedelta(minutes=15), MOST, begins), OrderRow)
    sessions = many(await reader.fetch(_SESSIONS, *at, begins, MOST, begins - _OVER_MIDNIGHT), SessionRow)
    appliances = many(await reader.fetch(_APPLIANCES, *at, _SHUTTING_FAULTS), ApplianceRow)
    return Today(now=now, orders=tuple(orders), sessions=tuple(sessions), appliances=tuple(appliances))
