"""What befalls appliances: a dead uplink, a power cut, a wet floor. Chosen by a seed, always mended."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from enum import StrEnum
from typing import assert_never

from msgspec import Struct

from coinslot.sandbox.appliances.terminal import SimulatedTerminal

_PAUSE_S = (14.0, 40.0)
"""Between two mishaps: often enough that somebody who watches for a minute sees one."""
_LASTS_S = (6.0, 16.0)


class Mishap(StrEnum):
    """What can happen."""

    LINK_CUT = "link cut"
    """The uplink is dead; water and journal go on."""
    POWER_CUT = "power cut"
    """The board is dark; the session ends at its last certain register when the power returns."""
    LEAK = "leak"
    """The floor is wet: the terminal shuts the outlet and reports it."""


class Happening(Struct, frozen=True, kw_only=True):
    """A mishap under way."""

    terminal: SimulatedTerminal
    what: Mishap
    until_s: float
    """In the event loop's time."""


_WEIGHTS = {Mishap.LINK_CUT: 5, Mishap.POWER_CUT: 3, Mishap.LEAK: 1}


class Mishaps:
    """One mishap after the other, at random terminals, until cancelled."""

    def __init__(self, terminals: Sequence[SimulatedTerminal], chance: random.Random, speed: float) -> None:
        self._terminals = terminals
        self._chance = chance
        self._speed = speed
        self.now: list[Happening] = []
        """What is broken at this moment."""
        self.count = 0
        """How many there have been."""

    async def run(self) -> None:
        """For ever; cancelled in the middle of one, it mends it first."""
        while True:
            await asyncio.sleep(self._chance.uniform(*_PAUSE_S) / self._speed)
            what = self._chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
            await self.befall(self._chance.choice(self._terminals), what, self._chance.uniform(*_LASTS_S))

    async def befall(self, terminal: SimulatedTerminal, what: Mishap, lasts_s: float) -> None:
        """Let this happen here, for so long."""
        until_s = asyncio.get_running_loop().time() + lasts_s
        happening = Happening(terminal=terminal, what=what, until_s=until_s)
        self.now.append(happening)
        self.count += 1
        try:
            await self._break(terminal, what)
            await asyncio.sleep(lasts_s)
        finally:
            self._mend(terminal, what)
            self.now.remove(happening)

    async def _break(self, terminal: SimulatedTerminal, what: Mishap) -> None:
        match what:
            case Mishap.LINK_CUT:
                terminal.cable.pull()
            case Mishap.POWER_CUT:
                await terminal.power_off()
            case Mishap.LEAK:
                terminal.outlet(0).leak = True
            case _:
                assert_never(what)

    def _mend(self, terminal: SimulatedTerminal, what: Mishap) -> None:
        match what:
            case Mishap.LINK_CUT:
                terminal.cable.plug()
            case Mishap.POWER_CUT:
                # At the very end the loop may be closing: then the power stays off.
                with contextlib.suppress(RuntimeError):
                    terminal.power_on()
            case Mishap.LEAK:
                terminal.outlet(0).leak = False
            case _:
                assert_never(what)
