"""Currencies, and amounts as people write them."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final, NewType

Currency = NewType("Currency", str)
"""An ISO 4217 code, or `PTS` for growth points; only those in `EXPONENTS` exist here."""

MAX_MINOR: Final = 2**63 - 1
"""The largest amount anywhere: the ledger's column is a signed 64-bit integer."""

_PLACES: dict[int, str] = {
    0: "CLP JPY KRW PTS RWF UGX VND XAF XOF",
    2: "AED AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD IDR ILS INR KES MOP MXN MYR NGN NOK NZD PHP PKR PLN SAR "
    "SEK SGD THB TRY TWD UAH USD ZAR",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
_EXPONENTS = {Currency(code): places for places, codes in _PLACES.items() for code in codes.split()}
EXPONENTS: Final = MappingProxyType(_EXPONENTS)
"""Decimal places of each currency's minor unit (ISO 4217); `PTS` counts whole points."""

_AMOUNT = re.compile(r"(-?)([0-9]{1,19})(?:\.([0-9]{1,19}))?")


class MoneyError(ValueError):
    """The text is not an amount of the currency; the message names the reason."""


def parse_currency(code: str) -> Currency:
    """`code` as a currency. MoneyError when it is not one of ours."""
    currency = Currency(code)
    if currency not in EXPONENTS:
        raise MoneyError(f"{code[:8]!r} is not a known currency code")
    return currency


def exponent(currency: str) -> int:
    """Decimal places of the minor unit: 2 for CNY. MoneyError on an unknown code."""
    return EXPONENTS[parse_currency(currency)]


def parse_amount(text: str, currency: str, *, allow_negative: bool = False) -> int:
    """Read "5.00" in CNY as 500. Plain decimal digits only, and nothing is ever rounded.

    MoneyError on an empty text, NaN, infinities, exponents, signs other than an allowed minus,
    separators, white space, digits finer than the minor unit, and amounts beyond 64 bits.
    """
    places = exponent(currency)
    if not text:
        raise MoneyError("the amount is empty")
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise MoneyError(f"{text[:24]!r} is not a plain decimal amount such as 5.00")
    sign, whole, fraction = match.group(1), match.group(2), match.group(3) or ""
    if sign and not allow_negative:
        raise MoneyError(f"{text[:24]!r} is negative")
    if len(fraction) > places:
        raise MoneyError(f"{text[:24]!r} has more than the {places} decimal places {currency} has")
    minor = int(whole + fraction.ljust(places, "0"))
    if minor > MAX_MINOR:
        raise MoneyError(f"{text[:24]!r} is too large")
    return -minor if sign else minor


def format_amount(minor: int, currency: str) -> str:
    """500 in CNY is "5.00": no symbol, no grouping; `parse_amount` reads it back."""
    places = exponent(currency)
    sign, digits = "-" if minor < 0 else "", str(abs(minor)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else sign + digits
