"""Notifications: verified, opened, translated; and what they are answered with. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, assert_never

import msgspec
from msgspec import Struct
from wechatpayv3 import WeChatPay

from coinslot.payments.port import Forged, HttpReply, Outcome, VerifiedEvent
from coinslot.providers.wechat.answers import (
    RefundNotice,
    Transaction,
    Unreadable,
    payment_seen,
    read,
    refund_noticed,
)
from coinslot.providers.wechat.guard import NotTheirs, Seals, signature_headers

_MOST_BYTES: Final = 64 * 1024
_ALGORITHM: Final = "AEAD_AES_256_GCM"


class _Resource(Struct, frozen=True):
    original_type: str
    algorithm: str
    ciphertext: str
    nonce: str
    associated_data: str = ""


class _Envelope(Struct, frozen=True):
    id: str
    event_type: str
    resource_type: str
    resource: _Resource


def parse(seals: Seals, headers: Mapping[str, str], raw: bytes, now: datetime) -> VerifiedEvent:
    """The event. Forged when anything is not as the provider would have sent it."""
    if len(raw) > _MOST_BYTES:
        raise Forged("TOO_LONG", "the notification is longer than any that WeChat Pay sends")
    try:
        clients = seals.verify(headers, raw, now)
    except NotTheirs as doubt:
        raise Forged("UNVERIFIED", str(doubt)) from None
    try:
        envelope = read(raw, _Envelope)
        if not 1 <= len(envelope.id) <= 64:
            raise Unreadable("its id is not 1 to 64 characters")
        if (envelope.resource_type, envelope.resource.algorithm) != ("encrypt-resource", _ALGORITHM):
            raise Unreadable("it is not encrypted as documented")
        content = _opened(clients, headers, raw)
        if envelope.event_type.startswith("TRANSACTION."):
            return VerifiedEvent(notification_id=envelope.id, seen=payment_seen(read(content, Transaction)))
        if envelope.event_type.startswith("REFUND."):
            return VerifiedEvent(
                notification_id=envelope.id, seen=refund_noticed(read(content, RefundNotice))
            )
    except Unreadable as doubt:
        raise Forged("CONTENT", str(doubt)) from None
    raise Forged("EVENT", "it is about neither a payment nor a refund")


def answer(outcome: Outcome) -> HttpReply:
    """200 ends the provider's tries; anything else makes it say it again by its schedule."""
    match outcome:
        case Outcome.TAKEN:
            return _reply(200, "SUCCESS", "taken")
        case Outcome.REFUSED:
            return _reply(401, "FAIL", "the signature does not verify")
        case Outcome.AGAIN:
            return _reply(503, "FAIL", "not stored, say it again")
        case _:
            assert_never(outcome)


def _opened(clients: Sequence[WeChatPay], headers: Mapping[str, str], raw: bytes) -> str:
    """What was encrypted, by the first APIv3 key that fits."""
    signed = signature_headers(headers)
    for client in clients:
        try:
            opened: str | None = client.decrypt_callback(signed, raw)
        # Of base64, of a nonce too short, of text that is not UTF-8; of an envelope too deep for it.
        except (ValueError, RecursionError):
            raise Unreadable("it cannot be opened") from None
        if opened is not None:
            return opened
    raise Forged("UNDECRYPTED", "no `apiv3_key` opens it: compare the key with the merchant platform's")


def _reply(status: int, code: str, message: str) -> HttpReply:
    return HttpReply(
        status=status,
        media_type="application/json",
        body=msgspec.json.encode({"code": code, "message": message}),
    )
