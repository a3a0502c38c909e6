"""Registers: the absolute, never-decreasing counts a meter shows."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, TypeAlias

from msgspec import Meta


class Register(StrEnum):
    """What a meter can count. The value is the unit and the name on the wire."""

    ML = "ml"
    """Millilitres of water."""
    S = "s"
    """Whole seconds of use: an outlet's time in use, pauses included. From the first to the last use that was
    metered; where time itself is sold, from opening to shutting."""
    WH = "wh"
    """Watt-hours."""
    COUNT = "count"
    """Cycles, servings, pulses of a coin input: whole things."""


MAX_COUNT = 2**53 - 1
"""The largest count on the wire: every JSON implementation, JavaScript's too, keeps it exact."""

Count: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
Registers: TypeAlias = dict[Register, Count]
"""One reading of one outlet: each register it has, at one moment."""

Usage: TypeAlias = Mapping[Register, int]
"""Differences of two readings, by register."""
