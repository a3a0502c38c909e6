"""A session while it runs: its usage, its time, its limits.

Seconds of use. For an outlet with a meter, `s` runs from the first to the last second in which something
was metered, both included: first flow seen at a, last at b gives (b - a) // 1000 + 1, with a and b in
milliseconds, so steps of one second from second 3 to second 9 are 7 s. Pauses in between count; what
comes before the first flow, and the idle seconds before the end, do not. Where time itself is sold
every moment from opening to shutting is use, but for a start that never drew any power: its seconds wait until
something is drawn, then all of them count. The limit on `s` cuts when that long has passed since the
first flow, flowing or not, and `s` never reads beyond it.

A pause is time that is no use at all: shut by its user, it counts neither as seconds nor as idleness, and every moment
that is measured from moves on by its length when it ends. All pauses of a session together have one budget.

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
    watched_from: int = 0
    """Since when the meter or the power must show something: opened, or gone on after a pause."""
    paused_at: int | None = None
    """When the pause began that lasts now."""
    paused_ms: int = 0
    """The pauses that are over, together."""
    balance_minor: int | None = None
    """What its customer has beyond what it holds, as far as it was told in this boot."""
    checkpoint_at: int = 0
    checkpointed: Registers = field(default_factory=dict)
    sensors: SensorSums = field(default_factory=SensorSums)
    curve: Curve = field(default_factory=Curve)

    def __post_init__(self) -> None:
        self.last_at = self.used_at = self.checkpoint_at = self.watched_from = self.opened_at
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
        if self.paused_at is not None:
            return  # what a filter in the meter still shows of before
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

    def left_ms(self, now: int) -> int:
        """Milliseconds until the limit on `s`; they stand still in a pause."""
        moment = now if self.paused_at is None else self.paused_at
        since_first = 0 if self.first_at is None else moment - self.first_at
        return (limit_of(self.about.limits, Register.S) - self.carried_s) * 1000 - since_first

    def left_s(self, now: int) -> int:
        """The same in seconds, rounded up: what is left of a package of time."""
        return max(0, -(-self.left_ms(now) // 1000))

    # ------------------------------------------------------------ pauses

    def pause_left_ms(self, now: int) -> int:
        """What is left of the budget of all pauses."""
        spent_ms = self.paused_ms + (0 if self.paused_at is None else now - self.paused_at)
        return max(0, self.about.limits.pause_s * 1000 - spent_ms)

    def pause_left_s(self, now: int) -> int:
        """The same in seconds, rounded up."""
        return -(-self.pause_left_ms(now) // 1000)

    def may_pause(self, now: int) -> bool:
        """Whether it runs and a pause is left."""
        return self.paused_at is None and self.pause_left_ms(now) > 0

    def pause(self, now: int) -> None:
        """It is shut from now on."""
        if self.by_time:
            self.last_at = now
        self.paused_at = now

    def go_on(self, now: int) -> None:
        """It is open again: the pause has not been."""
        if self.paused_at is None:
            return
        length = now - self.paused_at
        self.paused_at = None
        self.paused_ms += length
        self.last_at += length
        if self.first_at is not None:
            self.first_at += length
        self.used_at = self.watched_from = now

    def idle_ms(self, now: int) -> int | None:
        """For how long nothing was used; None in a pause, and where nobody can tell."""
        if self.paused_at is not None or (self.by_time and not self.by_power):
            return None
        return now - self.used_at

    def must_stop(self, registers: Mapping[Register, int], now: int) -> StopReason | None:
        """Whether a limit is reached at this moment."""
        limits = self.about.limits
        if reached(limits, self.usage(registers)) is not None:
            return StopReason.LIMIT
        if self.left_ms(now) <= 0:
            return StopReason.LIMIT
        if self.paused_at is not None:
            return None if self.pause_left_ms(now) else StopReason.IDLE
        idle_ms = self.idle_ms(now)
        return StopReason.IDLE if idle_ms is not None and idle_ms >= limits.idle_s * 1000 else None
