"""What is bought on the appliance: its quote, its limits, its charge however it ends, and what may not be written."""

from __future__ import annotations

import json
import re
from datetime import datetime
from fractions import Fraction

import pytest

from coinslot.tariffs import (
    LineKind,
    Quote,
    Tariff,
    TariffError,
    decode_quote,
    dump_tariff,
    encode_quote,
    find_package,
    limits,
    package_minor,
    package_quote,
    parse_tariff,
    rate,
)
from coinslot.tariffs.rating import STANDBY_WH
from coinslot.wire.registers import Register
from tests.unit.tariffs.build import NOON, litres, started, tariff_of
from tests.unit.tariffs.build import quote_of as wallet_quote
from tests.unit.tariffs.oracle import run_packages
from tests.unit.tariffs.test_rating import GAS

S, WH, ML, COUNT = Register.S, Register.WH, Register.ML, Register.COUNT
POWER = {"register": "wh", "per": 1000, "price": "2.00"}
HALF_HOUR = {"id": "30min", "title": "30 分钟 · 30 min", "price": "5.00", "s": 1800}
LOAD = {"id": "load", "title": "One load", "price": "9.99", "s": 5400, "wh": 700}
BY_USE = {"id": "use", "title": "按用量 · By use", "deposit": "10.00"}


def bought(*packages: object, rates: tuple[object, ...] = (POWER,), **fields: object) -> Tariff:
    return tariff_of(*rates, packages=packages, **fields)


def quote_of(tariff: Tariff, package: str, at: datetime = NOON) -> Quote:
    found = find_package(tariff, package)
    assert found is not None
    made = package_quote(tariff, found, tariff_id="tar_1", version=3, started_local=at)
    return decode_quote(encode_quote(made))


def test_a_price_ends_where_it_says_and_costs_what_it_says() -> None:
    quote = quote_of(bought(HALF_HOUR), "30min")
    found = limits(quote, 5_00)
    assert (found.s, found.wh, found.idle_s) == (1800, 20_000, 1800)
    assert rate(quote, {S: 1800, WH: 60_000}).amount_minor == 5_00
    assert rate(quote, {S: 1}).amount_minor == 5_00
    assert rate(quote, {}).amount_minor == rate(quote, {S: 0, WH: 0}).amount_minor == 0
    assert [line.kind for line in rate(quote, {S: 1}).lines] == [LineKind.PACKAGE]
    assert len(encode_quote(quote)) < 330


def test_a_pause_ends_what_was_not_bought_by_time() -> None:
    assert limits(quote_of(bought(LOAD, idle_s=600), "load"), 9_99).idle_s == 5400
    by_count = {"id": "wash", "title": "Wash", "price": "4.00", "count": 1}
    assert limits(quote_of(bought(by_count, idle_s=600), "wash"), 4_00).idle_s == 600


def test_a_deposit_is_used_up_by_the_rates() -> None:
    quote = quote_of(bought(BY_USE), "use")
    assert (quote.hold_minor, quote.minimum_start_minor) == (10_00, 10_00)
    found = limits(quote, 10_00)
    assert rate(quote, {WH: found.wh}).amount_minor == 10_00
    assert rate(quote, {WH: 1_234}).amount_minor == 2_47
    assert rate(quote, {WH: 1_234}, cut_short=True).amount_minor == 2_47
    by_time = quote_of(bought(BY_USE, rates=(started("s", 60, "0.10"),)), "use")
    assert rate(by_time, {S: 20, WH: 0}).amount_minor == 10
    assert rate(by_time, {S: 20, WH: 0}, cut_short=True).amount_minor == 0


@pytest.mark.parametrize(
    ("usage", "minor"),
    [
        ({S: 900, WH: 400}, 2_50),
        ({S: 901, WH: 400}, 2_50),  # 2.50277…
        ({S: 902, WH: 400}, 2_51),  # 2.50555…
        ({S: 1, WH: 400}, 0),  # 0.2777… fen
        ({S: 2, WH: 400}, 1),
        ({S: 1800, WH: 400}, 5_00),
        ({S: 9999, WH: 400}, 5_00),
        ({S: 900}, 2_50),  # no meter for power: time is all there is
        ({S: 900, WH: 0}, 0),
        ({S: 900, WH: STANDBY_WH}, 0),
        ({S: 900, WH: STANDBY_WH, COUNT: 1}, 2_50),
        ({WH: 400}, 0),
        ({S: 0}, 0),
        ({}, 0),
    ],
)
def test_cut_short_it_costs_the_part_that_was_used(usage: dict[Register, int], minor: int) -> None:
    charge = rate(quote_of(bought(HALF_HOUR), "30min"), usage, cut_short=True)
    assert charge.amount_minor == minor
    assert sum((line.amount for line in charge.lines), Fraction(0)) == minor


def test_of_several_registers_the_one_used_most_counts() -> None:
    quote = quote_of(bought(LOAD), "load")
    charge = rate(quote, {S: 2700, WH: 525}, cut_short=True)
    assert charge.amount_minor == 7_49  # three quarters: 7.4925
    kinds = [(line.kind, line.register, line.quantity, line.per) for line in charge.lines]
    assert kinds[:2] == [(LineKind.PACKAGE, None, 0, 1), (LineKind.UNUSED, WH, 525, 700)]


