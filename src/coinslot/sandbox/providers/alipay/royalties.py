"""Shares of paid trades: who may get them, what they got. No I/O."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from coinslot.sandbox.providers.alipay.bodies import NUMBER, BindBody, Royalty, SettleBody, fen
from coinslot.sandbox.providers.alipay.book import Order, State
from coinslot.sandbox.providers.alipay.refused import failed, wrong_value

CAP_PER_CENT: Final = 30
"""Of the trade, unless the merchant has agreed on another share with the provider."""
_TYPES: Final = frozenset({"userId", "loginName"})
_MOST: Final = 50


class Result(StrEnum):
    """The wire's `state` of one part."""

    PROCESSING = "PROCESSING"
    SUCCESS = "SUCCESS"
    FAIL = "FAIL"


@dataclass
class Part:
    """What one receiver gets."""

    royalty: Royalty
    fen: int
    detail_id: str
    result: Result = Result.PROCESSING
    error: str = ""


@dataclass
class Settlement:
    """One request to share."""

    id: str
    order: Order
    body: SettleBody
    parts: list[Part]
    finishes: bool
    """Whether nothing more is shared of the trade."""


@dataclass
class Royalties:
    """Receivers and settlements of one merchant."""

    receivers: set[tuple[str, str]] = field(default_factory=set)
    """Type and account."""
    settlements: dict[str, Settlement] = field(default_factory=dict)

    def bind(self, body: BindBody) -> None:
        """They may get shares from now on. Refused."""
        for each in body.receiver_list:
            if each.type not in _TYPES:
                raise wrong_value("type is userId or loginName")
            self.receivers.add((each.type, each.account))

    def settle(self, order: Order, body: SettleBody) -> tuple[Settlement, bool]:
        """A new one (True), or the same again. Refused by the provider's limits."""
        known = self.settlements.get(body.out_request_no)
        if known is not None:
            if known.body != body:
                raise failed("ACQ.DISCORDANT_REPEAT_REQUEST", "this number was used with other values")
            return known, False
        self._check(order, body)
        parts = [Part(each, fen(each.amount), _digits(20)) for each in body.royalty_parameters]
        self._check_amounts(order, parts)
        made = Settlement(
            id=f"2026{_digits(24)}",
            order=order,
            body=body,
            parts=parts,
            finishes=body.extend_params.get("royalty_finish") == "true",
        )
        for part in parts:
            _add(order, part, part.fen)
        self.settlements[body.out_request_no] = made
        return made, True

    def finish(self, made: Settlement, failing: str | None) -> None:
        """Pay out the parts; `failing` names the receiver that gets nothing."""
        for part in made.parts:
            if part.royalty.trans_in == failing:
                part.result, part.error = Result.FAIL, "USER_STATUS_ERROR"
                _add(made.order, part, -part.fen)
            else:
                part.result = Result.SUCCESS

    def find(self, number: str, trade_no: str) -> Settlement:
        """Refused when there is none."""
        made = self.settlements.get(number)
        if made is None or made.order.trade_no != trade_no:
            raise failed("ACQ.TRADE_SETTLE_NOT_EXIST", "there is no such settlement")
        return made

    def _check(self, order: Order, body: SettleBody) -> None:
        if not NUMBER.fullmatch(body.out_request_no) or body.royalty_mode not in ("sync", "async"):
            raise wrong_value("out_request_no or royalty_mode")
        if order.state is not State.SUCCESS:
            raise failed("ACQ.TRADE_STATUS_ERROR", "only a paid trade can be shared")
        if any(each.finishes and each.order is order for each in self.settlements.values()):
            raise failed("ACQ.TRADE_SETTLE_ERROR", "the sharing of this trade is finished")
        if len(body.royalty_parameters) > _MOST:
            raise wrong_value("at most 50 receivers")
        if any((each.trans_in_type, each.trans_in) not in self.receivers for each in body.royalty_parameters):
            raise failed("ACQ.ROYALTY_RECEIVER_INVALID", "a receiver was not bound before")

    def _check_amounts(self, order: Order, parts: list[Part]) -> None:
        asked = sum(order.split_out.values()) + sum(part.fen for part in parts)
        if asked * 100 > order.body.fen * CAP_PER_CENT or asked + order.refunded() > order.body.fen:
            raise failed("ACQ.ALLOC_AMOUNT_VALIDATE_ERROR", "more than the share that may be split")


def _add(order: Order, part: Part, amount: int) -> None:
    account = part.royalty.trans_in
    order.split_out[account] = order.split_out.get(account, 0) + amount


def _digits(count: int) -> str:
    return f"{secrets.randbelow(10**count):0{count}d}"
