"""Sensors over a session, and its flow curve in at most 60 points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from coinslot.wire.records import CurvePoint, Summary

MOST_SENSORS = 16
MOST_POINTS = 60


@dataclass
class _Sums:
    start: int
    end: int
    low: int
    high: int
    total: int
    count: int


@dataclass
class SensorSums:
    """Start, end, least, greatest and mean of each sensor; the mean is rounded down."""

    _sums: dict[str, _Sums] = field(default_factory=dict)

    def add(self, values: Mapping[str, int]) -> None:
        """One reading of all sensors."""
        for name, value in values.items():
            known = self._sums.get(name)
            if known is None:
                if len(self._sums) < MOST_SENSORS:
                    self._sums[name] = _Sums(value, value, value, value, value, 1)
                continue
            known.end = value
            known.low = min(known.low, value)
            known.high = max(known.high, value)
            known.total += value
            known.count += 1

    def summaries(self) -> dict[str, Summary]:
        """What goes into `stopped`."""
        return {
            name: Summary(
                start=one.start, end=one.end, min=one.low, max=one.high, mean=one.total // one.count
            )
            for name, one in self._sums.items()
        }


@dataclass
class Curve:
    """Points at a step that doubles whenever sixty are full, so that any length fits."""

    _step_s: int = 1
    _points: list[CurvePoint] = field(default_factory=list)

    def add(self, at_s: int, value: int) -> None:
        """What the main register had gained by this second."""
        if self._points and at_s < self._points[-1].at_s + self._step_s:
            return
        if len(self._points) >= MOST_POINTS - 1:
            del self._points[1::2]
            self._step_s *= 2
        self._points.append(CurvePoint(at_s, value))

    def points(self, at_s: int, value: int) -> list[CurvePoint]:
        """The curve with its end."""
        end = CurvePoint(at_s, value)
        return [*(point for point in self._points if point.at_s < at_s), end]
