"""Water from a file: every millilitre once, in its second, and none through a shut valve."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from coinslot.sandbox.replay.appliance import RecordedOutlet
from coinslot.sandbox.replay.clock import StepClock
from coinslot.sandbox.replay.running import Pouring
from coinslot.sandbox.replay.traces import Second, Trace
from coinslot.wire.registers import Register

FLOW = st.dictionaries(st.integers(0, 40), st.integers(1, 3_000), min_size=1, max_size=8)


def trace_of(flow: dict[int, int]) -> Trace:
    return Trace("x", tuple(Second(t_s, flow[t_s]) for t_s in sorted(flow)))


async def moved(clock: StepClock, to_ms: int) -> None:
    """Move a clock that has no agent."""
    step = asyncio.ensure_future(clock.step(to_ms))
    await asyncio.sleep(0)
    clock.release()
    await step


def test_the_first_pulse_comes_at_once_and_the_last_within_the_second() -> None:
    pouring = Pouring(trace_of({3: 4, 5: 2}), origin_ms=100)
    assert [pouring.passed(100 + at) for at in (0, 2_999, 3_000, 3_249, 3_250, 3_750, 3_999)] == [
        *(0, 0, 1, 1, 2, 4, 4)
    ]
    assert [pouring.passed(100 + at) for at in (4_999, 5_000, 5_499, 5_500, 9_000_000)] == [4, 5, 5, 6, 6]
    assert pouring.passed(0) == 0
    assert list(pouring.pulses_ms(3)) == [3_100, 3_350, 3_600, 3_850]
    assert list(pouring.pulses_ms(4)) == []


@given(FLOW)
def test_every_pulse_has_its_moment_and_none_is_lost(flow: dict[int, int]) -> None:
    pouring = Pouring(trace_of(flow), origin_ms=0)
    total = 0
    for second_s in range(42):
        for at_ms in pouring.pulses_ms(second_s):
            assert at_ms // 1000 == second_s
            step = pouring.passed(at_ms) - pouring.passed(at_ms - 1)
            assert 1 <= step <= -(-flow[second_s] // 1000)
            total += step
        assert pouring.passed(second_s * 1000 + 999) == total
    assert total == sum(flow.values())


async def test_nothing_passes_a_shut_valve() -> None:
    clock = StepClock()
    outlet = RecordedOutlet(clock)
    outlet.play(Pouring(trace_of({0: 100, 1: 100, 2: 100}), origin_ms=0))
    await moved(clock, 999)
    assert outlet.read() == {Register.ML: 0}
    outlet.open()
    await moved(clock, 1_499)
    outlet.shut()
    await moved(clock, 2_999)
    assert outlet.read() == {Register.ML: 50}
    outlet.end()
    outlet.open()
    await moved(clock, 60_000)
    assert outlet.read() == {Register.ML: 50}


async def test_the_meter_counts_on_over_recordings() -> None:
    clock = StepClock()
    outlet = RecordedOutlet(clock)
    outlet.open()
    outlet.play(Pouring(trace_of({0: 7}), origin_ms=0))
    await moved(clock, 999)
    outlet.end()
    outlet.play(Pouring(trace_of({5: 9}), origin_ms=clock.ticks_ms() - 5_000))
    await moved(clock, 3_000)
    assert outlet.read() == {Register.ML: 16}


async def test_a_clock_steps_only_forward_and_waits_for_the_turn() -> None:
    clock = StepClock()
    turns: list[int] = []

    async def agent() -> None:
        wake = asyncio.Event()
        while len(turns) < 3:
            await clock.wait(wake, 150)
            wake.clear()
            turns.append(clock.ticks_ms())
        clock.release()

    running = asyncio.create_task(agent())
    await asyncio.sleep(0)
    for to_ms in (40, 10, 700):
        await clock.step(to_ms)
    await running
    assert turns == [40, 40, 700]
