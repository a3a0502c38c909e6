"""Figures as devices on a bus send them, made whole: integers in, integers out."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from fractions import Fraction

from coinslot.terminal.drivers.tables import Encoding
from coinslot.wire.registers import MAX_COUNT

WORDS = {
    Encoding.U16: 1,
    Encoding.U32: 2,
    Encoding.U32_SWAPPED: 2,
    Encoding.F32: 2,
    Encoding.F32_SWAPPED: 2,
}
"""Registers of 16 bits each figure takes."""
_SWAPPED = frozenset({Encoding.U32_SWAPPED, Encoding.F32_SWAPPED})
_FLOAT = frozenset({Encoding.F32, Encoding.F32_SWAPPED})


def figure(words: Sequence[int], encoding: Encoding, multiply: int, divide: int) -> int:
    """Raw × multiply ÷ divide, rounded down. OSError for what is no count: the wrong number of registers, not a
    number, below zero, larger than the wire allows."""
    if len(words) != WORDS[encoding]:
        raise OSError(f"{len(words)} registers came, not {WORDS[encoding]}")
    ordered = list(reversed(words)) if encoding in _SWAPPED else list(words)
    raw = struct.pack(f">{len(ordered)}H", *ordered)
    if encoding in _FLOAT:
        (value,) = struct.unpack(">f", raw)
        if not math.isfinite(value):
            raise OSError(f"the device says {value}")
        exact = Fraction(value)
    else:
        exact = Fraction(int.from_bytes(raw, "big"))
    whole = math.floor(exact * multiply / divide)
    if not 0 <= whole <= MAX_COUNT:
        raise OSError(f"the device says {whole}, which is no count")
    return whole
