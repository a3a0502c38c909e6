"""An operator's alarms: those that stand, those that are over, and putting away the ones that nothing else ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from coinslot.audit import write_audit
from coinslot.fields import MissingError
from coinslot.rows import many
from coinslot.settlement.changes import AlarmKind
from coinslot.settlement.payments.rows import Access
from coinslot.settlement.payments.unit import Connection
from coinslot.wire.ids import OperatorId

KEPT: Final = timedelta(days=30)
"""For how long alarms that are over are shown."""
MOST: Final = 200
"""In one list."""
NOTED: Final = frozenset(AlarmKind) - {AlarmKind.SWEEP}
"""What is known of a single moment and stands until a person has looked. A fault goes when its terminal says so, an alarm
of guessed codes when they do not count any more."""

_ALARMS: Final = """
    SELECT x.alarm_id, x.kind, x.outlet, x.detail, x.raised_at, x.cleared_at, y.name AS site, t.name AS terminal,
           coalesce(p.appliance, '') AS appliance, x.kind = ANY ($2::text[]) OR t.revoked_at IS NOT NULL AS by_hand
    FROM alarm x
    JOIN terminal t ON t.operator_id = x.operator_id AND t.terminal_id = x.terminal_id
    JOIN site y ON y.operator_id = t.operator_id AND y.site_id = t.site_id
    LEFT JOIN LATERAL (
        SELECT string_agg(DISTINCT concat_ws(' · ', a.name, nullif(a.room, '')), ', ') AS appliance FROM outlet o
        JOIN appliance a ON a.operator_id = o.operator_id AND a.appliance_id = o.appliance_id
        WHERE o.operator_id = x.operator_id AND o.terminal_id = x.terminal_id AND coalesce(x.outlet, o.outlet) = o.outlet
    ) p ON true
    WHERE x.operator_id = $1 AND {which} ORDER BY {order} DESC, x.alarm_id DESC LIMIT $3
"""
_STANDING: Final = _ALARMS.format(which="x.cleared_at IS NULL", order="x.raised_at")
_OVER: Final = _ALARMS.format(which="x.cleared_at > now() - $4::interval", order="x.cleared_at")
_FIND: Final = """
    SELECT x.kind, x.cleared_at IS NULL AS stands FROM alarm x
    JOIN terminal t ON t.operator_id = x.operator_id AND t.terminal_id = x.terminal_id
    WHERE x.operator_id = $1 AND x.alarm_id = $2 AND (x.kind = ANY ($3::text[]) OR t.revoked_at IS NOT NULL)
    FOR UPDATE OF x
"""
_PUT_AWAY: Final = (
    "UPDATE alarm SET cleared_at = now() WHERE operator_id = $1 AND alarm_id = $2 RETURNING terminal_id"
)


class AlarmRow(Struct, frozen=True, kw_only=True):
    """One alarm with its place."""

    alarm_id: int
    kind: str
    """A wire `FaultCode`, or an `AlarmKind`."""
    outlet: int | None
    detail: str
    """Ids and numbers; for a fault the session in which it came, if any."""
    raised_at: datetime
    cleared_at: datetime | None
    site: str
    terminal: str
    appliance: str
    """Its name and room; several where the alarm is the whole terminal's; empty where it drives none."""
    by_hand: bool
    """Nothing but a person ends it: it is of a moment, or its terminal is gone for good."""


async def standing_alarms(access: Access, operator: OperatorId) -> list[AlarmRow]:
    """What is wrong now, the newest first; at most `MOST`."""
    return many(await access.fetch(_STANDING, operator, _noted(), MOST), AlarmRow)


async def past_alarms(access: Access, operator: OperatorId) -> list[AlarmRow]:
    """What ended within `KEPT`, the latest end first; at most `MOST`."""
    return many(await access.fetch(_OVER, operator, _noted(), MOST, KEPT), AlarmRow)


async def count_alarms(access: Access, operator: OperatorId) -> int:
    """How many stand."""
    found = await access.fetchval(
        "SELECT count(*) FROM alarm WHERE operator_id = $1 AND cleared_at IS NULL", operator
    )
    return int(found)


async def put_away(connection: Connection, operator: OperatorId, alarm_id: int, *, by: str) -> None:
    """A person has looked at an alarm that nothing else ends. In the caller's transaction; twice changes nothing.

    If it happens again there is another. MissingError for what is no such alarm of the operator's.
    """
    row = await connection.fetchrow(_FIND, operator, alarm_id, _noted())
    if row is None:
        raise MissingError("alarm", str(alarm_id))
    if row["stands"]:
        terminal = await connection.fetchval(_PUT_AWAY, operator, alarm_id)
        await write_audit(
            connection, operator, by=by, action="alarm.put_away", target=str(terminal), detail=row["kind"]
        )


def _noted() -> list[str]:
    return sorted(kind.value for kind in NOTED)
