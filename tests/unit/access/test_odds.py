"""The arithmetic of guessing, figure by figure, and a sweep that comes out as it says."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from coinslot.access import guarding
from coinslot.access.guarding import MOST_TRIES, OPEN, WINDOW_MS
from coinslot.access.odds import RULES, TARGET, Kind, chance, keypad_day, room_for, table, text


@pytest.mark.parametrize(
    ("kind", "live", "said"),
    [
        (Kind.OUTLET, 2, "6.6e-7"),
        (Kind.ROOM, 25, "8.3e-7"),
        (Kind.LONG, 3, "8.6e-8"),
        (Kind.OFFLINE, 15, "5.0e-7"),
        (Kind.PROMISED, 8, "2.6e-7"),
    ],
)
def test_each_kind_at_its_most_is_below_one_in_a_million(kind: Kind, live: int, said: str) -> None:
    assert RULES[kind].most_live == live
    assert text(chance(kind, live)) == said
    assert chance(kind, live) <= TARGET


def test_the_figures_behind_the_lengths() -> None:
    assert text(Fraction(33 * 1, 10**6)) == "3.3e-5", "six digits fail with one live code"
    assert chance(Kind.OUTLET, 2) == Fraction(66, 10**8)
    assert chance(Kind.LONG, 3) == Fraction(28_800 * 3, 10**12)
    assert text(Fraction(29 * 15, 10**9)) == "4.4e-7", "29 tries without the free ones"
    assert RULES[Kind.OUTLET].tries_a_day == 33


def test_the_best_guess_of_an_offline_code_stays_below_it_too() -> None:
    # Of 2³⁰ hashes those above 999,999,999 are folded onto the tokens below it, so that some come up twice as often;
    # the last three digits are one of 996 values that nobody knows.
    best = Fraction(2 * 1_000, 2**30) * Fraction(1, 996)
    assert RULES[Kind.OFFLINE].tries_a_day * 15 * best <= TARGET


def test_what_a_keypad_takes_is_summed_but_for_what_it_takes_only_without_the_link() -> None:
    live = {Kind.OUTLET: 2, Kind.LONG: 3}
    assert keypad_day(live) == chance(Kind.OUTLET, 2) + chance(Kind.LONG, 3)
    assert keypad_day({**live, Kind.OFFLINE: 15}) == keypad_day(live)
    assert keypad_day({Kind.OFFLINE: 15}) == chance(Kind.OFFLINE, 15)


@pytest.mark.parametrize(
    ("kind", "live", "room"),
    [
        (Kind.OUTLET, {}, True),
        (Kind.OUTLET, {Kind.OUTLET: 1}, True),
        (Kind.OUTLET, {Kind.OUTLET: 2}, False),
        (Kind.ROOM, {Kind.ROOM: 24}, True),
        (Kind.ROOM, {Kind.ROOM: 25}, False),
        (Kind.LONG, {Kind.LONG: 2, Kind.OUTLET: 2}, True),
        (Kind.LONG, {Kind.LONG: 3}, False),
        (Kind.OUTLET, {Kind.ROOM: 25}, False),
        (Kind.ROOM, {Kind.OUTLET: 2}, True),
        (Kind.ROOM, {Kind.OUTLET: 2, Kind.ROOM: 10}, False),
        (Kind.PROMISED, {Kind.PROMISED: 7, Kind.OUTLET: 2}, True),
        (Kind.PROMISED, {Kind.PROMISED: 8}, False),
        (Kind.LONG, {Kind.LONG: 2, Kind.PROMISED: 8, Kind.OUTLET: 2}, False),
        (Kind.OUTLET, {Kind.OUTLET: 1, Kind.OFFLINE: 15}, True),
    ],
)
def test_one_more_code_is_made_only_where_the_sum_stays_within_it(
    kind: Kind, live: dict[Kind, int], room: bool
) -> None:
    assert room_for(kind, live) is room


def test_however_codes_are_made_no_keypad_gets_beyond_it() -> None:
    for seed in range(50):
        dice, live = random.Random(seed), dict[Kind, int]()
        for _ in range(60):
            kind = dice.choice([Kind.OUTLET, Kind.ROOM, Kind.LONG, Kind.PROMISED])
            if room_for(kind, live):
                live[kind] = live.get(kind, 0) + 1
        assert keypad_day(live) <= TARGET, f"seed {seed}"


def test_the_table_shows_each_kind_and_the_sum_and_what_does_not_fit() -> None:
    rows = table([("shower 0", {Kind.OUTLET: 2, Kind.LONG: 1}), ("tap 0", {Kind.OUTLET: 4}), ("door 0", {})])
    assert [
        (row.keypad, row.kind, row.digits, row.live, row.tries_a_day, row.odds, row.fits) for row in rows
    ] == [
        ("shower 0", Kind.OUTLET, 8, 2, 33, "6.6e-7", True),
        ("shower 0", Kind.LONG, 12, 1, 28_800, "2.9e-8", True),
        ("shower 0", None, 0, 3, 0, "6.9e-7", True),
        ("tap 0", Kind.OUTLET, 8, 4, 33, "1.3e-6", False),
        ("tap 0", None, 0, 4, 0, "1.3e-6", False),
        ("door 0", None, 0, 0, 0, "0", True),
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [(Fraction(995, 10**9), "1.0e-6"), (Fraction(9_949, 10**10), "9.9e-7"), (Fraction(1), "1.0e0")],
)
def test_a_chance_is_rounded_to_two_digits(value: Fraction, said: str) -> None:
    assert text(value) == said


def test_a_sweep_through_the_throttle_hits_as_often_as_the_formula_says() -> None:
    digits, live, days = 3, 2, 600  # scaled down: the hits shall be many enough to count
    dice, hits, tries = random.Random(20_261_122), 0, 0
    state = OPEN
    for day in range(days):
        codes, now = set(dice.sample(range(10**digits), live)), day * WINDOW_MS
        while now < (day + 1) * WINDOW_MS:
            now += guarding.wait_ms(state, now, digits)
            if now >= (day + 1) * WINDOW_MS:
                break
            tries += 1
            if dice.randrange(10**digits) in codes:
                hits += 1
            else:
                state = guarding.after_wrong(state, now, digits)
    assert tries <= days * MOST_TRIES
    expected = Fraction(tries * live, 10**digits)
    assert abs(hits - expected) ** 2 <= 9 * expected, "within three standard deviations"
