"""Points at which a story is cut: before which action, and what is left of it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from coinslot.terminal.actions import Action, Append, Note, OpenValve, Rewrite, ShutValve
from coinslot.terminal.journal import frame


class How(StrEnum):
    """What happens at the point."""

    KILLED = "killed"
    """The agent dies before the action; the board has power, so what was written is there, forced or not, and the
    valve stays as it was until the agent is started again."""
    POWER = "power"
    """The power goes before the action: what was not forced to disk is gone, and every valve falls shut."""
    TORN = "torn"
    """The power goes while a line is written: so many bytes of it reached the disk."""
    ZEROED = "zeroed"
    """The same, and the file has its full length: the rest was never written and reads as zeros."""


class Point(Struct, frozen=True):
    """Where a run is cut."""

    action: int
    """Counted from 0 over the whole run."""
    how: How
    bytes: int = 0
    """Of the line, for what is torn."""

    def __str__(self) -> str:
        torn = f" after {self.bytes} bytes" if self.how in (How.TORN, How.ZEROED) else ""
        return f"{self.how.value} at action {self.action}{torn}"


def points_of(actions: list[Action], first: int = 0) -> list[Point]:
    """Every point of a run with these actions, from `first` on. Messages and displays are no crash points of their
    own: what counts is which journal and which valve they are between, and that is the same before and after them."""
    found: list[Point] = []
    for number, action in enumerate(actions[first:], first):
        match action:
            case Append(line=line) | Note(line=line):
                whole = len(frame(line))
                found += [Point(number, How.KILLED), Point(number, How.POWER)]
                found += [Point(number, How.TORN, size) for size in range(1, whole + 1)]
                found += [Point(number, How.ZEROED, size) for size in range(0, whole, 7)]
            case OpenValve() | ShutValve() | Rewrite():
                found += [Point(number, How.KILLED), Point(number, How.POWER)]
            case _:
                pass
    end = len(actions)
    return [*found, Point(end, How.KILLED), Point(end, How.POWER)]
