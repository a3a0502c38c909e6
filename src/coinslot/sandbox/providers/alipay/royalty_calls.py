"""The gateway's methods about shares; what they ask for is done a little later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from coinslot.sandbox.providers.alipay.bodies import BindBody, SettleBody, SettleQueryBody, read
from coinslot.sandbox.providers.alipay.gateway import Call, Gateway, Parameters
from coinslot.sandbox.providers.alipay.signing import moment
from coinslot.sandbox.providers.alipay.told import OK, Content, yuan
from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.switches import Failure, Switches

if TYPE_CHECKING:
    from coinslot.sandbox.providers.alipay.sandbox import AlipaySandbox

SPLIT_TAKES_S: Final = 3.0


class RoyaltyCalls:
    """Puts itself into the gateway."""

    def __init__(
        self, sandbox: AlipaySandbox, gateway: Gateway, clock: SandboxClock, switches: Switches
    ) -> None:
        self._sandbox = sandbox
        self._clock = clock
        self._switches = switches
        gateway.calls |= {
            "alipay.trade.royalty.relation.bind": Call("receiver", self._bind),
            "alipay.trade.order.settle": Call("split", self._settle),
            "alipay.trade.order.settle.query": Call("query_split", self._query),
        }

    def _bind(self, parameters: Parameters) -> Content:
        self._sandbox.royalties.bind(read(parameters.get("biz_content", ""), BindBody))
        return {**OK, "result_code": "SUCCESS"}

    def _settle(self, parameters: Parameters) -> Content:
        body = read(parameters.get("biz_content", ""), SettleBody)
        order = self._sandbox.book.trade("", body.trade_no)
        made, is_new = self._sandbox.royalties.settle(order, body)

        async def finish() -> None:
            failing = self._switches.take(Failure.SPLIT_FAILS, "split") if made.parts else None
            account = None if failing is None else failing.value or made.parts[0].royalty.trans_in
            self._sandbox.royalties.finish(made, account)

        if is_new:
            self._clock.after(SPLIT_TAKES_S, finish)
        return {**OK, "trade_no": order.trade_no, "settle_no": made.id}

    def _query(self, parameters: Parameters) -> Content:
        body = read(parameters.get("biz_content", ""), SettleQueryBody)
        made = self._sandbox.royalties.find(body.out_request_no, body.trade_no)
        details = []
        for part in made.parts:
            told: Content = {
                "operation_type": "transfer",
                "execute_dt": moment(self._clock.now()),
                "trans_out": self._sandbox.account.seller_id,
                "trans_out_type": "userId",
                "trans_in": part.royalty.trans_in,
                "trans_in_type": part.royalty.trans_in_type,
                "amount": yuan(part.fen),
                "state": part.result.value,
                "detail_id": part.detail_id,
            }
            details.append(told | {"error_code": part.error} if part.error else told)
        return {
            **OK,
            "out_request_no": body.out_request_no,
            "operation_dt": moment(self._clock.now()),
            "royalty_detail_list": details,
        }
