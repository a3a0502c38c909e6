"""A flow curve shows the flow, and no peak that only rounding made."""

from __future__ import annotations

import msgspec
import pytest

from coinslot.terminal.summaries import Curve as Kept
from coinslot.web.customer.quality import HEIGHT, WIDTH, curve_of
from coinslot.wire.records import CurvePoint


def text(*points: tuple[int, int]) -> str:
    return msgspec.json.encode([CurvePoint(at, value) for at, value in points]).decode()


def steady(ml_per_s: int, duration_ms: int) -> str:
    """What a terminal keeps of a steady flow that it reads five times a second."""
    kept = Kept()
    for at_ms in range(0, duration_ms, 200):
        kept.add(at_ms // 1000, ml_per_s * at_ms // 1000)
    return msgspec.json.encode(kept.points(duration_ms // 1000, ml_per_s * duration_ms // 1000)).decode()


@pytest.mark.parametrize("duration_ms", [7_000, 16_900, 30_400, 61_999, 600_500, 5_400_999])
def test_a_steady_flow_has_the_peak_of_its_mean(duration_ms: int) -> None:
    curve = curve_of(steady(40, duration_ms), duration_ms)
    assert curve is not None
    assert 2_280 <= curve.peak_ml_per_min <= 2_640  # 2,400 within a tenth
    assert abs(curve.length_s - duration_ms // 1000) <= 1


def test_a_real_peak_is_seen_and_the_line_stays_within_its_picture() -> None:
    curve = curve_of(text((0, 0), (10, 100), (20, 900), (30, 1_000)), 30_000)
    assert curve is not None
    assert curve.peak_ml_per_min == 4_800
    places = [tuple(map(int, place.split(","))) for place in curve.points.split()]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert (places[0][0], places[-1][0]) == (0, WIDTH)


@pytest.mark.parametrize(
    "kept",
    [
        None,
        "",
        "[]",
        "[[0,0]]",
        "[[0,0],[2,5]]",
        "[[0,0],[5,0],[10,0]]",
        "[[5,9],[5,9],[5,9]]",
        "[[0,9],[5,3],[10,0]]",
        '[["a",1]]',
        "{}",
        "[[-1,0],[4,4]]",
    ],
)
def test_what_is_no_line_is_left_out(kept: str | None) -> None:
    assert curve_of(kept, 10_000) is None


def test_points_that_go_back_in_time_or_count_are_no_flow() -> None:
    curve = curve_of(text((0, 0), (5, 500), (3, 400), (10, 300), (20, 800)), None)
    assert curve is not None
    assert curve.peak_ml_per_min == 6_000
