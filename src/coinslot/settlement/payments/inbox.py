"""Notifications: verified, stored once, answered at once; acted upon by a worker, in any order, any number of times."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import asyncpg
import msgspec
from msgspec.structs import replace

from coinslot.payments.decide import Source
from coinslot.payments.model import Merchant
from coinslot.payments.port import (
    Forged,
    Headers,
    HttpReply,
    NotOurs,
    Outcome,
    PaymentSeen,
    Provider,
    RefundSeen,
    VerifiedEvent,
)
from coinslot.settlement.payments.applying import apply
from coinslot.settlement.payments.reviews import PaymentReview, open_review
from coinslot.settlement.payments.rows import find_merchant
from coinslot.settlement.payments.unit import UNANSWERED, Connection, Pool, alone, transaction
from coinslot.settlement.points import Purpose
from coinslot.settlement.ports import Conflict
from coinslot.wire.ids import OperatorId

log = logging.getLogger(__name__)

_LONGEST_ID: Final = 200
_TRIES: Final = 6
"""Some ten minutes; then a notification that cannot be acted upon is a person's."""
# Providers repeat themselves up to twenty times: what is there is found, and nothing is committed, in one round trip.
_PUT = """
    WITH had AS MATERIALIZED (
        SELECT event = $5 AS same FROM payment_inbox
        WHERE operator_id = $1 AND provider = $2 AND merchant_id = $3 AND notification_id = $4
    ), put AS (
        INSERT INTO payment_inbox (operator_id, provider, merchant_id, notification_id, event, body_hash)
        SELECT $1, $2, $3, $4, $5::text, $6::bytea WHERE NOT EXISTS (SELECT FROM had)
        ON CONFLICT DO NOTHING RETURNING true
    )
    SELECT EXISTS (SELECT FROM put) AS put, (SELECT same FROM had) AS same
"""
_SAME = """
    SELECT event = $5 FROM payment_inbox
    WHERE operator_id = $1 AND provider = $2 AND merchant_id = $3 AND notification_id = $4
"""
_NEXT = """
    SELECT operator_id, provider, merchant_id, notification_id, event, tries FROM payment_inbox
    WHERE state = 'new' AND next_at <= now() ORDER BY next_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
"""
_LATER = """
    UPDATE payment_inbox SET tries = tries + 1, next_at = now() + make_interval(secs => 10 * (tries + 1) * (tries + 1))
    WHERE operator_id = $1 AND provider = $2 AND merchant_id = $3 AND notification_id = $4 AND state = 'new'
    RETURNING tries
"""
_DONE = """
    UPDATE payment_inbox SET state = CASE WHEN $5 = '' THEN 'applied' ELSE 'quarantined' END, reason = $5, done_at = now()
    WHERE operator_id = $1 AND provider = $2 AND merchant_id = $3 AND notification_id = $4
"""
_ASKED = """
    INSERT INTO payment_inbox (operator_id, provider, merchant_id, notification_id, event, body_hash, state, reason, done_at)
    VALUES ($1, $2, $3, $4, $5, $6, 'quarantined', 'being looked at', now()) ON CONFLICT DO NOTHING RETURNING true
"""
_GONE = (
    OSError,
    TimeoutError,
    Conflict,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What says nothing of the notification itself."""


class _Stored(msgspec.Struct, frozen=True):
    """An event in the inbox; which of the two it is cannot be told from its fields alone."""

    payment: PaymentSeen | None = None
    refund: RefundSeen | None = None

    @property
    def seen(self) -> PaymentSeen | RefundSeen:
        seen = self.payment or self.refund
        if seen is None:
            raise ValueError("an event about nothing")
        return seen


async def take_notification(
    pool: Pool,
    merchant: Merchant,
    provider: Provider,
    headers: Headers,
    raw: bytes,
    now: datetime,
    stored: Callable[[], None] = lambda: None,
) -> HttpReply:
    """Verify and store what a provider sent; how to answer it. `stored` is called when there is something to act on.

    The same notification again is answered alike and stored once. What is not the provider's leaves no trace in
    the database: whoever floods us with it fills nothing.
    """
    try:
        event = provider.parse_notification(headers, raw, now)
    except Forged as error:
        log.warning("a notification for %s was refused: %s", merchant.merchant_id, error.code)
        return provider.answer(Outcome.REFUSED)
    except NotOurs:
        return provider.answer(Outcome.TAKEN)
    try:
        if await _store(pool, merchant, event, raw):
            stored()
    except UNANSWERED as error:
        log.warning(
            "a notification for %s could not be stored: %s", merchant.merchant_id, type(error).__name__
        )
        return provider.answer(Outcome.AGAIN)
    return provider.answer(Outcome.TAKEN)


async def _store(pool: Pool, merchant: Merchant, event: VerifiedEvent, raw: bytes) -> bool:
    body = _encode(event.seen)
    key = (merchant.operator_id, merchant.provider, merchant.merchant_id)
    digest = hashlib.sha256(raw).digest()
    # The same id with other words: a provider's fault, but not a reason to lose them.
    other = f"{event.notification_id}:{hashlib.sha256(body.encode()).hexdigest()}"
    for notification_id in map(_short, (event.notification_id, other)):
        row = await alone(pool, Purpose.NOTICE, _PUT, *key, notification_id, body, digest)
        assert row is not None
        if row["put"]:
            return True
        same = row["same"]
        if same is None:  # somebody else put it while we did
            same = await pool.fetchval(_SAME, *key, notification_id, body)
        if same:
            return False
    return False


async def apply_next(pool: Pool) -> bool:
    """Act on the oldest notification that nobody else holds; False when there is none. Conflict, and what a
    database raises that has gone away: then it is still there."""
    key: Sequence[str] = ()
    try:
        async with transaction(pool, Purpose.APPLY) as connection:
            row = await connection.fetchrow(_NEXT)
            if row is None:
                return False
            key = row[:4]
            await _act(connection, row)
    except _GONE:
        raise
    except Exception as error:
        # A fault of ours: it holds up no other, and after some tries a person is told.
        tries = await pool.fetchval(_LATER, *key) if key else 0
        log.error("notification %s failed %s times", key[3:4], tries, exc_info=error)
    return True


async def _act(connection: Connection, row: asyncpg.Record) -> None:
    operator = OperatorId(row["operator_id"])
    merchant = await find_merchant(connection, operator, row["merchant_id"])
    assert merchant is not None
    if row["tries"] >= _TRIES:
        reason = "failed"
        detail = f"{merchant.provider} {merchant.merchant_id}: notification {row['notification_id']} cannot be acted upon"
        await open_review(connection, operator, PaymentReview.QUARANTINED, detail)
    else:
        seen = msgspec.json.decode(row["event"], type=_Stored).seen
        reason = await apply(connection, merchant, seen, Source.NOTIFIED)
    await connection.execute(_DONE, *row[:4], reason[:500])


async def apply_answer(connection: Connection, merchant: Merchant, seen: PaymentSeen | RefundSeen) -> None:
    """Act on what a provider answered, in the caller's transaction. What does not agree is kept as if it had come by
    itself, once for each way in which it does not."""
    body = _encode(seen)
    key = (merchant.operator_id, merchant.provider, merchant.merchant_id)
    digest = hashlib.sha256(body.encode()).digest()
    notification_id = f"asked:{digest.hex()}"
    known = await connection.fetchval(_SAME, *key, notification_id, body)
    if known:
        return
    reason = await apply(connection, merchant, seen, Source.ASKED)
    if reason and await connection.fetchval(_ASKED, *key, notification_id, body, digest):
        await connection.execute(_DONE, *key, notification_id, reason[:500])


def _encode(seen: PaymentSeen | RefundSeen) -> str:
    if isinstance(seen, PaymentSeen):
        return msgspec.json.encode(_Stored(payment=replace(seen, payer=""))).decode()
    return msgspec.json.encode(_Stored(refund=seen)).decode()


def _short(notification_id: str) -> str:
    """An id that fits: as it is, or its hash."""
    if (
        0 < len(notification_id) <= _LONGEST_ID
        and notification_id.isascii()
        and notification_id.isprintable()
    ):
        return notification_id
    return "sha256:" + hashlib.sha256(notification_id.encode("utf-8", "surrogatepass")).hexdigest()
