"""Recorded flow: a CSV file with the columns `event_id,t_s,ml`, one row for each second with flow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from coinslot.sandbox.replay.files import Form, read_rows, uses, whole

MOST_ML = 1_000
"""60 L/min: more than any tap or shower, and more than a meter is believed; a mistake in the unit."""


def _ml(cell: str, where: str) -> int:
    return whole(cell, "ml", where, most=MOST_ML)


FLOW = Form(
    columns=("event_id", "t_s", "ml"),
    says="a recording has the columns event_id,t_s,ml: which use, second of it, millilitres in that second",
    totals=("litres", "duration_s"),
    instead="lists uses with their totals, not what ran in each second",
    amount=_ml,
    step_s=1,
)


class Second(Struct, frozen=True):
    """What ran in one second."""

    t_s: int
    ml: int


class Trace(Struct, frozen=True):
    """One use of an appliance: its seconds with flow, at least one, in order."""

    event_id: str
    seconds: tuple[Second, ...]

    @property
    def first_s(self) -> int:
        """The first second with flow."""
        return self.seconds[0].t_s

    @property
    def last_s(self) -> int:
        """The last second with flow."""
        return self.seconds[-1].t_s

    @property
    def duration_s(self) -> int:
        """From the first to the last second with flow, both included."""
        return self.last_s - self.first_s + 1

    @property
    def ml(self) -> int:
        """All that ran."""
        return sum(second.ml for second in self.seconds)


def read_traces(path: Path) -> list[Trace]:
    """All uses in a file of flow, in its order. TraceError names line, field and reason."""
    return read_rows(path, lambda rows, name: traces_of(next(rows, []), rows, name))


def traces_of(header: list[str], rows: Iterator[list[str]], name: str) -> list[Trace]:
    """The same of rows of cells."""
    return [
        Trace(event, tuple(Second(t_s, ml) for t_s, ml in seconds))
        for event, seconds in uses(header, rows, name, FLOW)
    ]
