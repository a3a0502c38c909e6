"""One paid use begun, or not: the payment's one start and its session in one transaction.

Locks, in this order: the intent, its terminal, then what they make. A notification of the payment waits at the intent,
the terminal's records wait at the terminal; nobody takes the two the other way round.
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum, auto
from typing import Final

import asyncpg
from msgspec import Struct

from coinslot.payments.model import Intent
from coinslot.sessions.model import Session
from coinslot.settlement.authorize import plan
from coinslot.settlement.changes import Batch
from coinslot.settlement.payments.direct_rows import DirectOrder, Outcome, end_order, order_of_intent
from coinslot.settlement.payments.rows import Locked, find_attempt, lock_intent
from coinslot.settlement.payments.starts import claim_start, put_off_start
from coinslot.settlement.payments.unit import Connection, Pool, transaction
from coinslot.settlement.points import Purpose
from coinslot.settlement.ports import UNDECIDABLE, Conflict
from coinslot.settlement.requests import Guest, Refusal, StartRequest
from coinslot.settlement.store import PostgresUnit

WAIT_OFFLINE: Final = timedelta(seconds=60)
"""How long after the payment a terminal that is not connected may come back: a controller restarts, or its 2G module
finds the network again, within that; longer, and the payer has gone to look for help."""
_AGAIN: Final = timedelta(seconds=1)
NOT_LONG: Final = "SET LOCAL lock_timeout = '500ms'"
"""Rows are held for milliseconds. Who holds one longer is stuck, and holds up the guests of one appliance, not of all."""


class Told(Enum):
    """What became of a paid use when nothing was begun."""

    DECIDED = auto()
    """Somebody else has decided it."""
    LATER = auto()
    """The terminal is not connected, and may come back in time."""
    REFUSED = auto()
    """No use can follow: the payment is to go back."""


class Begun(Struct, frozen=True, kw_only=True):
    """A session was made of it; the batch's messages are to be sent."""

    order: DirectOrder
    session: Session
    batch: Batch


async def begin_paid(pool: Pool, intent: Intent) -> Begun | Told:
    """Begin what was paid for. Conflict when it should be tried again; nothing was saved then."""
    try:
        async with transaction(pool, Purpose.DIRECT) as connection:
            await connection.execute(NOT_LONG)
            return await _begin(connection, intent)
    except asyncpg.UniqueViolationError as error:
        # Somebody took the outlet since we looked at it: the next try sees who.
        raise Conflict(str(error)) from error
    except UNDECIDABLE:
        # What was promised cannot be read, or cannot be kept: nobody is to wait for that.
        return Told.REFUSED


async def _begin(connection: Connection, wanted: Intent) -> Begun | Told:
    locked = await lock_intent(connection, wanted.operator_id, wanted.intent_id)
    if locked is None or locked.intent.follow_at is None:
        return Told.DECIDED
    order = await order_of_intent(connection, wanted.operator_id, wanted.intent_id)
    if order is None or order.over_at is not None:
        return Told.REFUSED  # the screen shows something else by now
    unit = PostgresUnit(connection)
    request = await _request(connection, locked, order)
    opened = await unit.open_starts([request])
    [answer] = plan([request], opened, {})
    if not isinstance(answer, Session):
        if answer.reason is not Refusal.OFFLINE or not _may_come_back(locked):
            return Told.REFUSED
        await put_off_start(connection, locked, _AGAIN)
        return Told.LATER
    await unit.save(opened.batch)
    claimed = await claim_start(connection, order.operator_id, order.intent_id, answer.id)
    assert claimed is not None, "whoever decides clears follow_at under the lock that we hold"
    await end_order(connection, order.operator_id, order.intent_id, Outcome.STARTED)
    return Begun(order=order, session=answer, batch=opened.batch)


async def _request(connection: Connection, locked: Locked, order: DirectOrder) -> StartRequest:
    intent = locked.intent
    assert intent.paid_by is not None
    attempt = await find_attempt(connection, intent.operator_id, intent.paid_by)
    assert attempt is not None
    return StartRequest(
        operator=intent.operator_id,
        customer=None,
        terminal=order.terminal_id,
        outlet=order.outlet,
        key=f"direct:{intent.intent_id}",
        guest=Guest(
            intent=intent.intent_id,
            merchant=attempt.merchant_id,
            amount_minor=intent.amount_minor,
            appliance=order.appliance_id,
            quote=order.quote,
            sharing=order.sharing,
        ),
    )


def _may_come_back(locked: Locked) -> bool:
    paid_at = locked.intent.paid_at
    return paid_at is not None and locked.now - paid_at < WAIT_OFFLINE
