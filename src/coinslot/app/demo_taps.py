"""What stands on a dispenser or shower of the demo: its display, and what is broken."""

from __future__ import annotations

from coinslot.people.notices import Language
from coinslot.sandbox.appliances.terminal import SimulatedTerminal
from coinslot.terminal.phrases import in_chinese
from coinslot.terminal.settings import Language as Spoken
from coinslot.terminal.simulated import settings_for
from coinslot.web.wall.port import Trouble


def troubles(terminal: SimulatedTerminal) -> list[Trouble]:
    """What is broken on it."""
    outlets = terminal.appliance.simulated.values()
    found = {
        Trouble.UNPLUGGED: not terminal.cable.plugged,
        Trouble.POWER_CUT: not terminal.powered,
        Trouble.METER_STUCK: any(one.meter_stuck for one in outlets),
        Trouble.VALVE_STUCK: any(one.valve_stuck for one in outlets),
        Trouble.LEAK: any(one.leak for one in outlets),
    }
    return [trouble for trouble, on in found.items() if on]


def display(terminal: SimulatedTerminal, outlet: int, language: Language) -> tuple[str, ...]:
    """The glass as it is, without the outlet's name, which stands above it; in Chinese where that is read."""
    first, *others = terminal.outlet(outlet).lines
    name = settings_for(terminal.board.model, terminal.id, Spoken.EN).outlets[outlet].name
    rows = (first.removeprefix(name).strip(), *others)
    return tuple(in_chinese(row) for row in rows) if language == "zh" else rows
