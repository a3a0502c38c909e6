"""One outlet: its valve as ordered and as reported, its registers, its faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from coinslot.terminal.limits import limit_of
from coinslot.terminal.power import Power
from coinslot.terminal.runs import Run
from coinslot.terminal.settings import MeterKind, OutletSettings
from coinslot.wire.records import FaultCode
from coinslot.wire.registers import Register, Registers

QUIET_MS = 60_000
"""A fault is over when its cause has not been seen for this long."""
IN_USE_ONLY = frozenset({FaultCode.METER_STUCK, FaultCode.NO_LOAD, FaultCode.OVERLOAD, FaultCode.STALL})
"""What cannot be judged behind a shut valve or an open relay."""
TRY_AGAIN_MS = 600_000
"""Such a fault is over after this long: another session may try."""
FOLLOW_MS = 2_000
"""A valve has this long to follow its order; a motor valve takes about one second."""
SEEP_MS = 10_000


@dataclass
class Tap:
    """What is known of an outlet in this boot; `registers` also before it, from the journal."""

    settings: OutletSettings
    registers: Registers
    known: bool = False
    """Whether the meter has been read in this boot."""
    run: Run | None = None
    open: bool = False
    """What the valve was ordered."""
    ordered_at: int = 0
    reported_open: bool | None = None
    reported_at: int = 0
    sensors: dict[str, int] = field(default_factory=dict)
    read_at: int = 0
    faults: dict[FaultCode, int] = field(default_factory=dict)
    """When the cause of each active fault was last seen."""
    power: Power = field(init=False)
    _offset: Registers = field(default_factory=dict)
    _raw: Registers = field(default_factory=dict)
    _seep_from: int = 0
    _pace: Registers = field(default_factory=dict)
    _pace_ms: int = 1
    _seeped: int = 0

    def __post_init__(self) -> None:
        for register in (*self.settings.meters, Register.S):
            self.registers.setdefault(register, 0)
        self.power = Power(self.settings)
        if not self.settings.meters:
            self.known = True

    @property
    def number(self) -> int:
        """The outlet's number."""
        return self.settings.outlet

    def order(self, *, open_it: bool, now: int) -> None:
        """Remember what the valve was told."""
        self.open = open_it
        self.ordered_at = now
        self._seeped = 0
        self._seep_from = now
        self.power.ordered(now)

    def draws(self, power_w: int, now: int) -> list[FaultCode]:
        """Take a reading of the power: the faults it shows."""
        found = self.power.read(power_w, now, is_open=self.open or now - self.ordered_at < FOLLOW_MS)
        if self.run is not None:
            self.run.drew(now, loaded=self.power.loaded(), idles=self.power.idles())
        return found

    def reports(self, *, open_it: bool, now: int) -> None:
        """Remember what the valve says of itself."""
        self.reported_open = open_it
        self.reported_at = now

    def is_open(self) -> bool:
        """Open or shut, by the valve's own word once it has had the time to follow its order."""
        if self.reported_open is None or self.reported_at - self.ordered_at < FOLLOW_MS:
            return self.open
        return self.reported_open

    def ms_to_limit(self, now: int) -> int | None:
        """When, at the latest pace, the nearest limit is reached; None when nothing runs."""
        if self.run is None or self.run.paused_at is not None:
            return None
        limits, usage = self.run.about.limits, self.run.usage(self.registers)
        waits = [
            (limit_of(limits, register) - usage[register]) * self._pace_ms // gain
            for register, gain in self._pace.items()
            if gain > 0
        ]
        if self.run.first_at is not None:
            waits.append(self.run.left_ms(now))
        return max(0, min(waits)) if waits else None

    def read(self, raw: Mapping[Register, int], now: int) -> tuple[Registers, bool]:
        """Take a meter reading: (what each register gained, whether one went backwards).

        A register that goes backwards stands still here and counts on from there.
        """
        gains: Registers = {}
        backwards = False
        for register in self.settings.meters:
            value = raw.get(register)
            if value is None:
                continue
            before = self.registers[register]
            if register not in self._raw and self.settings.meter is MeterKind.VOLATILE:
                self._offset[register] = before - value
            after = value + self._offset.get(register, 0)
            if after < before:
                backwards = True
                self._offset[register] = before - value
                after = before
            elif register not in self._raw and not self.known and before == 0:
                after = max(after, before)  # an odometer's first reading is no gain
            else:
                if after > before:
                    gains[register] = after - before
            self.registers[register] = after
            self._raw[register] = value
        self.known = True
        if gains:
            self.power.counted()
        self._pace, self._pace_ms = gains, max(1, now - self.read_at)
        self.read_at = now
        return gains, backwards

    def seeps(self, gain: int, now: int) -> bool:
        """Whether more than may be passes the shut valve; the valve's closing time is not counted."""
        if now - self.ordered_at < FOLLOW_MS:
            return False
        if now - self._seep_from >= SEEP_MS:
            self._seep_from, self._seeped = now, 0
        self._seeped += gain
        return self._seeped > self.settings.seep

    def over(self, now: int) -> list[FaultCode]:
        """The active faults whose cause has not been seen for long enough."""
        return [
            code
            for code, seen_at in self.faults.items()
            if now - seen_at >= (TRY_AGAIN_MS if code in IN_USE_ONLY else QUIET_MS)
        ]
