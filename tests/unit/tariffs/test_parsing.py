"""The tariff file: what is refused, and where it says the mistake is."""

from __future__ import annotations

import json
import re

import pytest

from coinslot.tariffs import TariffError, dump_tariff, parse_tariff
from coinslot.tariffs.named import NAMED
from tests.unit.tariffs.build import litres, started, tariff_of
from tests.unit.tariffs.test_rating import BANDS, GAS, SEASONS, TIERS

DAY = {"from": "07:00", "to": "22:00", "price": "0.40"}
NIGHT = {"from": "22:00", "to": "07:00", "price": "0.20"}


def bands(*parts: object) -> dict[str, object]:
    return {"register": "ml", "bands": parts}


def seasons(*spans: tuple[str, str, str]) -> dict[str, object]:
    parts = [{"name": name, "from": first, "to": last, "price": "1"} for name, first, last in spans]
    return {"register": "ml", "seasons": parts}


def tiers(*ends: int | None) -> dict[str, object]:
    return {"register": "ml", "tiers": [{"up_to": end, "price": "1"} for end in ends]}


@pytest.mark.parametrize(
    ("rates", "fields", "field", "reason"),
    [
        ([], {}, "rates", "free"),
        ([litres("0")], {}, "rates", "free"),
        ([litres("0.00"), started("s", 30, "0")], {"start_fee": "0.00"}, "rates", "free"),
        ([litres("-0.045")], {}, "rates[0].price", "plain decimal"),
        ([litres("NaN")], {}, "rates[0].price", "plain decimal"),
        ([litres("1e-3")], {}, "rates[0].price", "plain decimal"),
        ([litres("0.0000001")], {}, "rates[0].price", "plain decimal"),
        ([{"register": "ml", "price": 0.045}], {}, "rates[0].price", "plain decimal"),
        ([{"register": "litres", "price": "1"}], {}, "rates[0].register", "litres"),
        ([{"register": "ml", "per": 0, "price": "1"}], {}, "rates[0].per", ">= 1"),
        ([{"register": "ml", "per": 1.5, "price": "1"}], {}, "rates[0].per", "int"),
        ([{"register": "ml"}], {}, "rates[0]", "exactly one"),
        ([{"register": "ml", "price": "1", "tiers": [{"price": "1"}]}], {}, "rates[0]", "exactly one"),
        ([litres("1"), litres("2")], {}, "rates[1].register", "twice"),
        ([litres("1", prise="2")], {}, "rates[0]", "prise"),
        ([tiers(10, 5, None)], {}, "rates[0].tiers[1].up_to", "rise"),
        ([tiers(10, 10, None)], {}, "rates[0].tiers[1].up_to", "rise"),
        ([tiers(10, 20)], {}, "rates[0].tiers[1].up_to", "last"),
        ([tiers(10, None, None)], {}, "rates[0].tiers[1].up_to", "last"),
        ([tiers(0, None)], {}, "rates[0].tiers[0].up_to", ">= 1"),
        ([bands(DAY)], {}, "rates[0].bands", "no band covers 00:00"),
        ([bands(DAY, NIGHT | {"to": "06:59"})], {}, "rates[0].bands", "no band covers 06:59"),
        ([bands(DAY, NIGHT | {"to": "07:01"})], {}, "rates[0].bands[1]", "rates[0].bands[0] at 07:00"),
        ([bands(DAY | {"from": "24:00"}, NIGHT)], {}, "rates[0].bands[0].from", "24:00"),
        ([bands(DAY | {"from": "25:00"}, NIGHT)], {}, "rates[0].bands[0].from", "a time such as"),
        ([bands({"from": "00:00", "to": "24:00"})], {}, "rates[0].bands[0]", "exactly one"),
        ([seasons(("a", "01-01", "06-30"))], {}, "rates[0].seasons", "no season covers 07-01"),
        ([seasons(("a", "03-01", "02-28"))], {}, "rates[0].seasons", "no season covers 02-29"),
        ([seasons(("a", "01-01", "06-30"), ("b", "06-30", "12-31"))], {}, "rates[0].seasons[1]", "06-30"),
        ([seasons(("a", "01-01", "06-30"), ("a", "07-01", "12-31"))], {}, "rates[0].seasons[1].name", "two"),
        ([seasons(("a", "02-30", "02-29"))], {}, "rates[0].seasons[0].from", "not a day"),
        ([litres("1", cumulative="season")], {}, "rates[0].cumulative", "no seasons"),
        ([litres("1", cumulative="year")], {}, "rates[0].cumulative", "no tiers"),
        ([litres("1")], {"free_daily": {"s": 10}}, "free_daily", "no rate"),
        ([litres("1")], {"free_daily": {"ml": -1}}, "free_daily[...]", ">= 0"),
        ([litres("1")], {"free_daily": {"cl": 1}}, "free_daily", "cl"),
        ([litres("1")], {"currency": "XXX"}, "currency", "not a known"),
        ([litres("1")], {"hold": "0"}, "hold", "above zero"),
        ([litres("1")], {"hold": "0.001"}, "hold", "decimal places"),
        ([litres("1")], {"hold": "-5"}, "hold", "negative"),
        ([litres("1")], {"hold": "99999999999999.99"}, "hold", "too large"),
        ([litres("1")], {"minimum_start": "5.01"}, "minimum_start", "above the hold"),
        ([litres("1")], {"minimum_start": "0"}, "minimum_start", "above zero"),
        ([litres("1")], {"maximum": "0"}, "maximum", "above zero"),
        ([litres("1")], {"maximum": "0.50", "minimum": "0.51"}, "maximum", "below"),
        ([litres("1")], {"maximum": "0.50", "start_fee": "0.51"}, "maximum", "below"),
        ([litres("1")], {"max_ml": 0}, "max_ml", ">= 1"),
        ([litres("1")], {"idle_s": 0}, "idle_s", ">= 1"),
        ([started("s", 30, "5.01")], {}, "hold", "smallest use"),
        ([started("s", 30, "0.08")], {"minimum_start": "0.07"}, "minimum_start", "smallest use"),
        ([started("s", 30, "5.01")], {"free_daily": {"s": 60}}, "hold", "smallest use"),
        ([bands(DAY, NIGHT | {"price": "6.00"})], {}, "hold", "smallest use"),
        ([GAS], {"hold": "3.00"}, "hold", "smallest use"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_where_it_stands(
    rates: list[object], fields: dict[str, object], field: str, reason: str
) -> None:
    with pytest.raises(TariffError, match=re.escape(reason)) as caught:
        tariff_of(*rates, **fields)
    assert caught.value.field == field, caught.value


@pytest.mark.parametrize(
    "data",
    [
        "",
        "null",
        "[]",
        "{}",
        "{",
        b"\xff\xfe",
        "[" * 100_000,
        '{"currency":"CNY","hold":"5.00"',
        " " * 70_000,
    ],
)
def test_what_is_no_tariff_at_all_is_refused(data: bytes | str) -> None:
    with pytest.raises(TariffError):
        parse_tariff(data)


@pytest.mark.parametrize("name", sorted(NAMED))
def test_a_named_tariff_is_written_and_read_back(name: str) -> None:
    assert parse_tariff(dump_tariff(NAMED[name])) == NAMED[name]


@pytest.mark.parametrize("rate", [TIERS, GAS, SEASONS, BANDS], ids=["tiers", "gas", "seasons", "bands"])
def test_every_form_of_rate_is_written_and_read_back(rate: dict[str, object]) -> None:
    tariff = tariff_of(rate, minimum_start="4.50")
    assert parse_tariff(dump_tariff(tariff)) == tariff
    assert json.loads(dump_tariff(tariff))["rates"] == [rate]


def test_bands_may_meet_at_midnight_or_cross_it() -> None:
    tariff_of(
        bands({"from": "00:00", "to": "12:00", "price": "1"}, {"from": "12:00", "to": "24:00", "price": "2"})
    )
    tariff_of(bands({"from": "08:30", "to": "08:30", "price": "1"}))
