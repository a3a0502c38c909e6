"""What follows from what a provider says: pure, no clock, no I/O."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from coinslot.payments.model import GIVEN_BACK, Attempt, Intent, IntentPurpose, Mark, Merchant, Refund
from coinslot.payments.port import PaymentSeen, PaymentState, RefundSeen
from coinslot.payments.port import RefundState as ProvidersRefundState
from coinslot.payments.states import (
    ATTEMPT,
    INTENT,
    REFUND,
    AttemptEvent,
    AttemptState,
    IntentEvent,
    IntentState,
    RefundEvent,
    RefundState,
)

LIVE: Final = frozenset(
    {AttemptState.NEW, AttemptState.CREATE_UNKNOWN, AttemptState.PENDING, AttemptState.CLOSING}
)
"""The states in which an attempt can still be paid, as far as we know: it is polled."""

LIFE_MARGIN: Final = timedelta(minutes=5)
"""How long after its expiry an order that the provider does not know is believed to be dead: more than clocks differ."""
CLOSE_LEASE: Final = timedelta(minutes=1)
"""Whoever asks for a close tells the provider at once; should that fail, others do so after this."""
SURE_AFTER: Final = timedelta(minutes=10)
"""How long after a request without an answer the provider's word that it knows nothing of it is believed."""
_POLL_PAUSES_S: Final = (3, 5, 10, 15, 30, 60, 120, 300, 600)
_REFUND_PAUSES_S: Final = (
    60,
    60,
    120,
    300,
    900,
    3_600,
)  # no provider takes two for one payment within a minute
_REVIEW_AFTER_TRIES: Final = 24


class Source(StrEnum):
    """How the provider came to say it."""

    NOTIFIED = "notified"
    """By itself."""
    ASKED = "asked"
    """In answer to a question of ours, which named merchant and app: there, an answer may leave them out."""


class Mismatch(StrEnum):
    """Why what a provider says is not acted upon."""

    UNKNOWN_NUMBER = "unknown_number"
    """We know no such payment or refund, or it is another merchant's."""
    MERCHANT = "merchant"
    APP = "app"
    AMOUNT = "amount"
    CURRENCY = "currency"
    NO_TRANSACTION = "no_transaction"
    """It says paid, without the provider's own id of the payment."""
    PAYMENT = "payment"
    """It is a refund of another payment than ours."""
    TAKEN = "taken"
    """The provider's id was taken in for something else, or another id for the same attempt."""
    NOT_POSTED = "not_posted"
    """The ledger or the database refused what follows from it."""


class Effect(StrEnum):
    """What an attempt's success asks for."""

    CREDIT = "credit"
    """It pays the intent."""
    GIVE_BACK = "give_back"
    """Nobody wants it any more: the whole of it goes back."""


class Heard(NamedTuple):
    """An attempt and its intent after an event."""

    attempt: Attempt
    intent: Intent
    effect: Effect | None = None


def payment_mismatch(
    attempt: Attempt, merchant: Merchant, seen: PaymentSeen, source: Source
) -> Mismatch | None:
    """What does not agree between an order as we know it and as the provider sees it; None when all does."""
    if seen.number != attempt.number or attempt.merchant_id != merchant.merchant_id:
        return Mismatch.UNKNOWN_NUMBER
    if whose := _not_ours(merchant, seen.merchant, seen.app, source):
        return whose
    paid = seen.state is PaymentState.PAID
    if seen.amount_minor != attempt.amount_minor and (paid or seen.amount_minor is not None):
        return Mismatch.AMOUNT
    if seen.currency != attempt.currency and (paid or seen.currency):
        return Mismatch.CURRENCY
    if paid and not seen.provider_id:
        return Mismatch.NO_TRANSACTION
    if paid and attempt.provider_id not in (None, seen.provider_id):
        return Mismatch.TAKEN
    return None


def is_our_money(merchant: Merchant, seen: PaymentSeen, source: Source) -> bool:
    """Whether something that does not agree has nevertheless been paid to this merchant, as far as can be told."""
    return (
        seen.state is PaymentState.PAID
        and bool(seen.provider_id)
        and (seen.merchant == merchant.account or (source is Source.ASKED and not seen.merchant))
        and seen.amount_minor is not None
        and 0 < seen.amount_minor < 2**63
        and len(seen.currency) == 3
        and seen.currency.isascii()
        and seen.currency.isupper()
    )


def refund_mismatch(refund: Refund, merchant: Merchant, seen: RefundSeen, source: Source) -> Mismatch | None:
    """Likewise of a refund."""
    if seen.number != refund.number or refund.merchant_id != merchant.merchant_id:
        return Mismatch.UNKNOWN_NUMBER
    if whose := _not_ours(merchant, seen.merchant, merchant.app, source):
        return whose
    if seen.payment_number != refund.attempt_number:
        return Mismatch.PAYMENT
    told = source is Source.NOTIFIED and seen.state is ProvidersRefundState.SUCCEEDED
    if seen.amount_minor != refund.amount_minor and (told or seen.amount_minor is not None):
        return Mismatch.AMOUNT
    if seen.currency != refund.currency and (told or seen.currency):
        return Mismatch.CURRENCY
    return None


def _not_ours(merchant: Merchant, account: str, app: str, source: Source) -> Mismatch | None:
    implied = source is Source.ASKED
    if account != merchant.account and not (implied and not account):
        return Mismatch.MERCHANT
    if merchant.app and app != merchant.app and not (implied and not app):
        return Mismatch.APP
    return None


