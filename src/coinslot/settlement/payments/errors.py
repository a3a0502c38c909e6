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


class BonusHeld(InputError):
    """Bonus that goes with a payment is set aside for a use that runs: it is neither in the wallet nor spent."""

    def __init__(self, held_minor: int) -> None:
        super().__init__(
            f"the wallet: {held_minor} minor units of the bonus that goes with it are set aside for a use that runs;"
            " ask for less, or when that is over"
        )
        self.held_minor = held_minor


class Barred(StrEnum):
    """Why somebody may not decide about a refund."""

    DISABLED = "disabled"
    """The login is disabled."""
    ROLE = "role"
    """Owners and managers decide; the desk may ask."""
    CASH = "cash"
    """Owners, managers and the desk handle cash."""
    OWN = "own"
    """A second person has to decide, never the one who asked."""
    MADE_BY_ASKER = "made_by_asker"
    """Who asked has made this login, or set its password, within the last 30 days."""
    DECIDED = "decided"
    """It was decided before."""
    EXPIRED = "expired"
    """It was asked too long ago; ask for it anew."""


_BARRED = {
    Barred.DISABLED: "this login is disabled",
    Barred.ROLE: "this role may not; owners and managers decide about refunds, the desk may ask for them",
    Barred.CASH: "this role may not; owners, managers and the desk handle cash",
    Barred.OWN: "a second person has to decide, never the one who asked",
    Barred.MADE_BY_ASKER: "who asked has made this login or set its password within the last 30 days; let somebody else decide",
    Barred.DECIDED: "it has been decided already; look at what was done",
    Barred.EXPIRED: "it was asked more than 7 days ago; ask for it anew",
}


class NotAllowed(InputError):
    """Somebody may not ask for a refund, or not decide about this one."""

    def __init__(self, reason: Barred, request: str = "") -> None:
        said = _BARRED[reason]
        super().__init__(f"refund request {request}: {said}" if request else said)
        self.reason = reason
        self.request = request


class Unrefundable(StrEnum):
    """Why something cannot be given back like that."""

    NOT_SETTLED = "not_settled"
    """The session is still under way, or its hold went back whole."""
    OWED = "owed"
    """Its usage was reported late and is owed, not paid."""
    UNREADABLE = "unreadable"
    """The agreement by which it was shared cannot be read."""
    FORGOTTEN = "forgotten"
    """The customer was forgotten: the wallet is nobody's."""
    NOT_PAID = "not_paid"
    """The payment has not been received."""
    BY_ITSELF = "by_itself"
    """It was late, a duplicate or not started: it goes back by itself."""
    TOO_OLD = "too_old"
    """The provider does not refund it any more."""
    TOO_MANY = "too_many"
    """The provider has refunded it in as many parts as it takes."""
    NOTHING_LEFT = "nothing_left"
    """All of it has been given back."""
    WAY = "way"
    """The money cannot go that way."""
    WHOLE = "whole"
    """It is explained whole or not at all."""
    EXPLAINED = "explained"
    """It was explained before."""


_UNREFUNDABLE = {
    Unrefundable.NOT_SETTLED: "the session is not settled, or nothing was charged; wait for its end",
    Unrefundable.OWED: "its usage was reported late and is owed, not paid; nothing was taken that could go back",
    Unrefundable.UNREADABLE: "the agreement by which it was shared cannot be read; restore the session's row first",
    Unrefundable.FORGOTTEN: "its customer was forgotten, and the wallet is nobody's",
    Unrefundable.NOT_PAID: "this payment was not received",
    Unrefundable.BY_ITSELF: "this payment goes back by itself; look at its refunds",
    Unrefundable.TOO_OLD: "the provider refunds a payment for a year only; pay it back by hand",
    Unrefundable.TOO_MANY: "the provider takes no more refunds of this payment; pay it back by hand",
    Unrefundable.NOTHING_LEFT: "all of it has been given back, or is spent",
    Unrefundable.WAY: "the money cannot go that way; choose another",
    Unrefundable.WHOLE: "it is explained whole; leave the amount out",
    Unrefundable.EXPLAINED: "it has been explained already",
}


class NotRefundable(InputError):
    """It cannot be given back, or not like that; nothing was changed."""

    def __init__(self, reason: Unrefundable, target: str, detail: str = "") -> None:
        said = f"{target}: {_UNREFUNDABLE[reason]}"
        super().__init__(f"{said} ({detail})" if detail else said)
        self.reason = reason
        self.target = target
