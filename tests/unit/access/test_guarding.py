"""The throttle of a keypad, against somebody who does nothing but try."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable

import msgspec
import pytest

from coinslot.access import guarding
from coinslot.access.guarding import (
    LONG_DIGITS,
    LONG_SPACING_MS,
    LONG_TRIES,
    MOST_TRIES,
    OPEN,
    WINDOW_MS,
    Guard,
)

MINUTE_MS = 60_000
DAYS = 3


def most_in_a_day(moments: list[int]) -> int:
    return max(bisect_left(moments, at + WINDOW_MS) - place for place, at in enumerate(moments))


def same(state: Guard, now: int) -> Guard:
    return state


def power_cycled(state: Guard, now: int) -> Guard:
    return msgspec.json.decode(msgspec.json.encode(state), type=Guard)


def with_a_right_code(state: Guard, now: int) -> Guard:
    return guarding.taken(state, now, 8)


def with_a_long_code(state: Guard, now: int) -> Guard:
    if not guarding.wait_ms(state, now, LONG_DIGITS):
        state = guarding.taken(state, now, LONG_DIGITS)
        state = guarding.after_wrong(state, now, LONG_DIGITS)
    return state


@pytest.mark.parametrize("between", [same, power_cycled, with_a_right_code, with_a_long_code])
def test_at_most_33_tries_fit_into_any_24_hours(between: Callable[[Guard, int], Guard]) -> None:
    state, now, tries = OPEN, 0, []
    while now < DAYS * WINDOW_MS:
        state = between(state, now)
        now += guarding.wait_ms(state, now, 8)
        assert not guarding.wait_ms(state, now, 8)
        state = guarding.after_wrong(state, now, 8)
        tries.append(now)
        assert len(state.wrong_ms) <= MOST_TRIES
        assert len(msgspec.json.encode(state)) < 1024
    assert most_in_a_day(tries) == MOST_TRIES
    assert tries[:11] == [0, 0, 0, 0, 0, *(minutes * MINUTE_MS for minutes in (1, 3, 7, 15, 31, 63))]


def test_no_way_of_spacing_tries_gets_more_of_them_into_a_day() -> None:
    for seed in range(40):
        dice = random.Random(seed)
        state, now, tries = OPEN, 0, []
        while now < DAYS * WINDOW_MS:
            # Rests, bursts and power cuts, in the hope that what is forgotten opens the gate.
            now += dice.choice((0, 0, 0, 1, MINUTE_MS, 61 * MINUTE_MS, 5 * 3_600_000, 23 * 3_600_000))
            now += guarding.wait_ms(state, now, 8)
            state = guarding.decayed(state, now) if dice.random() < 0.5 else power_cycled(state, now)
            state = guarding.after_wrong(state, now, 8)
            tries.append(now)
        assert most_in_a_day(tries) <= MOST_TRIES, f"seed {seed}"


def test_a_lock_stands_though_the_tries_that_made_it_grow_old() -> None:
    state = OPEN
    for at in (0, 0, 0, 0):
        state = guarding.after_wrong(state, at, 8)
    late = WINDOW_MS - 10
    for at in range(late, late + 7):
        state = guarding.after_wrong(state, at, 8)
    assert guarding.locked_s(state, late + 6) == 3_600
    assert guarding.tries(state, WINDOW_MS + 1) == 7
    assert guarding.locked_s(state, WINDOW_MS + 1) == 3_600
    assert guarding.wait_ms(guarding.decayed(state, WINDOW_MS + 1), late + 6 + 3_599_999, 8)
    assert not guarding.wait_ms(state, late + 6 + 3_600_000, 8)


def test_a_locked_keypad_takes_a_long_code_each_three_seconds_and_an_open_one_no_sooner() -> None:
    locked = Guard(wrong_ms=(1_000,) * 12, until_ms=3_601_000)
    assert [length for length in range(4, 17) if not guarding.wait_ms(locked, 2_000, length)] == [LONG_DIGITS]
    for state in (locked, OPEN):
        tries = now = 0
        while now < 60_000:
            now += guarding.wait_ms(state, now, LONG_DIGITS)
            state = guarding.after_wrong(guarding.taken(state, now, LONG_DIGITS), now, LONG_DIGITS)
            tries += 1
        assert tries == 60_000 // LONG_SPACING_MS + 1
    assert LONG_TRIES == 28_800


def test_long_codes_that_are_wrong_neither_count_nor_lock() -> None:
    state = OPEN
    for at in range(0, 100 * LONG_SPACING_MS, LONG_SPACING_MS):
        state = guarding.after_wrong(state, at, LONG_DIGITS)
    assert guarding.tries(state, 100 * LONG_SPACING_MS) == 0
    assert guarding.locked_until_ms(state, 100 * LONG_SPACING_MS) is None


def test_a_right_code_neither_counts_nor_resets() -> None:
    state = OPEN
    for _ in range(4):
        state = guarding.after_wrong(state, 0, 8)
    state = guarding.taken(state, 10, 8)
    assert guarding.tries(state, 10) == 4
    assert guarding.locked_s(guarding.after_wrong(state, 20, 8), 20) == 60


def test_the_stricter_lock_wins_and_no_lock_is_longer_than_an_hour() -> None:
    state = guarding.held(OPEN, 1_000, 120_000)
    assert guarding.locked_s(state, 1_000) == 120
    assert guarding.held(state, 2_000, 5_000).until_ms == state.until_ms
    assert guarding.after_wrong(state, 2_000, 8).until_ms == state.until_ms
    assert guarding.locked_s(guarding.held(OPEN, 0, 10**12), 0) == 3_600


@pytest.mark.parametrize("back_ms", [1, 60_000, WINDOW_MS, 3_650 * WINDOW_MS])
def test_a_clock_set_back_neither_shortens_a_lock_nor_makes_it_endless(back_ms: int) -> None:
    state, now = OPEN, 10_000 * WINDOW_MS
    for _ in range(8):
        now += guarding.wait_ms(state, now, 8)
        state = guarding.after_wrong(state, now, 8)
    before = guarding.tries(state, now)
    now -= back_ms
    state = guarding.decayed(state, now)
    assert guarding.tries(state, now) == before
    assert guarding.locked_s(state, now) == 8 * 60
    assert guarding.wait_ms(state, now + 8 * MINUTE_MS - 1, 8)
    assert not guarding.wait_ms(state, now + 8 * MINUTE_MS, 8)
    assert guarding.tries(state, now + WINDOW_MS) == 0


def test_a_lock_that_another_imposed_ends_within_the_hour_by_any_clock() -> None:
    held = guarding.held(OPEN, 10_000 * WINDOW_MS, 3_600_000)
    assert guarding.locked_s(held, 5) == 3_600
    saved = guarding.decayed(held, 5)
    assert not guarding.wait_ms(saved, 5 + 3_600_000, 8)


def test_a_day_later_nothing_is_left() -> None:
    state = OPEN
    for at in range(33):
        state = guarding.after_wrong(state, at, 8)
    assert guarding.decayed(state, WINDOW_MS + 33) == OPEN
    assert msgspec.json.encode(OPEN) == b"{}"
