"""One merchant's WeChat Pay as a `payments.port.Provider`."""

from __future__ import annotations

import functools
import secrets
import time
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
    ProviderError,
    RefundOrder,
    RefundSeen,
    RefundState,
    Rejected,
    RetrySameKey,
    Unknown,
    VerifiedEvent,
)
from coinslot.providers.exchange import Deadlines
from coinslot.providers.wechat import notifications, openid
from coinslot.providers.wechat.answers import (
    H5Answer,
    JsapiAnswer,
    NativeAnswer,
    RefundAnswer,
    Transaction,
    payment_seen,
    read,
    refund_seen,
)
from coinslot.providers.wechat.bill_download import BillDownload
from coinslot.providers.wechat.calls import checked, h5_url, order_parameters, refund_parameters
from coinslot.providers.wechat.guard import Refusal
from coinslot.providers.wechat.line import readable
from coinslot.providers.wechat.refusals import Refused, refused
from coinslot.providers.wechat.settings import WechatKeys
from coinslot.providers.wechat.sharing import Sharing
from coinslot.providers.wechat.transfers import Transfers


class WechatPay(Sharing, Transfers):
    """See `payments.port.Provider`."""

    name = "wechat"
    bill_zone = "Asia/Shanghai"

    def __init__(
        self,
        keys: WechatKeys,
        *,
        deadlines: Deadlines | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(keys, deadlines)
        self._now = now
        self._bills = BillDownload(self._client, keys.gateway, now)

    async def create(self, order: PaymentOrder) -> Created:
        """See `payments.port.Provider`."""
        parameters = order_parameters(order)
        try:
            body = await self._call(200, self._client.pay, **parameters)
        except Refusal as refusal:
            raise await self._why_not_created(order.number, refused(refusal)) from None
        return self._created(order, body)

    async def query(self, number: str) -> PaymentSeen:
        """See `payments.port.Provider`."""
        try:
            body = await self._call(200, self._client.query, out_trade_no=checked(number))
        except Refusal as refusal:
            why = refused(refusal)
            if why.is_absent:
                return self._seen(number, PaymentState.ABSENT)
            raise why.error from None
        return readable(lambda: payment_seen(read(body, Transaction)))

    async def close(self, number: str) -> PaymentSeen:
        """See `payments.port.Provider`."""
        try:
            await self._call(204, self._client.close, out_trade_no=checked(number))
        except Refusal as refusal:
            why = refused(refusal)
            if why.is_absent:
                return self._seen(number, PaymentState.ABSENT)
            if why.is_proven and not isinstance(why.error, RetrySameKey):
                seen = await self.query(number)
                if seen.state is not PaymentState.WAITING:
                    return seen
            raise why.error from None
        return self._seen(number, PaymentState.CLOSED)

    async def refund(self, order: RefundOrder) -> RefundSeen:
        """See `payments.port.Provider`. What was shared has to be returned first: RetrySameKey (NOT_ENOUGH) until then."""
        if order.shares:
            raise Rejected("RETURN_FIRST", "shares are returned by themselves, before the refund")
        parameters = refund_parameters(order)
        try:
            body = await self._call(200, self._client.refund, **parameters)
        except Refusal as refusal:
            return await self._refund_refused(order, refused(refusal))
        return readable(lambda: refund_seen(read(body, RefundAnswer), self.merchant))

    async def query_refund(self, number: str, payment_number: str) -> RefundSeen:
        """See `payments.port.Provider`."""
        try:
            body = await self._call(200, self._client.query_refund, out_refund_no=checked(number))
        except Refusal as refusal:
            why = refused(refusal)
            if why.is_absent:
                return RefundSeen(
                    number=number,
                    payment_number=payment_number,
                    state=RefundState.ABSENT,
                    merchant=self.merchant,
                )
            raise why.error from None
        return readable(lambda: refund_seen(read(body, RefundAnswer), self.merchant))

    async def download_bill(self, day: date) -> tuple[BillLine, ...]:
        """See `payments.port.Provider`. Empty when the provider says that nothing happened on that day."""
        return await self._in_thread(
            functools.partial(self._bills.of, day), self._deadlines.file_s + 2 * self._deadlines.whole_s
        )

    def parse_notification(self, headers: Headers, raw: bytes, now: datetime) -> VerifiedEvent:
        """See `payments.port.Provider`."""
        return notifications.parse(self._seals, headers, raw, now)

    def answer(self, outcome: Outcome) -> HttpReply:
        """See `payments.port.Provider`."""
        return notifications.answer(outcome)

    @property
    def knows_payers(self) -> bool:
        """Whether it can tell who uses a page inside WeChat: that takes the app's own secret."""
        return bool(self._keys.app_secret)

    def authorize_url(self, redirect: str, state: str) -> str:
        """See `openid.authorize_url`."""
        return openid.authorize_url(self._keys, redirect, state)

    async def openid_of(self, code: str) -> str:
        """See `openid.openid_of`."""
        return await openid.openid_of(self._keys, code, self._trust, self._deadlines.silence_s)

    def _created(self, order: PaymentOrder, body: str) -> Created:
        match order.channel:
            case Channel.QR:
                return Created(qr=readable(lambda: read(body, NativeAnswer)).code_url)
            case Channel.BROWSER:
                url = readable(lambda: read(body, H5Answer)).h5_url
                return Created(url=h5_url(url, order.return_url))
            case Channel.IN_APP:
                return self._bridge(readable(lambda: read(body, JsapiAnswer)).prepay_id)
            case Channel.COUNTER:
                raise Rejected("CHANNEL", "WeChat Pay takes no cash")
            case _:
                assert_never(order.channel)

    def _bridge(self, prepay_id: str) -> Created:
        """What WeixinJSBridge is called with."""
        at, nonce = str(int(time.time())), secrets.token_hex(16)
        package = f"prepay_id={prepay_id}"
        signature: str = self._client.sign([self._keys.appid, at, nonce, package])
        return Created(
            in_app={
                "appId": self._keys.appid,
                "timeStamp": at,
                "nonceStr": nonce,
                "package": package,
                "signType": "RSA",
                "paySign": signature,
            }
        )

    async def _why_not_created(self, number: str, why: Refused) -> ProviderError:
        """A refusal is final only when no earlier try with this number has made an order."""
        if not why.is_proven or why.is_about_us or not isinstance(why.error, Rejected):
            return why.error
        try:
            seen = await self.query(number)
        except ProviderError:
            return Unknown(why.code, "refused, and the order could not be queried")
        if seen.state in (PaymentState.ABSENT, PaymentState.CLOSED):
            return why.error
        return Unknown(why.code, "refused, though there is an order of this number")

    async def _refund_refused(self, order: RefundOrder, why: Refused) -> RefundSeen:
        """A refusal is final only when no earlier try with this number was accepted."""
        if not why.is_proven or not isinstance(why.error, Rejected):
            raise why.error from None
        try:
            seen = await self.query_refund(order.number, order.payment_number)
        except ProviderError:
            raise Unknown(why.code, "refused, and the refund could not be queried") from None
        if seen.state is RefundState.ABSENT:
            raise why.error from None
        if (seen.amount_minor, seen.payment_number) != (order.amount_minor, order.payment_number):
            raise Unknown(why.code, "refused: the refund of this number has other values") from None
        return seen

    def _seen(self, number: str, state: PaymentState) -> PaymentSeen:
        return PaymentSeen(number=number, state=state, merchant=self.merchant, app=self._keys.appid)


if TYPE_CHECKING:
    from coinslot.payments.port import Provider

    _PORT: type[Provider] = WechatPay
