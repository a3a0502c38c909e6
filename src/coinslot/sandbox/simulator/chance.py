"""Every choice of a run, from one seed; and how often each fault happens in it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")


class FaultKind(StrEnum):
    """What can be made to go wrong. The comment is the chance, and of what."""

    POWER_CUT = "power_cut"
    """The terminal loses power before one of its actions."""
    OLD_JOURNAL = "old_journal"
    """A terminal comes back with an older copy of its journal."""
    WRONG_CLOCK = "wrong_clock"
    """A terminal boots in 1970, yesterday, in ten years, or without a clock."""
    MESSAGE_LOST = "message_lost"
    """One message of the link disappears."""
    MESSAGE_DOUBLED = "message_doubled"
    """One message comes twice, the second time late."""
    MESSAGE_LATE = "message_late"
    """One message takes seconds, and those behind it with it."""
    STALL = "stall"
    """A connection stands still for up to minutes and then delivers everything."""
    CUT_WITH_WILL = "cut_with_will"
    """A connection breaks and the broker says so."""
    CUT_SILENTLY = "cut_silently"
    """A connection breaks and nobody is told."""
    BROKER_RESTART = "broker_restart"
    """The broker goes and comes back with nobody connected."""
    WORKER_SLOW = "worker_slow"
    """A server process takes seconds over what it has received."""
    CRASH_BEFORE_COMMIT = "crash_before_commit"
    """A server process dies and nothing is saved."""
    CRASH_AFTER_COMMIT = "crash_after_commit"
    """A server process dies with everything saved and nothing sent."""
    CRASH_BEFORE_SEND = "crash_before_send"
    """A server process dies between two of the messages it owes."""
    CONFLICT = "conflict"
    """Another transaction wins; nothing is saved and the same is tried again."""
    REVOKED = "revoked"
    """An operator revokes a terminal's secret, and grants a new one later."""


_RATES: dict[FaultKind, float] = {
    FaultKind.POWER_CUT: 0.004,
    FaultKind.OLD_JOURNAL: 0.25,
    FaultKind.WRONG_CLOCK: 0.5,
    FaultKind.MESSAGE_LOST: 0.08,
    FaultKind.MESSAGE_DOUBLED: 0.08,
    FaultKind.MESSAGE_LATE: 0.05,
    FaultKind.STALL: 0.02,
    FaultKind.CUT_WITH_WILL: 0.02,
    FaultKind.CUT_SILENTLY: 0.02,
    FaultKind.BROKER_RESTART: 0.3,
    FaultKind.WORKER_SLOW: 0.05,
    FaultKind.CRASH_BEFORE_COMMIT: 0.02,
    FaultKind.CRASH_AFTER_COMMIT: 0.02,
    FaultKind.CRASH_BEFORE_SEND: 0.02,
    FaultKind.CONFLICT: 0.05,
    FaultKind.REVOKED: 0.1,
}


class Chance:
    """The dice of one run. Each run mixes its own faults: some not at all, some thick."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.injected: Counter[FaultKind] = Counter()
        self._rates = {kind: rate * self.dice.choice((0, 0.3, 1, 1, 2.5)) for kind, rate in _RATES.items()}

    def fault(self, kind: FaultKind) -> bool:
        """Whether this goes wrong now."""
        rate = self._rates[kind]
        if not rate or self.dice.random() >= rate:
            return False
        self.injected[kind] += 1
        return True

    def end_faults(self) -> None:
        """From here on nothing goes wrong any more."""
        self._rates = dict.fromkeys(self._rates, 0.0)

    def between(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return self.dice.randint(low, high)

    def one_of(self, choices: Sequence[T]) -> T:
        """One of these."""
        return self.dice.choice(choices)

    def likely(self, probability: float) -> bool:
        """Whether something happens that is no fault."""
        return self.dice.random() < probability
