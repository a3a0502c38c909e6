"""What was measured: series of values, their medians and spreads, their ratios to limits of the same run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from statistics import median

from msgspec import Struct


class Side(StrEnum):
    """On which side of its target a ratio has to be."""

    AT_LEAST = "at least"
    AT_MOST = "at most"


class Target(Struct, frozen=True):
    """What a ratio, or without a limit the figure itself, has to be."""

    side: Side
    value: float

    def met_by(self, value: float) -> bool:
        """Whether it is reached."""
        return value >= self.value if self.side is Side.AT_LEAST else value <= self.value


class Figure(Struct, frozen=True, kw_only=True):
    """One line of the results."""

    part: str
    name: str
    unit: str
    values: list[float]
    """One per round."""
    pooled: float | None = None
    """Over all rounds together, where that is more than their median: a far percentile."""
    limit: str = ""
    """The name of the figure of the same part that this one is held against."""
    target: Target | None = None
    note: str = ""

    @property
    def value(self) -> float:
        """What it came to."""
        return median(self.values) if self.pooled is None else self.pooled


class Judged(Struct, frozen=True, kw_only=True):
    """A figure with its ratio and what became of its target."""

    figure: Figure
    ratio: float | None
    met: bool | None


def judge(figures: Sequence[Figure]) -> list[Judged]:
    """Each figure against the limit it names. KeyError when that was not measured."""
    by_name = {(figure.part, figure.name): figure for figure in figures}
    judged = []
    for figure in figures:
        ratio = figure.value / by_name[figure.part, figure.limit].value if figure.limit else None
        measure = figure.value if ratio is None else ratio
        met = None if figure.target is None else figure.target.met_by(measure)
        judged.append(Judged(figure=figure, ratio=ratio, met=met))
    return judged


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of them do not exceed. ValueError when there is none."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def shown(value: float) -> str:
    """Three figures that mean something, thousands apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
