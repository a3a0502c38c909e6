"""The numbers under which providers know our payments and refunds: one format that every provider takes."""

from __future__ import annotations

import re
import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # as in coinslot.wire.ids
_TIME_BITS = 40
_RANDOM_BITS = 115
_DIGITS = 31
_NUMBER = re.compile(r"[0-9a-zA-Z]{32}")


def payment_number() -> str:
    """For an attempt: `p`, then 40 bits of time in 10 ms steps and 115 random bits."""
    return "p" + _digits()


def refund_number() -> str:
    """For a refund: `r`, then the same, so that a person tells the two apart on any list."""
    return "r" + _digits()


def is_number(text: str) -> bool:
    """Whether it can be one of ours: 32 characters of [0-9a-zA-Z]."""
    return _NUMBER.fullmatch(text) is not None


def _digits() -> str:
    moment = time.time_ns() // 10_000_000 & (1 << _TIME_BITS) - 1
    value = moment << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return "".join(_ALPHABET[value >> 5 * place & 31] for place in reversed(range(_DIGITS)))
