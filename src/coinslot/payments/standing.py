"""How a payment stands for whoever is to pay it: one word made of the intent and all of its attempts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from coinslot.payments.decide import LIVE
from coinslot.payments.model import GIVEN_BACK, Attempt, Intent, Mark
from coinslot.payments.states import AttemptState, IntentState


class Standing(StrEnum):
    """Where a payment stands."""

    CHOOSING = "choosing"
    """Nothing is under way: a way to pay has to be chosen, at first or again."""
    MAKING = "making"
    """The provider was asked and has not yet said how to pay."""
    WAITING = "waiting"
    """It can be paid now."""
    ENDING = "ending"
    """Its time is over; the provider has not yet confirmed that nobody has paid."""
    PAID = "paid"
    EXPIRED = "expired"
    """Nobody has paid in time, and nobody can any more."""
    REVIEW = "review"
    """The provider says that it was paid, with something that does not agree: a person looks."""


class Stand(Struct, frozen=True, kw_only=True):
    """The word, and which attempts it is about."""

    standing: Standing
    attempt: Attempt | None
    """The one that can be paid, has paid, or was tried last."""
    given_back: tuple[Attempt, ...]
    """Paid too late or twice: their money goes back by itself."""


def stand(intent: Intent, attempts: Sequence[Attempt], now: datetime) -> Stand:
    """How it stands."""
    made = sorted(attempts, key=lambda one: (one.made_at, one.number))
    standing, attempt = _stand(intent, made, now)
    back = tuple(one for one in made if one.state is AttemptState.SUCCEEDED and one.mark in GIVEN_BACK)
    return Stand(standing=standing, attempt=attempt, given_back=back)


def _stand(intent: Intent, made: list[Attempt], now: datetime) -> tuple[Standing, Attempt | None]:
    last = made[-1] if made else None
    if intent.paid_by is not None:
        return Standing.PAID, next((one for one in made if one.number == intent.paid_by), last)
    if disputed := [one for one in made if one.mark is Mark.DISPUTED]:
        return Standing.REVIEW, disputed[-1]
    if intent.state is IntentState.EXPIRED:
        return Standing.EXPIRED, last
    live = [one for one in made if one.state in LIVE]
    if now >= intent.expires_at:
        return (Standing.ENDING, live[-1]) if live else (Standing.EXPIRED, last)
    wanted = [one for one in live if one.state is not AttemptState.CLOSING and now < one.expires_at]
    if not wanted:
        return Standing.CHOOSING, last
    newest = wanted[-1]
    payable = newest.state is AttemptState.PENDING and newest.created is not None
    return (Standing.WAITING if payable else Standing.MAKING), newest
