"""Keypads: which outlets a code is for. Read only."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from coinslot.rows import many
from coinslot.settlement.payments.unit import Connection, Pool
from coinslot.wire.ids import ApplianceId, OperatorId, SiteId, TerminalId


class Keypad(Struct, frozen=True, kw_only=True):
    """An outlet with somebody in front of it, and what hangs on it."""

    operator_id: OperatorId
    site_id: SiteId
    room: str
    """The appliance's; empty where it is in none."""
    appliance_id: ApplianceId
    appliance: str
    """Its name."""
    terminal_id: TerminalId
    outlet: int

    @property
    def key(self) -> tuple[TerminalId, int]:
        """Keypads are locked in the order of these."""
        return (self.terminal_id, self.outlet)


# A terminal that was revoked opens nothing any more, and nobody types on an appliance without a keypad.
_KEYPADS: Final = """
    SELECT o.operator_id, a.site_id, a.room, a.appliance_id, a.name AS appliance, o.terminal_id, o.outlet
    FROM {first} CROSS JOIN LATERAL (SELECT * FROM outlet x
        WHERE x.operator_id = a.operator_id AND x.appliance_id = a.appliance_id OFFSET 0) o
    CROSS JOIN LATERAL (SELECT true FROM terminal x
        WHERE x.operator_id = o.operator_id AND x.terminal_id = o.terminal_id AND x.revoked_at IS NULL OFFSET 0) t
    ORDER BY o.terminal_id, o.outlet
"""
_OF_APPLIANCE: Final = _KEYPADS.format(
    first="(SELECT * FROM appliance WHERE operator_id = $1 AND appliance_id = $2 AND keypad) a"
)
_OF_ROOM: Final = _KEYPADS.format(
    first="(SELECT * FROM appliance"
    " WHERE operator_id = $1 AND ($2::text IS NULL OR site_id = $2) AND room = $3 AND keypad) a"
)


async def of_appliance(
    connection: Connection | Pool, operator: OperatorId, appliance: ApplianceId, outlet: int | None
) -> list[Keypad]:
    """An appliance's keypads, or the one with this number."""
    found = many(await connection.fetch(_OF_APPLIANCE, operator, appliance), Keypad)
    return [keypad for keypad in found if outlet in (None, keypad.outlet)]


async def of_room(
    connection: Connection | Pool, operator: OperatorId, site: SiteId | None, room: str
) -> list[Keypad]:
    """A room's keypads: those of its appliances, by its exact name. None where several sites have such a room."""
    if not room:
        return []
    found = many(await connection.fetch(_OF_ROOM, operator, site, room), Keypad)
    return found if len({keypad.site_id for keypad in found}) == 1 else []
