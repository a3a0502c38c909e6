"""What truly ran for each session, and a terminal's actions as a trace shows them."""

from __future__ import annotations

from dataclasses import dataclass

from coinslot.sandbox.simulator.appliance import Tap
from coinslot.terminal.actions import Action, Append, OpenValve, Send, ShutValve
from coinslot.terminal.entries import Entry, RecordKept
from coinslot.wire.codec import encode


@dataclass
class Opening:
    """What truly ran for one session."""

    tap: Tap
    at_ms: int
    poured_from: int
    shut_ms: int | None = None
    poured_to: int | None = None

    def poured_ml(self) -> int:
        """Millilitres out of the tap so far."""
        self.tap.run()
        return (self.tap.poured_ml if self.poured_to is None else self.poured_to) - self.poured_from

    def open_ms(self, now_ms: int) -> int:
        """Milliseconds open so far."""
        return (now_ms if self.shut_ms is None else self.shut_ms) - self.at_ms


def shown(action: Action) -> str:
    """One line of a trace."""
    text = type(action).__name__
    match action:
        case Send(message=message):
            return f"{text} {encode(message).decode()}"
        case Append(entry=entry):
            return f"{text} {_line(entry)}"
        case OpenValve(outlet=outlet) | ShutValve(outlet=outlet):
            return f"{text} {outlet}"
        case _:
            return text


def _line(entry: Entry) -> str:
    match entry:
        case RecordKept(seq=seq, record=raw):
            return f"{seq}: {bytes(raw).decode()}"
        case _:
            return str(entry)
