"""What WeChat Pay's answers about shares and transfers mean in the port's words. Pure."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from coinslot.money import MAX_MINOR
from coinslot.payments.shares import (
    PayoutSeen,
    PayoutState,
    ReturnSeen,
    ReturnState,
    ShareSeen,
    ShareState,
    SplitSeen,
    SplitState,
)
from coinslot.providers.wechat.answers import CURRENCY, Unreadable

_Fen = Annotated[int, Meta(ge=0, le=MAX_MINOR)]
_SPLIT_STATES: Final = {"PROCESSING": SplitState.PROCESSING, "FINISHED": SplitState.FINISHED}
_SHARE_STATES: Final = {
    "PENDING": ShareState.PROCESSING,
    "SUCCESS": ShareState.SUCCEEDED,
    "CLOSED": ShareState.FAILED,
}
_RETURN_STATES: Final = {
    "PROCESSING": ReturnState.PROCESSING,
    "SUCCESS": ReturnState.SUCCEEDED,
    "FAILED": ReturnState.FAILED,
}
_PAYOUT_STATES: Final = {
    "ACCEPTED": PayoutState.ACCEPTED,
    "PROCESSING": PayoutState.ACCEPTED,
    "TRANSFERING": PayoutState.ACCEPTED,
    "CANCELING": PayoutState.ACCEPTED,
    "WAIT_USER_CONFIRM": PayoutState.CONFIRMING,
    "SUCCESS": PayoutState.SUCCEEDED,
    "FAIL": PayoutState.FAILED,
    "CANCELLED": PayoutState.CLOSED,
}
_NOT_CONFIRMED: Final = "OVERDUE_CLOSE"


class _Receiver(Struct, frozen=True):
    account: str
    amount: _Fen
    result: str
    fail_reason: str = ""


class SplitAnswer(Struct, frozen=True):
    """Of a split and of its query."""

    transaction_id: str
    out_order_no: str
    order_id: str
    state: str
    receivers: tuple[_Receiver, ...] = ()


class ReturnAnswer(Struct, frozen=True):
    """Of a return and of its query."""

    out_order_no: str
    out_return_no: str
    return_id: str
    return_mchid: str
    amount: _Fen
    result: str
    fail_reason: str = ""


class TransferAnswer(Struct, frozen=True):
    """Of a transfer and of its query, which alone tells the amount. Who gets it is not read."""

    out_bill_no: str
    transfer_bill_no: str
    state: str
    transfer_amount: _Fen | None = None
    package_info: str = ""
    fail_reason: str = ""


def split_seen(told: SplitAnswer, merchant: str) -> SplitSeen:
    """What is left for the merchant itself may be told as one more receiver: that is no share. Unreadable."""
    state = _SPLIT_STATES.get(told.state)
    if state is None:
        raise Unreadable("the split's state is not documented")
    shares = tuple(_share_seen(each) for each in told.receivers if each.account != merchant)
    return SplitSeen(number=told.out_order_no, state=state, provider_id=told.order_id, shares=shares)


def return_seen(told: ReturnAnswer) -> ReturnSeen:
    """Unreadable when its state is none that is documented."""
    state = _RETURN_STATES.get(told.result)
    if state is None:
        raise Unreadable("the return's state is not documented")
    return ReturnSeen(
        number=told.out_return_no,
        split_number=told.out_order_no,
        state=state,
        provider_id=told.return_id,
        account=told.return_mchid,
        amount_minor=told.amount,
        reason=told.fail_reason,
    )


def payout_seen(told: TransferAnswer) -> PayoutSeen:
    """One that nobody confirmed in time has failed, says the wire; nothing was tried, so it is closed. Unreadable."""
    state = _PAYOUT_STATES.get(told.state)
    if state is None:
        raise Unreadable("the transfer's state is not documented")
    if state is PayoutState.FAILED and told.fail_reason == _NOT_CONFIRMED:
        state = PayoutState.CLOSED
    return PayoutSeen(
        number=told.out_bill_no,
        state=state,
        provider_id=told.transfer_bill_no,
        amount_minor=told.transfer_amount,
        currency=CURRENCY,
        confirm_with=told.package_info,
        reason=told.fail_reason,
    )


def _share_seen(told: _Receiver) -> ShareSeen:
    state = _SHARE_STATES.get(told.result)
    if state is None:
        raise Unreadable("a share's state is not documented")
    return ShareSeen(account=told.account, amount_minor=told.amount, state=state, reason=told.fail_reason)
