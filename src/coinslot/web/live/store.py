"""What the live board asks of the database: one statement for all that is watched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement import rows
from coinslot.settlement.settle import meter_of
from coinslot.web.live.views import Heard, Standing
from coinslot.wire.ids import OperatorId, SessionId, is_id
from coinslot.wire.registers import Registers

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

Key: TypeAlias = tuple[OperatorId, SessionId]

# Joins are pinned, see settlement/store.py.
_LINK = """
    CROSS JOIN LATERAL (SELECT l.link, l.boot, l.online FROM terminal_link l
        WHERE l.operator_id = s.operator_id AND l.terminal_id = s.terminal_id OFFSET 0) t
"""
_LOAD = f"""
    SELECT t.link, t.boot, t.online, {rows.SESSION_COLUMNS}
    FROM (SELECT * FROM session x WHERE x.operator_id = $1 AND x.session_id = $2 OFFSET 0) s {_LINK}
"""
# Only what changes, and not the quote and the limits: this runs every second.
_CHANGING = """
    s.operator_id, s.session_id, s.state, s.meter, s.started_at, s.stop_asked_at, s.stopped_at, s.duration_ms,
    s.registers, s.charge_minor, s.captured_minor, s.arrears_minor, s.settled_at
"""
_LOOK = f"""
    SELECT t.link, t.boot, t.online, {_CHANGING}
    FROM unnest($1::text[], $2::text[]) AS k(operator_id, session_id)
    CROSS JOIN LATERAL (SELECT * FROM session x
        WHERE x.operator_id = k.operator_id AND x.session_id = k.session_id OFFSET 0) s {_LINK}
"""
_LATEST = """
    SELECT ticks_ms, registers, at, flow_ml_per_min, valve_open, sensors FROM reading
    WHERE operator_id = $1 AND terminal_id = $2 AND outlet = $3 AND at >= $4 AND session_id = $5
    ORDER BY at DESC LIMIT 1
"""


class Found(Struct, frozen=True):
    """A session as stored, and its terminal's link."""

    session: Session
    standing: Standing


class Change(Struct, frozen=True, kw_only=True):
    """What may have changed of a session since it was loaded."""

    standing: Standing
    columns: dict[str, object]

    def applied(self, session: Session) -> Session:
        """The session as it is now."""
        return replace(session, **self.columns)


async def load(pool: Pool, operator: OperatorId, session: str) -> Found | None:
    """A whole session; None when the operator has none with this id."""
    if not is_id(session):
        return None
    row = await pool.fetchrow(_LOAD, operator, session)
    if row is None:
        return None
    return Found(rows.session_of(row, 3), Standing(link=row[0], boot=row[1], online=row[2]))


async def look(pool: Pool, keys: Sequence[Key]) -> dict[Key, Change]:
    """How these sessions stand now."""
    found = await pool.fetch(_LOOK, [key[0] for key in keys], [key[1] for key in keys])
    changes: dict[Key, Change] = {}
    for row in found:
        columns = dict(row.items())
        standing = Standing(link=columns.pop("link"), boot=columns.pop("boot"), online=columns.pop("online"))
        key = (OperatorId(columns.pop("operator_id")), SessionId(columns.pop("session_id")))
        columns["state"] = State(columns["state"])
        changes[key] = Change(standing=standing, columns=columns)
    return changes


async def latest_reading(pool: Pool, found: Found) -> Heard | None:
    """The newest reading kept of a session: what another process heard, or this one before somebody watched."""
    session, meter = found.session, meter_of(found.session)
    if meter is None:
        return None
    row = await pool.fetchrow(
        _LATEST, session.operator, session.terminal, session.outlet, session.created_at, session.id
    )
    if row is None:
        return None
    return Heard(
        # Readings are kept without their boot: it is that of the session's own latest record.
        boot=max((track.boot for track in meter.tracks.values()), default=found.standing.boot),
        ticks_ms=row["ticks_ms"],
        registers=_registers.decode(row["registers"]),
        at=row["at"],
        flow_ml_per_min=row["flow_ml_per_min"],
        valve_open=row["valve_open"],
        sensors=_sensors.decode(row["sensors"]),
    )


_registers = msgspec.json.Decoder(Registers)
_sensors = msgspec.json.Decoder(dict[str, int])
