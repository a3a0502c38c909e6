"""Displays by their size: what is to be said becomes rows that fit. Pure.

What is said is a list of phrases, the most important first, each in forms from long to short. A display takes as many
phrases as it has rows, and of each the longest form that a row holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias
from unicodedata import east_asian_width

from msgspec import Struct

from coinslot.terminal.settings import DisplaySize

Forms: TypeAlias = tuple[str, ...]
"""One phrase: the same in fewer and fewer columns."""
Said: TypeAlias = tuple[Forms, ...]
"""What is to be said, the most important first."""


class Layout(Struct, frozen=True):
    """The places of a character display."""

    rows: int
    columns: int


LAYOUTS = {
    DisplaySize.SMALL: Layout(2, 16),
    DisplaySize.TALL: Layout(4, 20),
    DisplaySize.WIDE: Layout(2, 32),
}


def columns(text: str) -> int:
    """Its width on a character display. A Chinese character takes two places, and begins at an even one: the usual
    displays that have Chinese at all move it there."""
    used = 0
    for sign in text:
        wide = east_asian_width(sign) in "WF"
        used += used % 2 + 2 if wide else 1
    return used


def fitted(text: str, most: int) -> str:
    """As much of a text from elsewhere as a row holds."""
    while columns(text) > most:
        text = text[:-1]
    return text


def best(forms: Forms, most: int) -> str:
    """The longest form that a row holds; the last one cut where none does."""
    return next((form for form in forms if columns(form) <= most), fitted(forms[-1], most) if forms else "")


def laid(said: Said, layout: Layout, name: str = "") -> tuple[str, ...]:
    """The display's rows, all of them. An outlet's `name` stands before the first where there is room for both."""
    rows = [best(forms, layout.columns) for forms in said[: layout.rows]]
    rows += [""] * (layout.rows - len(rows))
    if name:
        named = best((*(f"{name} {form}" for form in (said[0] if said else ())), rows[0]), layout.columns)
        rows[0] = named
    return tuple(rows)


def from_elsewhere(lines: Iterable[str], layout: Layout) -> Said:
    """Lines that somebody else wrote: whole where there are rows enough, else each cut to its row."""
    given = [line for line in lines if line]
    pieces = [piece for line in given for piece in _broken(line, layout.columns)]
    whole = len(given) == 1 or len(pieces) <= layout.rows
    return tuple((row,) for row in (pieces if whole else given))


def pages(entries: Sequence[str], layout: Layout) -> list[Said]:
    """Many short entries beside a title: as many as the other rows hold, one page after the other."""
    rows: list[str] = []
    for entry in entries:
        entry = fitted(entry, layout.columns)
        longer = f"{rows[-1]}  {entry}" if rows else ""
        if rows and columns(longer) <= layout.columns:
            rows[-1] = longer
        else:
            rows.append(entry)
    at_once = layout.rows - 1
    return [tuple((row,) for row in rows[at : at + at_once]) for at in range(0, len(rows), at_once)] or [()]


def _broken(line: str, most: int) -> list[str]:
    """A line in pieces of at most `most` columns, parted at blanks where there are any."""
    pieces: list[str] = []
    while columns(line) > most:
        head = fitted(line, most)
        if " " in head and not line[len(head) :].startswith(" "):
            head = head[: head.rindex(" ")]
        if not head:
            return [*pieces, line]
        pieces.append(head.rstrip())
        line = line[len(head) :].lstrip()
    return [*pieces, line]