def payment_event(attempt: Attempt, seen: PaymentSeen, now: datetime) -> AttemptEvent | None:
    """What it means for the attempt; None for an order that is unknown and may yet turn up.

    A provider may not know an order before it is scanned, or while our request is under way. That it does not is
    believed only when the order's life has ended.
    """
    match seen.state:
        case PaymentState.WAITING:
            return AttemptEvent.WAITING
        case PaymentState.PAID:
            return AttemptEvent.PAID
        case PaymentState.CLOSED:
            return AttemptEvent.CLOSED
        case PaymentState.FAILED:
            return AttemptEvent.FAILED
        case PaymentState.ABSENT:
            return AttemptEvent.CLOSED if now >= attempt.expires_at + LIFE_MARGIN else None


def hear(
    attempt: Attempt, intent: Intent, event: AttemptEvent, now: datetime, *, forgotten: bool = False
) -> Heard:
    """The attempt and the intent after the event, and what to do with the money if there is any.

    `forgotten`: the customer whose wallet it is for has been erased.
    """
    state = ATTEMPT.after(attempt.state, event)
    # Only its first success moves anything: providers repeat themselves.
    if state is not AttemptState.SUCCEEDED or attempt.state is AttemptState.SUCCEEDED:
        next_poll_at = _next(attempt, state, event, now)
        return Heard(msgspec.structs.replace(attempt, state=state, next_poll_at=next_poll_at), intent)
    mark = _mark(attempt, intent, forgotten=forgotten)
    paid = msgspec.structs.replace(attempt, state=state, mark=mark, paid_at=now, next_poll_at=None)
    if mark in GIVEN_BACK:
        return Heard(paid, intent, Effect.GIVE_BACK)
    follow_at = now if intent.purpose is IntentPurpose.DIRECT_SESSION else None
    collected = msgspec.structs.replace(
        intent,
        state=INTENT.after(intent.state, IntentEvent.PAID),
        paid_by=attempt.number,
        paid_at=now,
        follow_at=follow_at,
    )
    return Heard(paid, collected, Effect.CREDIT)


def _mark(attempt: Attempt, intent: Intent, *, forgotten: bool) -> Mark:
    if intent.paid_by is not None:
        return Mark.DUPLICATE
    if attempt.state is AttemptState.CLOSED or intent.state is IntentState.EXPIRED:
        return Mark.LATE
    return Mark.UNWANTED if forgotten else Mark.NONE


def _next(attempt: Attempt, state: AttemptState, event: AttemptEvent, now: datetime) -> datetime | None:
    if state not in LIVE:
        return None
    if event is AttemptEvent.CLOSE_ASKED:
        return now + CLOSE_LEASE
    if attempt.state not in LIVE:
        return now
    return attempt.next_poll_at


def poll_pause(polls: int, now: datetime, expires_at: datetime) -> timedelta:
    """How long to wait after the poll with this number (from 1); the end of an attempt's life is looked at on time."""
    pause = timedelta(seconds=_POLL_PAUSES_S[min(max(polls, 1), len(_POLL_PAUSES_S)) - 1])
    if now < expires_at < now + pause:
        return expires_at - now + timedelta(seconds=1)
    return pause


def refund_pause(tries: int) -> timedelta:
    """How long to wait after the try with this number (from 1)."""
    return timedelta(seconds=_REFUND_PAUSES_S[min(max(tries, 1), len(_REFUND_PAUSES_S)) - 1])


def is_stuck(tries: int) -> bool:
    """Whether this try, of all, is the one after which a person should look."""
    return tries == _REVIEW_AFTER_TRIES


def is_over(intent: Intent, states: frozenset[AttemptState], now: datetime) -> bool:
    """Whether an intent expires now: its time is over, and none of its attempts (in `states`) can be paid any more."""
    return intent.state is IntentState.OPEN and now >= intent.expires_at and not states & LIVE


def refund_event(seen: RefundSeen) -> RefundEvent | None:
    """What it means for a refund; None where the provider knows no such refund."""
    match seen.state:
        case ProvidersRefundState.PROCESSING:
            return RefundEvent.ACCEPTED
        case ProvidersRefundState.SUCCEEDED:
            return RefundEvent.SUCCEEDED
        case ProvidersRefundState.CLOSED:
            return RefundEvent.CLOSED
        case ProvidersRefundState.ABNORMAL:
            return RefundEvent.ABNORMAL
        case ProvidersRefundState.ABSENT:
            return None


def rejected_for_good(tries: int, sent_before: datetime | None, now: datetime) -> bool:
    """Whether a refusal, with no such refund known to the provider, means that none will be done.

    The first try was never sent before. A later one may meet an earlier request that is still under way.
    """
    return tries <= 1 or sent_before is None or now - sent_before >= SURE_AFTER


def refund_hears(refund: Refund, event: RefundEvent, now: datetime) -> Refund:
    """The refund after the event. IllegalEvent for a person's decision that does not fit its state."""
    state = REFUND.after(refund.state, event)
    if state is refund.state:
        return refund
    ended_at = now if state in (RefundState.SUCCEEDED, RefundState.CLOSED) else None
    return msgspec.structs.replace(refund, state=state, ended_at=ended_at)


def refunded_event(amount_minor: int, refunded_minor: int) -> IntentEvent:
    """What a refund that was done means for the intent: all is back, or something is left."""
    return IntentEvent.ALL_REFUNDED if refunded_minor >= amount_minor else IntentEvent.PART_REFUNDED
