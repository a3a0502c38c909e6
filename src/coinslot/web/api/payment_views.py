"""A payment as programs see it: how it stands, and how it can be paid."""

from __future__ import annotations

from datetime import datetime

import msgspec

from coinslot.payments.model import Attempt, Intent
from coinslot.payments.port import Created
from coinslot.payments.standing import Stand, Standing, stand
from coinslot.settlement.payments.rows import attempts_of
from coinslot.settlement.payments.unit import Pool
from coinslot.web.api.payment_bodies import PaymentView, PayView


async def stand_of(pool: Pool, intent: Intent) -> tuple[Stand, datetime]:
    """How it stands, and the moment of the database's clock for which that holds."""
    attempts = await attempts_of(pool, intent)
    now: datetime = await pool.fetchval("SELECT clock_timestamp()")
    return stand(intent, attempts, now), now


async def view_of(pool: Pool, intent: Intent) -> PaymentView:
    """The payment as its own operator may see it."""
    found, _ = await stand_of(pool, intent)
    attempt = found.attempt
    return PaymentView(
        id=intent.intent_id,
        state=found.standing,
        customer=intent.customer_id,
        currency=intent.currency,
        amount_minor=intent.amount_minor,
        bonus_minor=intent.bonus_minor,
        merchant=None if attempt is None else attempt.merchant_id,
        provider=None if attempt is None else attempt.provider,
        channel=None if attempt is None else attempt.channel.value,
        pay=_pay(attempt) if found.standing is Standing.WAITING else None,
        error="" if attempt is None else attempt.error,
        returned_minor=sum(one.refunding_minor for one in found.given_back),
        opened_at=intent.opened_at,
        expires_at=intent.expires_at,
        paid_at=intent.paid_at,
    )


def _pay(attempt: Attempt | None) -> PayView | None:
    if attempt is None or attempt.created is None:
        return None
    created = msgspec.json.decode(attempt.created, type=Created)
    return PayView(qr=created.qr, url=created.url, in_app=dict(created.in_app))