def test_a_wallets_session_is_rated_alike_however_it_ended() -> None:
    quote = wallet_quote(tariff_of(litres("1.00")))
    assert rate(quote, {ML: 500, WH: 0}, cut_short=True) == rate(quote, {ML: 500, WH: 0})


def test_a_reading_that_knows_no_packages_charges_the_price_all_the_same() -> None:
    """As a terminal with firmware of before them does."""
    text = json.loads(encode_quote(quote_of(bought(HALF_HOUR), "30min")))
    del text["package"]
    older = decode_quote(json.dumps(text).encode())
    assert rate(older, {S: 3}).amount_minor == 5_00
    assert limits(older, 5_00).s == 1800


def test_bands_are_those_of_the_moment_when_the_code_is_shown() -> None:
    night = {"register": "wh", "per": 1000, "bands": [
        {"from": "22:00", "to": "07:00", "price": "1.00"}, {"from": "07:00", "to": "22:00", "price": "2.00"},
    ]}  # fmt: skip
    tariff = bought(BY_USE, rates=(night,))
    assert rate(quote_of(tariff, "use"), {WH: 1000}).amount_minor == 2_00
    late = datetime(2026, 11, 22, 23, 0)
    assert rate(quote_of(tariff, "use", late), {WH: 1000}).amount_minor == 1_00


def test_a_tariff_may_be_of_packages_alone() -> None:
    tariff = parse_tariff(json.dumps({"currency": "CNY", "packages": [HALF_HOUR, LOAD]}))
    assert not tariff.for_wallets
    assert bought(HALF_HOUR).for_wallets
    assert parse_tariff(dump_tariff(tariff)) == tariff
    assert [package_minor(package, "CNY") for package in tariff.packages] == [5_00, 9_99]


@pytest.mark.parametrize(
    ("packages", "fields", "field", "reason"),
    [
        ([HALF_HOUR | {"id": "30 MIN"}], {}, "packages[0].id", "a short name such as"),
        ([HALF_HOUR | {"title": ""}], {}, "packages[0].title", "one line"),
        ([HALF_HOUR | {"title": "a\nb"}], {}, "packages[0].title", "one line"),
        ([HALF_HOUR | {"title": "长" * 65}], {}, "packages[0].title", "one line"),
        ([HALF_HOUR, BY_USE, HALF_HOUR], {}, "packages[2].id", "names two"),
        ([HALF_HOUR | {"deposit": "1.00"}], {}, "packages[0]", "either a price or a deposit"),
        ([{"id": "x", "title": "x", "s": 60}], {}, "packages[0]", "either a price or a deposit"),
        ([{"id": "x", "title": "x", "price": "1.00"}], {}, "packages[0]", "at least one of"),
        ([HALF_HOUR | {"price": "0.00"}], {}, "packages[0].price", "above zero"),
        ([HALF_HOUR | {"price": "-1"}], {}, "packages[0].price", "negative"),
        ([HALF_HOUR | {"price": "5.001"}], {}, "packages[0].price", "decimal places"),
        ([HALF_HOUR | {"price": "99999999999999.99"}], {}, "packages[0].price", "too large"),
        ([HALF_HOUR | {"s": 0}], {}, "packages[0].s", ">= 1"),
        ([HALF_HOUR | {"seconds": 5}], {}, "packages[0]", "seconds"),
        ([BY_USE | {"s": 60}], {}, "packages[0]", "the deposit is the limit"),
        ([BY_USE | {"deposit": "0.00"}], {}, "packages[0].deposit", "above zero"),
        ([BY_USE], {"free_daily": {"wh": 10}}, "packages[0].deposit", "free_daily"),
        ([HALF_HOUR] * 9, {}, "packages", "length <= 8"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_where_it_stands(
    packages: list[object], fields: dict[str, object], field: str, reason: str
) -> None:
    with pytest.raises(TariffError, match=re.escape(reason)) as caught:
        bought(*packages, **fields)
    assert caught.value.field == field, caught.value


def test_a_deposit_needs_rates_that_know_nobody_and_that_it_covers() -> None:
    with pytest.raises(TariffError, match="none") as caught:
        bought(BY_USE, rates=())
    assert caught.value.field == "packages[0].deposit"
    with pytest.raises(TariffError, match=re.escape("rates[0].cumulative")) as caught:
        bought(BY_USE, rates=(GAS,))
    assert caught.value.field == "packages[0].deposit"
    bought(HALF_HOUR, rates=(GAS,))  # what has a price needs no rates
    with pytest.raises(TariffError, match="smallest use") as caught:
        bought(BY_USE | {"deposit": "4.00"}, rates=(started("s", 30, "5.00"),))
    assert caught.value.field == "packages[0].deposit"


def test_five_thousand_seeded_packages_do_not_differ() -> None:
    run_packages(5_000, seed=1)
