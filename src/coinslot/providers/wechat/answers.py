"""What WeChat Pay's answers and notifications mean in the port's words. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from coinslot.money import MAX_MINOR
from coinslot.payments.port import PaymentSeen, PaymentState, RefundSeen, RefundState

CURRENCY: Final = "CNY"
"""The only one of the domestic interface; a refund's notification does not even name it."""

_T = TypeVar("_T")

# USERPAYING: the payer is typing the password. PAYERROR, REVOKED and ACCEPT are told of payment codes shown to a
# till, which we do not use.
_STATES: Final = {
    "SUCCESS": PaymentState.PAID,
    "REFUND": PaymentState.PAID,
    "NOTPAY": PaymentState.WAITING,
    "USERPAYING": PaymentState.WAITING,
    "ACCEPT": PaymentState.WAITING,
    "CLOSED": PaymentState.CLOSED,
    "REVOKED": PaymentState.CLOSED,
    "PAYERROR": PaymentState.FAILED,
}
_REFUND_STATES: Final = {
    "SUCCESS": RefundState.SUCCEEDED,
    "PROCESSING": RefundState.PROCESSING,
    "CLOSED": RefundState.CLOSED,
    "ABNORMAL": RefundState.ABNORMAL,
}


class Unreadable(Exception):
    """Something verified that is not as documented. Holds no value of it."""


_Fen = Annotated[int, Meta(ge=0, le=MAX_MINOR)]


class _Amount(Struct, frozen=True):
    total: _Fen
    currency: str = CURRENCY


class _Payer(Struct, frozen=True):
    openid: str = ""


class _RefundAmount(Struct, frozen=True):
    refund: _Fen
    currency: str = CURRENCY


class Transaction(Struct, frozen=True):
    """Of a query and of `TRANSACTION.…` notifications."""

    mchid: str
    appid: str
    out_trade_no: str
    trade_state: str
    transaction_id: str = ""
    amount: _Amount | None = None
    payer: _Payer | None = None
    success_time: datetime | None = None


class RefundAnswer(Struct, frozen=True):
    """Of a refund and of its query."""

    refund_id: str
    out_refund_no: str
    out_trade_no: str
    status: str
    amount: _RefundAmount


class RefundNotice(Struct, frozen=True):
    """Of `REFUND.…` notifications."""

    mchid: str
    refund_id: str
    out_refund_no: str
    out_trade_no: str
    refund_status: str
    amount: _RefundAmount


class NativeAnswer(Struct, frozen=True):
    """Of an order for a QR."""

    code_url: str


class H5Answer(Struct, frozen=True):
    """Of an order for a browser."""

    h5_url: str


class JsapiAnswer(Struct, frozen=True):
    """Of an order inside the app."""

    prepay_id: str


class BillAnswer(Struct, frozen=True):
    """Where a bill is, and its hash."""

    download_url: str
    hash_type: str
    hash_value: str


def read(body: str | bytes, kind: type[_T]) -> _T:
    """Unreadable when it is not as documented."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unreadable(f"it is not a {kind.__name__}") from None


def payment_seen(told: Transaction) -> PaymentSeen:
    """Unreadable when the state is none that is documented, or a payment has no amount."""
    state = _STATES.get(told.trade_state)
    if state is None:
        raise Unreadable("its state is not documented")
    if state is PaymentState.PAID and (told.amount is None or not told.transaction_id):
        raise Unreadable("it is paid without amount or transaction")
    return PaymentSeen(
        number=told.out_trade_no,
        state=state,
        provider_id=told.transaction_id,
        amount_minor=told.amount.total if told.amount else None,
        currency=told.amount.currency if told.amount else "",
        merchant=told.mchid,
        app=told.appid,
        paid_at=_moment(told.success_time),
        payer=told.payer.openid if told.payer else "",
    )


def refund_seen(told: RefundAnswer, merchant: str) -> RefundSeen:
    """An answer does not say whose it is: it answers a call that `merchant` signed."""
    return RefundSeen(
        number=told.out_refund_no,
        payment_number=told.out_trade_no,
        state=_refund_state(told.status),
        provider_id=told.refund_id,
        amount_minor=told.amount.refund,
        currency=told.amount.currency,
        merchant=merchant,
    )


def refund_noticed(told: RefundNotice) -> RefundSeen:
    """Of a notification."""
    return RefundSeen(
        number=told.out_refund_no,
        payment_number=told.out_trade_no,
        state=_refund_state(told.refund_status),
        provider_id=told.refund_id,
        amount_minor=told.amount.refund,
        currency=told.amount.currency,
        merchant=told.mchid,
    )


def _refund_state(told: str) -> RefundState:
    state = _REFUND_STATES.get(told)
    if state is None:
        raise Unreadable("the refund's state is not documented")
    return state


def _moment(told: datetime | None) -> datetime | None:
    if told is not None and told.tzinfo is None:
        raise Unreadable("its time has no offset")
    return told
