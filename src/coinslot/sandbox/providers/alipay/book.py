"""Orders, their trades and refunds, and the provider's rules for them. No I/O; the moment is handed in."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from coinslot.sandbox.providers.alipay.bodies import NUMBER, OrderBody, RefundBody, check_order, fen, life
from coinslot.sandbox.providers.alipay.refused import failed, wrong_value
from coinslot.sandbox.providers.alipay.signing import BEIJING

QR_LIVES: Final = timedelta(hours=2)
TRADE_LIVES: Final = timedelta(days=15)
REFUND_WINDOW: Final = timedelta(days=365)
_LETTERS: Final = string.ascii_letters + string.digits


class Kind(StrEnum):
    """How an order came."""

    QR = "qr"
    WAP = "wap"


class State(StrEnum):
    """The wire's `trade_status`."""

    WAIT = "WAIT_BUYER_PAY"
    SUCCESS = "TRADE_SUCCESS"
    FINISHED = "TRADE_FINISHED"
    """Paid, and too old to be refunded."""
    CLOSED = "TRADE_CLOSED"
    """Never paid, or all of it given back."""


@dataclass
class Refund:
    """Money that went back, or is to go."""

    body: RefundBody
    fen: int
    at: datetime
    done: bool = False


@dataclass
class Order:
    """What a merchant asked for. It becomes a trade when somebody scans its code or opens its page."""

    kind: Kind
    body: OrderBody
    notify_url: str
    return_url: str
    code: str
    made_at: datetime
    qr_until: datetime
    trade_no: str = ""
    """Empty as long as there is no trade."""
    created_at: datetime | None = None
    expires_at: datetime | None = None
    state: State = State.WAIT
    paid_at: datetime | None = None
    closed_at: datetime | None = None
    refunds: list[Refund] = field(default_factory=list)
    split_out: dict[str, int] = field(default_factory=dict)
    """Fen that receivers of shares have got and not given back, by account."""

    @property
    def is_paid(self) -> bool:
        """Whether the money was ever taken."""
        return self.paid_at is not None

    def refunded(self) -> int:
        """Fen that went back."""
        return sum(each.fen for each in self.refunds if each.done)


class Book:
    """All of one merchant's orders, by number."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []
        """Orders for which somebody called cancel."""
        self._orders: dict[str, Order] = {}

    def orders(self) -> tuple[Order, ...]:
        """Oldest first."""
        return tuple(self._orders.values())

    def order(self, number: str) -> Order | None:
        """By the merchant's number, whether it is a trade or not."""
        return self._orders.get(number)

    def by_code(self, code: str) -> Order | None:
        """What a phone has scanned or was led to."""
        return next((each for each in self._orders.values() if each.code == code), None)

    def trade(self, number: str, trade_no: str) -> Order:
        """By the provider's number where it is given. Refused when there is no trade yet."""
        if not number and not trade_no:
            raise wrong_value("one of out_trade_no and trade_no is needed")
        if trade_no:
            found = next((each for each in self._orders.values() if each.trade_no == trade_no), None)
        else:
            found = self._orders.get(number)
        if found is None or not found.trade_no:
            raise failed("ACQ.TRADE_NOT_EXIST", "there is no such trade")
        return found

    def make(self, kind: Kind, body: OrderBody, notify_url: str, return_url: str, now: datetime) -> Order:
        """A new order, or the same again. Refused when the number is another order's."""
        known = self._orders.get(body.out_trade_no)
        if known is not None:
            return _same_again(known, kind, body)
        check_order(body, now)
        order = Order(
            kind=kind,
            body=body,
            notify_url=notify_url,
            return_url=return_url,
            code="bax" + "".join(secrets.choice(_LETTERS) for _ in range(17)),
            made_at=now,
            qr_until=now + (life(body.qr_code_timeout_express) or QR_LIVES),
        )
        self._orders[body.out_trade_no] = order
        return order

    def scan(self, order: Order, now: datetime, *, although_closed: bool = False) -> bool:
        """Somebody looks at it: now there is a trade. Whether that was new. Refused when the code is dead."""
        if order.trade_no:
            return False
        ends = order.body.expires_at()
        dead = (order.kind is Kind.QR and now >= order.qr_until) or (ends is not None and now >= ends)
        if dead and not although_closed:
            raise failed("ACQ.TRADE_HAS_CLOSE", "this code is no longer valid")
        order.trade_no = f"{now.astimezone(BEIJING):%Y%m%d}22001{_digits(15)}"
        order.created_at = now
        order.expires_at = ends or now + (life(order.body.timeout_express) or TRADE_LIVES)
        return True

    def pay(self, order: Order, now: datetime, *, although_closed: bool) -> None:
        """Take the payer's money, once. Refused otherwise."""
        if order.is_paid:
            raise failed("ACQ.TRADE_HAS_SUCCESS", "this has been paid")
        expired = order.expires_at is None or now >= order.expires_at
        if not although_closed and (order.state is State.CLOSED or expired):
            raise failed("ACQ.TRADE_HAS_CLOSE", "this has been closed")
        order.state = State.SUCCESS
        order.closed_at = None
        order.paid_at = now

    def close(self, number: str, trade_no: str, now: datetime) -> Order:
        """It can never be paid any more. Refused unless it waits to be paid."""
        order = self.trade(number, trade_no)
        if order.state is not State.WAIT:
            raise failed("ACQ.TRADE_STATUS_ERROR", "only a trade that waits to be paid can be closed")
        _end(order, now)
        return order

    def expire(self, order: Order, now: datetime) -> bool:
        """Its time is over: whether that ended it."""
        if order.state is not State.WAIT or not order.trade_no:
            return False
        _end(order, now)
        return True

    def cancel(self, number: str, trade_no: str, now: datetime) -> tuple[Order, str]:
        """Close what is not paid, give back what is: what merchants are surprised by."""
        order = self.trade(number, trade_no)
        self.cancelled.append(order.body.out_trade_no)
        if order.state is State.WAIT:
            _end(order, now)
            return order, "close"
        left = order.body.fen - order.refunded()
        if left:
            order.refunds.append(Refund(RefundBody(""), left, now, done=True))
            _end(order, now)
        return order, "refund"

    def refund(self, body: RefundBody, now: datetime) -> tuple[Order, Refund, bool]:
        """A refund, or the same again; whether it is new. Refused by the provider's limits."""
        order = self.trade(body.out_trade_no, body.trade_no)
        known = self.find_refund(order, body.out_request_no or order.body.out_trade_no)
        amount = fen(body.refund_amount)
        if known is not None:
            if known.fen != amount:
                raise failed("ACQ.DISCORDANT_REPEAT_REQUEST", "this number was used for another amount")
            return order, known, False
        _check_refund(order, body, amount, now)
        refund = Refund(body, amount, now)
        order.refunds.append(refund)
        return order, refund, True

    def finish_refund(self, order: Order, refund: Refund, now: datetime) -> None:
        """The money is with the payer; when all of it is, the trade is closed."""
        refund.done = True
        for each in refund.body.refund_royalty_parameters:
            order.split_out[each.trans_out] -= fen(each.amount)
        if order.refunded() >= order.body.fen:
            _end(order, now)

    def find_refund(self, order: Order, number: str) -> Refund | None:
        """By the merchant's number within the trade."""
        return next((each for each in order.refunds if _number_of(order, each) == number), None)


