"""Amounts as people write them, and exact splitting."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinslot.money import (
    EXPONENTS,
    MAX_MINOR,
    MoneyError,
    allocate,
    exponent,
    format_amount,
    parse_amount,
    round_half_up,
)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("5.00", "CNY", 500),
        ("5", "CNY", 500),
        ("5.5", "CNY", 550),
        ("0.01", "CNY", 1),
        ("0", "CNY", 0),
        ("500", "JPY", 500),
        ("12", "PTS", 12),
        ("1.234", "KWD", 1234),
        ("92233720368547758.07", "CNY", MAX_MINOR),
        ("9223372036854775807", "JPY", MAX_MINOR),
    ],
)
def test_an_amount_is_read_exactly(text: str, currency: str, minor: int) -> None:
    assert parse_amount(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "reason"),
    [
        ("", "CNY", "empty"),
        ("0.001", "CNY", "decimal places"),
        ("5.000", "CNY", "decimal places"),
        ("1.5", "JPY", "decimal places"),
        ("-1.00", "CNY", "negative"),
        ("-0", "CNY", "negative"),
        ("NaN", "CNY", "plain decimal"),
        ("Infinity", "CNY", "plain decimal"),
        ("-inf", "CNY", "plain decimal"),
        ("1e3", "CNY", "plain decimal"),
        ("0x10", "CNY", "plain decimal"),
        ("1_000", "CNY", "plain decimal"),
        ("1,000", "CNY", "plain decimal"),
        (" 5", "CNY", "plain decimal"),
        ("5\n", "CNY", "plain decimal"),
        ("+5", "CNY", "plain decimal"),
        ("5.", "CNY", "plain decimal"),
        (".5", "CNY", "plain decimal"),
        ("٥", "CNY", "plain decimal"),
        ("５", "CNY", "plain decimal"),
        ("9" * 4000, "CNY", "plain decimal"),
        ("92233720368547758.08", "CNY", "too large"),
        ("9223372036854775808", "JPY", "too large"),
        ("5.00", "XXX", "currency"),
        ("5.00", "cny", "currency"),
    ],
)
def test_anything_else_is_refused_by_name(text: str, currency: str, reason: str) -> None:
    with pytest.raises(MoneyError, match=reason):
        parse_amount(text, currency)


def test_a_minus_is_read_only_where_it_is_allowed() -> None:
    assert parse_amount("-1.50", "CNY", allow_negative=True) == -150


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(500, "CNY", "5.00"), (1, "CNY", "0.01"), (-5, "CNY", "-0.05"), (7, "JPY", "7"), (1234, "KWD", "1.234")],
)
def test_an_amount_is_written_with_its_currency_s_places(minor: int, currency: str, text: str) -> None:
    assert format_amount(minor, currency) == text


@given(st.integers(-MAX_MINOR, MAX_MINOR), st.sampled_from(sorted(EXPONENTS)))
def test_what_is_written_is_read_back(minor: int, currency: str) -> None:
    assert parse_amount(format_amount(minor, currency), currency, allow_negative=True) == minor


def test_the_places_of_a_currency_are_known() -> None:
    assert [exponent(code) for code in ("CNY", "JPY", "PTS", "KWD")] == [2, 0, 0, 3]


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (321, [30, 60, 10], (96, 193, 32)),  # the ledger's own example: 0.96, 1.93, 0.32
        (100, [1, 1, 1], (34, 33, 33)),
        (-100, [1, 1, 1], (-34, -33, -33)),
        (1, [1, 1], (1, 0)),
        (2, [1, 1, 1], (1, 1, 0)),
        (0, [3, 7], (0, 0)),
        (5, [0, 1, 0], (0, 5, 0)),
        (10, [1, 0, 2], (3, 0, 7)),
        (7, [1], (7,)),
        (MAX_MINOR, [1, MAX_MINOR], (1, MAX_MINOR - 1)),
    ],
)
def test_parts_go_by_largest_remainder(amount: int, weights: list[int], parts: tuple[int, ...]) -> None:
    assert allocate(amount, weights) == parts


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [1, -1], [-1]])
def test_a_split_with_nobody_to_give_to_is_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weight"):
        allocate(100, weights)


@given(st.integers(-MAX_MINOR, MAX_MINOR), st.lists(st.integers(0, 10**12), min_size=1, max_size=8))
def test_parts_sum_to_the_whole_and_are_each_within_one_unit(amount: int, weights: list[int]) -> None:
    weights[0] += not any(weights)
    parts = allocate(amount, weights)
    assert sum(parts) == amount
    assert allocate(-amount, weights) == tuple(-part for part in parts)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(amount * weight, sum(weights))) < 1
        assert weight or not part


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        ("0", 0), ("1/2", 1), ("49/100", 0), ("-1/2", 0), ("-51/100", -1), ("3/2", 2), ("5/2", 3), ("7/3", 2),
    ],
)  # fmt: skip
def test_a_half_goes_up(value: str, rounded: int) -> None:
    assert round_half_up(Fraction(value)) == rounded
