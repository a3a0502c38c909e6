"""What stands on a dispenser or shower of the demo: its display, what is broken, and the vessel below its tap."""

from __future__ import annotations

import contextlib
from typing import assert_never

from msgspec import Struct

from coinslot.app.demo_displays import row_in
from coinslot.people.notices import Language
from coinslot.sandbox.appliances.terminal import SimulatedTerminal
from coinslot.terminal.layouts import LAYOUTS
from coinslot.terminal.settings import Language as Spoken
from coinslot.terminal.settings import OutletSettings
from coinslot.terminal.simulated import settings_for
from coinslot.web.wall.port import Trouble
from coinslot.wire.ids import TerminalId


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


async def make_trouble(terminal: SimulatedTerminal, trouble: Trouble, *, on: bool) -> None:
    """Break or mend it, on all its outlets."""
    outlets = terminal.appliance.simulated.values()
    match trouble:
        case Trouble.UNPLUGGED:
            (terminal.cable.pull if on else terminal.cable.plug)()
        case Trouble.POWER_CUT if on:
            await terminal.power_off()
        case Trouble.POWER_CUT:
            terminal.power_on()
        case Trouble.METER_STUCK:
            for outlet in outlets:
                outlet.meter_stuck = on
        case Trouble.VALVE_STUCK:
            for outlet in outlets:
                outlet.valve_stuck = on
        case Trouble.LEAK:
            for outlet in outlets:
                outlet.leak = on
        case _:
            assert_never(trouble)


def settings_of(terminal: SimulatedTerminal, outlet: int) -> OutletSettings:
    """How its agent was told to drive an outlet."""
    return settings_for(terminal.board.model, terminal.id, Spoken.EN).outlets[outlet]


def display(terminal: SimulatedTerminal, outlet: int, language: Language) -> tuple[str, ...]:
    """The glass as it is, without the outlet's name, which stands above it, and in this language, whoever is spoken to.
    Dark without power.
    """
    settings = settings_of(terminal, outlet)
    layout = LAYOUTS[settings.display]
    if not terminal.powered:
        return ("",) * layout.rows
    first, *others = terminal.outlet(outlet).lines
    rows = (first.removeprefix(settings.name).strip(), *others)
    return tuple(row_in(row, language, layout.columns) for row in rows)


class _Begun(Struct, frozen=True):
    """When a vessel was put under a tap: at which session, and what had poured by then."""

    session: str
    poured_ul: int


class Vessels:
    """What runs into the vessels below all taps."""

    def __init__(self) -> None:
        self._begun: dict[tuple[TerminalId, int], _Begun] = {}

    def ml(self, terminal: SimulatedTerminal, outlet: int) -> int:
        """What has poured since the latest session here was first seen; a new one brings an empty vessel. To be asked
        often enough to see each.
        """
        water, use = terminal.outlet(outlet), terminal.use(outlet)
        with contextlib.suppress(OSError):
            water.read()  # what pours without power is counted by nobody else
        begun = self._begun.get((terminal.id, outlet))
        if begun is None or (use is not None and use.session != begun.session):
            begun = _Begun(use.session if use else "", water.poured_ul)
            self._begun[terminal.id, outlet] = begun
        return (water.poured_ul - begun.poured_ul) // 1000
