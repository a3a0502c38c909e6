"""What a card's number and PIN look like, and how long somebody waits after wrong ones. Pure.

A PIN has 6 digits, so one guess is right once in a million. Wrong tries count for a day, a right one does not count,
and clears none of its card's:

- one card: 5 free tries, then waits of 1, 2, 4 … 60 minutes: at most 33 a day, a hit in 30,000 days;
- one address: 20 free tries, then the same waits: at most 48 a day. More than a card's, because a dormitory or the
  kiosk in the hall is one address, and five people's slips must not keep a hundred others out. Slips of whoever gets
  in there afterwards with the same card are the address's no more: a day's honest ones would shut the hall, and a
  guesser clears none of his tries of others' cards by a card of his own;
- one operator: 200 an hour however widely somebody guesses, a hit in 5,000 hours.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from datetime import datetime, timedelta
from typing import Final

from coinslot.fields import FieldError
from coinslot.people.login_rules import DAY, HOUR, Limit

CARD_DIGITS: Final = 10
PIN_DIGITS: Final = 6
WINDOW: Final = DAY
"""Wrong tries count for so long."""
CARD_FREE: Final = 5
SOURCE_FREE: Final = 20
LONGEST_WAIT: Final = timedelta(minutes=60)
OPERATOR_WRONG: Final = Limit(200, HOUR)
"""What passes this is guessing spread over cards and addresses."""

_gaps = re.compile(r"[\s-]")
_card = re.compile(r"[0-9]{10}")
_pin = re.compile(r"[0-9]{6}")


def wait_after(wrong: int, free: int) -> timedelta:
    """How long nothing is compared after the `wrong`-th wrong try of the window, of which `free` cost nothing."""
    if wrong < free:
        return timedelta(0)
    return min(timedelta(minutes=1 << min(wrong - free, 10)), LONGEST_WAIT)


def locked_until(wrong: int, last_at: datetime | None, free: int) -> datetime | None:
    """Until when, given how many wrong tries the window has and when the last one was; None where it is not locked."""
    wait = wait_after(wrong, free)
    return last_at + wait if last_at is not None and wait else None


def luhn_digit(body: str) -> str:
    """The last digit of a number whose others are `body` (ISO/IEC 7812-1): one wrong digit is seen, and most swaps."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def make_card_no() -> str:
    """A new card's number: random, so that nobody's follows from another's."""
    body = f"{1 + secrets.randbelow(9)}{secrets.randbelow(10 ** (CARD_DIGITS - 2)):0{CARD_DIGITS - 2}d}"
    return body + luhn_digit(body)


def make_pin() -> str:
    """A new PIN."""
    return f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}d}"


def card_no_of(text: str) -> str | None:
    """The ten digits that were typed or pasted, in whatever width and grouping; None if they cannot be a card's."""
    digits = _gaps.sub("", unicodedata.normalize("NFKC", text))
    if _card.fullmatch(digits) is None or luhn_digit(digits[:-1]) != digits[-1]:
        return None
    return digits


def normal_card_no(text: str) -> str:
    """The same; FieldError where it is none."""
    found = card_no_of(text)
    if found is None:
        raise FieldError(
            "card_no", "must be the 10 digits printed on the card; one of them is wrong or missing"
        )
    return found


def pin_of(text: str) -> str | None:
    """The six digits that were typed; None if they are not that. What cannot be a PIN is no guess either."""
    digits = _gaps.sub("", unicodedata.normalize("NFKC", text))
    return digits if _pin.fullmatch(digits) else None


def shown_card_no(card_no: str) -> str:
    """As it is printed: in groups that can be read out."""
    return f"{card_no[:3]} {card_no[3:6]} {card_no[6:]}"
