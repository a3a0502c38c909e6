"""An appliance that pours a recording: its valve is real to the agent, its water comes from a file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from itertools import accumulate

from coinslot.sandbox.replay.clock import StepClock
from coinslot.sandbox.replay.traces import Trace
from coinslot.terminal.events import StopKey
from coinslot.terminal.ports import Outlet, Pressed
from coinslot.terminal.settings import Language, OutletSettings, Settings
from coinslot.wire.registers import Register, Registers

SECOND_MS = 1_000
LAST_MS = SECOND_MS - 1
"""In the last millisecond of a second the last of its pulses has passed."""
OUTLET = 0


class Kind(StrEnum):
    """What the recording was taken at."""

    SHOWER = "shower"
    """The head may be closed with the valve open, for as long as the tariff lets it idle."""
    FAUCET = "faucet"
    """A tap or dispenser without a keypad."""


class Pouring:
    """A recording as the meter sees it: pulses of 1 ml, evenly spread over their second.

    Pulse k (from 0) of a second with m passes in its millisecond k * 1000 // m: the first at once, the last
    before the second ends.
    """

    def __init__(self, trace: Trace, origin_ms: int) -> None:
        self.trace = trace
        self.origin_ms = origin_ms
        """Ticks at the beginning of the recording's second 0."""
        self._starts = [second.t_s for second in trace.seconds]
        self._before = [0, *accumulate(second.ml for second in trace.seconds)]

    def passed_ml(self, ticks_ms: int) -> int:
        """What has passed by the end of this millisecond."""
        since_ms = ticks_ms - self.origin_ms
        if since_ms < 0:
            return 0
        second_s, phase_ms = divmod(since_ms, SECOND_MS)
        at = bisect_right(self._starts, second_s) - 1
        if at < 0:
            return 0
        if self._starts[at] < second_s:
            return self._before[at + 1]
        return self._before[at] + -(-(phase_ms + 1) * self.trace.seconds[at].ml // SECOND_MS)

    def pulses_ms(self, second_s: int) -> Iterator[int]:
        """The ticks at which pulses pass in one second, each once."""
        at = bisect_right(self._starts, second_s) - 1
        ml = self.trace.seconds[at].ml if at >= 0 and self._starts[at] == second_s else 0
        begin_ms = self.origin_ms + second_s * SECOND_MS
        seen = -1
        for pulse in range(ml):
            phase_ms = pulse * SECOND_MS // ml
            if phase_ms > seen:
                yield begin_ms + phase_ms
            seen = phase_ms


class RecordedOutlet:
    """Valve, meter and display of one outlet. The meter is an odometer over all recordings."""

    def __init__(self, clock: StepClock) -> None:
        self._clock = clock
        self._pouring: Pouring | None = None
        self._odometer_ml = 0
        self._poured_from_ml = 0
        self.is_open = False
        self.lines = ("", "")

    def pour(self, pouring: Pouring) -> None:
        """Let this run from now on, while the valve is open."""
        self._settle()
        self._pouring = pouring
        self._poured_from_ml = 0

    def end(self) -> None:
        """The recording is over."""
        self._settle()
        self._pouring = None

    def open(self) -> None:
        """Power to the valve."""
        self._settle()
        self.is_open = True

    def shut(self) -> None:
        """No power to the valve: not one pulse more."""
        self._settle()
        self.is_open = False

    def state(self) -> bool | None:
        """It has no end switch: nothing was recorded of one."""
        return None

    def read(self) -> Registers:
        """Whole millilitres so far."""
        self._settle()
        return {Register.ML: self._odometer_ml}

    def show(self, lines: tuple[str, str], qr: str | None) -> None:
        """Keep what would be on the glass."""
        self.lines = lines

    def _settle(self) -> None:
        if self._pouring is None:
            return
        passed_ml = self._pouring.passed_ml(self._clock.ticks_ms())
        if self.is_open:
            self._odometer_ml += passed_ml - self._poured_from_ml
        self._poured_from_ml = passed_ml


class RecordedAppliance:
    """One appliance with one recorded outlet and its stop key."""

    def __init__(self, clock: StepClock) -> None:
        self.outlet = RecordedOutlet(clock)
        self._outlets = {OUTLET: Outlet(self.outlet, self.outlet, self.outlet)}
        self._pressed: Callable[[Pressed], None] | None = None

    @property
    def outlets(self) -> Mapping[int, Outlet]:
        """What the agent is wired to."""
        return self._outlets

    def listen(self, pressed: Callable[[Pressed], None]) -> None:
        """Whom to tell of keys."""
        self._pressed = pressed

    def press_stop(self) -> None:
        """The customer is done."""
        if self._pressed is not None:
            self._pressed(StopKey(OUTLET))


def settings_for(kind: Kind, terminal: str) -> Settings:
    """A terminal's settings for this kind of appliance."""
    name = "" if kind is Kind.SHOWER else "Cold"
    outlet = OutletSettings(outlet=OUTLET, name=name)
    return Settings(terminal=terminal, outlets=(outlet,), language=Language.EN, firmware="coinslot-replay")
