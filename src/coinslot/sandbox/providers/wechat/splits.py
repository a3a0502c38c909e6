"""Profit sharing: parts of paid orders for other receivers, and their way back. No I/O."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from coinslot.sandbox.providers.wechat.bodies import (
    Receiver,
    ReceiverBody,
    ReturnBody,
    SplitBody,
    UnfreezeBody,
)
from coinslot.sandbox.providers.wechat.book import Order
from coinslot.sandbox.providers.wechat.refused import Refused, wrong_field

CAP_PER_CENT: Final = 30
"""Of the order, unless the merchant has agreed on another share with the provider."""
WAIT: Final = timedelta(minutes=1)
"""After the payment."""
MOST_SPLITS: Final = 50
_RELATIONS: Final = frozenset(
    {
        *("STORE", "STAFF", "STORE_OWNER", "PARTNER", "HEADQUARTER", "BRAND"),
        *("DISTRIBUTOR", "USER", "SUPPLIER", "CUSTOM"),
    }
)


class Result(StrEnum):
    """The wire's `result` of one receiver's part, and of a return."""

    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    CLOSED = "CLOSED"


@dataclass
class Part:
    """What one receiver gets."""

    receiver: Receiver
    detail_id: str
    result: Result = Result.PENDING
    returned: int = 0
    """Fen."""


@dataclass
class Split:
    """One request to split."""

    id: str
    order: Order
    body: SplitBody | UnfreezeBody
    created_at: datetime
    parts: list[Part]
    is_finished: bool = False
    ends_all: bool = False
    """What is left goes to the merchant when this one is finished."""


@dataclass
class Return:
    """A part on its way back."""

    id: str
    split: Split
    part: Part
    body: ReturnBody
    created_at: datetime
    result: str = "PROCESSING"
    reason: str = ""


@dataclass
class Splits:
    """Receivers, splits and returns of one merchant."""

    receivers: set[tuple[str, str]] = field(default_factory=set)
    """Type and account."""
    splits: dict[str, Split] = field(default_factory=dict)
    returns: dict[str, Return] = field(default_factory=dict)

    def add_receiver(self, body: ReceiverBody) -> None:
        """May get parts from now on."""
        if body.type not in ("MERCHANT_ID", "PERSONAL_OPENID"):
            raise wrong_field("/body/type", "MERCHANT_ID or PERSONAL_OPENID")
        if body.relation_type not in _RELATIONS:
            raise wrong_field("/body/relation_type", "is none that is known")
        self.receivers.add((body.type, body.account))

    def split(self, order: Order, body: SplitBody, now: datetime) -> Split:
        """A new split, or the same again. Refused by the provider's limits."""
        known = self._known(body.out_order_no, body)
        if known is not None:
            return known
        self._check(order, body, now)
        parts = [Part(receiver, f"360{_digits(25)}") for receiver in body.receivers]
        split = Split(f"300{_digits(25)}", order, body, now, parts, ends_all=body.unfreeze_unsplit)
        order.split_out += sum(part.receiver.amount for part in parts)
        self.splits[body.out_order_no] = split
        return split

    def unfreeze(self, order: Order, body: UnfreezeBody, now: datetime) -> Split:
        """The rest is the merchant's."""
        known = self._known(body.out_order_no, body)
        if known is not None:
            return known
        self._check_open(order, now)
        split = Split(f"300{_digits(25)}", order, body, now, [], ends_all=True)
        self.splits[body.out_order_no] = split
        return split

    def finish(self, split: Split, failing: str | None) -> None:
        """Pay out the parts; `failing` names the receiver that gets nothing."""
        for part in split.parts:
            part.result = Result.CLOSED if part.receiver.account == failing else Result.SUCCESS
            if part.result is Result.CLOSED:
                split.order.split_out -= part.receiver.amount
        split.is_finished = True

    def find(self, number: str) -> Split:
        """Refused (404) when there is none."""
        split = self.splits.get(number)
        if split is None:
            raise Refused(404, "RESOURCE_NOT_EXISTS", "there is no such split")
        return split

    def give_back(self, body: ReturnBody, now: datetime) -> Return:
        """A new return, or the same again."""
        known = self.returns.get(body.out_return_no)
        if known is not None:
            if known.body != body:
                raise Refused(400, "INVALID_REQUEST", "this return number was used with other values")
            return known
        split = next(
            (each for each in self.splits.values() if body.order_id and each.id == body.order_id), None
        ) or self.find(body.out_order_no)
        part = next((each for each in split.parts if each.receiver.account == body.return_mchid), None)
        if part is None or part.result is not Result.SUCCESS:
            raise Refused(400, "INVALID_REQUEST", "this receiver got no part of that split")
        if body.amount <= 0 or part.returned + body.amount > part.receiver.amount:
            raise Refused(403, "NOT_ENOUGH", "more than what the receiver got")
        part.returned += body.amount
        made = Return(f"300{_digits(25)}", split, part, body, now)
        self.returns[body.out_return_no] = made
        return made

    def finish_return(self, made: Return, failing: str) -> None:
        """The money is back with the order, or `failing` says why it is not."""
        if failing:
            made.result, made.reason = "FAILED", failing
            made.part.returned -= made.body.amount
            return
        made.result = "SUCCESS"
        made.split.order.split_out -= made.body.amount

    def _known(self, number: str, body: SplitBody | UnfreezeBody) -> Split | None:
        known = self.splits.get(number)
        if known is not None and known.body != body:
            raise Refused(400, "INVALID_REQUEST", "this split number was used with other values")
        return known

    def _check_open(self, order: Order, now: datetime) -> None:
        if order.body.settle_info is None or not order.body.settle_info.profit_sharing:
            raise Refused(400, "INVALID_REQUEST", "this order was not made to be split")
        if order.paid_at is None or now - order.paid_at < WAIT:
            raise Refused(400, "INVALID_REQUEST", "the order is being processed, split it later")
        of_order = [split for split in self.splits.values() if split.order is order]
        if any(split.ends_all for split in of_order):
            raise Refused(400, "INVALID_REQUEST", "the order's splitting is finished")
        if len(of_order) >= MOST_SPLITS:
            raise Refused(400, "INVALID_REQUEST", "fifty splits of one order at most")

    def _check(self, order: Order, body: SplitBody, now: datetime) -> None:
        self._check_open(order, now)
        if not 1 <= len(body.receivers) <= 50:
            raise wrong_field("/body/receivers", "1 to 50")
        if any(receiver.amount <= 0 for receiver in body.receivers):
            raise wrong_field("/body/receivers/amount", "has to be more than 0")
        if any((each.type, each.account) not in self.receivers for each in body.receivers):
            raise Refused(400, "INVALID_REQUEST", "a receiver was not added before")
        asked = order.split_out + sum(receiver.amount for receiver in body.receivers)
        if asked * 100 > order.body.amount.total * CAP_PER_CENT:
            raise Refused(403, "RULE_LIMIT", "more than the share that may be split")
        if asked + order.refunded() > order.body.amount.total:
            raise Refused(403, "NOT_ENOUGH", "more than what is left of the order")


def _digits(count: int) -> str:
    return f"{secrets.randbelow(10**count):0{count}d}"
