"""Usage to charge, with figures worked out by hand."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinslot.money import MAX_MINOR
from coinslot.tariffs import LineKind, Quote, free_used, rate
from coinslot.wire.registers import MAX_COUNT, Register
from tests.unit.tariffs.build import litres, quote_of, started, tariff_of

ML, S, WH, COUNT = Register.ML, Register.S, Register.WH, Register.COUNT


def charged(quote: Quote, **usage: int) -> int:
    """The charge, after making sure that its lines add up to it."""
    charge = rate(quote, {Register(name): units for name, units in usage.items()})
    assert sum((line.amount for line in charge.lines), Fraction(0)) == charge.amount_minor
    return charge.amount_minor


@pytest.mark.parametrize(
    ("ml", "minor"),
    [
        (0, 0),
        (1, 0),  # 0.0045 fen
        (111, 0),  # 0.4995 fen
        (112, 1),  # 0.504 fen
        (1000, 5),  # 4.5 fen, half up
        (3000, 14),  # 13.5 fen, half up
        (17_700, 80),  # the median shower: 79.65 fen
        (83_200, 374),  # the longest: 374.4 fen
    ],
)
def test_a_price_per_litre_is_rounded_once(ml: int, minor: int) -> None:
    assert charged(quote_of(tariff_of(litres("0.045"))), ml=ml) == minor


@pytest.mark.parametrize(
    ("s", "minor"), [(0, 0), (1, 8), (29, 8), (30, 8), (31, 16), (60, 16), (61, 24), (230, 64)]
)
def test_a_started_block_counts_as_a_whole_one(s: int, minor: int) -> None:
    assert charged(quote_of(tariff_of(started("s", 30, "0.08"))), s=s) == minor


TIERS = {
    "register": "wh",
    "per": 1000,
    "tiers": [{"up_to": 2000, "price": "0.50"}, {"up_to": 5000, "price": "0.80"}, {"price": "1.20"}],
}


@pytest.mark.parametrize(
    ("wh", "minor"),
    [
        (2000, 100),
        (2001, 100),  # 100.08 fen
        (5000, 340),  # 100 + 240
        (6000, 460),
        (6500, 520),
    ],
)
def test_each_unit_costs_what_its_tier_costs(wh: int, minor: int) -> None:
    assert charged(quote_of(tariff_of(TIERS)), wh=wh) == minor


GAS = {
    "register": "count",  # cubic metres, as the meter's pulses count them
    "cumulative": "year",
    "tiers": [{"up_to": 350, "price": "2.61"}, {"up_to": 500, "price": "2.83"}, {"price": "4.23"}],
}


@pytest.mark.parametrize(
    ("before", "used", "minor"),
    [
        (0, 350, 91_350),
        (0, 500, 133_800),  # 913.50 + 150 × 2.83
        (340, 20, 5_440),  # 10 × 2.61 + 10 × 2.83
        (349, 152, 43_134),  # 2.61 + 150 × 2.83 + 4.23
        (350, 1, 283),
        (500, 1, 423),
        (9_000, 10, 4_230),
    ],
)
def test_gas_tiers_go_on_over_the_year(before: int, used: int, minor: int) -> None:
    quote = quote_of(tariff_of(GAS), used_in_year={COUNT: before})
    assert charged(quote, count=used) == minor


SEASONS = {
    "register": "count",
    "cumulative": "season",
    "seasons": [
        {"name": "heating", "from": "11-01", "to": "03-31",
         "tiers": [{"up_to": 500, "price": "2.00"}, {"price": "3.00"}]},
        {"name": "summer", "from": "04-01", "to": "10-31",
         "tiers": [{"up_to": 100, "price": "2.00"}, {"price": "3.00"}]},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("at", "minor"),
    [
        (datetime(2026, 10, 31, 23, 59), 500),  # one at 2.00, one at 3.00
        (datetime(2026, 11, 1), 400),
        (datetime(2027, 1, 1), 400),
        (datetime(2028, 2, 29, 12), 400),
        (datetime(2027, 3, 31, 23, 59), 400),
        (datetime(2027, 4, 1), 500),
    ],
)
def test_tiers_change_with_the_season(at: datetime, minor: int) -> None:
    assert charged(quote_of(tariff_of(SEASONS), at, used_in_year={COUNT: 99}), count=2) == minor


BANDS = litres("0") | {
    "bands": [{"from": "07:00", "to": "22:00", "price": "0.40"},
              {"from": "22:00", "to": "07:00", "price": "0.20"}],
}  # fmt: skip
BANDS.pop("price")


@pytest.mark.parametrize(
    ("hour", "minute", "minor"),
    [(6, 59, 20), (7, 0, 40), (21, 59, 40), (22, 0, 20), (23, 59, 20), (0, 0, 20)],
)
def test_the_band_is_that_of_the_start(hour: int, minute: int, minor: int) -> None:
    assert charged(quote_of(tariff_of(BANDS), datetime(2026, 2, 28, hour, minute)), ml=1000) == minor


@pytest.mark.parametrize(
    ("used_today", "s", "minor", "free"),
    [
        (0, 180, 0, 180),  # three minutes free
        (0, 181, 2, 180),
        (0, 185, 2, 180),
        (0, 186, 4, 180),
        (170, 10, 0, 10),
        (170, 11, 2, 10),
        (180, 5, 2, 0),
        (999, 5, 2, 0),
        (0, 20, 0, 20),
    ],
)
def test_the_daily_allowance_is_free(used_today: int, s: int, minor: int, free: int) -> None:
    tariff = tariff_of(started("s", 5, "0.02"), free_daily={"s": 180})
    quote = quote_of(tariff, used_today={S: used_today})
    assert charged(quote, s=s) == minor
    assert free_used(quote, {S: s}).get(S, 0) == free


def test_use_within_the_allowance_costs_no_start_fee_and_no_minimum() -> None:
    quote = quote_of(tariff_of(litres("0.10"), free_daily={"ml": 500}, start_fee="0.50", minimum="1.00"))
    assert [charged(quote, ml=ml) for ml in (0, 500, 501)] == [0, 0, 100]


def test_no_water_no_charge() -> None:
    quote = quote_of(tariff_of(litres("0.10"), start_fee="0.50", minimum="1.00"))
    assert charged(quote) == charged(quote, ml=0) == charged(quote, ml=0, s=600) == 0


def test_a_package_is_charged_once_anything_moved() -> None:
    quote = quote_of(tariff_of(start_fee="5.00", max_s=600))
    assert [charged(quote), charged(quote, s=0), charged(quote, s=1), charged(quote, s=600)] == [
        0,
        0,
        500,
        500,
    ]


@pytest.mark.parametrize(
    ("ml", "minor"), [(1, 100), (5_000, 100), (6_000, 110), (19_000, 240), (90_000, 300)]
)
def test_a_charge_stays_between_minimum_and_maximum(ml: int, minor: int) -> None:
    quote = quote_of(tariff_of(litres("0.10"), start_fee="0.50", minimum="1.00", maximum="3.00"))
    assert charged(quote, ml=ml) == minor


def test_several_registers_add_up_before_the_one_rounding() -> None:
    quote = quote_of(tariff_of(litres("0.005"), {"register": "s", "per": 60, "price": "0.25"}))
    # 0.5 fen of water and 0.4167 fen of time are 0.9167: one fen, where two roundings would make it so too,
    # and 0.4 with 0.4167 are 0.8167: one fen, where two roundings would lose both.
    assert charged(quote, ml=1000, s=1) == 1
    assert charged(quote, ml=800, s=1) == 1


def test_the_bill_shows_the_working() -> None:
    quote = quote_of(tariff_of(litres("0.045"), start_fee="0.10", free_daily={"ml": 1000}))
    lines = rate(quote, {ML: 4000}).lines
    assert [(line.kind, line.quantity, line.amount) for line in lines] == [
        (LineKind.START_FEE, 0, Fraction(10)),
        (LineKind.FREE, 1000, Fraction(0)),
        (LineKind.USE, 3000, Fraction(27, 2)),
        (LineKind.ROUNDING, 0, Fraction(1, 2)),
    ]


def test_negative_usage_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        rate(quote_of(tariff_of(litres("0.045"))), {ML: -1})


def test_the_largest_usage_at_the_largest_price_still_fits_the_ledger() -> None:
    quote = quote_of(tariff_of({"register": "count", "price": "999999.999999"}, hold="9999999.00"))
    assert charged(quote, count=MAX_COUNT) == MAX_MINOR


@given(st.dictionaries(st.sampled_from(Register), st.integers(0, 10**6)), st.sampled_from(Register))
def test_one_more_unit_never_costs_less(usage: dict[Register, int], register: Register) -> None:
    rates = (TIERS, litres("0.045"), started("s", 30, "0.08"), {**GAS, "per": 3})
    quote = quote_of(tariff_of(*rates, minimum="0.30", maximum="9000.00", free_daily={"s": 50}, hold="90.00"))
    more = {**usage, register: usage.get(register, 0) + 1}
    assert rate(quote, more).amount_minor >= rate(quote, usage).amount_minor
