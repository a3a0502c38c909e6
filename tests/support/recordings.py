"""Recorded showers, and what they cost worked out by hand: apart from the product's code, on purpose.

Showers: WEUSEDTO-Data (Di Mauro, Venticinque, Santonastaso, Di Nardo), CC BY 4.0.
Cycles contain information from the tracebase data set (Reinhardt et al., SustainIT 2012), which is made available at
http://www.tracebase.org under the Open Database License (ODbL).
"""

from __future__ import annotations

import csv
import os
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

HOLD_FEN = 500


@dataclass(frozen=True)
class Shower:
    """One recorded shower."""

    event_id: str
    ml: int
    first_s: int
    last_s: int

    @property
    def seconds(self) -> int:
        """From the first to the last second with water, both included."""
        return self.last_s - self.first_s + 1


def recorded_showers() -> Path:
    """The file with 145 real showers; skips the test where it is not."""
    return _recorded("weusedto/shower_flow_1s.csv")


def recorded_cycles() -> Path:
    """The file with 81 real cycles of washers and dryers; skips the test where it is not."""
    return _recorded("tracebase/cycles_power_10s.csv")


def _recorded(name: str) -> Path:
    beside = Path(__file__).parents[3] / "shared" / "data"
    file = Path(os.environ.get("COINSLOT_DATA", beside)) / name
    if not file.is_file():
        pytest.skip(f"that recording is not here ({file}); COINSLOT_DATA names the folder of real data")
    return file


@dataclass(frozen=True)
class PowerCycle:
    """One recorded cycle."""

    joules: int
    seconds: int


def cycles_in(file: Path) -> dict[str, PowerCycle]:
    """The file read with nothing but the csv module: ten seconds at a tenth of a watt are a joule."""
    steps: dict[str, dict[int, int]] = {}
    with file.open(newline="") as lines:
        for row in csv.DictReader(lines):
            joules = Fraction(row["mean_w"]) * 10
            assert joules.denominator == 1
            if joules:
                steps.setdefault(row["cycle_id"], {})[int(row["t_s"])] = int(joules)
    return {
        cycle: PowerCycle(sum(drawn.values()), max(drawn) + 10 - min(drawn)) for cycle, drawn in steps.items()
    }


def dryer_fen_by_hand(wh: int) -> int:
    """A hotel's dryer by use: 1 yuan to begin with, 2 yuan a kilowatt-hour, half a fen up."""
    return 100 + (wh * 200 + 500) // 1000 if wh else 0


def showers_in(file: Path) -> dict[str, Shower]:
    """The file read with nothing but the csv module."""
    showers: dict[str, Shower] = {}
    with file.open(newline="") as lines:
        for row in csv.DictReader(lines):
            event, t_s, ml = row["event_id"], int(row["t_s"]), int(row["ml"])
            before = showers.get(event, Shower(event, 0, t_s, t_s))
            showers[event] = Shower(event, before.ml + ml, min(before.first_s, t_s), max(before.last_s, t_s))
    return showers


def most_by_hand(tariff: str, fen: int) -> Shower:
    """How far so many fen go, found by trying: the most millilitres, or seconds, that cost no more; the other is beyond
    every recording."""
    ml, seconds = 1_000_000, 100_000
    if tariff == "shower-30s":
        seconds = (
            bisect_right(range(seconds), fen, key=lambda s: fen_by_hand(tariff, Shower("", 0, 1, s))) - 1
        )
    else:
        ml = bisect_right(range(ml), fen, key=lambda ml: fen_by_hand(tariff, Shower("", ml, 0, 0))) - 1
    return Shower("", ml, 1, seconds)


def fen_by_hand(tariff: str, shower: Shower) -> int:
    """What the shower costs when nothing cuts it, in fen, half a fen up."""
    match tariff:
        case "shower-litre":  # 0.045 yuan a litre: 4.5 fen for 1000 ml
            exact = Fraction(45, 10) * shower.ml / 1000
        case "dispenser-litre":  # 0.21 yuan a litre: 21 fen for 1000 ml
            exact = Fraction(21) * shower.ml / 1000
        case "shower-30s":  # 0.08 yuan for each started 30 s
            blocks, rest = divmod(shower.seconds, 30)
            exact = Fraction(8) * (blocks + (1 if rest else 0))
        case _:
            raise ValueError(tariff)
    whole = exact.numerator // exact.denominator
    return whole + (1 if exact - whole >= Fraction(1, 2) else 0)
