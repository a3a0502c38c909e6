"""What payments refuse to whoever asks, as errors that carry the facts."""

from __future__ import annotations

from enum import StrEnum

from coinslot.fields import InputError


class KeyReused(InputError):
    """The request key was used before, for something else."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"the key {key[:80]!r} was used for another request; choose a new key for a new request"
        )
        self.key = key


class Unpayable(StrEnum):
    """Why no attempt may be made."""

    OVER = "over"
    """The intent is paid, or nobody can pay it any more."""
    TOO_LATE = "too_late"
    """Its time is nearly over: a provider would not take an order that short."""
    TOO_MANY = "too_many"
    """It has been tried too often already."""
    NO_MERCHANT = "no_merchant"
    """There is no such merchant, or it takes no new payments."""


class NotPayable(InputError):
    """No attempt may be made for this intent."""

    def __init__(self, reason: Unpayable, intent: str) -> None:
        super().__init__(f"no new payment for {intent}: {reason.value.replace('_', ' ')}; ask for a new one")
        self.reason = reason
        self.intent = intent


class TooMuch(InputError):
    """More was asked back than there is: `left_minor` is what can be had."""

    def __init__(self, what: str, wanted_minor: int, left_minor: int) -> None:
        super().__init__(f"{what}: {wanted_minor} minor units were asked for, and {left_minor} can be had")
        self.what = what
        self.wanted_minor = wanted_minor
        self.left_minor = left_minor
