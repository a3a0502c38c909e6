"""Water: a valve, a meter that counts pulses, sensors in the tank."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from coinslot.terminal.simulated.switch import SimulatedSwitch
from coinslot.wire.registers import Register, Registers

RAMP_MS = 400
"""A solenoid valve takes about this long to its full flow."""


@dataclass
class Flow:
    """How water runs from one outlet when its valve is open."""

    ml_per_min: int
    pulse_ml: int = 1
    """The meter counts in steps of this."""
    water_decic: int = 150
    tds_ppm: int = 80


@dataclass(kw_only=True)
class SimulatedOutlet(SimulatedSwitch):
    """Valve, meter, display and sensors of one outlet, and the switches that break them."""

    flow: Flow
    seed: random.Random
    lasting_ml: int = 0
    """What the meter starts at: an odometer that has seen use before."""
    leak: bool = False
    """The leak sensor is wet."""
    tap_closed: bool = False
    """Somebody closed the shower head: the valve is open and nothing flows."""
    poured_ul: int = 0
    """Microlitres that really came out since the beginning, metered or not."""
    _metered_ul: int = 0
    _tds_ppm: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._tds_ppm = self.flow.tds_ppm

    def read(self) -> Registers:
        """Whole pulses so far."""
        self._run()
        if self.meter_dead:
            raise OSError("the simulated meter does not answer")
        pulse = self.flow.pulse_ml
        return {Register.ML: self.lasting_ml + self._metered_ul // (pulse * 1000) * pulse}

    def _run(self) -> None:
        now = self.clock.ticks_ms()
        from_ms, self._moved_at = self._moved_at, now
        if not self.is_open or self.tap_closed or now <= from_ms:
            return
        spread = self.seed.randint(970, 1030)
        slow = max(0, min(now, self._opened_at + RAMP_MS) - from_ms) // 2
        ul = self.flow.ml_per_min * (now - from_ms - slow) * spread // 60_000
        self.poured_ul += ul
        if not self.meter_stuck:
            self._metered_ul += ul


@dataclass
class SimulatedSensors:
    """Sensors of one outlet: values that wander a little around what they should be."""

    outlet: SimulatedOutlet
    tank_decic: int | None = None

    @property
    def level_permille(self) -> int:
        """A tank of 20 L, filled to 90 % again when it is down to a tenth."""
        return 900 - self.outlet.poured_ul // 20_000 % 800

    def read(self) -> Mapping[str, int]:
        """All of them."""
        one = self.outlet
        one._tds_ppm = max(5, min(500, one._tds_ppm + one.seed.randint(-1, 1)))
        values = {
            "tds_ppm": one._tds_ppm,
            "water_decic": one.flow.water_decic + one.seed.randint(-4, 4),
            "valve_open": int(one.is_open),
            "leak": int(one.leak),
        }
        if self.tank_decic is not None:
            values["tank_decic"] = self.tank_decic + one.seed.randint(-8, 8)
            values["tank_level_permille"] = self.level_permille
            values["filter_age_h"] = 310 + one.clock.ticks_ms() // 3_600_000
        return values
