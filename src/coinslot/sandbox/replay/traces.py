"""Recordings: a CSV file with the columns `event_id,t_s,ml`, one row for each second with flow."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from msgspec import Struct

COLUMNS = ("event_id", "t_s", "ml")
FORM = "a recording has the columns event_id,t_s,ml: which use, second of it, millilitres in that second"
LONGEST_S = 86_400
"""A use of more than a day is a mistake in the unit."""
MOST_ML = 1_000
"""60 L/min: more than any tap or shower, and more than a meter is believed; a mistake in the unit."""
LONGEST_ID = 64
_MOST_CHARS = 30
"""Of a bad cell, in a message."""


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


class TraceError(ValueError):
    """A file that is no recording: where, why, and what to do about it."""

    def __init__(self, where: str, reason: str, remedy: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason
        self.remedy = remedy


def read_traces(path: Path) -> list[Trace]:
    """All uses in the file, in its order. TraceError names line, field and reason."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return parse_traces(csv.reader(file, strict=True), str(path))
    except OSError as error:
        raise TraceError(
            str(path), f"cannot be read: {error.strerror or error}", "Name a CSV file that is there."
        ) from error
    except UnicodeDecodeError as error:
        raise TraceError(str(path), "is not text in UTF-8", f"Save it as UTF-8 CSV; {FORM}.") from error
    except csv.Error as error:
        raise TraceError(str(path), f"is not CSV: {error}", f"Correct it; {FORM}.") from error


def parse_traces(rows: Iterator[list[str]], name: str) -> list[Trace]:
    """Rows of cells, the header first, to uses. TraceError as in `read_traces`."""
    places = _places(next(rows, []), name)
    found: dict[str, list[Second]] = {}
    latest = ""
    for number, row in enumerate(rows, start=2):
        where = f"{name}, line {number}"
        if not any(cell.strip() for cell in row):
            continue
        cells = _cells(row, places, where)
        event = _event_id(cells[0], where)
        t_s = _whole(cells[1], "t_s", where, most=LONGEST_S)
        ml = _whole(cells[2], "ml", where, most=MOST_ML)
        if event in found and event != latest:
            raise TraceError(
                where, f"`event_id` {event} comes again after another", "Keep the rows of one use together."
            )
        seconds = found.setdefault(event, [])
        latest = event
        if seconds and t_s <= seconds[-1].t_s:
            raise TraceError(
                where,
                f"`t_s` is {t_s}, not later than the {seconds[-1].t_s} of the row before it",
                "Put the rows of each use in order of time, one row for each second.",
            )
        seconds.append(Second(t_s, ml))
    traces = [_trace(event, seconds, name) for event, seconds in found.items()]
    if not traces:
        raise TraceError(name, "holds a header and no rows", f"Name a recording; {FORM}.")
    return traces


def _trace(event: str, seconds: list[Second], name: str) -> Trace:
    wet = tuple(second for second in seconds if second.ml)
    if not wet:
        raise TraceError(name, f"use {event}: `ml` is 0 in every row", "Leave out uses without flow.")
    return Trace(event, wet)


def _places(header: list[str], name: str) -> tuple[int, ...]:
    names = [cell.strip().lower() for cell in header]
    missing = [column for column in COLUMNS if column not in names]
    if not missing:
        return tuple(names.index(column) for column in COLUMNS)
    where = f"{name}, line 1"
    if "litres" in names and "duration_s" in names:
        raise TraceError(
            where,
            "lists uses with their totals, not what ran in each second",
            f"A total cannot be replayed: name the file with the flow itself; {FORM}.",
        )
    columns = ", ".join(f"`{column}`" for column in missing)
    raise TraceError(where, f"there is no column {columns}", f"Correct the header; {FORM}.")


def _cells(row: list[str], places: tuple[int, ...], where: str) -> list[str]:
    for column, place in zip(COLUMNS, places, strict=True):
        if place >= len(row):
            raise TraceError(where, f"`{column}` is missing", "Complete the line or leave it out.")
    return [row[place].strip() for place in places]


def _event_id(cell: str, where: str) -> str:
    if not cell or len(cell) > LONGEST_ID or not cell.isprintable():
        raise TraceError(
            where,
            f"`event_id` is {_shown(cell)}",
            f"Give each use a name of 1 to {LONGEST_ID} printable characters.",
        )
    return cell


def _whole(cell: str, field: str, where: str, *, most: int) -> int:
    remedy = f"Write `{field}` as a whole number from 0 to {most}."
    if not (cell.isascii() and cell.isdigit()):
        raise TraceError(where, f"`{field}` is {_shown(cell)}, not a whole number", remedy)
    if len(cell) > len(str(most)) or int(cell) > most:
        raise TraceError(where, f"`{field}` is {_shown(cell)}, above the most, {most}", remedy)
    return int(cell)


def _shown(cell: str) -> str:
    if not cell:
        return "empty"
    return repr(cell if len(cell) <= _MOST_CHARS else "".join(islice(cell, _MOST_CHARS)) + "…")
