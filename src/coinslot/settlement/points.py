"""Crash points: every commit and every send on a session's or a payment's way has a name, before and after it.

All commits of settlement pass through one `transaction(purpose)`, all commands through one `send` and all
questions to payment providers through one `ask`, so the list below is complete by construction. A test kills
the process at each of them by setting `COINSLOT_CRASH_AT=<point>`, or `<point>:<n>` for the n-th time it is
passed; without it a point costs one comparison.
"""

from __future__ import annotations

import os
import signal
from enum import StrEnum
from typing import Final

ENVIRONMENT: Final = "COINSLOT_CRASH_AT"


class Purpose(StrEnum):
    """What a transaction of settlement is for."""

    START = "start"
    """Authorizing: hold and session."""
    WORDS = "words"
    """What terminals said, with its effects and the acknowledged position."""
    ASIDE = "aside"
    """Records that cannot be applied, kept for review."""
    STOP = "stop"
    """A stop that was asked for."""
    SWEEP = "sweep"
    """What time alone brings."""
    SEAL = "seal"
    """Chaining what was posted; the sweep's own, it locks no terminal."""
    TELL = "tell"
    """What follows a session's end: points, and the message to the customer."""
    INTENT = "intent"
    """What is to be collected, before anybody is asked for it."""
    ATTEMPT = "attempt"
    """A try with a provider, before the provider hears of it."""
    CREATED = "created"
    """What the provider made of it."""
    NOTICE = "notice"
    """A provider's notification, before it is answered."""
    APPLY = "apply"
    """What a notification leads to."""
    SEEN = "seen"
    """What a provider's answer about a payment leads to."""
    CLOSE = "close"
    """A try that is not wanted any more, before the provider is told."""
    EXPIRE = "expire"
    """Intents that nobody can pay any more."""
    ORDER = "order"
    """A code for one choice on an appliance: what is to be collected, what was promised for it, the try."""
    DIRECT = "direct"
    """A use that was paid for on the appliance: the payment's one start, and the session."""
    REST = "rest"
    """What a use has left of a direct payment, to be asked back."""
    GIVE_UP = "give_up"
    """A direct payment that no start will follow."""
    WITHDRAW = "withdraw"
    """Principal taken out of a wallet, before any provider is asked to return it."""
    REFUNDED = "refunded"
    """What a provider's answer about a refund leads to."""
    DECIDE = "decide"
    """What a person decides about a refund or a withdrawal."""
    CASH = "cash"
    """Cash that a person has received or paid out at the counter."""
    BILL = "bill"
    """A provider's bill kept, and held against the books."""
    OFFLINE = "offline"
    """A code for the time without the link, with its hold; the terms of such codes; one given up by a person."""
    CODE = "code"
    """A code for a keypad made, ended or typed: with the session, where it opens one."""


class Asked(StrEnum):
    """What a payment provider is asked for."""

    CREATE = "create"
    QUERY = "query"
    CLOSE = "close"
    REFUND = "refund"
    QUERY_REFUND = "query_refund"
    BILL = "bill"


_SENT: Final = ("start", "stop", "ack", "welcome", "ping", "show")
POINTS: Final = tuple(
    f"{what}.{when}"
    for what in (
        *(f"commit.{purpose.value}" for purpose in Purpose),
        *(f"send.{kind}" for kind in _SENT),
        *(f"ask.{what.value}" for what in Asked),
    )
    for when in ("before", "after")
)
"""Every point there is."""

_crash_at, _, _time = os.environ.get(ENVIRONMENT, "").partition(":")
_passes_left = int(_time or 1)


def point(name: str) -> None:
    """Pass this point; the process ends here at once if it was chosen."""
    if is_chosen(name):
        _crash()


def is_chosen(name: str) -> bool:
    """Whether the process is to end at this point: what comes before it must then really have happened."""
    return bool(_crash_at) and _crash_at == name


def _crash() -> None:
    global _passes_left
    _passes_left -= 1
    if _passes_left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
