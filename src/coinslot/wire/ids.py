"""Ids: unguessable, ordered by time of making, and safe in a topic, a URL and a file name."""

from __future__ import annotations

import re
import secrets
import time
from typing import Annotated, NewType, TypeAlias

from msgspec import Meta

OperatorId = NewType("OperatorId", str)
SiteId = NewType("SiteId", str)
ApplianceId = NewType("ApplianceId", str)
TerminalId = NewType("TerminalId", str)
TariffId = NewType("TariffId", str)
CustomerId = NewType("CustomerId", str)
StaffId = NewType("StaffId", str)
SessionId = NewType("SessionId", str)
CommandId = NewType("CommandId", str)
Epoch = NewType("Epoch", str)

ID_PATTERN = r"^[A-Za-z0-9_-]{1,40}$(?!\n)"
"""`$(?!\n)`: Python's `$` alone also matches before a line feed at the end; JSON Schema's does not."""
Id: TypeAlias = Annotated[str, Meta(pattern=ID_PATTERN)]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u to misread
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_SHIFTS = range(110, -1, -10)
_id = re.compile(ID_PATTERN)


def new_id(prefix: str) -> str:
    """A new id such as `ses_1hv3k8…`: 40 bits of time in 10 ms steps, then 80 random bits.

    The time keeps database indexes compact; the 80 random bits keep ids from being guessed.
    """
    value = ((time.time_ns() // 10_000_000 & (1 << 40) - 1) << 80) | secrets.randbits(80)
    return f"{prefix}_{''.join([_PAIRS[value >> shift & 1023] for shift in _SHIFTS])}"


def is_id(text: str) -> bool:
    """Whether `text` may stand as an id in a topic or a URL."""
    return _id.match(text) is not None
