"""What the sensors saw during a session, and its flow curve as a small picture. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

from coinslot.web.customer.bill_text import Line
from coinslot.web.pages import figures
from coinslot.web.pages.page import Page
from coinslot.wire.records import CurvePoint, Summary

WIDTH: Final = 300
HEIGHT: Final = 72
_HOURS: Final = 24
_ABOVE: Final = 4
"""Left free above the line, for its own width."""
_STEP_MS: Final = 3000
_STEPS: Final = 30


class Curve(NamedTuple):
    """A line for an SVG of `WIDTH` by `HEIGHT`, and its greatest value in mL/min."""

    points: str
    peak_ml_per_min: int
    length_s: int


def water_lines(page: Page, sensors: str | None) -> list[Line]:
    """Temperature, dissolved solids and filter, as far as the appliance has sensors for them."""
    if sensors is None:
        return []
    try:
        found = _sensors.decode(sensors)
    except msgspec.MsgspecError:
        return []  # kept as a terminal sent it; a bill is shown without
    lines = []
    if (water := found.get("water_decic")) is not None:
        lines.append(Line(page.say("Water temperature, average"), figures.degrees(water.mean)))
        spread = page.say(
            "%(least)s to %(most)s", least=figures.degrees(water.min), most=figures.degrees(water.max)
        )
        lines.append(Line(page.say("Lowest and highest"), spread))
    if (tds := found.get("tds_ppm")) is not None:
        lines.append(Line(page.say("Dissolved solids (TDS)"), page.say("%(mg)s mg/L", mg=tds.mean)))
    if (age := found.get("filter_age_h")) is not None:
        days = max(0, age.end) // _HOURS
        text = page.words.ngettext("%(days)s day", "%(days)s days", days) % {"days": days}
        lines.append(Line(page.say("Filter in use for"), text))
    return lines


def curve_of(text: str | None, duration_ms: int | None) -> Curve | None:
    """The flow between the points that the terminal kept; None where that is no line."""
    if text is None:
        return None
    try:
        kept = _curve.decode(text)
    except msgspec.MsgspecError:
        return None
    flows = _flows(_points(kept, duration_ms))
    peak = max((flow for _, _, flow in flows), default=0)
    if len(flows) < 2 or not peak:
        return None
    first, last = flows[0][0], flows[-1][1]
    steps = [
        f"{(at - first) * WIDTH // (last - first)},{HEIGHT - flow * (HEIGHT - _ABOVE) // peak}"
        for start, end, flow in flows
        for at in (start, end)
    ]
    return Curve(" ".join(steps), peak, (last - first) // 1000)


def _points(kept: Sequence[CurvePoint], duration_ms: int | None) -> list[tuple[int, int]]:
    """Milliseconds and register. Points are kept by whole seconds, the last one rounded down most."""
    points = [(point.at_s * 1000, point.value) for point in kept]
    if points and duration_ms is not None and points[-1][0] <= duration_ms < points[-1][0] + 1000:
        points[-1] = (duration_ms, points[-1][1])
    return points


def _flows(points: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """From, to, and the flow in mL/min: over steps long enough that a second more or less is not a peak."""
    if not points:
        return []
    step_ms = max(_STEP_MS, (points[-1][0] - points[0][0]) // _STEPS)
    ends = [points[0]]
    for at_ms, value in points[1:]:
        if at_ms - ends[-1][0] >= step_ms:
            ends.append((at_ms, value))
    if len(ends) > 1:
        ends[-1] = points[-1]  # what is left is part of the last step
    return [
        (start, end, max(0, to - since) * 60_000 // (end - start))
        for (start, since), (end, to) in pairwise(ends)
        if end > start
    ]


_sensors = msgspec.json.Decoder(dict[str, Summary])
_curve = msgspec.json.Decoder(list[CurvePoint])
