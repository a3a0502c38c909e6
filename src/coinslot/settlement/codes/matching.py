"""What typed digits mean at a keypad. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum, auto
from typing import NamedTuple

from coinslot.settlement.codes.model import CodeRow, CodeState
from coinslot.settlement.codes.places import Keypad


class Meaning(Enum):
    """By what follows."""

    OPENS = auto()
    """A live code for this keypad."""
    USED = auto()
    """One for this keypad that has opened something. No try: it opens nothing, and proves nothing of another."""
    EXPIRED = auto()
    """One for this keypad whose time is over, that was cancelled, or that has other digits by now. No try either."""
    ELSEWHERE = auto()
    """A live one for another keypad of the site. A try: a sweep meets ten of these for each of its own."""
    UNKNOWN = auto()
    """No code, or one that is over and was never for here. A try."""


class Match(NamedTuple):
    """The meaning, and the code that has it."""

    meaning: Meaning
    row: CodeRow | None


def meaning_of(keypad: Keypad, rows: Sequence[CodeRow], macs: Collection[bytes]) -> Match:
    """The most that any of the codes with these digits, now or before, means here."""
    found = [Match(_meaning(keypad, row, macs), row) for row in rows]
    return min(found, key=lambda one: one.meaning.value, default=Match(Meaning.UNKNOWN, None))


def is_for(row: CodeRow, keypad: Keypad) -> bool:
    """Whether a code is for this keypad: its outlet, with the appliance that it had, or its room."""
    if row.operator_id != keypad.operator_id or row.site_id != keypad.site_id:
        return False
    if row.terminal_id is None:
        return row.room == keypad.room
    return (row.terminal_id, row.outlet, row.appliance_id) == (*keypad.key, keypad.appliance_id)


def _meaning(keypad: Keypad, row: CodeRow, macs: Collection[bytes]) -> Meaning:
    present = row.mac in macs
    if not is_for(row, keypad):
        return Meaning.ELSEWHERE if present and row.state is CodeState.LIVE else Meaning.UNKNOWN
    if row.state is CodeState.USED:
        return Meaning.USED
    return Meaning.OPENS if present and row.state is CodeState.LIVE else Meaning.EXPIRED
