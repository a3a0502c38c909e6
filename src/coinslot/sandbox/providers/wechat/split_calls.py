"""Calls about profit sharing; what they ask for is done a little later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.http import Request, Route
from coinslot.sandbox.providers.switches import Failure, Switches
from coinslot.sandbox.providers.wechat.bodies import (
    ReceiverBody,
    ReturnBody,
    SplitBody,
    UnfreezeBody,
    read,
)
from coinslot.sandbox.providers.wechat.desk import Desk
from coinslot.sandbox.providers.wechat.refused import Refused
from coinslot.sandbox.providers.wechat.signing import opened_name
from coinslot.sandbox.providers.wechat.splits import Return, Split
from coinslot.sandbox.providers.wechat.told import Content, moment

if TYPE_CHECKING:
    from coinslot.sandbox.providers.wechat.sandbox import WechatSandbox

_PATH: Final = "/v3/profitsharing"
SPLIT_TAKES_S: Final = 3.0


class SplitCalls:
    """`/v3/profitsharing/…`."""

    def __init__(self, sandbox: WechatSandbox, desk: Desk, clock: SandboxClock, switches: Switches) -> None:
        self._sandbox = sandbox
        self._desk = desk
        self._clock = clock
        self._switches = switches

    def routes(self) -> tuple[Route, ...]:
        """What is answered."""
        handler = self._desk.handler
        return (
            Route("POST", f"{_PATH}/receivers/add", handler("receiver", self._add_receiver)),
            Route("POST", f"{_PATH}/receivers/delete", handler("receiver", self._delete_receiver)),
            Route("POST", f"{_PATH}/orders", handler("split", self._split)),
            Route("POST", f"{_PATH}/orders/unfreeze", handler("split", self._unfreeze)),
            Route("GET", f"{_PATH}/orders/{{number}}", handler("query_split", self._query)),
            Route("POST", f"{_PATH}/return-orders", handler("return_split", self._give_back)),
            Route("GET", f"{_PATH}/return-orders/{{number}}", handler("query_return", self._query_return)),
            Route("GET", f"{_PATH}/transactions/{{id}}/amounts", handler("query_split", self._left)),
        )

    def _add_receiver(self, request: Request) -> Content:
        body = read(request.body, ReceiverBody)
        if body.name:
            opened_name(self._sandbox.account, request.headers.get("wechatpay-serial", ""), body.name)
        self._sandbox.splits.add_receiver(body)
        return {"type": body.type, "account": body.account, "relation_type": body.relation_type}

    def _delete_receiver(self, request: Request) -> Content:
        body = read(request.body, ReceiverBody)
        self._sandbox.splits.receivers.discard((body.type, body.account))
        return {"type": body.type, "account": body.account}

    def _split(self, request: Request) -> Content:
        body = read(request.body, SplitBody)
        for receiver in body.receivers:
            if receiver.name:
                serial = request.headers.get("wechatpay-serial", "")
                opened_name(self._sandbox.account, serial, receiver.name)
        order = self._sandbox.book.find_paid(body.transaction_id)
        split = self._sandbox.splits.split(order, body, self._clock.now())
        self._finish_later(split)
        return _split_content(split)

    def _unfreeze(self, request: Request) -> Content:
        body = read(request.body, UnfreezeBody)
        order = self._sandbox.book.find_paid(body.transaction_id)
        split = self._sandbox.splits.unfreeze(order, body, self._clock.now())
        self._finish_later(split)
        return _split_content(split)

    def _query(self, request: Request) -> Content:
        split = self._sandbox.splits.find(request.matched["number"])
        if request.query.get("transaction_id") != split.order.transaction_id:
            raise Refused(404, "RESOURCE_NOT_EXISTS", "there is no such split")
        return _split_content(split)

    def _give_back(self, request: Request) -> Content:
        made = self._sandbox.splits.give_back(read(request.body, ReturnBody), self._clock.now())

        async def finish() -> None:
            if made.result == "PROCESSING":
                failing = self._switches.take(Failure.RETURN_FAILS)
                reason = "" if failing is None else failing.value or "TIME_OUT_CLOSED"
                self._sandbox.splits.finish_return(made, reason)

        self._clock.after(SPLIT_TAKES_S, finish)
        return _return_content(made)

    def _query_return(self, request: Request) -> Content:
        made = self._sandbox.splits.returns.get(request.matched["number"])
        if made is None:
            raise Refused(404, "RESOURCE_NOT_EXISTS", "there is no such return")
        return _return_content(made)

    def _left(self, request: Request) -> Content:
        order = self._sandbox.book.find_paid(request.matched["id"])
        left = order.body.amount.total - order.split_out - order.refunded()
        return {"transaction_id": order.transaction_id, "unsplit_amount": left}

    def _finish_later(self, split: Split) -> None:
        async def finish() -> None:
            if split.is_finished:
                return
            failing = self._switches.take(Failure.SPLIT_FAILS, "split") if split.parts else None
            account = None if failing is None else failing.value or split.parts[0].receiver.account
            self._sandbox.splits.finish(split, account)

        self._clock.after(SPLIT_TAKES_S, finish)


def _split_content(split: Split) -> Content:
    receivers = []
    for part in split.parts:
        told: Content = {
            "type": part.receiver.type,
            "account": part.receiver.account,
            "amount": part.receiver.amount,
            "description": part.receiver.description,
            "result": part.result,
            "detail_id": part.detail_id,
            "create_time": moment(split.created_at),
        }
        if part.result == "CLOSED":
            told["fail_reason"] = "ACCOUNT_ABNORMAL"
        receivers.append(told)
    return {
        "transaction_id": split.order.transaction_id,
        "out_order_no": split.body.out_order_no,
        "order_id": split.id,
        "state": "FINISHED" if split.is_finished else "PROCESSING",
        "receivers": receivers,
    }


def _return_content(made: Return) -> Content:
    content: Content = {
        "order_id": made.split.id,
        "out_order_no": made.split.body.out_order_no,
        "out_return_no": made.body.out_return_no,
        "return_id": made.id,
        "return_mchid": made.body.return_mchid,
        "amount": made.body.amount,
        "description": made.body.description,
        "result": made.result,
        "create_time": moment(made.created_at),
    }
    return content | {"fail_reason": made.reason} if made.reason else content
