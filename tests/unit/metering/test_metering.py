"""Each rule of metering: what is counted, what is not, and what is said about it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinslot.metering import (
    DEFAULT_SPEC,
    Doubt,
    DoubtAt,
    MeterSpec,
    MeterState,
    MeterStateError,
    Reading,
    RegisterSpec,
    advance,
    begin,
    decode_state,
    encode_state,
    finish,
)
from coinslot.wire.registers import Register

ML, S, WH, COUNT = Register.ML, Register.S, Register.WH, Register.COUNT
SMALL = MeterSpec(ml=RegisterSpec(max_per_s=1_000, unclocked=200_000, modulus=1_000_000))
"""A water meter of six digits of millilitres."""

NO_TIME = {Doubt.NO_CLOCK, Doubt.IMPOSSIBLE_RATE}
LATE_AND_BACK = {Doubt.MISSING_START, Doubt.BACKWARDS}

Point = tuple[float, int] | tuple[float, int, int]
"""Seconds since boot, millilitres, and the boot where it is not 1."""


def read(seconds: float, boot: int = 1, **registers: int) -> Reading:
    return Reading(
        registers={Register(name): value for name, value in registers.items()},
        boot=boot,
        ticks_ms=round(seconds * 1000),
    )


def water(points: Iterable[Point], spec: MeterSpec = DEFAULT_SPEC) -> tuple[int, set[Doubt]]:
    """Usage and doubts of a session whose water register shows `points`."""
    state: MeterState | None = None
    for point in points:
        reading = read(point[0], point[2] if len(point) == 3 else 1, ml=point[1])
        state = begin(reading) if state is None else advance(state, reading, spec)
        state = decode_state(encode_state(state))
    assert state is not None
    return state.usage[ML], {at.doubt for at in state.doubts}


@pytest.mark.parametrize(
    ("points", "usage", "doubts"),
    [
        # as it should be
        ([(0, 500)], 0, set()),
        ([(0, 500), (10, 3_500), (20, 6_500)], 6_000, set()),
        ([(0, 500), (10, 500), (20, 500)], 0, set()),
        # one reading late: a second and a pulse more than the ticks allow
        ([(0, 500), (10, 11_501)], 11_001, set()),
        ([(0, 500), (10, 11_502)], 0, {Doubt.IMPOSSIBLE_RATE}),
        # the slack is given once, not with every reading
        ([(0, 500), (0.001, 1_500), (0.002, 2_500)], 1_000, {Doubt.IMPOSSIBLE_RATE}),
        # backwards: the last plausible reading stands
        ([(0, 500), (10, 3_500), (20, 400)], 3_000, {Doubt.BACKWARDS}),
        ([(0, 500), (10, 3_500), (20, 3_400), (30, 3_450), (40, 3_600)], 3_100, {Doubt.BACKWARDS}),
        ([(0, 500), (10, 3_500), (20, 0), (30, 50)], 3_000, {Doubt.BACKWARDS}),
        # a glitch: not counted, and what follows is counted from before it
        ([(0, 500), (10, 3_500), (20, 9_000_000), (30, 9_500)], 9_000, {Doubt.IMPOSSIBLE_RATE}),
        # a new place: the jump is not counted, what follows is, however long it takes
        ([(0, 500), (10, 900_000), (20, 903_000), (3_000, 906_000)], 6_000, {Doubt.IMPOSSIBLE_RATE}),
        ([(0, 500), (10, 900_000), (3_000, 900_100)], 100, {Doubt.IMPOSSIBLE_RATE}),
        # two glitches in a row, then the truth
        (
            [(0, 500), (10, 900_000), (20, 5_000_000), (30, 600)], 100, {Doubt.IMPOSSIBLE_RATE},
        ),
        # the second glitch is held against the first one's time, not the session's
        ([(0, 500), (600, 5_000_000), (601, 5_300_000)], 0, {Doubt.IMPOSSIBLE_RATE}),
        # no first reading: an odometer is never charged from zero
        ([(0, 0), (10, 7_000_000)], 0, {Doubt.MISSING_START}),
        ([(0, 0), (10, 7_000_000), (20, 7_003_000)], 3_000, {Doubt.MISSING_START}),
        ([(0, 0), (10, 7_000_000), (20, 6_999_999), (9_000, 7_000_000)], 0, LATE_AND_BACK),
        ([(0, 0), (10, 0), (20, 0), (30, 7_000_000), (40, 7_000_500)], 500, {Doubt.MISSING_START}),
        ([(0, 0), (7_200, 7_000_000)], 0, {Doubt.MISSING_START}),  # slow enough, but from zero
        ([(0, 0), (10, 4_000), (20, 8_000)], 8_000, set()),  # a new meter
        # a restart: ticks begin anew
        ([(900, 500), (910, 3_500), (2, 3_600, 2), (12, 6_600, 2)], 6_100, set()),
        ([(900, 500), (910, 3_500), (2, 900_000, 2)], 3_000, {Doubt.IMPOSSIBLE_RATE}),
        ([(900, 500), (910, 3_500), (2, 900_000, 2), (12, 900_500, 2)], 3_500, {Doubt.IMPOSSIBLE_RATE}),
        ([(900, 500), (2, 100_500, 2), (2.001, 103_000, 2)], 100_000, {Doubt.IMPOSSIBLE_RATE}),
        # no time to go by
        ([(10, 500), (5, 900)], 400, {Doubt.NO_CLOCK}),
        ([(10, 500), (5, 90_000)], 0, NO_TIME),
        ([(10, 500), (0, 1_400), (10, 2_300), (0, 3_200), (10, 4_100)], 900, NO_TIME),
        ([(10, 500, 2), (900, 90_000, 1)], 0, NO_TIME),
        ([(10, 500, 2), (900, 600, 1)], 100, {Doubt.NO_CLOCK}),
    ],
)  # fmt: skip
def test_a_register_counts_only_as_far_as_it_can_have_run(
    points: list[Point], usage: int, doubts: set[Doubt]
) -> None:
    assert water(points) == (usage, doubts)


@pytest.mark.parametrize(
    ("points", "usage", "doubts"),
    [
        ([(0, 998_000), (10, 1_000)], 3_000, {Doubt.ROLLED_OVER}),
        ([(0, 999_999), (1, 0)], 1, {Doubt.ROLLED_OVER}),
        ([(0, 998_000), (10, 1_000), (20, 4_000)], 6_000, {Doubt.ROLLED_OVER}),
        # a small step back is no whole turn, however much time there was
        ([(0, 500_000), (3_600, 499_990)], 0, {Doubt.BACKWARDS}),
        ([(0, 998_000), (1, 90_000)], 0, {Doubt.BACKWARDS}),
        # beyond its digits
        ([(0, 998_000), (10, 1_000_000), (20, 999_000)], 1_000, {Doubt.OUT_OF_RANGE}),
        ([(0, 3_000_000), (3_600, 10)], 0, {Doubt.BACKWARDS}),
    ],
)
def test_a_register_may_roll_over(points: list[Point], usage: int, doubts: set[Doubt]) -> None:
    assert water(points, SMALL) == (usage, doubts)


def test_a_rollover_alone_needs_no_review() -> None:
    state = advance(begin(read(0, ml=999_000)), read(10, ml=1_000), SMALL)
    assert (state.usage, state.needs_review) == ({ML: 2_000}, False)
    assert [doubt for doubt in Doubt if not doubt.needs_review] == [Doubt.ROLLED_OVER]


def test_a_register_that_appears_later_counts_from_its_first_sight() -> None:
    state = begin(read(0, s=100))
    state = advance(state, read(10, s=110, ml=7_000_000), DEFAULT_SPEC)
    state = advance(state, read(20, s=120, ml=7_002_000), DEFAULT_SPEC)
    assert state.usage == {S: 20, ML: 2_000}
    assert state.doubts == (DoubtAt(Doubt.MISSING_START, ML),)


def test_a_register_that_goes_away_keeps_what_it_counted() -> None:
    state = advance(begin(read(0, s=0, ml=500)), read(10, s=10, ml=900), DEFAULT_SPEC)
    state = advance(state, read(20, s=20), DEFAULT_SPEC)
    assert (state.usage, state.doubts) == ({S: 20, ML: 400}, (DoubtAt(Doubt.ABSENT, ML),))


def test_seconds_of_use_run_with_the_ticks() -> None:
    state = begin(read(0, s=7))
    for second in range(1, 301):
        state = advance(state, read(second, s=7 + second), DEFAULT_SPEC)
    assert (state.usage, state.doubts) == ({S: 300}, ())
    assert advance(state, read(301, s=400), DEFAULT_SPEC).usage == {S: 300}


def test_seconds_of_use_take_a_pause_in_one_step_when_the_flow_returns() -> None:
    state = begin(read(0, s=7))
    for second, seconds in ((1, 8), (11, 8), (21, 8), (23, 30), (33, 40)):
        state = advance(state, read(second, s=seconds), DEFAULT_SPEC)
    assert (state.usage, state.doubts) == ({S: 33}, ())


def test_seconds_of_use_never_take_more_than_has_passed() -> None:
    state = advance(begin(read(0, s=7)), read(11, s=8), DEFAULT_SPEC)
    late = advance(state, read(20, s=7 + 23), DEFAULT_SPEC)
    assert (late.usage, late.doubts) == ({S: 1}, (DoubtAt(Doubt.IMPOSSIBLE_RATE, S),))


@pytest.mark.parametrize(
    ("seconds", "ml", "doubts"),
    [(300, 0, {Doubt.FROZEN}), (299, 0, set()), (300, 1, set()), (3_000, 0, {Doubt.FROZEN})],
)
def test_a_priced_register_that_slept_through_the_session_is_doubted(
    seconds: int, ml: int, doubts: set[Doubt]
) -> None:
    state = advance(begin(read(0, s=50, ml=500)), read(seconds, s=50 + seconds, ml=500 + ml), DEFAULT_SPEC)
    assert {at.doubt for at in finish(state, DEFAULT_SPEC, {ML, S}).doubts} == doubts
    assert finish(state, DEFAULT_SPEC, {S}).doubts == ()


def test_a_priced_register_that_was_never_read_is_doubted() -> None:
    state = advance(begin(read(0, s=0)), read(10, s=10), DEFAULT_SPEC)
    assert finish(state, DEFAULT_SPEC, {ML}).doubts == (DoubtAt(Doubt.MISSING_START, ML),)


def test_the_same_reading_twice_changes_nothing() -> None:
    reading = read(10, s=10, ml=3_500)
    once = advance(begin(read(0, s=0, ml=500)), reading, DEFAULT_SPEC)
    assert advance(once, reading, DEFAULT_SPEC) == once


def test_a_state_is_small_and_comes_back_equal() -> None:
    state = begin(read(2**40, ml=2**50, s=2**40, wh=2**50, count=2**50))
    state = advance(state, read(2**40 + 1, ml=1, s=1, wh=1, count=2**52), DEFAULT_SPEC)
    data = encode_state(state)
    assert len(data) < 1_000
    assert decode_state(data) == state


@pytest.mark.parametrize("data", [b"", b"null", b"{}", b"\xff", b"[" * 100_000, b'{"start":1,"tracks":{}}'])
def test_a_broken_state_is_refused(data: bytes) -> None:
    with pytest.raises(MeterStateError):
        decode_state(data)


# ---------------------------------------------------------------- properties

steps = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 1_000)), min_size=1, max_size=30)
"""Seconds to the next reading, and the flow until then in mL/s: a true and plausible course."""


def course(start: int, moves: list[tuple[int, int]]) -> list[tuple[float, int]]:
    points: list[tuple[float, int]] = [(0, start)]
    for seconds, flow in moves:
        at, value = points[-1]
        points.append((at + seconds, value + seconds * flow))
    return points


@given(st.integers(1, 10**9), steps)
def test_a_true_course_is_counted_whole_and_without_doubt(start: int, moves: list[tuple[int, int]]) -> None:
    points = course(start, moves)
    assert water(points) == (points[-1][1] - start, set())


@given(st.integers(1, 10**9), steps, st.data())
def test_low_or_impossible_readings_never_add_to_the_true_usage(
    start: int, moves: list[tuple[int, int]], data: st.DataObject
) -> None:
    points = course(start, moves)
    index = data.draw(st.integers(1, len(points) - 1))
    at, true = points[index]
    impossible = true + 1_000 * (int(at) + 2) + 1
    wrong = data.draw(st.one_of(st.integers(0, true), st.integers(impossible, 10**12)))
    usage, _ = water([*points[:index], (at, wrong), *points[index + 1 :]])
    assert usage <= points[-1][1] - start


@given(steps, st.integers(10**6, 10**12), st.integers(1, 5))
def test_an_odometer_after_a_first_zero_is_never_charged_from_zero(
    moves: list[tuple[int, int]], odometer: int, zeros: int
) -> None:
    true = course(odometer, moves)
    points: list[Point] = [(second, 0) for second in range(zeros)]
    usage, doubts = water([*points, *((at + zeros, value) for at, value in true)])
    assert usage <= true[-1][1] - odometer
    assert Doubt.MISSING_START in doubts


anything = st.builds(
    Reading,
    registers=st.dictionaries(st.sampled_from(Register), st.integers(0, 2**53 - 1) | st.integers(0, 3_000)),
    boot=st.integers(0, 3),
    ticks_ms=st.integers(0, 100_000),
)


@given(anything, st.lists(anything, max_size=12), st.sampled_from([DEFAULT_SPEC, SMALL]))
def test_usage_never_falls_and_no_reading_crashes(
    first: Reading, others: list[Reading], spec: MeterSpec
) -> None:
    state = begin(first)
    for reading in others:
        after = advance(state, reading, spec)
        assert all(after.usage[register] >= units >= 0 for register, units in state.usage.items())
        assert set(state.doubts) <= set(after.doubts)
        assert decode_state(encode_state(after)) == after
        state = after
    finish(state, spec, set(Register))
