"""A session while it runs: its usage, its time, its limits.

Seconds of use. For an outlet with a meter, `s` runs from the first to the last second in which something
was metered, both included: first flow seen at a, last at b gives (b - a) // 1000 + 1, with a and b in
milliseconds, so steps of one second from second 3 to second 9 are 7 s. Pauses in between count; what
comes before the first flow, and the idle seconds before the end, do not. For an outlet sold by time alone
every moment from opening to shutting is use. The limit on `s` cuts when that long has passed since the
first flow, flowing or not, and `s` never reads beyond it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from coinslot.terminal.entries import OpenSession
from coinslot.terminal.limits import limit_of, reached
from coinslot.terminal.summaries import Curve, SensorSums
from coinslot.wire.records import StopReason
from coinslot.wire.registers import Register, Registers


@dataclass
class Run:
    """One open session; `opened_at` and all moments are ticks in milliseconds."""

    about: OpenSession
    opened_at: int
    by_time: bool
    """Sold by time alone: there is no meter whose first movement starts the clock."""
    carried_s: int = 0
    """Seconds of use before a loss of power."""
    first_at: int | None = None
    last_at: int = 0
    checkpoint_at: int = 0
    checkpointed: Registers = field(default_factory=dict)
    sensors: SensorSums = field(default_factory=SensorSums)
    curve: Curve = field(default_factory=Curve)

    def __post_init__(self) -> None:
        self.last_at = self.checkpoint_at = self.opened_at
        if self.by_time:
            self.first_at = self.opened_at

    def metered(self, now: int) -> None:
        """Something passed the meter."""
        if self.first_at is None:
            self.first_at = now
        self.last_at = now

    def seconds(self) -> int:
        """Whole seconds of use so far."""
        if self.first_at is None:
            return self.carried_s
        run = (self.last_at - self.first_at) // 1000 + 1
        return min(max(self.about.limits.s, self.carried_s), self.carried_s + run)

    def usage(self, registers: Mapping[Register, int]) -> dict[Register, int]:
        """What was used since `started`, by register."""
        return {register: value - self.about.start.get(register, 0) for register, value in registers.items()}

    def must_stop(self, registers: Mapping[Register, int], now: int) -> StopReason | None:
        """Whether a limit is reached at this moment."""
        limits = self.about.limits
        if reached(limits, self.usage(registers)) is not None:
            return StopReason.LIMIT
        since_first = 0 if self.first_at is None else now - self.first_at
        if self.carried_s * 1000 + since_first >= limit_of(limits, Register.S) * 1000:
            return StopReason.LIMIT
        if not self.by_time and now - max(self.opened_at, self.last_at) >= limits.idle_s * 1000:
            return StopReason.IDLE
        return None
