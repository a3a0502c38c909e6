"""Notifications: a form, verified over its bytes and translated; and what they are answered with. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, assert_never
from urllib.parse import unquote_to_bytes

from coinslot.payments.port import Forged, HttpReply, Outcome, PaymentSeen, PaymentState, VerifiedEvent
from coinslot.providers.alipay.answers import CURRENCY, Unreadable, fen, moment, state_of
from coinslot.providers.alipay.seals import Seals

MOST_AGE: Final = timedelta(minutes=5)
"""How far `notify_time` may be from our clock, either way. What comes later is found by asking."""
_MOST_BYTES: Final = 64 * 1024
_MOST_FIELDS: Final = 100
_SIGNED_ABOUT: Final = (b"sign", b"sign_type")
_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,128}")


def parse(seals: Seals, raw: bytes, now: datetime) -> VerifiedEvent:
    """The event. Forged when anything is not as the provider would have sent it."""
    if len(raw) > _MOST_BYTES:
        raise Forged("TOO_LONG", "the notification is longer than any that Alipay sends")
    fields = _fields(raw)
    _verify(seals, fields)
    try:
        told = {name.decode(): value.decode() for name, value in fields.items()}
    except UnicodeDecodeError:
        raise Forged("CONTENT", "it is not UTF-8") from None
    try:
        age = now - moment(told.get("notify_time", ""))
        if abs(age) > MOST_AGE:
            seconds = round(age.total_seconds())
            raise Forged("STALE", f"its time is {seconds} s from ours: it is old, or a clock is wrong")
        if told.get("notify_type") != "trade_status_sync":
            raise Forged("EVENT", "it is not about a trade")
        notification_id = told.get("notify_id", "")
        if not _ID.fullmatch(notification_id):
            raise Unreadable("it has no id")
        return VerifiedEvent(notification_id=notification_id, seen=_seen(told))
    except Unreadable as doubt:
        raise Forged("CONTENT", str(doubt)) from None


def answer(outcome: Outcome) -> HttpReply:
    """The provider reads the body alone: `success` ends its tries. The status is for whoever looks at the traffic."""
    match outcome:
        case Outcome.TAKEN:
            return _reply(200, b"success")
        case Outcome.REFUSED:
            return _reply(401, b"failure")
        case Outcome.AGAIN:
            return _reply(503, b"failure")
        case _:
            assert_never(outcome)


def _seen(told: Mapping[str, str]) -> PaymentSeen:
    """Always about the payment. A part given back is told as TRADE_SUCCESS once more, all of it as TRADE_CLOSED: how
    much went back with which refund is in neither, since `refund_fee` is the sum so far. A trade that was never paid
    is told as TRADE_CLOSED with a `refund_fee` of nought, or without any. Who paid is not read."""
    state = state_of(told.get("trade_status", ""))
    if state is PaymentState.CLOSED and fen(told.get("refund_fee") or "0.00") > 0:
        state = PaymentState.PAID
    number, provider_id = told.get("out_trade_no", ""), told.get("trade_no", "")
    if not number or not provider_id:
        raise Unreadable("it names no trade")
    paid_at = told.get("gmt_payment", "")
    return PaymentSeen(
        number=number,
        state=state,
        provider_id=provider_id,
        amount_minor=fen(told.get("total_amount", "")),
        currency=told.get("trans_currency") or CURRENCY,
        merchant=told.get("seller_id", ""),
        app=told.get("app_id", ""),
        paid_at=moment(paid_at) if paid_at and state is PaymentState.PAID else None,
    )


def _fields(raw: bytes) -> dict[bytes, bytes]:
    """A form's fields as bytes, since its own charset was signed. Forged, also for a name that stands twice."""
    pairs = [pair for pair in raw.split(b"&") if pair]
    if len(pairs) > _MOST_FIELDS:
        raise Forged("CONTENT", "it has more fields than any that Alipay sends")
    fields: dict[bytes, bytes] = {}
    for pair in pairs:
        name, _, value = (unquote_to_bytes(part.replace(b"+", b" ")) for part in pair.partition(b"="))
        if name in fields:
            raise Forged("CONTENT", "a field stands twice")
        fields[name] = value
    return fields


def _verify(seals: Seals, fields: Mapping[bytes, bytes]) -> None:
    if fields.get(b"sign_type") != b"RSA2":
        raise Forged("UNVERIFIED", "its signature is not RSA2")
    message = b"&".join(name + b"=" + fields[name] for name in sorted(fields) if name not in _SIGNED_ABOUT)
    if not seals.holds(message, fields.get(b"sign", b"").decode("latin-1")):
        raise Forged("UNVERIFIED", "its signature does not fit")


def _reply(status: int, body: bytes) -> HttpReply:
    return HttpReply(status=status, media_type="text/plain; charset=utf-8", body=body)
