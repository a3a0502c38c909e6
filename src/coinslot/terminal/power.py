"""What an electrical appliance draws, judged: pure figures in, faults out.

Everything is looked at for as long as it lasts: a motor that starts, a heater that switches or a reading that is
wrong once is no fault.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from coinslot.terminal.settings import OutletSettings
from coinslot.wire.records import FaultCode
from coinslot.wire.registers import Register

SENSOR = "power_w"
"""The sensor's name: watts at this moment."""
SILENT_MS = 5_000
"""A power sensor is read once a second; after this long nobody knows whether too much is drawn."""
STUCK_MS = 3_000
"""Power behind an open relay: longer than a filter in the meter goes on showing what was before."""
UNCOUNTED_WMS = 5 * 3_600_000
"""Five watt-hours in watt-milliseconds: drawn without one step of the meter, they are not the meter's rounding."""
LONGEST_STEP_MS = 2_000
"""Between two readings further apart than this nobody saw what was drawn."""


@dataclass
class Power:
    """One outlet's power in this boot; all moments are ticks in milliseconds."""

    settings: OutletSettings
    power_w: int | None = None
    """The latest reading, never below 0."""
    heard_at: int = 0
    """When it came, or when the relay was last ordered to move or the program began, whichever is later."""
    _since: dict[FaultCode, int] = field(default_factory=dict)
    _uncounted_wms: int = 0

    def ordered(self, now: int) -> None:
        """The relay was told something: what lasted until now is over."""
        self.heard_at = now
        self._since.clear()
        self._uncounted_wms = 0

    def counted(self) -> None:
        """The meter moved."""
        self._uncounted_wms = 0

    def read(self, power_w: int, now: int, *, is_open: bool) -> list[FaultCode]:
        """Take one reading; the faults whose causes have lasted for too long. An open outlet is one whose relay
        is closed; the caller says nothing while it is still on its way."""
        settings = self.settings
        step_ms = min(now - self.heard_at, LONGEST_STEP_MS)
        self.power_w, self.heard_at = max(0, power_w), now
        if is_open and Register.WH in settings.meters and settings.electric:
            self._uncounted_wms += self.power_w * step_ms
        found = [
            code
            for code, cause, ms in self._causes(is_open=is_open)
            if self._lasts(code, ms, now, cause=cause)
        ]
        if self._uncounted_wms >= UNCOUNTED_WMS:
            found.append(FaultCode.METER_STUCK)
        return found

    def idles(self) -> bool:
        """Whether no more is drawn than on standby."""
        return self.power_w is not None and self.power_w <= (self.settings.idle_w or 0)

    def loaded(self) -> bool:
        """Whether an appliance is there."""
        return self.power_w is not None and self.power_w >= (self.settings.no_load_w or 1)

    def silent(self, now: int) -> bool:
        """Whether what must be known has not been told for too long."""
        return self.settings.electric and now - self.heard_at >= SILENT_MS

    def _causes(self, *, is_open: bool) -> Iterable[tuple[FaultCode, bool, int]]:
        settings, power_w = self.settings, self.power_w or 0
        if settings.overload_w is not None:
            yield FaultCode.OVERLOAD, power_w > settings.overload_w, settings.inrush_s * 1000
        if settings.stall:
            blocked = is_open and any(band.above_w < power_w <= band.to_w for band in settings.stall)
            yield FaultCode.STALL, blocked, settings.stall_s * 1000
        if settings.no_load_w is not None:
            yield FaultCode.FLOW_WHILE_SHUT, not is_open and power_w >= settings.no_load_w, STUCK_MS

    def _lasts(self, code: FaultCode, ms: int, now: int, *, cause: bool) -> bool:
        if not cause:
            self._since.pop(code, None)
            return False
        return now - self._since.setdefault(code, now) >= ms
