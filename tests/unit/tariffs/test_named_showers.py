"""The named tariffs over 145 recorded showers, against formulas written out by hand.

Showers: WEUSEDTO-Data (Di Mauro, Venticinque, Santonastaso, Di Nardo), CC BY 4.0.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from itertools import pairwise

import pytest

from coinslot.tariffs import limits, rate
from coinslot.tariffs.named import NAMED, SHOWER_IDLE_S
from coinslot.wire.registers import Register
from tests.support.recordings import recorded_showers
from tests.unit.tariffs.build import quote_of

QUOTES = {name: quote_of(tariff) for name, tariff in NAMED.items()}


@pytest.fixture(scope="module")
def showers() -> list[dict[int, int]]:
    """Millilitres by second, for each shower."""
    recording = recorded_showers()
    events: dict[str, dict[int, int]] = defaultdict(dict)
    with recording.open(newline="") as file:
        for row in csv.DictReader(file):
            events[row["event_id"]][int(row["t_s"])] = int(row["ml"])
    return list(events.values())


def test_every_recorded_shower_costs_what_the_formula_says(showers: list[dict[int, int]]) -> None:
    assert len(showers) == 145
    for flow in showers:
        ml, s = sum(flow.values()), max(flow) + 1
        usage = {Register.ML: ml, Register.S: s}
        # 4.5 fen a litre, half up: (4.5 × ml / 1000) + 0.5, rounded down, is (9 ml + 1000) / 2000.
        assert rate(QUOTES["shower-litre"], usage).amount_minor == (9 * ml + 1000) // 2000
        assert rate(QUOTES["shower-30s"], usage).amount_minor == 8 * ((s + 29) // 30)
        # 21 fen a litre.
        assert rate(QUOTES["dispenser-litre"], usage).amount_minor == (21 * ml + 500) // 1000


def test_no_recorded_shower_is_cut_by_the_idle_time_or_the_hold(showers: list[dict[int, int]]) -> None:
    found = limits(QUOTES["shower-litre"], QUOTES["shower-litre"].hold_minor)
    for flow in showers:
        seconds = sorted(flow)
        pauses = [later - sooner for sooner, later in pairwise(seconds)]
        assert max(pauses, default=0) < SHOWER_IDLE_S == found.idle_s
        assert sum(flow.values()) <= found.ml


@pytest.mark.parametrize(
    ("name", "usage", "minor"),
    [
        ("dispenser-cold", {Register.ML: 1_000}, 21),
        ("dispenser-boiling", {Register.ML: 500}, 13),
        ("hot-water-5s", {Register.S: 180}, 0),
        ("hot-water-5s", {Register.S: 241}, 26),  # 61 s beyond the allowance: 13 blocks
        ("wash-load", {Register.COUNT: 1, Register.S: 5_940}, 400),
        ("hair-dryer-10min", {Register.S: 601}, 200),
    ],
)
def test_a_named_tariff_charges_what_its_name_says(name: str, usage: dict[Register, int], minor: int) -> None:
    assert rate(QUOTES[name], usage).amount_minor == minor
    found = limits(QUOTES[name], QUOTES[name].minimum_start_minor)
    assert min(found.ml, found.s, found.wh, found.count) >= 1
