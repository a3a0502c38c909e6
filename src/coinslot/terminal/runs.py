"""A session while it runs: its usage, its time, its limits.

Seconds of use. For an outlet with a meter, `s` runs from the first to the last second in which something
was metered, both included: first flow seen at a, last at b gives (b - a) // 1000 + 1, with a and b in
milliseconds, so steps of one second from second 3 to second 9 are 7 s. Pauses in between count; what
comes before the first flow, and the idle seconds before the end, do not. Where time itself is sold
every moment from opening to shutting is use, but for a start that never drew any power: its seconds wait until
something is drawn, then all of them count. The limit on `s` cuts when that long has passed since the
first flow, flowing or not, and `s` never reads beyond it.

Idleness is time without use: nothing metered, or, where the power is looked at, none above standby. A session
by time alone whose power nobody looks at is never idle.
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
    """Every second from opening is use: no movement of a meter starts the clock."""
    by_power: bool = False
    """The power says what is use, not the meter: on standby a watt-hour is none."""
    loaded: bool = True
    """Whether anything was drawn so far, where that is looked at."""
    carried_s: int = 0
    """Seconds of use before a loss of power."""
    first_at: int | None = None
    last_at: int = 0
    used_at: int = 0
    """When use was last seen, for idleness."""
    checkpoint_at: int = 0
    checkpointed: Registers = field(default_factory=dict)
    sensors: SensorSums = field(default_factory=SensorSums)
    curve: Curve = field(default_factory=Curve)

    def __post_init__(self) -> None:
        self.last_at = self.used_at = self.checkpoint_at = self.opened_at
        if self.by_time:
            self.first_at = self.opened_at

    def metered(self, now: int) -> None:
        """Something passed the meter."""
        if self.first_at is None:
            self.first_at = now
        self.last_at = now
        self.loaded = True
        if not self.by_power:
            self.used_at = now

    def drew(self, now: int, *, loaded: bool, idles: bool) -> None:
        """The power was read."""
        self.loaded = self.loaded or loaded
        if self.by_power and not idles:
            self.used_at = now

    def seconds(self) -> int:
        """Whole seconds of use so far."""
        if self.first_at is None or not self.loaded:
            return self.carried_s
        run = (self.last_at - self.first_at) // 1000 + 1
        return min(max(self.about.limits.s, self.carried_s), self.carried_s + run)

    def usage(self, registers: Mapping[Register, int]) -> dict[Register, int]:
        """What was used since `started`, by register."""
        return {register: value - self.about.start.get(register, 0) for register, value in registers.items()}

    def left_s(self, now: int) -> int:
        """Seconds until the limit on `s`, rounded up: what is left of a package of time."""
        since_first = 0 if self.first_at is None else now - self.first_at
        left_ms = (self.about.limits.s - self.carried_s) * 1000 - since_first
        return max(0, -(-left_ms // 1000))

    def must_stop(self, registers: Mapping[Register, int], now: int) -> StopReason | None:
        """Whether a limit is reached at this moment."""
        limits = self.about.limits
        if reached(limits, self.usage(registers)) is not None:
            return StopReason.LIMIT
        since_first = 0 if self.first_at is None else now - self.first_at
        if self.carried_s * 1000 + since_first >= limit_of(limits, Register.S) * 1000:
            return StopReason.LIMIT
        if (self.by_power or not self.by_time) and now - self.used_at >= limits.idle_s * 1000:
            return StopReason.IDLE
        return None
