"""A code that is not wanted any more: closed with its provider, then given up, unless it turns out to be paid."""

from __future__ import annotations

from coinslot.payments.decide import LIVE
from coinslot.payments.model import Intent
from coinslot.payments.states import IntentState
from coinslot.settlement.payments.attempts import note_close_asked
from coinslot.settlement.payments.collecting import close_attempt
from coinslot.settlement.payments.direct_rows import DirectOrder, Outcome, end_order
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.payments.patience import PATIENCE_S, with_patience
from coinslot.settlement.payments.rows import attempts_of, find_intent, find_merchant, lock_intent
from coinslot.settlement.payments.unit import Connection, Pool


async def intent_of(pool: Pool, order: DirectOrder) -> Intent:
    """What is collected with it."""
    intent = await find_intent(pool, order.operator_id, order.intent_id)
    assert intent is not None
    return intent


async def is_paid(pool: Pool, order: DirectOrder) -> bool:
    """Whether somebody has paid it."""
    return (await intent_of(pool, order)).paid_by is not None


async def close_order(door: PaymentDoor, order: DirectOrder, patience_s: float = PATIENCE_S) -> bool:
    """Have its provider close it; whether it turns out to be paid. Without an answer it is tried again by others."""
    for attempt in await attempts_of(door.pool, await intent_of(door.pool, order)):
        if attempt.state not in LIVE:
            continue
        merchant = await find_merchant(door.pool, attempt.operator_id, attempt.merchant_id)
        provider = None if merchant is None else door.find(merchant)
        if merchant is None or provider is None:
            await note_close_asked(door.pool, attempt)
        else:
            await with_patience(close_attempt(door.pool, provider, merchant, attempt), patience_s)
    return await is_paid(door.pool, order)


async def end_unpaid(connection: Connection, order: DirectOrder) -> bool:
    """The outlet is done with it, unless it is paid: whether so. Under the intent's lock, so that a payment comes
    either before this, and starts, or after it, and goes back."""
    locked = await lock_intent(connection, order.operator_id, order.intent_id)
    assert locked is not None
    if locked.intent.paid_by is not None:
        return False
    expired = locked.intent.state is IntentState.EXPIRED
    await end_order(
        connection, order.operator_id, order.intent_id, Outcome.EXPIRED if expired else Outcome.DROPPED
    )
    return True
