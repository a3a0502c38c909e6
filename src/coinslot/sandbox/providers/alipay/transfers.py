"""Transfers to people's accounts: done at once, or a little later, or not at all."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from coinslot.sandbox.providers.alipay.bodies import NUMBER, TransferBody, TransferQueryBody, fen, read
from coinslot.sandbox.providers.alipay.gateway import Call, Gateway, Parameters
from coinslot.sandbox.providers.alipay.refused import failed, wrong_value
from coinslot.sandbox.providers.alipay.signing import moment
from coinslot.sandbox.providers.alipay.told import OK, Content, yuan
from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.switches import Failure, Switches

_PRODUCT: Final = ("TRANS_ACCOUNT_NO_PWD", "DIRECT_TRANSFER")
_IDENTITIES: Final = frozenset({"ALIPAY_USER_ID", "ALIPAY_LOGON_ID"})


class State(StrEnum):
    """The wire's `status`."""

    DEALING = "DEALING"
    SUCCESS = "SUCCESS"
    FAIL = "FAIL"
    CLOSED = "CLOSED"


@dataclass
class Transfer:
    """Money for somebody."""

    id: str
    body: TransferBody
    fen: int
    at: datetime
    state: State = State.SUCCESS
    error: str = ""


class Transfers:
    """All of one merchant's, by number. No I/O."""

    def __init__(self) -> None:
        self._transfers: dict[str, Transfer] = {}

    def send(self, body: TransferBody, state: State, error: str, now: datetime) -> Transfer:
        """A new one, or the same again. Refused by the provider's limits."""
        known = self._transfers.get(body.out_biz_no)
        if known is not None:
            if known.body != body:
                raise failed("DISCORDANT_REPEAT_REQUEST", "this number was used with other values")
            return known
        payee = body.payee_info
        if not NUMBER.fullmatch(body.out_biz_no) or (body.product_code, body.biz_scene) != _PRODUCT:
            raise wrong_value("out_biz_no, product_code or biz_scene")
        if payee.identity_type not in _IDENTITIES:
            raise wrong_value("identity_type")
        if payee.identity_type == "ALIPAY_LOGON_ID" and not payee.name:
            raise failed("PAYEE_USER_INFO_ERROR", "a login needs its owner's name")
        amount = fen(body.trans_amount)
        made = Transfer(f"{now:%Y%m%d}{secrets.randbelow(10**20):020d}", body, amount, now, state, error)
        self._transfers[body.out_biz_no] = made
        return made

    def find(self, number: str) -> Transfer:
        """Refused when there is none."""
        found = self._transfers.get(number)
        if found is None:
            raise failed("ORDER_NOT_EXIST", "there is no such transfer")
        return found

    def end(self, number: str, state: State, error: str = "") -> None:
        """One that was under way comes to its end."""
        transfer = self.find(number)
        transfer.state, transfer.error = state, error


class TransferCalls:
    """Puts itself into the gateway."""

    def __init__(
        self, transfers: Transfers, gateway: Gateway, clock: SandboxClock, switches: Switches
    ) -> None:
        self._transfers = transfers
        self._clock = clock
        self._switches = switches
        gateway.calls |= {
            "alipay.fund.trans.uni.transfer": Call("payout", self._send),
            "alipay.fund.trans.common.query": Call("query_payout", self._query),
        }

    def _send(self, parameters: Parameters) -> Content:
        body = read(parameters.get("biz_content", ""), TransferBody)
        state, error = State.SUCCESS, ""
        if self._switches.take(Failure.PAYOUT_STAYS):
            state = State.DEALING
        elif failing := self._switches.take(Failure.PAYOUT_FAILS):
            state, error = State.FAIL, failing.value or "PAYEE_ACC_OCUPIED"
        return _told(self._transfers.send(body, state, error, self._clock.now()))

    def _query(self, parameters: Parameters) -> Content:
        asked = read(parameters.get("biz_content", ""), TransferQueryBody)
        transfer = self._transfers.find(asked.out_biz_no)
        return {**_told(transfer), "trans_amount": yuan(transfer.fen), "pay_date": moment(transfer.at)}


def _told(transfer: Transfer) -> Content:
    content: Content = {
        **OK,
        "out_biz_no": transfer.body.out_biz_no,
        "order_id": transfer.id,
        "pay_fund_order_id": transfer.id,
        "status": transfer.state.value,
        "trans_date": moment(transfer.at),
    }
    return content | {"error_code": transfer.error} if transfer.error else content
