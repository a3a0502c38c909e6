"""Events: verified, read, translated; and what they are answered with. Pure.

Every event of the kinds that an endpoint was set up for comes, about whatever the account does. What is about none of
our payments is `NotOurs`: refusing it would make Stripe say it for days and then switch the endpoint off.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Final, assert_never

import msgspec
from msgspec import Struct

from coinslot.payments.port import (
    Forged,
    HttpReply,
    NotOurs,
    Outcome,
    PaymentSeen,
    PaymentState,
    RefundSeen,
    VerifiedEvent,
)
from coinslot.providers.stripe.answers import Refund, Session, Unreadable, payment_seen, read, refund_seen
from coinslot.providers.stripe.calls import PAYMENT
from coinslot.providers.stripe.settings import StripeKeys

MOST_SKEW_S: Final = 300
"""How far an event's time may be from ours, either way."""
SIGNATURE: Final = "stripe-signature"
_MOST_BYTES: Final = 64 * 1024
_MOST_SIGNATURES: Final = 16
_FAILED: Final = "checkout.session.async_payment_failed"
_PAYMENTS: Final = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.expired",
        _FAILED,
    }
)
_REFUNDS: Final = frozenset({"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"})


class _Data(Struct, frozen=True):
    object: msgspec.Raw


class _Event(Struct, frozen=True):
    id: str
    object: str
    type: str
    livemode: bool
    data: _Data
    account: str = ""
    """Whose it is, where an endpoint hears for several."""


def parse(keys: StripeKeys, headers: Mapping[str, str], raw: bytes, now: datetime) -> VerifiedEvent:
    """The event. Forged when anything is not as Stripe would have sent it, NotOurs for others' business."""
    if len(raw) > _MOST_BYTES:
        raise Forged("TOO_LONG", "the event is longer than any about a payment")
    _verify(keys.webhook_secrets, headers.get(SIGNATURE, ""), raw, now)
    try:
        event = read(raw, _Event, "event")
        if not 1 <= len(event.id) <= 255:
            raise Unreadable("its id is not 1 to 255 characters")
        if event.livemode is not keys.is_live:
            raise Forged("LIVEMODE", "`webhook_secret` and `secret_key` are of test and of live")
        return VerifiedEvent(notification_id=event.id, seen=_seen(event, event.account or keys.account))
    except Unreadable as doubt:
        raise Forged("CONTENT", str(doubt)) from None


def answer(outcome: Outcome) -> HttpReply:
    """2xx ends Stripe's tries; anything else makes it say it again, for three days."""
    match outcome:
        case Outcome.TAKEN:
            return _reply(200, b'{"received":true}')
        case Outcome.REFUSED:
            return _reply(400, b'{"error":"the signature does not verify"}')
        case Outcome.AGAIN:
            return _reply(503, b'{"error":"not stored, say it again"}')
        case _:
            assert_never(outcome)


def _seen(event: _Event, account: str) -> PaymentSeen | RefundSeen:
    if event.type in _PAYMENTS:
        session = read(bytes(event.data.object), Session, "checkout.session")
        if not session.number:
            raise NotOurs("OTHER_SESSION")
        seen = payment_seen(session, account, is_live=event.livemode)
        if event.type == _FAILED and seen.state is PaymentState.WAITING:
            return msgspec.structs.replace(seen, state=PaymentState.FAILED)
        return seen
    if event.type in _REFUNDS:
        refund = read(bytes(event.data.object), Refund, "refund")
        if not refund.number:
            raise NotOurs("OTHER_REFUND")
        return refund_seen(refund, (refund.metadata or {}).get(PAYMENT, ""), account)
    raise NotOurs("OTHER_EVENT")


def _verify(secrets: tuple[str, ...], header: str, raw: bytes, now: datetime) -> None:
    """Over the bytes as they came."""
    at, signatures = "", []
    for part in header.split(",", _MOST_SIGNATURES):
        name, _, value = part.strip().partition("=")
        if name == "t" and not at:
            at = value
        elif name == "v1":
            signatures.append(value.encode("latin-1", "replace"))
    if not (at.isascii() and at.isdecimal() and len(at) <= 12) or not signatures:
        raise Forged("UNVERIFIED", "it has no time or no signature")
    signed = at.encode() + b"." + raw
    made = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode() for secret in secrets]
    if not any(hmac.compare_digest(ours, theirs) for ours in made for theirs in signatures):
        raise Forged("UNVERIFIED", "it is signed with none of `webhook_secret` and `earlier_webhook_secrets`")
    off_s = round(now.timestamp()) - int(at)
    if abs(off_s) > MOST_SKEW_S:
        raise Forged("STALE", f"its time is {off_s} s from ours: it is old, or a clock is wrong")


def _reply(status: int, body: bytes) -> HttpReply:
    return HttpReply(status=status, media_type="application/json", body=body)
