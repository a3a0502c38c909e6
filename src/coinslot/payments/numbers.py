"""The numbers under which providers know our payments and refunds: one format that every provider takes."""

from __future__ import annotations

import re
import secrets
import time
from datetime import UTC, datetime, timedelta

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # as in coinslot.wire.ids
_TIME_BITS = 40
_RANDOM_BITS = 115
_DIGITS = 31
_NUMBER = re.compile(r"[0-9a-zA-Z]{32}")
_MADE = re.compile(f"[pr][{_ALPHABET}]{{{_DIGITS}}}")
_STEP = timedelta(milliseconds=10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def payment_number() -> str:
    """For an attempt: `p`, then 40 bits of time in 10 ms steps and 115 random bits."""
    return "p" + _digits()


def refund_number() -> str:
    """For a refund: `r`, then the same, so that a person tells the two apart on any list."""
    return "r" + _digits()


def is_number(text: str) -> bool:
    """Whether it can be one of ours: 32 characters of [0-9a-zA-Z]."""
    return _NUMBER.fullmatch(text) is not None


def made_at(number: str) -> datetime | None:
    """When a number was made, by the clock of the machine that made it; None for what is none of ours."""
    if not _MADE.fullmatch(number):
        return None
    value = 0
    for digit in number[1:]:
        value = value << 5 | _ALPHABET.index(digit)
    return _EPOCH + (value >> _RANDOM_BITS) * _STEP


def _digits() -> str:
    moment = time.time_ns() // 10_000_000 & (1 << _TIME_BITS) - 1
    value = moment << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return "".join(_ALPHABET[value >> 5 * place & 31] for place in reversed(range(_DIGITS)))
