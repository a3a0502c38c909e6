"""Calls to a provider about one attempt: make it, see how it stands, close it. Never within a transaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from coinslot.payments.decide import CLOSE_LEASE, LIVE, poll_pause
from coinslot.payments.model import Attempt, Merchant
from coinslot.payments.port import PaymentSeen, Provider, ProviderError, Rejected
from coinslot.payments.states import AttemptState
from coinslot.rows import many
from coinslot.settlement.payments.attempts import (
    OrderDetails,
    note_close_asked,
    note_create_unknown,
    note_created,
    note_rejected,
    order_of,
)
from coinslot.settlement.payments.inbox import apply_answer
from coinslot.settlement.payments.rows import ATTEMPT_COLUMNS, find_attempt
from coinslot.settlement.payments.unit import LEASE_S, Pool, ask, transaction
from coinslot.settlement.points import Asked, Purpose

_MADE: Final = frozenset({AttemptState.NEW, AttemptState.CREATE_UNKNOWN, AttemptState.PENDING})

_TAKE = f"""
    WITH due AS MATERIALIZED (
        SELECT x.operator_id, x.number FROM payment_attempt x
        WHERE x.next_poll_at <= now() AND x.merchant_id <> ALL ($2::text[])
        ORDER BY x.next_poll_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE payment_attempt a SET polls = a.polls + 1, next_poll_at = now() + make_interval(secs => {LEASE_S})
    FROM due WHERE a.operator_id = due.operator_id AND a.number = due.number
    RETURNING {ATTEMPT_COLUMNS}
"""
# Whoever disputed it meanwhile, or asked for it to be closed at once, is not overruled.
_PUT_OFF = """
    UPDATE payment_attempt SET next_poll_at = now() + $3, error = CASE WHEN $4 = '' THEN error ELSE $4 END
    WHERE operator_id = $1 AND number = $2 AND next_poll_at > now() RETURNING true
"""


async def create(pool: Pool, provider: Provider, attempt: Attempt, details: OrderDetails) -> Attempt:
    """Have the provider make an attempt that is committed. Call it again, with the same attempt, after any failure.

    The answer tells how it stands: pending with `created`, create_unknown (it will be looked after, and may be asked
    again), failed, or whatever happened meanwhile. No ProviderError leaves.
    """
    if attempt.state not in _MADE or (attempt.state is AttemptState.PENDING and attempt.created is not None):
        return attempt
    try:
        created = await ask(Asked.CREATE, provider.create(order_of(attempt, details)))
    except Rejected as error:
        return await note_rejected(pool, attempt, error.code)
    except ProviderError as error:
        return await note_create_unknown(pool, attempt, error.code)
    return await note_created(pool, attempt, created)


async def take_due_attempts(pool: Pool, limit: int, without: list[str]) -> list[Attempt]:
    """Attempts whose time to look has come, the longest due first, each leased to the caller for a minute.

    `without` names merchants whose providers are busy enough.
    """
    return many(await pool.fetch(_TAKE, limit, without), Attempt)


async def look(pool: Pool, provider: Provider, merchant: Merchant, attempt: Attempt, now: datetime) -> None:
    """Ask how an attempt stands, or have it closed when its time is over, and act on the answer."""
    if now >= attempt.expires_at and attempt.state is not AttemptState.CLOSING:
        attempt = await note_close_asked(pool, attempt)
        if attempt.state not in LIVE:
            return
    try:
        seen = await _ask(provider, attempt)
    except ProviderError as error:
        await put_off(pool, attempt, now, error.code)
        return
    await _apply(pool, merchant, seen)
    await put_off(pool, attempt, now, "")


async def close_attempt(pool: Pool, provider: Provider, merchant: Merchant, attempt: Attempt) -> Attempt:
    """Nobody is to pay this any more; how it stands after the provider's answer. If it was paid before, that wins.

    Without an answer it stays `closing`, and is tried again.
    """
    asked = await note_close_asked(pool, attempt)
    if asked.state is not AttemptState.CLOSING:
        return asked
    now = asked.next_poll_at - CLOSE_LEASE if asked.next_poll_at is not None else asked.expires_at
    try:
        seen = await _ask(provider, asked)
    except ProviderError as error:
        await put_off(pool, asked, now, error.code)
        return asked
    await _apply(pool, merchant, seen)
    await put_off(pool, asked, now, "")
    return await find_attempt(pool, attempt.operator_id, attempt.number) or asked


async def put_off(pool: Pool, attempt: Attempt, now: datetime, error: str) -> None:
    """Look again when that makes sense."""
    pause: timedelta = poll_pause(attempt.polls, now, attempt.expires_at)
    await pool.fetchval(_PUT_OFF, attempt.operator_id, attempt.number, pause, error[:200])


async def _ask(provider: Provider, attempt: Attempt) -> PaymentSeen:
    if attempt.state is AttemptState.CLOSING:
        return await ask(Asked.CLOSE, provider.close(attempt.number))
    return await ask(Asked.QUERY, provider.query(attempt.number))


async def _apply(pool: Pool, merchant: Merchant, seen: PaymentSeen) -> None:
    async with transaction(pool, Purpose.SEEN) as connection:
        await apply_answer(connection, merchant, seen)
