"""The one transition table of a session. The diagram in the documentation is generated from it."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Final

_FENCE: Final = "```mermaid\n"


class State(StrEnum):
    """Where a session stands."""

    AUTHORIZED = "authorized"
    """Money is held and the start command is on its way."""
    PROMISED = "promised"
    """Money is held for a code that can be typed without the link. Nothing was sent; the outlet is free for others."""
    UNKNOWN = "unknown"
    """The start has expired without an answer: unknown, never failed. The hold stays."""
    RUNNING = "running"
    """The terminal has opened the outlet."""
    STOPPING = "stopping"
    """A stop was asked for; the terminal has not yet said that it is done."""
    SETTLED = "settled"
    """Charged and captured, the rest released. Final."""
    RELEASED = "released"
    """Never started, as far as anybody knows: the whole hold went back."""
    LATE = "late"
    """Usage turned up after the release and became arrears or was written off. Final."""


class Event(StrEnum):
    """What can happen to a session."""

    STARTED = "started"
    """The terminal's record that it is about to open."""
    METERED = "metered"
    """A checkpoint of the registers."""
    STOPPED = "stopped"
    """The terminal's record that it has shut."""
    DECLINED = "declined"
    """The terminal's record that it will not start."""
    STOP_ASKED = "stop_asked"
    """The customer or the operator wants it to end."""
    SILENT = "silent"
    """The start has certainly expired and nothing was heard."""
    DISPROVED = "disproved"
    """Every record that could tell of a start is here, and none does."""
    GIVEN_UP = "given_up"
    """The deadline of the state has passed, or the journal that would tell is gone. Of a promise: a person has said so."""
    TYPED = "typed"
    """The code was typed while the link was up: the server starts it."""
    CREDITED = "credited"
    """The terminal's record that it took the code by itself; its `started` follows."""
    RECALLED = "recalled"
    """The start of a typed code is disproved. The code may still be good: only a record says that it is not."""
    BURNT = "burnt"
    """The terminal's record that the code was not used and never will be."""
    UNPROVED = "unproved"
    """Nobody can say what became of the code: no record within a day, or the journal that had it is gone."""


OCCUPYING = frozenset({State.AUTHORIZED, State.UNKNOWN, State.RUNNING, State.STOPPING})
"""The states in which nobody else may use the outlet."""
LIVE = OCCUPYING | {State.PROMISED}
"""The states that keep a hold."""

TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.AUTHORIZED, Event.STARTED): State.RUNNING,
    (State.AUTHORIZED, Event.METERED): State.RUNNING,  # its `started` was lost
    (State.AUTHORIZED, Event.STOPPED): State.SETTLED,  # its `started` was lost
    (State.AUTHORIZED, Event.DECLINED): State.RELEASED,
    (State.AUTHORIZED, Event.STOP_ASKED): State.AUTHORIZED,
    (State.AUTHORIZED, Event.SILENT): State.UNKNOWN,
    (State.UNKNOWN, Event.STARTED): State.RUNNING,
    (State.UNKNOWN, Event.METERED): State.RUNNING,
    (State.UNKNOWN, Event.STOPPED): State.SETTLED,
    (State.UNKNOWN, Event.DECLINED): State.RELEASED,
    (State.UNKNOWN, Event.STOP_ASKED): State.UNKNOWN,
    (State.UNKNOWN, Event.DISPROVED): State.RELEASED,
    (State.UNKNOWN, Event.GIVEN_UP): State.RELEASED,
    (State.RUNNING, Event.METERED): State.RUNNING,
    (State.RUNNING, Event.STOPPED): State.SETTLED,
    (State.RUNNING, Event.STOP_ASKED): State.STOPPING,
    (State.RUNNING, Event.GIVEN_UP): State.SETTLED,
    (State.STOPPING, Event.METERED): State.STOPPING,
    (State.STOPPING, Event.STOPPED): State.SETTLED,
    (State.STOPPING, Event.STOP_ASKED): State.STOPPING,
    (State.STOPPING, Event.GIVEN_UP): State.SETTLED,
    (State.PROMISED, Event.TYPED): State.AUTHORIZED,
    (State.PROMISED, Event.CREDITED): State.PROMISED,
    (State.PROMISED, Event.STARTED): State.RUNNING,
    (State.PROMISED, Event.METERED): State.RUNNING,  # its `started` was lost
    (State.PROMISED, Event.STOPPED): State.SETTLED,  # likewise
    (State.PROMISED, Event.DECLINED): State.RELEASED,
    (State.PROMISED, Event.BURNT): State.RELEASED,
    (State.PROMISED, Event.STOP_ASKED): State.PROMISED,
    (State.PROMISED, Event.UNPROVED): State.PROMISED,
    (State.PROMISED, Event.GIVEN_UP): State.RELEASED,
    (State.AUTHORIZED, Event.CREDITED): State.PROMISED,  # typed again after the link had gone
    (State.AUTHORIZED, Event.BURNT): State.RELEASED,
    (State.UNKNOWN, Event.CREDITED): State.PROMISED,
    (State.UNKNOWN, Event.BURNT): State.RELEASED,
    (State.UNKNOWN, Event.RECALLED): State.PROMISED,
    (State.RELEASED, Event.CREDITED): State.RELEASED,  # used after a person had given it up
    (State.RELEASED, Event.BURNT): State.RELEASED,
    (State.RELEASED, Event.DECLINED): State.RELEASED,  # what silence had proved already
    (State.RELEASED, Event.STARTED): State.RELEASED,
    (State.RELEASED, Event.METERED): State.RELEASED,
    (State.RELEASED, Event.STOPPED): State.LATE,
}


class IllegalEvent(Exception):
    """The table does not name this event for this state; nothing has changed."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"a session that is {state.value} cannot be {event.value.replace('_', ' ')}")
        self.state = state
        self.event = event


def after(state: State, event: Event) -> State:
    """The state that follows. IllegalEvent when the table has no such row."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalEvent(state, event) from None


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    rows = [
        "stateDiagram-v2",
        *(f"    [*] --> {state.value}" for state in (State.AUTHORIZED, State.PROMISED)),
    ]
    arrows: dict[tuple[State, State], list[str]] = {}
    for (state, event), target in TRANSITIONS.items():
        arrows.setdefault((state, target), []).append(event.value)
    rows += [f"    {a.value} --> {b.value}: {', '.join(events)}" for (a, b), events in arrows.items()]
    rows += [f"    {state.value} --> [*]" for state in (State.SETTLED, State.RELEASED, State.LATE)]
    return "\n".join(rows) + "\n"


def in_page(page: str) -> str:
    """A page of the documentation with its first Mermaid block replaced by the diagram."""
    before, rest = page.split(_FENCE, 1)
    return before + _FENCE + diagram() + "```" + rest.split("```", 1)[1]


def main(paths: list[str]) -> None:
    """Draw the diagram anew in these pages: `python -m coinslot.sessions.states docs/sessions.md`."""
    for path in map(Path, paths):
        path.write_text(in_page(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
