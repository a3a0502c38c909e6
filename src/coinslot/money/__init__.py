"""Money: integer minor units with an ISO code, exact and never a float.

Owns: how many minor units a currency has, text to amount and back, rounding, exact splitting.
Does not decide: who pays whom, how much, or when anything is rounded.
Invariants: no I/O, no clock; parts of an allocation sum to the whole; what is not an exact amount of
the currency is refused by name, never rounded.
"""

from coinslot.money.allocation import allocate, round_half_up, share_out
from coinslot.money.amounts import (
    EXPONENTS,
    MAX_MINOR,
    Currency,
    MoneyError,
    exponent,
    format_amount,
    parse_amount,
    parse_currency,
)

__all__ = [
    "EXPONENTS",
    "MAX_MINOR",
    "Currency",
    "MoneyError",
    "allocate",
    "exponent",
    "format_amount",
    "parse_amount",
    "parse_currency",
    "round_half_up",
    "share_out",
]
