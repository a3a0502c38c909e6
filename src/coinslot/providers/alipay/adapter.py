"""One merchant's Alipay as a `payments.port.Provider`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, assert_never

from coinslot.payments.port import (
    BillLine,
    Channel,
    Created,
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
    Unknown,
    VerifiedEvent,
)
from coinslot.providers.alipay import notifications
from coinslot.providers.alipay.answers import (
    CURRENCY,
    Closed,
    Precreated,
    RefundAnswer,
    RefundFound,
    Trade,
    fen,
    payment_seen,
    refund_found,
)
from coinslot.providers.alipay.bill_download import BillDownload
from coinslot.providers.alipay.calls import page_parameters, qr_parameters, refund_parameters
from coinslot.providers.alipay.line import readable
from coinslot.providers.alipay.refusals import Refused
from coinslot.providers.alipay.settings import AlipayKeys
from coinslot.providers.alipay.sharing import Sharing
from coinslot.providers.alipay.transfers import Transfers
from coinslot.providers.exchange import Deadlines


class Alipay(Sharing, Transfers):
    """See `payments.port.Provider`."""

    name = "alipay"
    bill_zone = "Asia/Shanghai"

    def __init__(
        self,
        keys: AlipayKeys,
        *,
        deadlines: Deadlines | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(keys, deadlines, now)
        self._bills = BillDownload(keys, self._client, self._wire, now)

    async def create(self, order: PaymentOrder) -> Created:
        """See `payments.port.Provider`. A page is an address that we sign: Alipay hears of it when it is opened, and
        inside its app it is the same page."""
        match order.channel:
            case Channel.QR:
                return await self._precreate(order)
            case Channel.BROWSER | Channel.IN_APP:
                signed: str = self._client.api_alipay_trade_wap_pay(**page_parameters(order))
                return Created(url=self._client.address(signed))
            case Channel.COUNTER:
                raise Rejected("CHANNEL", "Alipay takes no cash")
            case _:
                assert_never(order.channel)

    async def query(self, number: str) -> PaymentSeen:
        """See `payments.port.Provider`. ABSENT also before the code is scanned or the page opened."""
        try:
            told = await self._call(Trade, self._client.api_alipay_trade_query, out_trade_no=number)
        except Refused as refused:
            if refused.is_absent:
                return PaymentSeen(number=number, state=PaymentState.ABSENT)
            raise refused.error from None
        _same(told.out_trade_no, number)
        return readable(lambda: payment_seen(told))

    async def close(self, number: str) -> PaymentSeen:
        """See `payments.port.Provider`. By close alone: cancel would give back what was paid meanwhile."""
        try:
            told = await self._call(Closed, self._client.api_alipay_trade_close, out_trade_no=number)
        except Refused as refused:
            if refused.is_absent:
                return PaymentSeen(number=number, state=PaymentState.ABSENT)
            if not refused.is_not_waiting:
                raise refused.error from None
            seen = await self.query(number)
            if seen.state is PaymentState.WAITING:
                raise RetrySameKey(refused.code, "it is changing just now") from None
            return seen
        _same(told.out_trade_no, number)
        return PaymentSeen(number=number, state=PaymentState.CLOSED)

    async def refund(self, order: RefundOrder) -> RefundSeen:
        """See `payments.port.Provider`. Done when `fund_change` says so; asked for a second time it no longer does, and
        then the refund itself is looked up."""
        try:
            told = await self._call(
                RefundAnswer, self._client.api_alipay_trade_refund, **refund_parameters(order)
            )
        except Refused as refused:
            raise refused.error from None
        _same(told.out_trade_no, order.payment_number)
        if told.fund_change != "Y":
            seen = await self.query_refund(order.number, order.payment_number)
            if seen.state is RefundState.ABSENT:
                raise Unknown("FUND_CHANGE", "taken, and not there yet")
            return seen
        if not order.amount_minor <= readable(lambda: fen(told.refund_fee)) <= order.total_minor:
            raise Unknown("CONTENT", "the sum given back does not fit the refund")
        return RefundSeen(
            number=order.number,
            payment_number=order.payment_number,
            state=RefundState.SUCCEEDED,
            provider_id=told.trade_no,
            amount_minor=order.amount_minor,
            currency=CURRENCY,
            merchant=self.merchant,
        )

    async def query_refund(self, number: str, payment_number: str) -> RefundSeen:
        """See `payments.port.Provider`."""
        try:
            told = await self._call(
                RefundFound,
                self._client.api_alipay_trade_fastpay_refund_query,
                out_request_no=number,
                out_trade_no=payment_number,
            )
        except Refused as refused:
            if refused.is_absent:
                return RefundSeen(number=number, payment_number=payment_number, state=RefundState.ABSENT)
            raise refused.error from None
        return readable(lambda: refund_found(told, number, payment_number, self.merchant))

    async def download_bill(self, day: date) -> tuple[BillLine, ...]:
        """See `payments.port.Provider`. Empty when there is no bill a day after it was due: nothing happened."""
        within_s = 2 * (self._deadlines.file_s + self._deadlines.whole_s)
        return await self._in_thread(functools.partial(self._bills.of, day), within_s)

    def parse_notification(self, headers: Headers, raw: bytes, now: datetime) -> VerifiedEvent:
        """See `payments.port.Provider`. All that is needed is in the form."""
        return notifications.parse(self._seals, raw, now)

    def answer(self, outcome: Outcome) -> HttpReply:
        """See `payments.port.Provider`."""
        return notifications.answer(outcome)

    async def _precreate(self, order: PaymentOrder) -> Created:
        parameters = qr_parameters(order, self._keys.qr_product, self._now())
        try:
            told = await self._call(Precreated, self._client.api_alipay_trade_precreate, **parameters)
        except Refused as refused:
            if refused.is_taken:
                raise Unknown(refused.code, "there is something of this number already") from None
            raise refused.error from None
        _same(told.out_trade_no, order.number)
        return Created(qr=told.qr_code)


def _same(told: str, number: str) -> None:
    """An answer is signed, but not to which question: an old one about another order would verify."""
    if told != number:
        raise Unknown("CONTENT", "the answer is about another order")


if TYPE_CHECKING:
    from coinslot.payments.port import Provider

    _PORT: type[Provider] = Alipay
