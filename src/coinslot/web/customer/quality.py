"""What the sensors saw during a session, and its flow curve as a small picture. Pure."""

from __future__ import annotations

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


def curve_of(text: str | None) -> Curve | None:
    """The flow between the points that the terminal kept; None for less than two of them."""
    if text is None:
        return None
    try:
        kept = _curve.decode(text)
    except msgspec.MsgspecError:
        return None
    flows = [
        (start.at_s, end.at_s, max(0, end.value - start.value) * 60 // (end.at_s - start.at_s))
        for start, end in pairwise(kept)
        if end.at_s > start.at_s
    ]
    peak = max((flow for _, _, flow in flows), default=0)
    if len(flows) < 2 or not peak:
        return None
    first, last = flows[0][0], flows[-1][1]
    steps = [
        f"{(at - first) * WIDTH // (last - first)},{HEIGHT - flow * (HEIGHT - 4) // peak}"
        for start, end, flow in flows
        for at in (start, end)
    ]
    return Curve(" ".join(steps), peak, last - first)


_sensors = msgspec.json.Decoder(dict[str, Summary])
_curve = msgspec.json.Decoder(list[CurvePoint])
