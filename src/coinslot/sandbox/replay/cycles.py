"""Recorded power: a CSV file with the columns `cycle_id,t_s,mean_w`, one row for each 10 s with any power."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from coinslot.sandbox.replay.files import Form, TraceError, read_rows, shown, uses
from coinslot.terminal.simulated.curves import Curve, Stretch, recorded

STEP_S = 10
MOST_W = 36_000
"""10 Wh in a second: more than a meter is believed; a mistake in the unit."""
WH_J = 3_600
_WATTS = re.compile(r"([0-9]{1,9})(?:\.([0-9]))?")


def _deciwatts(cell: str, where: str) -> int:
    remedy = f"Write `mean_w` in watts from 0 to {MOST_W}, with at most one decimal, such as 211.5."
    found = _WATTS.fullmatch(cell)
    if found is None:
        raise TraceError(where, f"`mean_w` is {shown(cell)}, no number of watts", remedy)
    dw = int(found[1]) * 10 + int(found[2] or 0)
    if dw > MOST_W * 10:
        raise TraceError(where, f"`mean_w` is {shown(cell)}, above the most, {MOST_W}", remedy)
    return dw


POWER = Form(
    columns=("cycle_id", "t_s", "mean_w"),
    says="a recording of power has the columns cycle_id,t_s,mean_w: which cycle, second of it, "
    "mean watts in the 10 s from then on",
    totals=("energy_wh", "duration_s"),
    instead="lists cycles with their totals, not what was drawn in each 10 s",
    amount=_deciwatts,
    step_s=STEP_S,
)


class Step(Struct, frozen=True):
    """The mean power of 10 s, in tenths of a watt: as many joules as were drawn in them."""

    t_s: int
    dw: int


class Cycle(Struct, frozen=True):
    """One use of an appliance with a plug: its steps with any power, at least one, in order."""

    event_id: str
    steps: tuple[Step, ...]

    @property
    def first_s(self) -> int:
        """Where the first step begins."""
        return self.steps[0].t_s

    @property
    def last_s(self) -> int:
        """Where the last step begins."""
        return self.steps[-1].t_s

    @property
    def duration_s(self) -> int:
        """From the first step's beginning to the last one's end."""
        return self.last_s - self.first_s + STEP_S

    @property
    def joules(self) -> int:
        """All that was drawn, exactly."""
        return sum(step.dw for step in self.steps)

    @property
    def mwh(self) -> int:
        """The same in milliwatt-hours, the rest of one left out."""
        return self.joules * 1000 // WH_J


def read_cycles(path: Path) -> list[Cycle]:
    """All cycles in a file of power, in its order. TraceError names line, field and reason."""
    return read_rows(path, lambda rows, name: cycles_of(next(rows, []), rows, name))


def cycles_of(header: list[str], rows: Iterator[list[str]], name: str) -> list[Cycle]:
    """The same of rows of cells."""
    return [
        Cycle(cycle, tuple(Step(t_s, dw) for t_s, dw in steps))
        for cycle, steps in uses(header, rows, name, POWER)
    ]


def playing(cycles: Sequence[Cycle]) -> Curve:
    """What an appliance draws that plays one of these cycles in each use, chosen by its seed."""

    def curve(chance: random.Random) -> Iterator[Stretch]:
        return recorded(_stretches(chance.choice(cycles)))(chance)

    return curve


def _stretches(cycle: Cycle) -> list[Stretch]:
    found: list[Stretch] = []
    at_s = cycle.first_s
    for step in cycle.steps:
        if step.t_s > at_s:
            found.append(Stretch((step.t_s - at_s) * 1000, 0))
        found.append(Stretch(STEP_S * 1000, step.dw * 100))
        at_s = step.t_s + STEP_S
    return found
