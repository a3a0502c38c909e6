"""Tries with providers: committed before the provider hears of them, then told what became of the request."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from coinslot.fields import MissingError
from coinslot.payments.decide import hear
from coinslot.payments.model import Attempt, Intent
from coinslot.payments.numbers import payment_number
from coinslot.payments.port import Channel, Created, PaymentOrder
from coinslot.payments.states import AttemptEvent, AttemptState, IntentState
from coinslot.rows import one
from coinslot.settlement.payments.errors import KeyReused, NotPayable, Unpayable
from coinslot.settlement.payments.rows import (
    ATTEMPT_COLUMNS,
    attempts_of,
    find_attempt,
    find_merchant,
    lock_intent,
    save_attempt,
)
from coinslot.settlement.payments.unit import Connection, Pool, transaction
from coinslot.settlement.points import Purpose
from coinslot.wire.ids import OperatorId

SHORTEST: Final = timedelta(seconds=75)
"""Providers want a minute at least, by their own clock."""
MOST: Final = 12
"""Attempts of one intent, whatever became of them."""
_FIRST_LOOK: Final = timedelta(seconds=5)

_BEGIN = f"""
    INSERT INTO payment_attempt AS a (operator_id, number, intent_id, request_key, request_hash, merchant_id, provider,
        channel, currency, amount_minor, made_at, expires_at, next_poll_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT (request_key, operator_id) DO NOTHING RETURNING {ATTEMPT_COLUMNS}
"""
_EARLIER = f"""
    SELECT {ATTEMPT_COLUMNS}, a.request_hash FROM payment_attempt a WHERE a.request_key = $2 AND a.operator_id = $1
"""


class BeginAttempt(Struct, frozen=True, kw_only=True):
    """Somebody wants to pay an intent with this merchant, in this way. The same `key` twice is the same attempt."""

    operator: OperatorId
    key: str
    intent: str
    merchant: str
    channel: Channel
    life: timedelta = timedelta(minutes=10)
    """At most until the intent's own end."""

    def digest(self) -> bytes:
        """Of what is asked for under the key."""
        parts = (self.intent, self.merchant, self.channel.value)
        return hashlib.sha256("\0".join(parts).encode()).digest()


class OrderDetails(Struct, frozen=True, kw_only=True):
    """What a provider needs beside the attempt. None of it is stored."""

    subject: str
    notify_url: str
    return_url: str = ""
    payer: str = ""
    client_ip: str = ""
    sharing: bool = False


def order_of(attempt: Attempt, details: OrderDetails) -> PaymentOrder:
    """The attempt as its provider is told of it; the same however often it is asked."""
    return PaymentOrder(
        number=attempt.number,
        amount_minor=attempt.amount_minor,
        currency=attempt.currency,
        subject=details.subject,
        channel=attempt.channel,
        expires_at=attempt.expires_at,
        notify_url=details.notify_url,
        return_url=details.return_url,
        payer=details.payer,
        client_ip=details.client_ip,
        sharing=details.sharing,
    )


async def begin_attempt(pool: Pool, wanted: BeginAttempt) -> Attempt:
    """Commit an attempt, so that its provider may be called. MissingError, NotPayable, KeyReused."""
    async with transaction(pool, Purpose.ATTEMPT) as connection:
        return await add_attempt(connection, wanted)


async def add_attempt(connection: Connection, wanted: BeginAttempt) -> Attempt:
    """The same in the caller's transaction."""
    locked = await lock_intent(connection, wanted.operator, wanted.intent)
    if locked is None:
        raise MissingError("payment", wanted.intent)
    earlier = await connection.fetchrow(_EARLIER, wanted.operator, wanted.key)
    if earlier is not None:
        if earlier["request_hash"] != wanted.digest():
            raise KeyReused(wanted.key)
        return one(earlier, Attempt)
    merchant = await find_merchant(connection, wanted.operator, wanted.merchant)
    if merchant is None or not merchant.active:
        raise NotPayable(Unpayable.NO_MERCHANT, wanted.intent)
    intent, now = locked
    expires_at = min(intent.expires_at, now + wanted.life)
    _refuse(intent, len(await attempts_of(connection, intent)), expires_at - now)
    row = await connection.fetchrow(
        _BEGIN,
        intent.operator_id,
        payment_number(),
        intent.intent_id,
        wanted.key,
        wanted.digest(),
        merchant.merchant_id,
        merchant.provider,
        wanted.channel.value,
        intent.currency,
        intent.amount_minor,
        now,
        expires_at,
        now + _FIRST_LOOK,
    )
    if row is None:
        # Another intent of this operator took the key since: its lock is not ours.
        raise KeyReused(wanted.key)
    return one(row, Attempt)


def _refuse(intent: Intent, tried: int, life: timedelta) -> None:
    if intent.state is not IntentState.OPEN:
        raise NotPayable(Unpayable.OVER, intent.intent_id)
    if life < SHORTEST:
        raise NotPayable(Unpayable.TOO_LATE, intent.intent_id)
    if tried >= MOST:
        raise NotPayable(Unpayable.TOO_MANY, intent.intent_id)


async def note_created(pool: Pool, attempt: Attempt, created: Created) -> Attempt:
    """The provider has it and has said how to pay. What was heard of it before that stays."""
    return await _note(pool, attempt, AttemptEvent.CREATED, created=created)


async def note_create_unknown(pool: Pool, attempt: Attempt, error: str) -> Attempt:
    """Nobody knows whether the provider has it: it will be asked."""
    return await _note(pool, attempt, AttemptEvent.UNCLEAR, error=error)


async def note_rejected(pool: Pool, attempt: Attempt, error: str) -> Attempt:
    """The provider would not have it. An earlier request for it, without an answer, may still have gone through."""
    return await _note(pool, attempt, AttemptEvent.REJECTED, error=error)


async def note_close_asked(pool: Pool, attempt: Attempt) -> Attempt:
    """It is to be closed, as soon as the provider can be told."""
    return await _note(pool, attempt, AttemptEvent.CLOSE_ASKED)


async def _note(
    pool: Pool, attempt: Attempt, event: AttemptEvent, *, created: Created | None = None, error: str = ""
) -> Attempt:
    purpose = Purpose.CLOSE if event is AttemptEvent.CLOSE_ASKED else Purpose.CREATED
    async with transaction(pool, purpose) as connection:
        locked = await lock_intent(connection, attempt.operator_id, attempt.intent_id)
        found = await find_attempt(connection, attempt.operator_id, attempt.number)
        if locked is None or found is None:
            raise MissingError("payment", attempt.number)
        heard = hear(found, locked.intent, event, locked.now).attempt
        if created is not None:
            heard = replace(heard, created=msgspec.json.encode(created).decode(), error="")
        elif error and heard.state is not AttemptState.SUCCEEDED:
            heard = replace(heard, error=error[:200])
        await save_attempt(connection, heard)
    return heard
