"""A recording that runs: how much of it has passed at every moment, in units so small that nothing is rounded."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from typing import Protocol

from coinslot.sandbox.replay.cycles import STEP_S, WH_J, Cycle
from coinslot.sandbox.replay.recordings import Recording
from coinslot.sandbox.replay.traces import Trace
from coinslot.wire.registers import Register

SECOND_MS = 1_000
_NEAR_MS = 100
"""Near a limit power is looked at this often: 36 kW draw one watt-hour in that time."""


class Running(Protocol):
    """What a meter sees of a recording."""

    origin_ms: int
    """Ticks at the recording's second 0."""
    register: Register
    fine: int
    """Of what `passed` counts, in one unit of the register."""
    step_s: int
    """How long what is recorded together lasted."""

    def passed(self, ticks_ms: int) -> int:
        """What has passed by the end of this millisecond."""

    def pulses_ms(self, at_s: int) -> Iterator[int]:
        """Ticks in the step beginning there at which to look, for seeing each pulse by itself."""


class Pouring:
    """Flow as the meter sees it: pulses of 1 ml, evenly spread over their second.

    Pulse k (from 0) of a second with m passes in its millisecond k * 1000 // m: the first at once, the last
    before the second ends.
    """

    register = Register.ML
    fine = 1
    step_s = 1

    def __init__(self, trace: Trace, origin_ms: int) -> None:
        self.trace = trace
        self.origin_ms = origin_ms
        self._starts = [second.t_s for second in trace.seconds]
        self._before = [0, *accumulate(second.ml for second in trace.seconds)]

    def passed(self, ticks_ms: int) -> int:
        """Millilitres."""
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

    def pulses_ms(self, at_s: int) -> Iterator[int]:
        """The ticks at which pulses pass in one second, each once."""
        at = bisect_right(self._starts, at_s) - 1
        ml = self.trace.seconds[at].ml if at >= 0 and self._starts[at] == at_s else 0
        begin_ms = self.origin_ms + at_s * SECOND_MS
        seen = -1
        for pulse in range(ml):
            phase_ms = pulse * SECOND_MS // ml
            if phase_ms > seen:
                yield begin_ms + phase_ms
            seen = phase_ms


class Drawing:
    """Power as the meter sees it: even within each 10 s, counted in tenths of a watt for a millisecond."""

    register = Register.WH
    fine = WH_J * STEP_S * SECOND_MS
    step_s = STEP_S

    def __init__(self, cycle: Cycle, origin_ms: int) -> None:
        self.cycle = cycle
        self.origin_ms = origin_ms
        self._starts = [step.t_s for step in cycle.steps]
        self._before = [0, *accumulate(step.dw for step in cycle.steps)]

    def passed(self, ticks_ms: int) -> int:
        """Tenths of a watt for a millisecond."""
        since_ms = ticks_ms + 1 - self.origin_ms
        at = bisect_right(self._starts, since_ms // SECOND_MS) - 1
        if at < 0:
            return 0
        in_step_ms = min(since_ms - self._starts[at] * SECOND_MS, STEP_S * SECOND_MS)
        return self._before[at] * STEP_S * SECOND_MS + self.cycle.steps[at].dw * in_step_ms

    def pulses_ms(self, at_s: int) -> Iterator[int]:
        """Ten a second."""
        begin_ms = self.origin_ms + at_s * SECOND_MS
        yield from range(begin_ms, begin_ms + STEP_S * SECOND_MS, _NEAR_MS)


def run(recording: Recording, origin_ms: int) -> Running:
    """Let it run from there."""
    if isinstance(recording, Cycle):
        return Drawing(recording, origin_ms)
    return Pouring(recording, origin_ms)
