"""Calls about orders and refunds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.http import Handler, Reply, Request, Route
from coinslot.sandbox.providers.switches import Failure, Switches
from coinslot.sandbox.providers.wechat.bodies import CloseBody, OrderBody, RefundBody, read
from coinslot.sandbox.providers.wechat.book import Kind, Order
from coinslot.sandbox.providers.wechat.desk import Desk, Work
from coinslot.sandbox.providers.wechat.refused import Refused, wrong_field
from coinslot.sandbox.providers.wechat.told import Content, order_content, refund_content

if TYPE_CHECKING:
    from coinslot.sandbox.providers.wechat.sandbox import WechatSandbox

_ORDERS: Final = "/v3/pay/transactions"
_REFUNDS: Final = "/v3/refund/domestic/refunds"
REFUND_TAKES_S: Final = 3.0


class Payments:
    """`/v3/pay/transactions/…` and `/v3/refund/domestic/refunds…`."""

    def __init__(self, sandbox: WechatSandbox, desk: Desk, clock: SandboxClock, switches: Switches) -> None:
        self.url = ""
        """Where payers' phones find the server."""
        self._sandbox = sandbox
        self._desk = desk
        self._clock = clock
        self._switches = switches

    def routes(self) -> tuple[Route, ...]:
        """What is answered."""
        by_number = f"{_ORDERS}/out-trade-no/{{number}}"
        plain = self._desk.handler
        return (
            Route("POST", f"{_ORDERS}/native", self._create(self._native)),
            Route("POST", f"{_ORDERS}/jsapi", self._create(self._jsapi)),
            Route("POST", f"{_ORDERS}/h5", self._create(self._h5)),
            Route("GET", by_number, plain("query", self._query)),
            Route("GET", f"{_ORDERS}/id/{{id}}", plain("query", self._query)),
            Route("POST", f"{by_number}/close", plain("close", self._close)),
            Route("POST", _REFUNDS, self._refund_handler()),
            Route("GET", f"{_REFUNDS}/{{number}}", plain("query_refund", self._query_refund)),
        )

    def _create(self, work: Work) -> Handler:
        async def handle(request: Request) -> Reply:
            early = self._switches.take(Failure.PAID_BEFORE_ANSWER, "create")
            reply = self._desk.answer("create", work, request)
            if early is not None and reply.status == 200:
                self._sandbox.pay(read(request.body, OrderBody).out_trade_no)
                await self._clock.settled()
            return reply

        return handle

    def _refund_handler(self) -> Handler:
        async def handle(request: Request) -> Reply:
            early = self._switches.take(Failure.REFUNDED_BEFORE_ANSWER, "refund")
            reply = self._desk.answer("refund", self._refund, request)
            if early is not None and reply.status == 200:
                self._sandbox.end_refund(
                    *self._sandbox.book.find_refund(read(request.body, RefundBody).out_refund_no)
                )
                await self._clock.settled()
            return reply

        return handle

    def _native(self, request: Request) -> Content:
        order = self._order(Kind.NATIVE, read(request.body, OrderBody))
        return {"code_url": f"{self.url}/pay/{order.code}"}

    def _h5(self, request: Request) -> Content:
        body = read(request.body, OrderBody)
        if body.scene_info is None or body.scene_info.h5_info is None:
            raise wrong_field("/body/scene_info/h5_info", "is needed")
        order = self._order(Kind.H5, body)
        return {"h5_url": f"{self.url}/pay/{order.code}?prepay_id={order.prepay_id}"}

    def _jsapi(self, request: Request) -> Content:
        body = read(request.body, OrderBody)
        if body.payer is None:
            raise wrong_field("/body/payer/openid", "is needed")
        if not self._sandbox.openids.is_known(body.payer.openid):
            raise wrong_field("/body/payer/openid", "belongs to no user of this app")
        return {"prepay_id": self._order(Kind.JSAPI, body).prepay_id}

    def _order(self, kind: Kind, body: OrderBody) -> Order:
        account = self._sandbox.account
        if body.mchid != account.mchid or body.appid != account.appid:
            raise Refused(400, "APPID_MCHID_NOT_MATCH", "appid and mchid do not belong together")
        return self._sandbox.book.create(kind, body, self._clock.now())

    def _query(self, request: Request) -> Content:
        self._own(request.query.get("mchid", ""))
        book, matched = self._sandbox.book, request.matched
        return order_content(
            book.find(matched["number"]) if "number" in matched else book.find_paid(matched["id"])
        )

    def _close(self, request: Request) -> None:
        self._own(read(request.body, CloseBody).mchid)
        self._sandbox.book.close(request.matched["number"])

    def _refund(self, request: Request) -> Content:
        body = read(request.body, RefundBody)
        order, refund, is_new = self._sandbox.book.refund(body, self._clock.now())

        async def end() -> None:
            self._sandbox.end_refund(order, refund)

        if is_new:
            self._clock.after(REFUND_TAKES_S, end)
        return refund_content(order, refund)

    def _query_refund(self, request: Request) -> Content:
        return refund_content(*self._sandbox.book.find_refund(request.matched["number"]))

    def _own(self, mchid: str) -> None:
        if mchid != self._sandbox.account.mchid:
            raise Refused(400, "PARAM_ERROR", "mchid is not the one that signed")
