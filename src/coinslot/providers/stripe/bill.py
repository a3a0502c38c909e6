"""A day's balance transactions as a bill. Pure.

Lines are kept as they came but for what they are about: that holds who paid, and only its id is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import msgspec
from msgspec import Struct

from coinslot.payments.port import BillLine, BillLineKind
from coinslot.providers.stripe.amounts import NotExact, from_wire
from coinslot.providers.stripe.answers import at
from coinslot.providers.stripe.calls import PAYMENT, REFUND

READY_AFTER: Final = timedelta(minutes=15)
"""Transactions are there at once; this is for clocks that differ."""
_PAYMENTS: Final = ("charge", "payment")
_REFUNDS: Final = ("refund", "payment_refund")


class _Source(Struct, frozen=True):
    """A charge or a refund, in the currency that was paid in."""

    id: str
    object: str
    amount: int | None = None
    currency: str | None = None
    payment_intent: str | None = None
    metadata: dict[str, str] | None = None


class _Transaction(Struct, frozen=True):
    id: str
    type: str
    amount: int
    fee: int
    net: int
    currency: str
    created: int
    available_on: int | None = None
    status: str = ""
    source: _Source | str | None = None


class _Kept(Struct, frozen=True):
    """What is kept of a line."""

    id: str
    type: str
    amount: int
    fee: int
    net: int
    currency: str
    created: int
    available_on: int | None
    status: str
    source: str


class _Id(Struct, frozen=True):
    id: str = ""


def bounds(day: date) -> tuple[int, int]:
    """The day in UTC, which Stripe's reports go by: its first second, and the first of the next."""
    begin = datetime.combine(day, time(), UTC)
    return int(begin.timestamp()), int((begin + timedelta(days=1)).timestamp())


def lines(transactions: Iterable[msgspec.Raw], day: date) -> tuple[BillLine, ...]:
    """In the port's words, oldest first. One that cannot be read is OTHER, at the day's beginning, so that somebody
    sees it."""
    found = [_line(bytes(each), day) for each in transactions]
    return tuple(sorted(found, key=lambda line: line.at))


def _line(raw: bytes, day: date) -> BillLine:
    try:
        told = msgspec.json.decode(raw, type=_Transaction)
        return _translated(told, at(told.created))
    except (msgspec.DecodeError, UnicodeDecodeError, NotExact, OverflowError, ValueError, OSError):
        begin = datetime.combine(day, time(), UTC)
        return _other("", 0, 0, "XXX", begin, _id_of(raw))


def _translated(told: _Transaction, made: datetime) -> BillLine:
    source, currency = told.source, told.currency.upper()
    raw = msgspec.json.encode(_kept(told)).decode()
    amount, fee = from_wire(told.amount, currency), from_wire(told.fee, currency)
    is_payment, is_refund = told.type in _PAYMENTS, told.type in _REFUNDS
    if not (is_payment or is_refund) or not isinstance(source, _Source) or source.amount is None:
        return _other(told.id, amount, fee, currency, made, raw)
    paid_in = (source.currency or "").upper()
    metadata = source.metadata or {}
    return BillLine(
        kind=BillLineKind.PAYMENT if is_payment else BillLineKind.REFUND,
        number=metadata.get(PAYMENT if is_payment else REFUND, ""),
        provider_id=(source.payment_intent or source.id) if is_payment else source.id,
        amount_minor=from_wire(source.amount, paid_in),
        # A fee in the currency of the bank account cannot be told in the payment's.
        fee_minor=fee if paid_in == currency else 0,
        currency=paid_in,
        at=made,
        raw=raw,
    )


def _other(
    provider_id: str, amount_minor: int, fee_minor: int, currency: str, made: datetime, raw: str
) -> BillLine:
    return BillLine(
        kind=BillLineKind.OTHER,
        number="",
        provider_id=provider_id,
        amount_minor=amount_minor,
        fee_minor=fee_minor,
        currency=currency,
        at=made,
        raw=raw,
    )


def _kept(told: _Transaction) -> _Kept:
    source = told.source.id if isinstance(told.source, _Source) else told.source or ""
    return _Kept(
        id=told.id,
        type=told.type,
        amount=told.amount,
        fee=told.fee,
        net=told.net,
        currency=told.currency,
        created=told.created,
        available_on=told.available_on,
        status=told.status,
        source=source,
    )


def _id_of(raw: bytes) -> str:
    """All that may be kept of what cannot be read."""
    try:
        return msgspec.json.encode(msgspec.json.decode(raw, type=_Id)).decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "{}"