def _same_again(known: Order, kind: Kind, body: OrderBody) -> Order:
    if known.is_paid:
        raise failed("ACQ.TRADE_HAS_SUCCESS", "this has been paid")
    if known.state is State.CLOSED:
        raise failed("ACQ.TRADE_HAS_CLOSE", "this has been closed")
    asked, had = (kind, body.fen, body.subject), (known.kind, known.body.fen, known.body.subject)
    if asked != had:
        raise failed("ACQ.CONTEXT_INCONSISTENT", "this number is another order's")
    return known


def _check_refund(order: Order, body: RefundBody, amount: int, now: datetime) -> None:
    if body.out_request_no and not NUMBER.fullmatch(body.out_request_no):
        raise wrong_value("out_request_no: 1 to 64 of 0-9A-Za-z_")
    if order.paid_at is None:
        raise failed("ACQ.TRADE_STATUS_ERROR", "this has not been paid")
    if order.state is State.FINISHED or now - order.paid_at > REFUND_WINDOW:
        raise failed("ACQ.TRADE_HAS_FINISHED", "this is too old to be refunded")
    if order.state is State.CLOSED:
        raise failed("ACQ.TRADE_HAS_CLOSE", "all of it has been refunded")
    reserved = sum(each.fen for each in order.refunds)
    if amount + reserved > order.body.fen:
        raise failed("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "more than what is left of the trade")
    back = 0
    for each in body.refund_royalty_parameters:
        part = fen(each.amount)
        if part > order.split_out.get(each.trans_out, 0):
            raise failed("ACQ.REFUND_ROYALTY_ERROR", "more than what this receiver got")
        back += part
    if back > amount:
        raise wrong_value("more comes back than the buyer gets")
    if amount - back > order.body.fen - order.refunded() - sum(order.split_out.values()):
        raise failed("ACQ.SELLER_BALANCE_NOT_ENOUGH", "part of the trade was shared: have it come back")
    if amount != order.body.fen and not body.out_request_no:
        raise failed("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "a part needs an out_request_no")


def _number_of(order: Order, refund: Refund) -> str:
    return refund.body.out_request_no or order.body.out_trade_no


def _end(order: Order, now: datetime) -> None:
    order.state = State.CLOSED
    order.closed_at = now


def _digits(count: int) -> str:
    return "".join(secrets.choice(string.digits) for _ in range(count))
