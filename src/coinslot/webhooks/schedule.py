"""When a delivery is tried again, and what an answer means. Pure."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final

PAUSES_S: Final = (5, 30, 120, 600, 3_600, 10_800, 21_600, 43_200)
"""What passes after each try, at least; the last one from then on."""
JITTER: Final = 0.2
"""A pause is up to so much longer, so that what failed together does not come back together."""
GIVE_UP: Final = timedelta(days=3)
"""A weekend and a day to mend what is broken."""
LEASE: Final = timedelta(seconds=60)
"""Well beyond what a try may take; then another sender tries it."""


class Verdict(StrEnum):
    """What an answer means for the delivery."""

    DELIVERED = "delivered"
    """It arrived."""
    AGAIN = "again"
    """It did not; later it may."""
    GONE = "gone"
    """The endpoint wants no more messages."""


def verdict(status: int | None) -> Verdict:
    """Only a 2xx counts; None: there was no answer. 410 is the receiver's word that it is over."""
    if status is not None and 200 <= status < 300:
        return Verdict.DELIVERED
    return Verdict.GONE if status == 410 else Verdict.AGAIN


def pause(tries: int, since: timedelta, chance: float) -> timedelta | None:
    """How long to wait after the `tries`-th try of a round that began `since` ago; None: no more of it.

    `chance` is in [0, 1).
    """
    base_s = PAUSES_S[min(tries, len(PAUSES_S)) - 1]
    wait = timedelta(seconds=base_s * (1 + JITTER * chance))
    return None if since + wait > GIVE_UP else wait
