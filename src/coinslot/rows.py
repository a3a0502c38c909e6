"""Rows of the database as structs, each column checked against its field.

Owns: that conversion. Does not decide: anything. Invariants: no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

import msgspec

if TYPE_CHECKING:
    import asyncpg

T = TypeVar("T")


def one(row: asyncpg.Record, kind: type[T]) -> T:
    """One row, its columns named as the fields of `kind`."""
    return msgspec.convert(dict(row.items()), kind)


def many(rows: Iterable[asyncpg.Record], kind: type[T]) -> list[T]:
    """Each row likewise."""
    return [one(row, kind) for row in rows]
