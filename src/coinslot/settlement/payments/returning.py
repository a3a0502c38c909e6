"""Calls to a provider about one refund: ask for it with its own number, ask how it stands. Never within a transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct

from coinslot.payments.decide import is_stuck, refund_pause, rejected_for_good
from coinslot.payments.model import Merchant, Refund
from coinslot.payments.port import Provider, ProviderError, RefundOrder, RefundSeen, Rejected
from coinslot.payments.port import RefundState as ProvidersRefundState
from coinslot.payments.states import RefundEvent, RefundState
from coinslot.rows import one
from coinslot.settlement.payments.inbox import apply_answer
from coinslot.settlement.payments.refunds import change_refund, lock_refund
from coinslot.settlement.payments.reviews import PaymentReview, open_review
from coinslot.settlement.payments.rows import REFUND_COLUMNS, find_attempt
from coinslot.settlement.payments.unit import LEASE_S, Pool, ask, transaction
from coinslot.settlement.points import Asked, Purpose

# tries and sent_at move before the provider is called: who dies in between has asked, as far as anybody knows.
_TAKE: Final = f"""
    WITH due AS MATERIALIZED (
        SELECT x.operator_id, x.number, x.sent_at AS sent_before FROM refund x
        WHERE x.next_at <= now() AND x.merchant_id <> ALL ($2::text[])
        ORDER BY x.next_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE refund r SET tries = r.tries + 1, next_at = now() + make_interval(secs => {LEASE_S}),
        sent_at = CASE WHEN r.state = 'requested' THEN now() ELSE r.sent_at END
    FROM due WHERE r.operator_id = due.operator_id AND r.number = due.number
    RETURNING {REFUND_COLUMNS}, due.sent_before
"""
_PUT_OFF = """
    UPDATE refund SET next_at = now() + $3, error = CASE WHEN $4 = '' THEN error ELSE $4 END
    WHERE operator_id = $1 AND number = $2 AND next_at IS NOT NULL RETURNING true
"""


class DueRefund(Struct, frozen=True, kw_only=True):
    """A refund to be asked for, or asked about, now."""

    refund: Refund
    sent_before: datetime | None
    """When the provider had been asked to do it, the time before this."""


async def take_due_refunds(pool: Pool, limit: int, without: list[str]) -> list[DueRefund]:
    """Refunds whose time has come, the longest due first, each leased to the caller for a minute."""
    rows = await pool.fetch(_TAKE, limit, without)
    return [DueRefund(refund=one(row, Refund), sent_before=row["sent_before"]) for row in rows]


async def carry(
    pool: Pool, provider: Provider, merchant: Merchant, due: DueRefund, now: datetime, notify_url: str = ""
) -> None:
    """Have the refund done, or see how it stands, and act on the answer. `notify_url`: where the provider may say
    later what became of it."""
    refund, error = due.refund, ""
    try:
        if refund.state is RefundState.REQUESTED:
            await _request(pool, provider, merchant, due, now, notify_url)
        else:
            seen = await ask(Asked.QUERY_REFUND, provider.query_refund(refund.number, refund.attempt_number))
            await _apply(pool, merchant, seen)
    except ProviderError as problem:
        error = problem.code
    await pool.fetchval(_PUT_OFF, refund.operator_id, refund.number, refund_pause(refund.tries), error[:200])
    if is_stuck(refund.tries):
        await _report_stuck(pool, refund)


async def _request(
    pool: Pool, provider: Provider, merchant: Merchant, due: DueRefund, now: datetime, notify_url: str
) -> None:
    refund = due.refund
    try:
        seen = await ask(Asked.REFUND, provider.refund(await _order(pool, refund, notify_url)))
    except Rejected:
        # An earlier request may have been accepted without our hearing of it.
        seen = await ask(Asked.QUERY_REFUND, provider.query_refund(refund.number, refund.attempt_number))
        if seen.state is ProvidersRefundState.ABSENT:
            if not rejected_for_good(refund.tries, due.sent_before, now):
                raise
            async with transaction(pool, Purpose.REFUNDED) as connection:
                locked, known = await lock_refund(connection, refund.operator_id, refund.number)
                await change_refund(connection, locked, known, RefundEvent.REJECTED)
            return
    await _apply(pool, merchant, seen)


async def _order(pool: Pool, refund: Refund, notify_url: str) -> RefundOrder:
    attempt = await find_attempt(pool, refund.operator_id, refund.attempt_number)
    assert attempt is not None
    assert attempt.provider_id is not None
    return RefundOrder(
        number=refund.number,
        payment_number=attempt.number,
        provider_payment_id=attempt.provider_id,
        amount_minor=refund.amount_minor,
        total_minor=attempt.amount_minor,
        currency=refund.currency,
        reason=refund.why.value,
        notify_url=notify_url,
    )


async def _apply(pool: Pool, merchant: Merchant, seen: RefundSeen) -> None:
    async with transaction(pool, Purpose.REFUNDED) as connection:
        await apply_answer(connection, merchant, seen)


async def _report_stuck(pool: Pool, refund: Refund) -> None:
    async with transaction(pool, Purpose.REFUNDED) as connection:
        detail = f"refund {refund.number} of {refund.attempt_number}: {refund.tries} tries; {refund.error}"
        await open_review(connection, refund.operator_id, PaymentReview.REFUND_STUCK, detail)
