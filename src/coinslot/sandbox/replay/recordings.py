"""Recordings of either form, told apart by their columns, and how each passes a meter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from coinslot.sandbox.replay.cycles import POWER, Cycle, cycles_of
from coinslot.sandbox.replay.files import names_of, read_rows
from coinslot.sandbox.replay.traces import Trace, traces_of

Recording: TypeAlias = Trace | Cycle


def read_recordings(path: Path) -> Sequence[Recording]:
    """All uses in a file, in its order: of flow, or of power. TraceError names line, field and reason."""
    return read_rows(path, _of)


def _of(rows: Iterator[list[str]], name: str) -> Sequence[Recording]:
    header = next(rows, [])
    which, _, measured = POWER.columns
    if {which, measured} & set(names_of(header)):
        return cycles_of(header, rows, name)
    return traces_of(header, rows, name)
