"""Text on a grid of columns and rows, whatever shape the lines come in."""

from __future__ import annotations

import unicodedata


def width(sign: str) -> int:
    """Columns it takes: a Chinese character two, an accent none."""
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def wrapped(lines: tuple[str, ...], columns: int, rows: int) -> tuple[str, ...]:
    """The lines on a grid: each takes as many rows as it needs where there is room for that, else it is cut."""
    short = tuple(line for line in lines if line.strip()) if len(lines) > rows else lines
    spare = rows - len(short)
    out: list[str] = []
    for line in short:
        parts = _parts(line, columns)
        take = min(len(parts), 1 + max(0, spare))
        spare -= take - 1
        out += parts[:take]
    return tuple((out + [""] * rows)[:rows])


def _parts(line: str, columns: int) -> list[str]:
    parts, part, used = [], "", 0
    for sign in line:
        if used + width(sign) > columns:
            parts.append(part)
            part, used = "", 0
        part += sign
        used += width(sign)
    return [*parts, part]
