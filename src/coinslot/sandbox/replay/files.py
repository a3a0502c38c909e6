"""CSV files of recordings: one row for each step of each use, and what a mistake in one is called."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

LONGEST_S = 86_400
"""A use of more than a day is a mistake in the unit."""
LONGEST_ID = 64
_MOST_CHARS = 30
"""Of a bad cell, in a message."""

Read = TypeVar("Read")


class TraceError(ValueError):
    """A file that is no recording: where, why, and what to do about it."""

    def __init__(self, where: str, reason: str, remedy: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason
        self.remedy = remedy


class Form(Struct, frozen=True, kw_only=True):
    """What one kind of recording looks like."""

    columns: tuple[str, str, str]
    """Which use, second of it, what was measured."""
    says: str
    """The columns in words, for who has to correct a file."""
    totals: tuple[str, str]
    """Two columns of the list of totals that often lies beside it."""
    instead: str
    """What such a list holds, and what it does not."""
    amount: Callable[[str, str], int]
    """A measured cell and where it stands, as a whole number of the smallest unit. TraceError."""
    step_s: int
    """How long what is in one row lasted."""


def read_rows(path: Path, parse: Callable[[Iterator[list[str]], str], Read]) -> Read:
    """A file's rows of cells, parsed. TraceError names line, field and reason."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return parse(csv.reader(file, strict=True), str(path))
    except OSError as error:
        raise TraceError(
            str(path), f"cannot be read: {error.strerror or error}", "Name a CSV file that is there."
        ) from error
    except UnicodeDecodeError as error:
        raise TraceError(str(path), "is not text in UTF-8", "Save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise TraceError(str(path), f"is not CSV: {error}", "Correct it, or name another file.") from error


def uses(
    header: list[str], rows: Iterator[list[str]], name: str, form: Form
) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Each use in the file's order, with its (second, amount) above 0, at least one. TraceError."""
    places = _places(header, name, form)
    _, at, measured = form.columns
    found: dict[str, list[tuple[int, int]]] = {}
    latest = ""
    for number, row in enumerate(rows, start=2):
        where = f"{name}, line {number}"
        if not any(cell.strip() for cell in row):
            continue
        cells = _cells(row, places, where, form)
        use = _use(cells[0], where, form.columns[0])
        t_s = whole(cells[1], at, where, most=LONGEST_S)
        if t_s % form.step_s:
            raise TraceError(
                where,
                f"`{at}` is {t_s}, no multiple of {form.step_s}",
                f"Give the mean of each {form.step_s} s, at the second it begins.",
            )
        amount = form.amount(cells[2], where)
        if use in found and use != latest:
            raise TraceError(
                where,
                f"`{form.columns[0]}` {use} comes again after another",
                "Keep the rows of one use together.",
            )
        steps = found.setdefault(use, [])
        latest = use
        if steps and t_s <= steps[-1][0]:
            raise TraceError(
                where,
                f"`{at}` is {t_s}, not later than the {steps[-1][0]} of the row before it",
                f"Put the rows of each use in order of time, one row for each {_step(form)}.",
            )
        steps.append((t_s, amount))
    if not found:
        raise TraceError(name, "holds a header and no rows", f"Name a recording; {form.says}.")
    for use, steps in found.items():
        used = [step for step in steps if step[1]]
        if not used:
            raise TraceError(
                name,
                f"use {use}: `{measured}` is 0 in every row",
                "Leave out uses in which nothing was used.",
            )
        yield use, used


def names_of(header: list[str]) -> list[str]:
    """The columns as they are compared."""
    return [cell.strip().lower() for cell in header]


def whole(cell: str, field: str, where: str, *, most: int) -> int:
    """A whole number from 0 to `most`. TraceError."""
    remedy = f"Write `{field}` as a whole number from 0 to {most}."
    if not (cell.isascii() and cell.isdigit()):
        raise TraceError(where, f"`{field}` is {shown(cell)}, not a whole number", remedy)
    if len(cell) > len(str(most)) or int(cell) > most:
        raise TraceError(where, f"`{field}` is {shown(cell)}, above the most, {most}", remedy)
    return int(cell)


def shown(cell: str) -> str:
    """A bad cell, for a message."""
    if not cell:
        return "empty"
    return repr(cell if len(cell) <= _MOST_CHARS else "".join(islice(cell, _MOST_CHARS)) + "…")


def _step(form: Form) -> str:
    return "second" if form.step_s == 1 else f"{form.step_s} s"


def _places(header: list[str], name: str, form: Form) -> tuple[int, ...]:
    names = names_of(header)
    missing = [column for column in form.columns if column not in names]
    if not missing:
        return tuple(names.index(column) for column in form.columns)
    where = f"{name}, line 1"
    if all(column in names for column in form.totals):
        raise TraceError(
            where,
            form.instead,
            f"A total cannot be replayed: name the file with the recording itself; {form.says}.",
        )
    columns = ", ".join(f"`{column}`" for column in missing)
    raise TraceError(where, f"there is no column {columns}", f"Correct the header; {form.says}.")


def _cells(row: list[str], places: tuple[int, ...], where: str, form: Form) -> list[str]:
    for column, place in zip(form.columns, places, strict=True):
        if place >= len(row):
            raise TraceError(where, f"`{column}` is missing", "Complete the line or leave it out.")
    return [row[place].strip() for place in places]


def _use(cell: str, where: str, field: str) -> str:
    if not cell or len(cell) > LONGEST_ID or not cell.isprintable():
        raise TraceError(
            where,
            f"`{field}` is {shown(cell)}",
            f"Give each use a name of 1 to {LONGEST_ID} printable characters.",
        )
    return cell
