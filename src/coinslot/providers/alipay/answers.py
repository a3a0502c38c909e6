"""What Alipay's answers and notifications mean in the port's words. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from coinslot.money import MoneyError, parse_amount
from coinslot.payments.port import PaymentSeen, PaymentState, RefundSeen, RefundState
from coinslot.providers.alipay.library import BEIJING
from coinslot.providers.alipay.refusals import OK, Refused, Told

CURRENCY: Final = "CNY"
"""The only one of the domestic interface, which does not name it. Merchants abroad have a `trans_currency`."""

_T = TypeVar("_T")

_STATES: Final = {
    "WAIT_BUYER_PAY": PaymentState.WAITING,
    "TRADE_SUCCESS": PaymentState.PAID,
    "TRADE_FINISHED": PaymentState.PAID,  # paid, and too old to be refunded
    "TRADE_CLOSED": PaymentState.CLOSED,
}
_REFUND_STATES: Final = {
    "REFUND_SUCCESS": RefundState.SUCCEEDED,
    "REFUND_PROCESSING": RefundState.PROCESSING,
    "REFUND_FAIL": RefundState.CLOSED,
}


class Unreadable(Exception):
    """Something verified that is not as documented. Holds no value of it."""


class Precreated(Struct, frozen=True):
    """Of precreate."""

    out_trade_no: str
    qr_code: str


class Trade(Struct, frozen=True):
    """Of a query. Buyers are not read."""

    out_trade_no: str
    trade_status: str
    total_amount: str
    trade_no: str = ""
    send_pay_date: str = ""
    buyer_pay_amount: str = "0.00"
    receipt_amount: str = "0.00"
    trans_currency: str = ""


class Closed(Struct, frozen=True):
    """Of close."""

    out_trade_no: str


class RefundAnswer(Struct, frozen=True):
    """Of refund. `refund_fee` is all that the trade has given back so far, `fund_change` whether it did just now."""

    out_trade_no: str
    trade_no: str
    refund_fee: str
    fund_change: str = ""


class RefundFound(Struct, frozen=True):
    """Of fastpay.refund.query: all but empty for a refund that never was."""

    out_trade_no: str = ""
    out_request_no: str = ""
    trade_no: str = ""
    refund_amount: str = ""
    refund_status: str = ""


class BillAnswer(Struct, frozen=True):
    """Where a bill is, for half a minute."""

    bill_download_url: str


def read(span: bytes, kind: type[_T]) -> _T:
    """The answer. Refused when it is another than OK, Unreadable when it is not as documented."""
    try:
        told = msgspec.json.decode(span, type=Told)
        if told.code != OK:
            raise Refused(told)
        return msgspec.json.decode(span, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unreadable(f"it is not a {kind.__name__}") from None


def fen(yuan: str) -> int:
    """1.25 is 125. Unreadable."""
    try:
        return parse_amount(yuan, CURRENCY)
    except MoneyError:
        raise Unreadable("an amount is not in yuan") from None


def moment(text: str) -> datetime:
    """Beijing's time, with or without a fraction. Unreadable."""
    try:
        return datetime.strptime(text[:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
    except ValueError:
        raise Unreadable("a time is not as documented") from None


def state_of(trade_status: str) -> PaymentState:
    """CLOSED also for a trade that was paid and all given back: whoever asks has to look. Unreadable."""
    state = _STATES.get(trade_status)
    if state is None:
        raise Unreadable("its state is not documented")
    return state


def payment_seen(told: Trade) -> PaymentSeen:
    """A closed trade says by no field that can be relied upon whether it was ever paid: it has a `send_pay_date` after
    a time-out too. It counts as paid when amounts say so, and as closed otherwise. Unreadable."""
    state = state_of(told.trade_status)
    if state is PaymentState.CLOSED and fen(told.buyer_pay_amount) + fen(told.receipt_amount) > 0:
        state = PaymentState.PAID
    if state is PaymentState.PAID and not told.trade_no:
        raise Unreadable("it is paid without a trade number")
    is_paid = state is PaymentState.PAID
    return PaymentSeen(
        number=told.out_trade_no,
        state=state,
        provider_id=told.trade_no,
        amount_minor=fen(told.total_amount),
        currency=told.trans_currency or CURRENCY,
        paid_at=moment(told.send_pay_date) if is_paid and told.send_pay_date else None,
    )


def refund_found(told: RefundFound, number: str, payment_number: str, merchant: str) -> RefundSeen:
    """Unreadable when it is about another refund, or tells of one without saying how it stands: pages of different
    years take that for opposite things."""
    if not told.refund_status:
        if told.refund_amount:
            raise Unreadable("a refund without a state")
        return RefundSeen(number=number, payment_number=payment_number, state=RefundState.ABSENT)
    if (told.out_request_no, told.out_trade_no) != (number, payment_number):
        raise Unreadable("it is about another refund")
    state = _REFUND_STATES.get(told.refund_status)
    if state is None:
        raise Unreadable("the refund's state is not documented")
    return RefundSeen(
        number=number,
        payment_number=payment_number,
        state=state,
        provider_id=told.trade_no,
        amount_minor=fen(told.refund_amount),
        currency=CURRENCY,
        merchant=merchant,
    )
