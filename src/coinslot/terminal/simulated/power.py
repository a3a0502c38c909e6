"""A socket: a relay, a meter for watt-hours, and what is plugged in, with the switches that break it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from coinslot.terminal.simulated.curves import Curve, Stretch
from coinslot.terminal.simulated.switch import SimulatedSwitch
from coinslot.wire.registers import Register, Registers

WH_UJ = 3_600_000_000
"""Microjoules in a watt-hour: a milliwatt for a millisecond is one, so every product of the two is exact."""
MWH_UJ = WH_UJ // 1000
_NOTHING = Stretch(0, 0)


@dataclass(kw_only=True)
class SimulatedSocket(SimulatedSwitch):
    """Relay, meter, power sensor and display of one appliance; `curve` is what it draws when it runs.

    `stalled_mw` is what it draws while its motor is held fast, `shorted_mw` with a short circuit behind the fuse.
    """

    curve: Curve
    chance: random.Random
    stalled_mw: int
    shorted_mw: int
    lasting_wh: int = 0
    """What the meter starts at: an odometer that has seen use before."""
    no_load: bool = False
    """Its plug is out, or its thermal cut-out has tripped: the relay is closed and nothing is drawn."""
    blocked: bool = False
    """Its drum or fan is held fast."""
    shorted: bool = False
    """Far more is drawn than the appliance ever could."""
    _drawn_uj: int = 0
    _metered_uj: int = 0
    _stretches: Iterator[Stretch] | None = field(default=None, repr=False)
    _stretch: Stretch = _NOTHING
    _left_ms: int = 0

    @property
    def drawn_uj(self) -> int:
        """Microjoules that were really drawn since the beginning, metered or not."""
        self._run()
        return self._drawn_uj

    @property
    def drawn_mwh(self) -> int:
        """The same in whole milliwatt-hours."""
        return self.drawn_uj // MWH_UJ

    @property
    def power_mw(self) -> int:
        """What is drawn at this moment."""
        self._run()
        return self._now_mw() if self.is_open else 0

    def read(self) -> Registers:
        """Whole watt-hours so far."""
        self._run()
        if self.meter_dead:
            raise OSError("the simulated meter does not answer")
        return {Register.WH: self.lasting_wh + self._metered_uj // WH_UJ}

    def _move(self, *, to_open: bool) -> None:
        was_open = self.is_open
        super()._move(to_open=to_open)
        if self.is_open and not was_open:
            self._stretches = self.curve(self.chance)
            self._left_ms = 0
            self._next()

    def _run(self) -> None:
        now = self.clock.ticks_ms()
        left_ms, self._moved_at = now - self._moved_at, now
        while self.is_open and left_ms > 0:
            part_ms = min(left_ms, self._left_ms)
            self._draw(part_ms)
            left_ms -= part_ms
            self._left_ms -= part_ms
            if not self._left_ms and not self._next():
                break

    def _draw(self, ms: int) -> None:
        drawn_uj = self._now_mw() * ms
        self._drawn_uj += drawn_uj
        if not self.meter_stuck:
            self._metered_uj += drawn_uj

    def _next(self) -> bool:
        """Go on to the next stretch; whether there is one."""
        found = None if self._stretches is None else next(self._stretches, None)
        self._stretch = found or _NOTHING
        self._left_ms = self._stretch.ms
        return found is not None

    def _now_mw(self) -> int:
        if self.no_load:
            return 0
        if self.shorted:
            return self.shorted_mw
        return self.stalled_mw if self.blocked else self._stretch.mw

    # ---- what breaks

    def break_load(self, *, on: bool) -> None:
        """Pull its plug, or put it in again; what was drawn until now is counted as it was."""
        self._run()
        self.no_load = on

    def hold_fast(self, *, on: bool) -> None:
        """Block its drum or fan, or free it."""
        self._run()
        self.blocked = on

    def short(self, *, on: bool) -> None:
        """Begin or end a short circuit."""
        self._run()
        self.shorted = on


@dataclass
class PowerSensor:
    """What the meter says besides its count."""

    socket: SimulatedSocket

    def read(self) -> Mapping[str, int]:
        """Watts at this moment, and the relay's own word."""
        return {"power_w": self.socket.power_mw // 1000, "relay_closed": int(self.socket.is_open)}
