"""When an outlet's reading is due, and what it says: a SIM card pays for each byte."""

from __future__ import annotations

from dataclasses import dataclass

from coinslot.terminal.power import SENSOR
from coinslot.terminal.taps import Tap
from coinslot.wire.messages import MAX_SENSORS, Config, Readings
from coinslot.wire.registers import MAX_COUNT, Register

MINUTE_MS = 60_000


@dataclass
class Teller:
    """The latest reading told of one outlet."""

    told_at: int | None = None
    told_ml: int = 0
    was_open: bool = False

    def due(self, tap: Tap, config: Config, watched_until: int, now: int) -> bool:
        """Whether to tell it now: at once when a session starts or ends, else at its pace."""
        if self.told_at is None or tap.open is not self.was_open:
            return True
        if now <= watched_until:
            pace_s = config.watch_readings_s
        else:
            pace_s = config.readings_s if tap.run is not None else config.idle_readings_s
        return now - self.told_at >= pace_s * 1000

    def tell(self, tap: Tap, link: int, now: int) -> Readings:
        """The reading; flow is the mean since the one before."""
        ml = tap.registers.get(Register.ML)
        flow = None
        if ml is not None and self.told_at is not None and now > self.told_at:
            flow = (ml - self.told_ml) * MINUTE_MS // (now - self.told_at)
        self.told_at, self.told_ml, self.was_open = now, ml or 0, tap.open
        return Readings(
            link=link,
            outlet=tap.number,
            ticks_ms=now,
            registers=dict(tap.registers),
            flow_ml_per_min=None if flow is None else min(flow, MAX_COUNT),
            power_w=None if tap.power.silent(now) else tap.power.power_w,
            valve_open=tap.is_open(),
            session=tap.run.about.session if tap.run else None,
            sensors=dict(
                [(name, value) for name, value in tap.sensors.items() if name != SENSOR][:MAX_SENSORS]
            ),
        )
