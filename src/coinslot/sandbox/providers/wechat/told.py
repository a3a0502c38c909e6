"""Orders and refunds as the wire tells them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Final, TypeAlias

from coinslot.sandbox.providers.switches import Armed, Failure
from coinslot.sandbox.providers.wechat.book import Order, Refund

BEIJING: Final = timezone(timedelta(hours=8))

Content: TypeAlias = dict[str, object]
Take: TypeAlias = Callable[[Failure], Armed | None]
"""Whether something is to be told wrongly this time."""

_STATE_WORDS: Final = {
    "NOTPAY": "not paid",
    "SUCCESS": "paid",
    "REFUND": "refunded in part or whole",
    "CLOSED": "closed",
}


def moment(at: datetime) -> str:
    """RFC 3339, in Beijing's time."""
    return at.astimezone(BEIJING).isoformat(timespec="seconds")


def order_content(order: Order) -> Content:
    """As query and notification tell it."""
    body = order.body
    content: Content = {
        "appid": body.appid,
        "mchid": body.mchid,
        "out_trade_no": body.out_trade_no,
        "attach": body.attach,
        "trade_type": order.kind,
        "trade_state": order.state,
        "trade_state_desc": _STATE_WORDS[order.state],
        "amount": {"total": body.amount.total, "currency": body.amount.currency},
    }
    if order.paid_at is None:
        return content
    return {
        **content,
        "transaction_id": order.transaction_id,
        "bank_type": "OTHERS",
        "success_time": moment(order.paid_at),
        "payer": {"openid": order.openid},
        "amount": {
            "total": body.amount.total,
            "payer_total": body.amount.total,
            "currency": body.amount.currency,
            "payer_currency": body.amount.currency,
        },
    }


def refund_content(order: Order, refund: Refund) -> Content:
    """As refund and query tell it."""
    amount = refund.body.amount
    content: Content = {
        "refund_id": refund.id,
        "out_refund_no": refund.body.out_refund_no,
        "transaction_id": order.transaction_id,
        "out_trade_no": order.body.out_trade_no,
        "channel": "ORIGINAL",
        "user_received_account": "the payer's balance",
        "create_time": moment(refund.created_at),
        "status": refund.state,
        "funds_account": "UNSETTLED",
        "amount": {
            "total": amount.total,
            "refund": amount.refund,
            "from": [],
            "payer_total": amount.total,
            "payer_refund": amount.refund,
            "settlement_refund": amount.refund,
            "settlement_total": amount.total,
            "discount_refund": 0,
            "currency": amount.currency,
        },
    }
    return content if refund.ended_at is None else {**content, "success_time": moment(refund.ended_at)}


def refund_notice_content(order: Order, refund: Refund) -> Content:
    """As the notification tells it: other names, and no currency."""
    amount = refund.body.amount
    content: Content = {
        "mchid": order.body.mchid,
        "out_trade_no": order.body.out_trade_no,
        "transaction_id": order.transaction_id,
        "out_refund_no": refund.body.out_refund_no,
        "refund_id": refund.id,
        "refund_status": refund.state,
        "user_received_account": "the payer's balance",
        "amount": {
            "total": amount.total,
            "refund": amount.refund,
            "payer_total": amount.total,
            "payer_refund": amount.refund,
        },
    }
    return content if refund.ended_at is None else {**content, "success_time": moment(refund.ended_at)}


def distorted(content: Content, take: Take) -> Content:
    """The same with whatever is to be told wrongly."""
    changed = dict(content)
    amount = content.get("amount")
    if isinstance(amount, dict):
        key = "refund" if "refund" in amount else "total"
        wrong = take(Failure.WRONG_AMOUNT)
        if wrong is not None:
            changed["amount"] = {**amount, key: wrong.number(int(amount[key]) - 1)}
    for failure, key, value in (
        (Failure.WRONG_MERCHANT, "mchid", "1900000999"),
        (Failure.WRONG_APP, "appid", "wx0000000000000000"),
        (Failure.WRONG_NUMBER, "out_trade_no", "SomebodyElsesOrder00000000000001"),
    ):
        if key in content and take(failure) is not None:
            changed[key] = value
    return changed
