"""Recorded showers, and what they cost worked out by hand: apart from the product's code, on purpose.

Showers: WEUSEDTO-Data (Di Mauro, Venticinque, Santonastaso, Di Nardo), CC BY 4.0.
"""

from __future__ import annotations

import csv
import os
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
    beside = Path(__file__).parents[3] / "shared" / "data"
    file = Path(os.environ.get("COINSLOT_DATA", beside)) / "weusedto" / "shower_flow_1s.csv"
    if not file.is_file():
        pytest.skip(
            f"the recorded showers are not here ({file}); COINSLOT_DATA names the folder of real data"
        )
    return file


def showers_in(file: Path) -> dict[str, Shower]:
    """The file read with nothing but the csv module."""
    showers: dict[str, Shower] = {}
    with file.open(newline="") as lines:
        for row in csv.DictReader(lines):
            event, t_s, ml = row["event_id"], int(row["t_s"]), int(row["ml"])
            before = showers.get(event, Shower(event, 0, t_s, t_s))
            showers[event] = Shower(event, before.ml + ml, min(before.first_s, t_s), max(before.last_s, t_s))
    return showers


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
