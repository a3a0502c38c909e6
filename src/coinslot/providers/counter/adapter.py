"""The counter as a provider; see `coinslot.payments.port.Provider`."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias
from zoneinfo import ZoneInfo

import asyncpg

from coinslot.payments.model import Merchant
from coinslot.payments.not_offered import NoPayouts, NoShares
from coinslot.payments.port import (
    BillLine,
    BillLineKind,
    Channel,
    Created,
    Forged,
    Headers,
    HttpReply,
    Outcome,
    PaymentOrder,
    PaymentSeen,
    PaymentState,
    RefundOrder,
    RefundSeen,
    RefundState,
    Rejected,
    RetrySameKey,
    VerifiedEvent,
)
from coinslot.settlement.payments.counter import PROVIDER
from coinslot.settlement.payments.worker import FindProvider

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

_DIGITS: Final = 6
_DRAWS: Final = 20
"""Of codes, until one is free: with a thousand of a million taken, the second is."""
_ADD_PAYMENT: Final = """
    INSERT INTO counter_payment (operator_id, merchant_id, number, code, currency, amount_minor, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING code
"""
_PAYMENT: Final = """
    SELECT code, state, currency, amount_minor, receipt_id, received_at FROM counter_payment
    WHERE operator_id = $1 AND merchant_id = $2 AND number = $3
"""
_OVER: Final = """
    UPDATE counter_payment SET state = 'closed'
    WHERE operator_id = $1 AND merchant_id = $2 AND number = $3 AND state = 'waiting' AND ($4 OR expires_at <= now())
    RETURNING true
"""
_ADD_REFUND: Final = """
    INSERT INTO counter_refund (operator_id, merchant_id, number, payment_number, code, currency, amount_minor)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING code
"""
_REFUND: Final = """
    SELECT payment_number, currency, amount_minor, receipt_id FROM counter_refund
    WHERE operator_id = $1 AND merchant_id = $2 AND number = $3
"""
_BILL: Final = """
    SELECT 'payment', number, receipt_id, amount_minor, currency, received_at FROM counter_payment
    WHERE operator_id = $1 AND merchant_id = $2 AND received_at >= $3 AND received_at < $4
    UNION ALL
    SELECT 'refund', number, receipt_id, amount_minor, currency, paid_at FROM counter_refund
    WHERE operator_id = $1 AND merchant_id = $2 AND paid_at >= $3 AND paid_at < $4
    ORDER BY 6, 2
"""
_TIMEZONE: Final = "SELECT timezone, now() FROM operator WHERE operator_id = $1"


class Counter(NoShares, NoPayouts):
    """One drawer of one operator. What a database raises is an unclear answer, as with any provider."""

    name = PROVIDER
    bill_zone = ""

    def __init__(self, pool: Pool, merchant: Merchant) -> None:
        self.merchant = merchant.account
        self._pool = pool
        self._merchant = merchant
        self._key = (merchant.operator_id, merchant.merchant_id)

    async def create(self, order: PaymentOrder) -> Created:
        """A code for the customer to show. The same order again has the same code."""
        if order.channel is not Channel.COUNTER:
            raise Rejected("CHANNEL", "at the counter people pay in cash")
        for _ in range(_DRAWS):
            values = (order.number, _draw(), order.currency, order.amount_minor, order.expires_at)
            await self._pool.fetchval(_ADD_PAYMENT, *self._key, *values)
            row = await self._pool.fetchrow(_PAYMENT, *self._key, order.number)
            if row is not None:
                if (row["amount_minor"], row["currency"]) != (order.amount_minor, order.currency):
                    raise Rejected("NUMBER_USED", "for another amount")
                return Created(code=row["code"])
        raise RetrySameKey("CODES", "no code was free")

    async def query(self, number: str) -> PaymentSeen:
        """How an order stands; one whose time is over is closed by that."""
        return await self._seen(number, close=False)

    async def close(self, number: str) -> PaymentSeen:
        """Nobody may pay it any more, unless somebody has."""
        return await self._seen(number, close=True)

    async def refund(self, order: RefundOrder) -> RefundSeen:
        """To be paid out at the desk, to who shows its code."""
        payment = await self._pool.fetchrow(_PAYMENT, *self._key, order.payment_number)
        if payment is None or payment["state"] != "paid" or payment["currency"] != order.currency:
            raise Rejected("NOT_PAID", "nothing was received that could be given back")
        for _ in range(_DRAWS):
            values = (order.number, order.payment_number, _draw(), order.currency, order.amount_minor)
            try:
                await self._pool.fetchval(_ADD_REFUND, *self._key, *values)
            except asyncpg.CheckViolationError as error:
                raise Rejected("OVER_REFUND", "more than was received") from error
            seen = await self.query_refund(order.number, order.payment_number)
            if seen.state is not RefundState.ABSENT:
                if (seen.amount_minor, seen.payment_number) != (order.amount_minor, order.payment_number):
                    raise Rejected("NUMBER_USED", "for another refund")
                return seen
        raise RetrySameKey("CODES", "no code was free")

    async def query_refund(self, number: str, payment_number: str) -> RefundSeen:
        """Done once a person has paid it out."""
        row = await self._pool.fetchrow(_REFUND, *self._key, number)
        if row is None:
            return RefundSeen(number=number, payment_number=payment_number, state=RefundState.ABSENT)
        paid = row["receipt_id"] is not None
        return RefundSeen(
            number=number,
            payment_number=row["payment_number"],
            state=RefundState.SUCCEEDED if paid else RefundState.PROCESSING,
            provider_id=row["receipt_id"] or "",
            amount_minor=row["amount_minor"],
            currency=row["currency"],
            merchant=self.merchant,
        )

    async def download_bill(self, day: date) -> Sequence[BillLine]:
        """What changed hands on a day of the operator's, once that is over."""
        zone_name, now = await self._pool.fetchrow(_TIMEZONE, self._merchant.operator_id) or ("UTC", None)
        zone = ZoneInfo(zone_name)
        begins, ends = (datetime.combine(day + timedelta(days=n), time(), zone) for n in (0, 1))
        if now is None or now < ends:
            raise RetrySameKey("NOT_READY", "the day is not over")
        rows = await self._pool.fetch(_BILL, *self._key, begins, ends)
        return [_line(row) for row in rows]

    def parse_notification(self, headers: Headers, raw: bytes, now: datetime) -> VerifiedEvent:
        """The desk sends none."""
        raise Forged("COUNTER", "the counter sends no notifications")

    def answer(self, outcome: Outcome) -> HttpReply:
        """To somebody who pretends to be one."""
        return HttpReply(status=404, media_type="text/plain", body=b"")

    async def _seen(self, number: str, *, close: bool) -> PaymentSeen:
        await self._pool.fetchval(_OVER, *self._key, number, close)
        row = await self._pool.fetchrow(_PAYMENT, *self._key, number)
        if row is None:
            return PaymentSeen(number=number, state=PaymentState.ABSENT)
        return PaymentSeen(
            number=number,
            state=PaymentState(row["state"]),
            provider_id=row["receipt_id"] or "",
            amount_minor=row["amount_minor"],
            currency=row["currency"],
            merchant=self.merchant,
            app=self._merchant.app,
            paid_at=row["received_at"],
        )


def with_counters(pool: Pool, find: FindProvider) -> FindProvider:
    """The adapters there are, and one for every counter: those need no keys."""

    def found(merchant: Merchant) -> Counter | None:
        return Counter(pool, merchant)

    return lambda merchant: found(merchant) if merchant.provider == PROVIDER else find(merchant)


def _draw() -> str:
    return f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}d}"


def _line(row: asyncpg.Record) -> BillLine:
    kind, number, receipt, amount_minor, currency, at = row
    return BillLine(
        kind=BillLineKind(kind),
        number=number,
        provider_id=receipt,
        amount_minor=amount_minor,
        fee_minor=0,
        currency=currency,
        at=at,
        raw=f"{kind} {number} {receipt} {amount_minor} {currency} {at.isoformat()}",
    )
