"""What kind of code somebody gets, and for which keypad. Pure: what is live there was counted under its lock."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from coinslot.access.odds import Kind
from coinslot.settlement.codes.caps import fits
from coinslot.settlement.codes.guard import Locked
from coinslot.settlement.codes.model import CodeRow, CodeState, Scope
from coinslot.settlement.codes.places import Keypad
from coinslot.wire.ids import TerminalId

Key = tuple[TerminalId, int]


def bound_to(rows: Sequence[CodeRow]) -> set[Key]:
    """The outlets that live ones of these codes are for."""
    live = [row for row in rows if row.state is CodeState.LIVE]
    return {
        (row.terminal_id, row.outlet)
        for row in live
        if row.terminal_id is not None and row.outlet is not None
    }


def choose(
    keypads: Sequence[Keypad],
    locked: Locked,
    live: Mapping[Key, Mapping[Kind, int]],
    *,
    own: Collection[Key],
    of_room: bool,
) -> tuple[Scope, Keypad] | None:
    """For all of a room's keypads, or for the best one of an appliance's; None where guessing would be too easy.

    `own`: outlets that the customer has another code for. Few may be live at a keypad: whoever could hold them all,
    renewed every ten minutes at no cost, would keep everybody else away from it.
    """
    if of_room:
        open_there = any(not locked.is_locked(keypad) for keypad in keypads)
        scope = Scope.ROOM if open_there else Scope.LONG
        return (scope, keypads[0]) if fits(scope.kind, live.values()) else None
    for keypad in sorted(keypads, key=locked.is_locked):
        scope = Scope.LONG if locked.is_locked(keypad) else Scope.OUTLET
        if keypad.key not in own and fits(scope.kind, [live[keypad.key]]):
            return scope, keypad
    return None
