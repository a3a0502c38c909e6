"""Orders and refunds, and the provider's rules for them. No I/O; the moment is handed in."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from coinslot.sandbox.providers.wechat.bodies import NUMBER, REFUND_NUMBER, OrderBody, RefundBody
from coinslot.sandbox.providers.wechat.refused import Refused, wrong_field

MOST_REFUNDS: Final = 50
REFUND_GAP: Final = timedelta(minutes=1)
REFUND_WINDOW: Final = timedelta(days=365)
_LEAST_LIFE: Final = timedelta(minutes=1)
_LIFE: Final = timedelta(days=7)
_LETTERS: Final = string.ascii_letters + string.digits


class Kind(StrEnum):
    """How an order is paid; the wire's `trade_type`."""

    NATIVE = "NATIVE"
    JSAPI = "JSAPI"
    H5 = "MWEB"


class State(StrEnum):
    """The wire's `trade_state`."""

    NOTPAY = "NOTPAY"
    SUCCESS = "SUCCESS"
    REFUND = "REFUND"
    """Paid, and at least one refund was asked for."""
    CLOSED = "CLOSED"


class RefundState(StrEnum):
    """The wire's `status` of a refund."""

    PROCESSING = "PROCESSING"
    SUCCESS = "SUCCESS"
    CLOSED = "CLOSED"
    ABNORMAL = "ABNORMAL"


@dataclass
class Refund:
    """Money on its way back."""

    id: str
    body: RefundBody
    created_at: datetime
    state: RefundState = RefundState.PROCESSING
    ended_at: datetime | None = None


@dataclass
class Order:
    """One order."""

    kind: Kind
    body: OrderBody
    code: str
    """Behind the QR, and on the payer's phone."""
    prepay_id: str
    created_at: datetime
    expires_at: datetime
    state: State = State.NOTPAY
    transaction_id: str = ""
    paid_at: datetime | None = None
    openid: str = ""
    refunds: list[Refund] = field(default_factory=list)
    split_out: int = 0
    """Fen that have gone to other receivers and have not come back."""

    @property
    def is_paid(self) -> bool:
        """Whether the money was ever taken."""
        return self.state in (State.SUCCESS, State.REFUND)

    def refunded(self) -> int:
        """Fen given back or on their way."""
        return sum(each.body.amount.refund for each in self.refunds if each.state is not RefundState.CLOSED)


class Book:
    """All of one merchant's orders, by number."""

    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}
        self._by_code: dict[str, Order] = {}
        """By what a phone scans, and by prepay id."""
        self._paid: dict[str, Order] = {}
        """By the provider's number."""
        self._refunds: dict[str, tuple[Order, Refund]] = {}

    def orders(self) -> tuple[Order, ...]:
        """Oldest first."""
        return tuple(self._orders.values())

    def find(self, number: str) -> Order:
        """By the merchant's number. Refused (404) when there is none."""
        order = self._orders.get(number)
        if order is None:
            raise Refused(404, "ORDER_NOT_EXIST", "there is no such order")
        return order

    def find_paid(self, transaction_id: str) -> Order:
        """By the provider's number. Refused (404) when there is none."""
        order = self._paid.get(transaction_id)
        if order is None:
            raise Refused(404, "ORDER_NOT_EXIST", "there is no such order")
        return order

    def by_code(self, code: str) -> Order | None:
        """What a phone has scanned or was led to."""
        return self._by_code.get(code)

    def create(self, kind: Kind, body: OrderBody, now: datetime) -> Order:
        """A new order, or the same again. Refused when the number is another order's."""
        expires_at = _checked(body, now)
        known = self._orders.get(body.out_trade_no)
        if known is None:
            order = Order(
                kind=kind,
                body=body,
                code=_letters(9),
                prepay_id=f"wx{now:%Y%m%d%H%M%S}{_letters(18)}",
                created_at=now,
                expires_at=expires_at,
            )
            self._orders[body.out_trade_no] = order
            self._by_code[order.code] = self._by_code[order.prepay_id] = order
            return order
        if known.is_paid:
            raise Refused(400, "ORDERPAID", "this order has been paid")
        if known.state is State.CLOSED:
            raise Refused(400, "ORDER_CLOSED", "this order has been closed")
        if (known.kind, known.body) != (kind, body):
            raise Refused(403, "OUT_TRADE_NO_USED", "this number is another order's")
        return known

    def pay(self, order: Order, openid: str, now: datetime, *, although_closed: bool) -> None:
        """Take the payer's money, once. Refused otherwise."""
        if order.is_paid:
            raise Refused(400, "ORDERPAID", "this order has been paid")
        if not although_closed:
            if order.state is State.CLOSED:
                raise Refused(400, "ORDER_CLOSED", "this order has been closed")
            if now >= order.expires_at:
                raise Refused(400, "ORDER_CLOSED", "this order has expired")
        order.state = State.SUCCESS
        order.transaction_id = f"42000{_digits(23)}"
        order.paid_at = now
        order.openid = openid
        self._paid[order.transaction_id] = order

    def close(self, number: str) -> None:
        """It can never be paid any more."""
        order = self.find(number)
        if order.is_paid:
            raise Refused(400, "ORDERPAID", "this order has been paid")
        if order.state is State.CLOSED:
            raise Refused(400, "ORDER_CLOSED", "this order has been closed")
        order.state = State.CLOSED

    def refund(self, body: RefundBody, now: datetime) -> tuple[Order, Refund, bool]:
        """A new refund (True), or the same again. Refused by the provider's limits."""
        order = self.find_paid(body.transaction_id) if body.transaction_id else self.find(body.out_trade_no)
        known = self._refunds.get(body.out_refund_no)
        if known is not None:
            if known[0] is not order or known[1].body.amount != body.amount:
                raise Refused(400, "INVALID_REQUEST", "this refund number was used with other values")
            return (*known, False)
        _check_refund(order, body, now)
        refund = Refund(f"50{_digits(27)}", body, now)
        order.refunds.append(refund)
        order.state = State.REFUND
        self._refunds[body.out_refund_no] = (order, refund)
        return order, refund, True

    def find_refund(self, number: str) -> tuple[Order, Refund]:
        """By the merchant's number. Refused (404) when there is none."""
        found = self._refunds.get(number)
        if found is None:
            raise Refused(404, "RESOURCE_NOT_EXISTS", "there is no such refund")
        return found


