"""How many codes may be live at a keypad: counted there, under its lock, and held against the odds of guessing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from coinslot.access.odds import Kind, room_for
from coinslot.settlement.codes.places import Keypad
from coinslot.settlement.payments.unit import Connection, Pool
from coinslot.wire.ids import OperatorId, TerminalId

# What expired is still counted out by its moment: nobody has to have noted it.
_COUNT: Final = """
    SELECT k.terminal_id, k.outlet, c.scope, count(*) AS live
    FROM unnest($2::text[], $3::smallint[], $4::text[], $5::text[]) AS k(terminal_id, outlet, site_id, room)
    CROSS JOIN LATERAL (
        SELECT x.scope FROM keypad_code x WHERE x.ended_at IS NULL AND x.expires_at > clock_timestamp()
            AND x.operator_id || '' = $1 AND x.terminal_id = k.terminal_id AND x.outlet = k.outlet
        UNION ALL
        SELECT x.scope FROM keypad_code x WHERE x.ended_at IS NULL AND x.expires_at > clock_timestamp()
            AND x.operator_id || '' = $1 AND x.terminal_id IS NULL AND x.site_id = k.site_id AND x.room = k.room
            AND k.room <> ''
        UNION ALL
        SELECT 'promised' FROM offline_code x WHERE x.burnt_at IS NULL
            AND x.operator_id || '' = $1 AND x.terminal_id = k.terminal_id AND x.outlet = k.outlet
    ) c
    GROUP BY k.terminal_id, k.outlet, c.scope
"""


async def live_at(
    connection: Connection | Pool, operator: OperatorId, keypads: Sequence[Keypad]
) -> dict[tuple[TerminalId, int], dict[Kind, int]]:
    """How many codes of each kind would open each of these keypads now."""
    found: dict[tuple[TerminalId, int], dict[Kind, int]] = {keypad.key: {} for keypad in keypads}
    columns = (
        [keypad.terminal_id for keypad in keypads],
        [keypad.outlet for keypad in keypads],
        [keypad.site_id for keypad in keypads],
        [keypad.room for keypad in keypads],
    )
    for row in await connection.fetch(_COUNT, operator, *columns):
        found[row["terminal_id"], row["outlet"]][Kind(row["scope"])] = row["live"]
    return found


def fits(kind: Kind, live: Iterable[Mapping[Kind, int]]) -> bool:
    """Whether one more of a kind may be live at each of the keypads with these counts."""
    return all(room_for(kind, counts) for counts in live)
