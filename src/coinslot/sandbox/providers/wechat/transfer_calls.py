"""Calls about transfers to people, and the payee's own word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.http import Reply, Request, Route, json_reply
from coinslot.sandbox.providers.switches import Failure, Switches
from coinslot.sandbox.providers.wechat.bodies import read
from coinslot.sandbox.providers.wechat.desk import Desk
from coinslot.sandbox.providers.wechat.refused import Refused, wrong_field
from coinslot.sandbox.providers.wechat.signing import opened_name
from coinslot.sandbox.providers.wechat.told import Content, moment
from coinslot.sandbox.providers.wechat.transfers import CONFIRM_WITHIN, State, Transfer, TransferBody

if TYPE_CHECKING:
    from coinslot.sandbox.providers.wechat.sandbox import WechatSandbox

_PATH: Final = "/v3/fund-app/mch-transfer/transfer-bills"
TRANSFER_TAKES_S: Final = 3.0
"""From the payee's word to the money."""


class TransferCalls:
    """`/v3/fund-app/mch-transfer/…`."""

    def __init__(self, sandbox: WechatSandbox, desk: Desk, clock: SandboxClock, switches: Switches) -> None:
        self._sandbox = sandbox
        self._desk = desk
        self._clock = clock
        self._switches = switches

    def routes(self) -> tuple[Route, ...]:
        """What is answered."""
        handler = self._desk.handler
        by_number = f"{_PATH}/out-bill-no/{{number}}"
        return (
            Route("POST", _PATH, handler("payout", self._send)),
            Route("GET", by_number, handler("query_payout", self._query)),
            Route("POST", f"{by_number}/cancel", handler("payout", self._cancel)),
            Route("POST", "/sandbox/wechat/transfers/{number}/confirm", self._confirm),
        )

    def confirm(self, number: str) -> None:
        """The payee says yes; the money follows a little later. Refused."""
        transfer = self._sandbox.transfers.confirm(number)

        async def finish() -> None:
            if transfer.is_open and not self._switches.take(Failure.PAYOUT_STAYS):
                failing = self._switches.take(Failure.PAYOUT_FAILS)
                reason = "" if failing is None else failing.value or "PAYEE_ACCOUNT_ABNORMAL"
                self._sandbox.transfers.finish(transfer, reason)

        self._clock.after(TRANSFER_TAKES_S, finish)

    async def _confirm(self, request: Request) -> Reply:
        try:
            self.confirm(request.matched["number"])
        except Refused as refused:
            return json_reply(refused.status, refused.content())
        return json_reply(200, {"state": self._sandbox.transfers.find(request.matched["number"]).state})

    def _send(self, request: Request) -> Content:
        body = read(request.body, TransferBody)
        if body.appid != self._sandbox.account.appid:
            raise Refused(400, "APPID_MCHID_NOT_MATCH", "appid and mchid do not belong together")
        if not self._sandbox.openids.is_known(body.openid):
            raise wrong_field("/body/openid", "belongs to no user of this app")
        if body.user_name:
            opened_name(self._sandbox.account, request.headers.get("wechatpay-serial", ""), body.user_name)
        transfer, is_new = self._sandbox.transfers.send(body, self._clock.now())

        async def expire() -> None:
            self._sandbox.transfers.expire(transfer)

        if is_new:
            self._clock.after(CONFIRM_WITHIN.total_seconds(), expire)
        content = _named(transfer)
        if transfer.state is State.WAIT_USER_CONFIRM:
            content["package_info"] = transfer.package
        return content

    def _query(self, request: Request) -> Content:
        transfer = self._sandbox.transfers.find(request.matched["number"])
        body = transfer.body
        content = _named(transfer) | {
            "mch_id": self._sandbox.account.mchid,
            "appid": body.appid,
            "transfer_amount": body.transfer_amount,
            "transfer_remark": body.transfer_remark,
            "openid": body.openid,
            "update_time": moment(self._clock.now()),
        }
        return content | {"fail_reason": transfer.reason} if transfer.reason else content

    def _cancel(self, request: Request) -> Content:
        return _named(self._sandbox.transfers.cancel(request.matched["number"]))


def _named(transfer: Transfer) -> Content:
    return {
        "out_bill_no": transfer.body.out_bill_no,
        "transfer_bill_no": transfer.id,
        "create_time": moment(transfer.created_at),
        "state": transfer.state,
    }
