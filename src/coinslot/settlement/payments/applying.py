"""What a provider says of a payment or a refund, checked against what we ordered, with its effect: one transaction."""

from __future__ import annotations

import asyncpg
import msgspec
from msgspec.structs import replace

from coinslot.payments.decide import (
    Effect,
    Mismatch,
    Source,
    hear,
    is_our_money,
    payment_event,
    payment_mismatch,
    refund_event,
    refund_mismatch,
)
from coinslot.payments.model import Merchant
from coinslot.payments.numbers import is_number
from coinslot.payments.port import PaymentSeen, PaymentState, RefundSeen
from coinslot.payments.states import AttemptEvent, AttemptState, IllegalEvent
from coinslot.settlement.payments.crediting import (
    credit,
    give_back,
    into_suspense,
    is_forgotten,
    take_payment,
)
from coinslot.settlement.payments.refunds import change_refund
from coinslot.settlement.payments.reviews import PaymentReview, open_review
from coinslot.settlement.payments.rows import (
    find_attempt,
    find_refund,
    lock_intent,
    save_attempt,
    save_intent,
)
from coinslot.settlement.payments.unit import Connection
from coinslot.settlement.ports import UNDECIDABLE

_REFUSED = (*UNDECIDABLE, IllegalEvent, asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
"""What one event can do to its own transaction for good; what may pass with time is raised."""
_DISPUTE = """
    UPDATE payment_attempt SET mark = 'disputed', next_poll_at = NULL
    WHERE operator_id = $1 AND number = $2 AND merchant_id = $3 AND state <> 'succeeded'
"""


async def apply(
    connection: Connection, merchant: Merchant, seen: PaymentSeen | RefundSeen, source: Source
) -> str:
    """Act on it. Why that was not done, or an empty text; then a person is told, and money of ours is in suspense."""
    try:
        async with connection.transaction():
            mismatch = await _apply(connection, merchant, seen, source)
            detail = ""
    except _REFUSED as error:
        mismatch, detail = Mismatch.NOT_POSTED, f" ({type(error).__name__}: {error})"
    if mismatch is None:
        return ""
    reason = _storable(mismatch.value + detail)
    await _set_aside(connection, merchant, seen, source, reason)
    return reason


async def _apply(
    connection: Connection, merchant: Merchant, seen: PaymentSeen | RefundSeen, source: Source
) -> Mismatch | None:
    if isinstance(seen, PaymentSeen):
        return await _payment(connection, merchant, seen, source)
    return await _refund(connection, merchant, seen, source)


async def _payment(
    connection: Connection, merchant: Merchant, seen: PaymentSeen, source: Source
) -> Mismatch | None:
    known = await find_attempt(connection, merchant.operator_id, seen.number)
    if known is None:
        return Mismatch.UNKNOWN_NUMBER
    locked = await lock_intent(connection, known.operator_id, known.intent_id)
    attempt = await find_attempt(connection, merchant.operator_id, seen.number)
    assert locked is not None
    assert attempt is not None
    intent, now = locked
    if mismatch := payment_mismatch(attempt, merchant, seen, source):
        return mismatch
    event = payment_event(attempt, seen, now)
    if event is None:
        return None
    pays = event is AttemptEvent.PAID and attempt.state is not AttemptState.SUCCEEDED
    forgotten = pays and await is_forgotten(connection, intent)
    heard = hear(attempt, intent, event, now, forgotten=forgotten)
    if heard.effect is None:
        if heard.attempt != attempt:
            await save_attempt(connection, heard.attempt)
        return None
    if not await take_payment(connection, attempt, seen.provider_id):
        return Mismatch.TAKEN
    succeeded = replace(heard.attempt, provider_id=seen.provider_id)
    await save_attempt(connection, succeeded)
    match heard.effect:
        case Effect.CREDIT:
            await save_intent(connection, heard.intent)
            await credit(connection, succeeded, intent)
        case Effect.GIVE_BACK:
            await give_back(connection, succeeded)
    return None


async def _refund(
    connection: Connection, merchant: Merchant, seen: RefundSeen, source: Source
) -> Mismatch | None:
    known = await find_refund(connection, merchant.operator_id, seen.number)
    if known is None:
        return Mismatch.UNKNOWN_NUMBER
    attempt = await find_attempt(connection, known.operator_id, known.attempt_number)
    assert attempt is not None
    locked = await lock_intent(connection, attempt.operator_id, attempt.intent_id)
    refund = await find_refund(connection, merchant.operator_id, seen.number)
    assert locked is not None
    assert refund is not None
    if mismatch := refund_mismatch(refund, merchant, seen, source):
        return mismatch
    event = refund_event(seen)
    if event is not None:
        named = replace(refund, provider_id=seen.provider_id or refund.provider_id)
        await change_refund(connection, locked, named, event)
    return None


async def _set_aside(
    connection: Connection, merchant: Merchant, seen: PaymentSeen | RefundSeen, source: Source, reason: str
) -> None:
    operator = merchant.operator_id
    said = f"{merchant.provider} {merchant.merchant_id} {seen.number[:64]!r}: {reason}; {_summary(seen)}"
    if isinstance(seen, PaymentSeen) and seen.state is PaymentState.PAID:
        if is_number(seen.number):
            await connection.execute(_DISPUTE, operator, seen.number, merchant.merchant_id)
        if is_our_money(merchant, seen, source) and (kept := await _suspend(connection, merchant, seen)):
            await open_review(connection, operator, PaymentReview.SUSPENSE, f"{kept}: {said}")
            return
    await open_review(connection, operator, PaymentReview.QUARANTINED, said)


async def _suspend(connection: Connection, merchant: Merchant, seen: PaymentSeen) -> str | None:
    try:
        async with connection.transaction():
            return await into_suspense(connection, merchant, seen)
    except _REFUSED:
        # Not even there: the review that follows says what was seen.
        return None


def _summary(seen: PaymentSeen | RefundSeen) -> str:
    """What was said, without the payer."""
    if isinstance(seen, PaymentSeen):
        seen = replace(seen, payer="")
    return _storable(msgspec.json.encode(seen).decode()[:300])


def _storable(text: str) -> str:
    return text.replace("\0", "")
