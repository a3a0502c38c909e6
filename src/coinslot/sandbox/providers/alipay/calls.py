"""The gateway's methods about trades and refunds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coinslot.sandbox.providers.alipay.bodies import (
    NamedBody,
    OrderBody,
    RefundBody,
    RefundQueryBody,
    read,
)
from coinslot.sandbox.providers.alipay.book import Kind, Order
from coinslot.sandbox.providers.alipay.gateway import Call, Gateway, Parameters
from coinslot.sandbox.providers.alipay.refused import Refused
from coinslot.sandbox.providers.alipay.told import (
    OK,
    Content,
    names,
    refund_content,
    refund_query_content,
    trade_content,
)
from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.http import Reply, redirect
from coinslot.sandbox.providers.switches import Failure, Switches

if TYPE_CHECKING:
    from coinslot.sandbox.providers.alipay.sandbox import AlipaySandbox


class Calls:
    """Puts itself into the gateway."""

    def __init__(
        self, sandbox: AlipaySandbox, gateway: Gateway, clock: SandboxClock, switches: Switches
    ) -> None:
        self.url = ""
        """The server's."""
        self._sandbox = sandbox
        self._clock = clock
        self._switches = switches
        gateway.page = self._wap
        gateway.calls |= {
            "alipay.trade.precreate": Call("create", self._precreate, self._after_create),
            "alipay.trade.query": Call("query", self._query),
            "alipay.trade.close": Call("close", self._close),
            "alipay.trade.cancel": Call("cancel", self._cancel),
            "alipay.trade.refund": Call("refund", self._refund, self._after_refund),
            "alipay.trade.fastpay.refund.query": Call("query_refund", self._query_refund),
        }

    def _make(self, kind: Kind, parameters: Parameters) -> Order:
        return self._sandbox.book.make(
            kind,
            read(parameters.get("biz_content", ""), OrderBody),
            parameters.get("notify_url", ""),
            parameters.get("return_url", ""),
            self._clock.now(),
        )

    def _precreate(self, parameters: Parameters) -> Content:
        order = self._make(Kind.QR, parameters)
        return {
            **OK,
            "out_trade_no": order.body.out_trade_no,
            "qr_code": f"{self.url}/alipay/qr/{order.code}",
        }

    async def _after_create(self, parameters: Parameters) -> None:
        if self._switches.take(Failure.PAID_BEFORE_ANSWER, "create"):
            self._sandbox.pay(read(parameters["biz_content"], OrderBody).out_trade_no)
            await self._clock.settled()

    def _wap(self, parameters: Parameters) -> Reply:
        order = self._make(Kind.WAP, parameters)
        self._sandbox.scan(order)
        return redirect(f"/pay/{order.code}")

    def _trade(self, parameters: Parameters) -> Order:
        body = read(parameters.get("biz_content", ""), NamedBody)
        return self._sandbox.book.trade(body.out_trade_no, body.trade_no)

    def _query(self, parameters: Parameters) -> Content:
        return trade_content(self._trade(parameters))

    def _close(self, parameters: Parameters) -> Content:
        body = read(parameters.get("biz_content", ""), NamedBody)
        order = self._sandbox.book.close(body.out_trade_no, body.trade_no, self._clock.now())
        return {**OK, **names(order)}

    def _cancel(self, parameters: Parameters) -> Content:
        body = read(parameters.get("biz_content", ""), NamedBody)
        told = {**OK, "retry_flag": "N"}
        try:
            order, action = self._sandbox.book.cancel(body.out_trade_no, body.trade_no, self._clock.now())
        except Refused as refused:
            if refused.sub_code != "ACQ.TRADE_NOT_EXIST":
                raise
            # Nothing to cancel is no error to the real one; it only names no action.
            return {**told, "out_trade_no": body.out_trade_no}
        return {**told, **names(order), "action": action}

    def _refund(self, parameters: Parameters) -> Content:
        book, now = self._sandbox.book, self._clock.now()
        order, refund, _ = book.refund(read(parameters.get("biz_content", ""), RefundBody), now)
        if refund.done or self._switches.take(Failure.REFUND_STAYS):
            return refund_content(order, changed=False)
        book.finish_refund(order, refund, now)
        self._sandbox.notices.refunded(order, refund)
        return refund_content(order, changed=True)

    async def _after_refund(self, parameters: Parameters) -> None:
        if self._switches.take(Failure.REFUNDED_BEFORE_ANSWER, "refund"):
            await self._clock.settled()

    def _query_refund(self, parameters: Parameters) -> Content:
        body = read(parameters.get("biz_content", ""), RefundQueryBody)
        order = self._sandbox.book.trade(body.out_trade_no, body.trade_no)
        return refund_query_content(order, self._sandbox.book.find_refund(order, body.out_request_no))
