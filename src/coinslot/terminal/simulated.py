"""Simulated appliances: a shower and a drinking-water dispenser that flow, drift, leak and jam.

Everything comes from a seed and from the clock it is given, so the same run gives the same water.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from coinslot.terminal.clock import Clock
from coinslot.terminal.ports import Outlet, Pressed
from coinslot.terminal.settings import Language, OutletSettings, Settings
from coinslot.wire.registers import Register, Registers

RAMP_MS = 400
"""A solenoid valve takes about this long to its full flow."""


class Model(StrEnum):
    """The appliances that can be simulated."""

    DISPENSER = "dispenser"
    """Drinking water: outlet 0 cold, outlet 1 boiling."""
    SHOWER = "shower"
    """One shower with a keypad."""


@dataclass
class Flow:
    """How water runs from one outlet when its valve is open."""

    ml_per_min: int
    pulse_ml: int = 1
    """The meter counts in steps of this."""
    water_decic: int = 150
    tds_ppm: int = 80


@dataclass
class SimulatedOutlet:
    """Valve, meter, display and sensors of one outlet, and the switches that break them."""

    clock: Clock
    flow: Flow
    seed: random.Random
    lasting_ml: int = 0
    """What the meter starts at: an odometer that has seen use before."""
    valve_stuck: bool = False
    """The valve stays as it is, whatever it is told."""
    meter_stuck: bool = False
    """Water flows and the meter stands."""
    meter_dead: bool = False
    """The meter does not answer."""
    leak: bool = False
    """The leak sensor is wet."""
    tap_closed: bool = False
    """Somebody closed the shower head: the valve is open and nothing flows."""
    lines: tuple[str, str] = ("", "")
    qr: str | None = None
    is_open: bool = False
    poured_ul: int = 0
    """Microlitres that really came out since the beginning, metered or not."""
    shown: Callable[[tuple[str, str], str | None], None] | None = None
    _metered_ul: int = 0
    _moved_at: int = 0
    _opened_at: int = 0
    _tds_ppm: int = field(default=0)

    def __post_init__(self) -> None:
        self._moved_at = self.clock.ticks_ms()
        self._tds_ppm = self.flow.tds_ppm

    # ---- valve

    def open(self) -> None:
        """Power to the valve."""
        self._move(to_open=True)

    def shut(self) -> None:
        """No power to the valve."""
        self._move(to_open=False)

    def state(self) -> bool | None:
        """Its end switch."""
        return self.is_open

    def _move(self, *, to_open: bool) -> None:
        self._run()
        if self.valve_stuck or to_open is self.is_open:
            return
        self.is_open = to_open
        self._opened_at = self._moved_at

    # ---- meter

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

    # ---- display

    def show(self, lines: tuple[str, str], qr: str | None) -> None:
        """Keep what would be on the glass."""
        self.lines, self.qr = lines, qr
        if self.shown is not None:
            self.shown(lines, qr)


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


class SimulatedAppliance:
    """One appliance's hardware, with hands to press its keys."""

    def __init__(self, outlets: Mapping[int, SimulatedOutlet], tanks: Mapping[int, int | None]) -> None:
        self.simulated = dict(outlets)
        self._sensors = {number: SimulatedSensors(one, tanks.get(number)) for number, one in outlets.items()}
        self._outlets = {
            number: Outlet(one, one, one, self._sensors[number]) for number, one in outlets.items()
        }
        self._pressed: Callable[[Pressed], None] | None = None

    @property
    def outlets(self) -> Mapping[int, Outlet]:
        """What the agent is wired to."""
        return self._outlets

    def tank_permille(self, outlet: int) -> int | None:
        """How full the tank of an outlet is; None where it has none."""
        sensors = self._sensors[outlet]
        return None if sensors.tank_decic is None else sensors.level_permille

    def listen(self, pressed: Callable[[Pressed], None]) -> None:
        """Whom to tell of keys."""
        self._pressed = pressed

    def press(self, pressed: Pressed) -> None:
        """Press a key."""
        if self._pressed is not None:
            self._pressed(pressed)


def simulate(model: Model, clock: Clock, seed: int = 0) -> SimulatedAppliance:
    """A new appliance of this model, all valves shut."""
    source = random.Random(seed)
    if model is Model.SHOWER:
        shower = SimulatedOutlet(clock, Flow(9_000, pulse_ml=5, water_decic=395, tds_ppm=210), source)
        return SimulatedAppliance({0: shower}, {})
    cold = SimulatedOutlet(clock, Flow(2_400, water_decic=140, tds_ppm=32), random.Random(source.random()))
    hot = SimulatedOutlet(clock, Flow(1_500, water_decic=965, tds_ppm=34), random.Random(source.random()))
    return SimulatedAppliance({0: cold, 1: hot}, {0: 950, 1: 950})


def settings_for(model: Model, terminal: str, language: Language = Language.ZH) -> Settings:
    """The settings that fit a simulated appliance."""
    if model is Model.SHOWER:
        outlets: tuple[OutletSettings, ...] = (OutletSettings(outlet=0),)
    else:
        names = ("冷水", "开水") if language is Language.ZH else ("Cold", "Boiling")
        outlets = tuple(
            OutletSettings(outlet=at, name=name, flow_within_s=20) for at, name in enumerate(names)
        )
    return Settings(terminal=terminal, outlets=outlets, language=language, firmware="coinslot-agent")
