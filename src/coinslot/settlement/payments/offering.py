"""One payment, one way at a time: whoever chooses another has the earlier one closed with its provider first."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from coinslot.payments.decide import LIVE
from coinslot.payments.model import Attempt, Intent, Merchant
from coinslot.payments.port import Channel
from coinslot.payments.states import AttemptState, IntentState
from coinslot.rows import one
from coinslot.settlement.payments.attempts import BeginAttempt, OrderDetails, begin_attempt
from coinslot.settlement.payments.collecting import close_attempt, create, look
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.payments.errors import NotPayable, Unpayable
from coinslot.settlement.payments.rows import (
    ATTEMPT_COLUMNS,
    attempts_of,
    find_attempt,
    find_intent,
    find_merchant,
)
from coinslot.settlement.payments.topups import LIFE

_OF_KEY = f"""
    SELECT {ATTEMPT_COLUMNS} FROM payment_attempt a WHERE a.operator_id = $1 AND a.request_key = $2 AND a.intent_id = $3
"""


class Offer(Struct, frozen=True, kw_only=True):
    """An intent is to be paid with this merchant, in this way. The same `key` twice is the same attempt."""

    intent: Intent
    merchant: Merchant
    channel: Channel
    key: str
    subject: str
    return_url: str = ""
    payer: str = ""
    client_ip: str = ""
    anew: bool = False
    """Whether what is under way in the same way is closed as well, as after a choice of another way."""


async def offer(door: PaymentDoor, wanted: Offer) -> Attempt:
    """The attempt, made with its provider as far as that answers; no ProviderError leaves.

    What is under way in the same way already is that attempt. NotPayable, also when an earlier attempt turns out to
    be paid; KeyReused.
    """
    intent, merchant = wanted.intent, wanted.merchant
    provider = door.find(merchant)
    if provider is None or not merchant.active:
        raise NotPayable(Unpayable.NO_MERCHANT, intent.intent_id)
    attempt = await _under_way(door, wanted)
    if attempt is None:
        await close_others(door, intent, "")
        attempt = await begin_attempt(
            door.pool,
            BeginAttempt(
                operator=intent.operator_id,
                key=wanted.key,
                intent=intent.intent_id,
                merchant=merchant.merchant_id,
                channel=wanted.channel,
                life=LIFE,
            ),
        )
    details = OrderDetails(
        subject=wanted.subject,
        notify_url=door.notify_url(merchant),
        return_url=wanted.return_url,
        payer=wanted.payer,
        client_ip=wanted.client_ip,
    )
    return await create(door.pool, provider, attempt, details)


async def close_others(door: PaymentDoor, intent: Intent, keep: str) -> None:
    """Close every attempt that can still be paid, but `keep`. NotPayable when one of them is paid.

    Where a provider does not answer it stays `closing` and is tried again; should it be paid all the same, that is
    the payment, or goes back by itself.
    """
    for attempt in await attempts_of(door.pool, intent):
        if attempt.state not in LIVE or attempt.number == keep:
            continue
        merchant = await find_merchant(door.pool, attempt.operator_id, attempt.merchant_id)
        provider = None if merchant is None else door.find(merchant)
        if merchant is not None and provider is not None:
            await close_attempt(door.pool, provider, merchant, attempt)
    now_known = await find_intent(door.pool, intent.operator_id, intent.intent_id)
    if now_known is None or now_known.state is not IntentState.OPEN:
        raise NotPayable(Unpayable.OVER, intent.intent_id)


async def ask_now(door: PaymentDoor, attempt: Attempt, now: datetime) -> Attempt:
    """Ask its provider how it stands, instead of waiting for its word; as it is then. No ProviderError leaves."""
    merchant = await find_merchant(door.pool, attempt.operator_id, attempt.merchant_id)
    provider = None if merchant is None else door.find(merchant)
    if merchant is not None and provider is not None and attempt.state in LIVE:
        await look(door.pool, provider, merchant, attempt, now)
    return await find_attempt(door.pool, attempt.operator_id, attempt.number) or attempt


async def _under_way(door: PaymentDoor, wanted: Offer) -> Attempt | None:
    """What is wanted already: what the same press has made, or what can be paid in this very way."""
    pressed = await door.pool.fetchrow(
        _OF_KEY, wanted.intent.operator_id, wanted.key, wanted.intent.intent_id
    )
    if pressed is not None:
        return one(pressed, Attempt)
    same = (wanted.merchant.merchant_id, wanted.channel)
    for attempt in reversed(await attempts_of(door.pool, wanted.intent)):
        is_wanted = attempt.state in LIVE and attempt.state is not AttemptState.CLOSING
        if is_wanted and not wanted.anew and (attempt.merchant_id, attempt.channel) == same:
            return attempt
    return None
