"""What Alipay's answers about shares and transfers mean in the port's words. Pure."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from coinslot.payments.shares import PayoutSeen, PayoutState, ShareSeen, ShareState, SplitSeen, SplitState
from coinslot.providers.alipay.answers import CURRENCY, Unreadable, fen

_SHARE_STATES: Final = {
    "PROCESSING": ShareState.PROCESSING,
    "SUCCESS": ShareState.SUCCEEDED,
    "FAIL": ShareState.FAILED,
}
_PAYOUT_STATES: Final = {
    "SUCCESS": PayoutState.SUCCEEDED,
    "DEALING": PayoutState.ACCEPTED,
    "WAIT_PAY": PayoutState.ACCEPTED,
    "FAIL": PayoutState.FAILED,
    "REFUND": PayoutState.FAILED,  # it had arrived at the payee's bank, which sent it back
    "CLOSED": PayoutState.CLOSED,
}
_OUR_PARTS: Final = "transfer"


class Bound(Struct, frozen=True):
    """Of relation.bind."""

    result_code: str


class SettleAnswer(Struct, frozen=True):
    """Of order.settle, done asynchronously: it tells that it was accepted."""

    trade_no: str
    settle_no: str = ""


class _Detail(Struct, frozen=True):
    operation_type: str
    amount: str
    state: str
    trans_in: str = ""
    error_code: str = ""


class SettleFound(Struct, frozen=True):
    """Of order.settle.query."""

    out_request_no: str = ""
    royalty_detail_list: tuple[_Detail, ...] = ()


class TransferAnswer(Struct, frozen=True):
    """Of uni.transfer and of common.query, which alone tells the amount. Who gets it is not read."""

    out_biz_no: str
    status: str
    order_id: str = ""
    trans_amount: str = ""
    error_code: str = ""


def split_found(told: SettleFound, number: str, payment: str) -> SplitSeen:
    """Unreadable when it is about another split, or a part's state is none that is documented."""
    if not told.out_request_no:
        return SplitSeen(number=number, state=SplitState.ABSENT)
    if told.out_request_no != number:
        raise Unreadable("it is about another split")
    shares = tuple(_share(each) for each in told.royalty_detail_list if each.operation_type == _OUR_PARTS)
    under_way = any(each.state is ShareState.PROCESSING for each in shares)
    state = SplitState.PROCESSING if under_way else SplitState.FINISHED
    return SplitSeen(number=number, state=state, provider_id=payment, shares=shares)


def payout_seen(told: TransferAnswer, number: str) -> PayoutSeen:
    """Unreadable when it is about another transfer, or its state is none that is documented."""
    if told.out_biz_no != number:
        raise Unreadable("it is about another transfer")
    state = _PAYOUT_STATES.get(told.status)
    if state is None:
        raise Unreadable("the transfer's state is not documented")
    return PayoutSeen(
        number=number,
        state=state,
        provider_id=told.order_id,
        amount_minor=fen(told.trans_amount) if told.trans_amount else None,
        currency=CURRENCY,
        reason=told.error_code,
    )


def _share(told: _Detail) -> ShareSeen:
    state = _SHARE_STATES.get(told.state)
    if state is None:
        raise Unreadable("a share's state is not documented")
    return ShareSeen(
        account=told.trans_in, amount_minor=fen(told.amount), state=state, reason=told.error_code
    )
