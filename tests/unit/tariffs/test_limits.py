"""A hold to limits, with figures worked out by hand."""

from __future__ import annotations

import pytest

from coinslot.tariffs import HoldTooSmall, limits, rate
from coinslot.wire.messages import Limits
from coinslot.wire.registers import Register
from tests.unit.tariffs.build import litres, quote_of, started, tariff_of


def usage_at(found: Limits) -> dict[Register, int]:
    """Everything reached at once."""
    return {Register.ML: found.ml, Register.S: found.s, Register.WH: found.wh, Register.COUNT: found.count}


@pytest.mark.parametrize(
    ("hold_minor", "ml"),
    [
        (500, 111_222),  # 500.499 fen; one more would be 500.5035, which rounds to 501
        (100, 22_333),
        (1, 333),
        (0, 111),  # under half a fen is free in any case
    ],
)
def test_one_register_gets_exactly_what_the_hold_covers(hold_minor: int, ml: int) -> None:
    quote = quote_of(tariff_of(litres("0.045")))
    assert limits(quote, hold_minor).ml == ml
    assert rate(quote, {Register.ML: ml}).amount_minor == hold_minor
    assert rate(quote, {Register.ML: ml + 1}).amount_minor == hold_minor + 1


@pytest.mark.parametrize(("hold_minor", "s"), [(8, 30), (15, 30), (16, 60), (500, 1_860)])
def test_blocks_end_where_the_next_would_not_be_covered(hold_minor: int, s: int) -> None:
    assert limits(quote_of(tariff_of(started("s", 30, "0.08"))), hold_minor).s == s


def test_what_is_free_comes_on_top() -> None:
    quote = quote_of(tariff_of(started("s", 5, "0.02"), free_daily={"s": 180}))
    assert limits(quote, 500).s == 180 + 1_250
    assert limits(quote, 0).s == 180


def test_what_is_free_may_run_even_when_the_start_fee_is_not_covered() -> None:
    quote = quote_of(tariff_of(litres("0.10"), start_fee="1.00", free_daily={"ml": 500}))
    assert limits(quote, 99).ml == 500
    assert rate(quote, {Register.ML: 500}).amount_minor == 0


def test_an_unpriced_register_keeps_the_tariff_s_own_limit() -> None:
    found = limits(quote_of(tariff_of(litres("0.045"), max_s=1_200, idle_s=77)), 500)
    assert (found.s, found.wh, found.count, found.idle_s) == (1_200, 20_000, 100, 77)


def test_a_covered_maximum_leaves_only_the_tariff_s_own_limits() -> None:
    quote = quote_of(tariff_of(litres("0.10"), maximum="3.00", max_ml=900_000))
    assert limits(quote, 300).ml == 900_000
    assert limits(quote, 299).ml == 29_949


def test_a_package_runs_to_its_own_limit() -> None:
    quote = quote_of(tariff_of(start_fee="5.00", max_s=600))
    assert limits(quote, 500).s == 600
    with pytest.raises(HoldTooSmall):
        limits(quote, 499)


def test_two_registers_share_the_hold_by_weight_and_leave_nothing_over() -> None:
    water, minutes = litres("0.10", weight=4), started("s", 60, "0.25", weight=1)
    quote = quote_of(tariff_of(water, minutes, max_s=100_000))
    found = limits(quote, 500)
    # First units: a millilitre 0.01 fen, a minute 25. Of the other 475.4 fen a fifth is 95.1: with its
    # first that is 120 fen of time, four whole minutes; the water is grown by what they leave.
    assert (found.s, found.ml) == (240, 40_049)
    assert rate(quote, usage_at(found)).amount_minor == 500


def test_a_register_at_its_own_limit_leaves_its_share_to_the_other() -> None:
    quote = quote_of(tariff_of(litres("0.10"), started("s", 60, "0.25"), max_s=60))
    assert (limits(quote, 500).s, limits(quote, 500).ml) == (60, 47_549)


@pytest.mark.parametrize(
    ("rates", "fields", "hold_minor"),
    [
        ([started("s", 30, "0.08")], {}, 7),
        ([litres("0.045")], {"start_fee": "1.00"}, 99),
        ([litres("0.045")], {"minimum": "1.00"}, 99),
        ([litres("0.045"), started("s", 30, "0.08")], {}, 7),
        ([litres("0.045"), started("s", 30, "0.08")], {"free_daily": {"ml": 10}}, 7),
        ([litres("0.045")], {}, -1),
    ],
)
def test_a_hold_that_covers_no_use_is_refused(
    rates: list[object], fields: dict[str, object], hold_minor: int
) -> None:
    with pytest.raises(HoldTooSmall):
        limits(quote_of(tariff_of(*rates, **fields)), hold_minor)
