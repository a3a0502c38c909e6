"""Minor units as Stripe counts them. Exact both ways, or refused. Pure."""

from __future__ import annotations

from typing import Final

from coinslot.money import EXPONENTS, MAX_MINOR, Currency
from coinslot.payments.port import Rejected

_TIMES: Final = {"UGX": 100}
"""Whole shillings, which Stripe counts in hundredths that have to be 00."""
_NOT_TAKEN: Final = frozenset({"PTS", "IQD", "LYD"})
_WITH_THREE_PLACES: Final = 3
_MOST: Final = 99_999_999
"""Eight digits is the most that one charge may have."""


class NotExact(ValueError):
    """An amount of Stripe's that is none of ours."""


def to_wire(amount_minor: int, currency: str) -> int:
    """Rejected when Stripe does not take such an amount."""
    code = Currency(currency)
    if code not in EXPONENTS or code in _NOT_TAKEN:
        raise Rejected("CURRENCY", "Stripe does not take this currency")
    if EXPONENTS[code] == _WITH_THREE_PLACES and amount_minor % 10:
        raise Rejected("AMOUNT", "in this currency Stripe takes amounts in steps of 10 minor units")
    told = amount_minor * _TIMES.get(currency, 1)
    if not 0 < told <= _MOST:
        raise Rejected("AMOUNT", f"has to be more than 0 and at most {_MOST} as Stripe counts it")
    return told


def from_wire(amount: int, currency: str) -> int:
    """NotExact when it cannot be told in our minor units. `currency` in capitals."""
    whole, rest = divmod(amount, _TIMES.get(currency, 1))
    if rest or abs(whole) > MAX_MINOR:
        raise NotExact
    return whole