def _checked(body: OrderBody, now: datetime) -> datetime:
    if not NUMBER.fullmatch(body.out_trade_no):
        raise wrong_field("/body/out_trade_no", "6 to 32 of 0-9A-Za-z_-|*")
    if body.amount.total <= 0:
        raise wrong_field("/body/amount/total", "has to be more than 0")
    if body.amount.currency != "CNY":
        raise wrong_field("/body/amount/currency", "Currency code is invalid")
    if not body.description or len(body.description) > 127:
        raise wrong_field("/body/description", "1 to 127 characters")
    if not body.notify_url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise wrong_field("/body/notify_url", "https only")
    if "?" in body.notify_url or len(body.notify_url) > 255:
        raise wrong_field("/body/notify_url", "at most 255 characters, without parameters")
    expires_at = body.expires_at()
    if expires_at is None:
        return now + _LIFE
    if expires_at < now + _LEAST_LIFE:
        raise wrong_field("/body/time_expire", "has to be a minute from now or later")
    return min(expires_at, now + _LIFE)


def _check_refund(order: Order, body: RefundBody, now: datetime) -> None:
    if not REFUND_NUMBER.fullmatch(body.out_refund_no):
        raise wrong_field("/body/out_refund_no", "1 to 64 of 0-9A-Za-z_-|*@")
    if not order.is_paid or order.paid_at is None:
        raise Refused(400, "INVALID_REQUEST", "this order has not been paid")
    total = order.body.amount.total
    if body.amount.total != total or body.amount.currency != order.body.amount.currency:
        raise Refused(400, "INVALID_REQUEST", "the order's amount is another one")
    if body.amount.refund <= 0 or order.refunded() + body.amount.refund > total:
        raise Refused(400, "INVALID_REQUEST", "more than what is left of the order")
    if now - order.paid_at > REFUND_WINDOW:
        raise Refused(400, "INVALID_REQUEST", "the order is older than a year")
    if len(order.refunds) >= MOST_REFUNDS:
        raise Refused(400, "INVALID_REQUEST", "fifty refunds of one order at most")
    if order.refunds and now - order.refunds[-1].created_at < REFUND_GAP:
        raise Refused(429, "FREQUENCY_LIMITED", "one refund of an order a minute")
    if order.refunded() + order.split_out + body.amount.refund > total:
        raise Refused(403, "NOT_ENOUGH", "part of the order was split: have it returned first")


def _letters(count: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


def _digits(count: int) -> str:
    return "".join(secrets.choice(string.digits) for _ in range(count))
