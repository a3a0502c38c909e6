"""How often a code may be asked for and tried, and when a right code is not enough. Pure.

A code has 6 digits, so one guess is right once in a million. What an attacker may hope for is the number of
guesses times that; the limits below are chosen so that each stays small, whoever guesses and however widely:

- one code: 5 guesses; one number: 10 codes a day, so 50 guesses, 1 in 20,000;
- many numbers at one operator, never pausing: 200 wrong guesses an hour, a hit in 5,000 hours;
- many numbers at all operators: 1,000 wrong guesses an hour, a hit in 1,000 hours, and in each of these hours
  the limit is reached, which is seen.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from coinslot.fields import FieldError


class Limit(Struct, frozen=True):
    """At most so many within any stretch of time that long."""

    at_most: int
    within: timedelta

    def open_again_at(self, nth_last: datetime | None) -> datetime | None:
        """When there is room again, given when the `at_most`-th last one was; None if there were fewer."""
        return None if nth_last is None else nth_last + self.within


HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)

CODE_DIGITS: Final = 6
CODE_LIFE: Final = timedelta(minutes=5)
"""A message may take a minute; what lies open on a locked screen should soon be worthless."""
CODE_TRIES: Final = 5
"""Two slips and a look at an older message leave two more; the rest of the sums stands above."""

PHONE_LIMITS: Final = (Limit(1, timedelta(seconds=60)), Limit(5, HOUR), Limit(10, DAY))
"""Over all operators: it is one person whose telephone rings. A message is usually there within a minute."""
SHARE_LIMITS: Final = (Limit(3, HOUR), Limit(6, DAY))
"""One address's part of what one number may ask for. Else ten requests a day, for somebody else's number, would keep
its owner out for good; now whoever does so from one place leaves the owner, elsewhere, two an hour and four a day."""
SOURCE_LIMITS: Final = (Limit(20, HOUR),)
"""A dormitory behind one address logs in rarely, a login lasting for months; a script asks without end."""
OPERATOR_LIMITS: Final = (Limit(600, HOUR),)
"""An opening day of 600 new customers an hour; each message costs the operator about 0.05 yuan, so 30 yuan."""
INSTALLATION_LIMITS: Final = (Limit(3000, HOUR),)
"""Five such days at once. What passes this is an attack on the operators' message budgets."""
SOURCE_WRONG: Final = Limit(20, HOUR)
"""By who asked for the code. The next two stop guessing that is spread; this one keeps it dear to reach them and
lock everybody out for it: ten addresses for one operator, fifty for all."""
OPERATOR_WRONG: Final = Limit(200, HOUR)
"""People mistype about one code in ten: 60 an hour when 600 codes are asked for."""
INSTALLATION_WRONG: Final = Limit(1000, HOUR)
"""Likewise: 300 an hour when 3,000 codes are asked for."""

PROOF_LIFE: Final = timedelta(minutes=10)
"""Long enough to fetch an identity card."""
PROOF_TRIES: Final = 3
TAIL_LIMIT: Final = Limit(5, DAY)
"""Tails tried for one customer. The last four of an ID number are one in about 10,000 to a stranger, one in 1,000
to somebody who knows birthday and district; and it takes the number's SIM, whose holder can as well begin anew."""

LOGIN_LIFE: Final = timedelta(days=90)
"""From the last use. The operators' default for trusting a number is as long."""
TOUCH_EVERY: Final = HOUR
"""How exactly the last use is known: exact times would write a row for every page."""
KEEP: Final = DAY
"""Codes and proofs are kept this long: the longest limit looks back so far."""

LANGUAGES: Final = frozenset({"zh", "en"})

_code = re.compile(r"[0-9]{6}")
_tail = re.compile(r"[0-9]{3}[0-9X]")
_gaps = re.compile(r"[\s-]")


def again_at(limits: Iterable[Limit], nth_last: Iterable[datetime | None], now: datetime) -> datetime | None:
    """The moment at which all `limits` have room, or None if they have it now.

    `nth_last` is, for each limit, when the last but `at_most - 1` happened.
    """
    opens = (limit.open_again_at(nth) for limit, nth in zip(limits, nth_last, strict=True))
    return max((moment for moment in opens if moment is not None and moment > now), default=None)


def code_of(text: str) -> str | None:
    """The six digits that were typed or pasted, in whatever width and grouping; None if they are not that.

    What cannot be a code is no guess either, and need not be counted.
    """
    digits = _gaps.sub("", unicodedata.normalize("NFKC", text))
    return digits if _code.fullmatch(digits) else None


def tail_of(text: str) -> str | None:
    """The last four characters of an ID number as they were typed, with an upper-case X; None if they cannot be that."""
    tail = _gaps.sub("", unicodedata.normalize("NFKC", text)).upper()
    return tail if _tail.fullmatch(tail) else None


def check_language(text: str) -> str:
    """One of the languages customers are addressed in."""
    if text not in LANGUAGES:
        raise FieldError("language", f"must be one of {', '.join(sorted(LANGUAGES))}")
    return text


def number_is_old(
    proved_at: datetime | None, registered_at: datetime, *, trust_days: int, now: datetime
) -> bool:
    """Whether a number may have been given to somebody else since it was last known to be its customer's.

    Carriers give a number that was let go to somebody new after some months. A customer who never proved the
    number was registered at the desk (or brought in from elsewhere): the day of registration is the last on
    which anybody is known to have vouched for it. So a recent one opens by the code, as the person who was
    just registered expects, and an old one does not, although nobody ever lost that proof.
    """
    return now - (proved_at or registered_at) > timedelta(days=trust_days)
