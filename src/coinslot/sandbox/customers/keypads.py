"""Customers at a keypad: what slips of the finger there are, and the hand that types."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

DIGITS: Final = "0123456789"
_SLIPS: Final = 0.2
_MISREADS: Final = 0.1
KEY_S: Final = (0.2, 0.5)
"""Between two keys: a wet finger on a panel."""
READ_S: Final = 3.0
"""To read what the display says of a code."""


class Typing(Struct, frozen=True, kw_only=True):
    """How somebody types a code."""

    slips: bool
    """One key beside the right one, noticed and taken back."""
    misreads: bool
    """The whole code is confirmed with a wrong digit first."""


def choose_typing(chance: random.Random) -> Typing:
    """For the next code."""
    return Typing(slips=chance.random() < _SLIPS, misreads=chance.random() < _MISREADS)


def keys_of(digits: str, typing: Typing, chance: random.Random) -> Iterator[str]:
    """The keys that are pressed for a code, the confirming one last; its digits are right in the end."""
    slip_at = chance.randrange(len(digits)) if typing.slips else None
    for at, digit in enumerate(digits):
        if at == slip_at:
            yield _beside(digit)
            yield "*"
        yield digit
    yield "#"


def misread(digits: str, chance: random.Random) -> str:
    """The code with one digit that is not its own."""
    at = chance.randrange(len(digits))
    return digits[:at] + _beside(digits[at]) + digits[at + 1 :]


def _beside(digit: str) -> str:
    return DIGITS[(int(digit) + 1) % len(DIGITS)]
