"""The start that a direct payment is for: due once it is paid, decided once, by a row that nobody can change.

Whoever starts sessions takes what `due_starts` lists, and calls `claim_start` in the transaction that authorizes the
session; its hold is the payment's (`held_under` the intent's id), its rest goes to the merchant's refunds due and is
asked back with `add_refund`. When no start can follow, `give_up_start` returns the whole payment.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from coinslot.fields import MissingError
from coinslot.ledger import events
from coinslot.ledger.store import post
from coinslot.payments.model import Attempt, Intent, IntentPurpose, Refund, Why
from coinslot.payments.states import IntentState
from coinslot.rows import many, one
from coinslot.settlement.payments.direct_rows import Outcome, end_order
from coinslot.settlement.payments.refunds import RefundRequest, add_refund
from coinslot.settlement.payments.reviews import PaymentReview, open_review
from coinslot.settlement.payments.rows import (
    INTENT_COLUMNS,
    REFUND_COLUMNS,
    Locked,
    find_attempt,
    lock_intent,
    save_intent,
)
from coinslot.settlement.payments.unit import Connection, Pool, transaction
from coinslot.settlement.points import Purpose
from coinslot.wire.ids import OperatorId, SessionId

_SET_ASIDE: Final = timedelta(days=1)
_DUE = f"""
    SELECT {INTENT_COLUMNS} FROM payment_intent i WHERE i.follow_at <= now() ORDER BY i.follow_at LIMIT $1
"""
_DECIDE = """
    INSERT INTO payment_start (operator_id, intent_id, session_id) VALUES ($1, $2, $3)
    ON CONFLICT (operator_id, intent_id) DO NOTHING RETURNING true
"""
_REFUND = f"SELECT {REFUND_COLUMNS} FROM refund r WHERE r.request_key = $2 AND r.operator_id = $1"


async def due_starts(connection: Connection, limit: int = 20) -> Sequence[Intent]:
    """Paid intents whose start nobody has decided, the longest due first."""
    return many(await connection.fetch(_DUE, limit), Intent)


async def claim_start(
    connection: Connection, operator: OperatorId, intent_id: str, session: SessionId
) -> Attempt | None:
    """This session is the one that the intent pays for; the attempt that paid, or None when something else was decided.

    In the transaction that makes the session: until it commits, whoever else decides waits. MissingError.
    """
    locked = await _lock(connection, operator, intent_id)
    if not await _decide(connection, locked, session):
        return None
    return await _payer(connection, locked.intent)


async def give_up_start(pool: Pool, operator: OperatorId, intent_id: str) -> Refund | None:
    """No start will follow: the payment goes back, whole and once. The refund, or None where a session has it.

    MissingError, also for an intent that is not a paid direct payment.
    """
    async with transaction(pool, Purpose.GIVE_UP) as connection:
        locked = await _lock(connection, operator, intent_id)
        intent = locked.intent
        key = f"intent:{intent.intent_id}:not_started"
        if not await _decide(connection, locked, None):
            row = await connection.fetchrow(_REFUND, operator, key)
            return None if row is None else one(row, Refund)
        attempt = await _payer(connection, intent)
        returned = events.direct_returned(
            operator,
            intent.intent_id,
            intent.currency,
            merchant=attempt.merchant_id,
            amount_minor=intent.amount_minor,
        )
        await post(connection, [returned])
        await end_order(connection, operator, intent.intent_id, Outcome.REFUNDED)
        wanted = RefundRequest(key=key, amount_minor=intent.amount_minor, why=Why.START_FAILED)
        return await add_refund(connection, attempt, wanted)


async def _lock(connection: Connection, operator: OperatorId, intent_id: str) -> Locked:
    locked = await lock_intent(connection, operator, intent_id)
    if (
        locked is None
        or locked.intent.purpose is not IntentPurpose.DIRECT_SESSION
        or locked.intent.state in (IntentState.OPEN, IntentState.EXPIRED)
    ):
        raise MissingError("paid direct payment", intent_id)
    return locked


async def set_start_aside(pool: Pool, intent: Intent, why: str) -> None:
    """Neither a session nor a refund can be had now: a person looks, and it is due again tomorrow."""
    async with transaction(pool, Purpose.GIVE_UP) as connection:
        locked = await lock_intent(connection, intent.operator_id, intent.intent_id)
        if locked is None or locked.intent.follow_at is None:
            return
        await put_off_start(connection, locked, _SET_ASIDE)
        # The appliance is to go on selling meanwhile; from now on only the refund is tried.
        await end_order(connection, intent.operator_id, intent.intent_id, Outcome.DROPPED)
        detail = f"payment {intent.intent_id} of {intent.amount_minor} {intent.currency} minor units: {why}"
        await open_review(connection, intent.operator_id, PaymentReview.START_STUCK, detail)


async def put_off_start(connection: Connection, locked: Locked, pause: timedelta) -> None:
    """Nothing is decided now: it is due again after the pause. In the transaction that holds the intent."""
    await save_intent(connection, replace(locked.intent, follow_at=locked.now + pause))


async def _decide(connection: Connection, locked: Locked, session: SessionId | None) -> bool:
    intent = locked.intent
    decided = await connection.fetchval(_DECIDE, intent.operator_id, intent.intent_id, session)
    if decided is True:
        await save_intent(connection, replace(intent, follow_at=None))
    return decided is True


async def _payer(connection: Connection, intent: Intent) -> Attempt:
    assert intent.paid_by is not None
    attempt = await find_attempt(connection, intent.operator_id, intent.paid_by)
    assert attempt is not None
    return attempt
