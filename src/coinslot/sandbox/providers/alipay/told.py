"""Trades and refunds as the wire tells them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from coinslot.sandbox.providers.alipay.account import BUYER_ID, BUYER_LOGON, AlipayAccount
from coinslot.sandbox.providers.alipay.book import Order, Refund, State
from coinslot.sandbox.providers.alipay.signing import moment
from coinslot.sandbox.providers.switches import Armed, Failure

Content: TypeAlias = dict[str, object]
Take: TypeAlias = Callable[[Failure], Armed | None]
"""Whether something is to be told wrongly this time."""

OK: Final = {"code": "10000", "msg": "Success"}


def yuan(amount: int) -> str:
    """125 is 1.25."""
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02d}"


def names(order: Order) -> Content:
    """The two numbers."""
    return {"out_trade_no": order.body.out_trade_no, "trade_no": order.trade_no}


def trade_content(order: Order) -> Content:
    """As query tells it. What a closed one is told with does not say whether it was ever paid, as with the real one:
    its amounts are nought, and `send_pay_date` is there all the same."""
    paid = yuan(order.body.fen if order.state in (State.SUCCESS, State.FINISHED) else 0)
    content: Content = {
        **OK,
        "buyer_logon_id": BUYER_LOGON,
        "buyer_pay_amount": paid,
        "buyer_user_id": BUYER_ID,
        "invoice_amount": paid,
        **names(order),
        "point_amount": "0.00",
        "receipt_amount": paid,
        "subject": order.body.subject,
        "total_amount": yuan(order.body.fen),
        "trade_status": order.state.value,
    }
    ended = order.closed_at or order.paid_at
    return content if ended is None else {**content, "send_pay_date": moment(ended)}


def refund_content(order: Order, *, changed: bool) -> Content:
    """As refund answers: `refund_fee` is of the whole trade so far."""
    content: Content = {
        **OK,
        "buyer_logon_id": BUYER_LOGON,
        "buyer_user_id": BUYER_ID,
        "fund_change": "Y" if changed else "N",
        **names(order),
        "refund_fee": yuan(order.refunded()),
        "send_back_fee": "0.00",
    }
    return content


def refund_query_content(order: Order, refund: Refund | None) -> Content:
    """As fastpay.refund.query answers: of a refund that it does not know, or that is not done, nothing but OK."""
    if refund is None or not refund.done:
        return dict(OK)
    return {
        **OK,
        **names(order),
        "out_request_no": refund.body.out_request_no or order.body.out_trade_no,
        "refund_amount": yuan(refund.fen),
        "refund_status": "REFUND_SUCCESS",
        "total_amount": yuan(order.body.fen),
    }


def notice_content(account: AlipayAccount, order: Order, refund: Refund | None) -> dict[str, str]:
    """As the form tells it, but for what each try makes afresh. A time-out is told with a `refund_fee` of nought."""
    content = {
        "app_id": account.app_id,
        "auth_app_id": account.app_id,
        "buyer_id": BUYER_ID,
        "buyer_logon_id": BUYER_LOGON,
        "charset": "utf-8",
        "gmt_create": moment(order.created_at or order.made_at),
        "notify_type": "trade_status_sync",
        "out_trade_no": order.body.out_trade_no,
        "seller_email": "sandbox-water@example.com",
        "seller_id": account.seller_id,
        "subject": order.body.subject,
        "total_amount": yuan(order.body.fen),
        "trade_no": order.trade_no,
        "trade_status": order.state.value,
        "version": "1.0",
    }
    if order.paid_at is not None:
        total = yuan(order.body.fen)
        content |= {
            "buyer_pay_amount": total,
            "fund_bill_list": f'[{{"amount":"{total}","fundChannel":"ALIPAYACCOUNT"}}]',
            "gmt_payment": moment(order.paid_at),
            "invoice_amount": total,
            "point_amount": "0.00",
            "receipt_amount": total,
        }
    if order.closed_at is not None:
        content |= {"gmt_close": moment(order.closed_at), "refund_fee": yuan(order.refunded())}
    if refund is not None:
        content |= {
            "gmt_refund": f"{moment(refund.at)}.{refund.at.microsecond // 1000:03d}",
            "out_biz_no": refund.body.out_request_no or order.body.out_trade_no,
            "refund_fee": yuan(order.refunded()),
        }
    return content


def distorted(content: Content, take: Take) -> Content:
    """The same with whatever is to be told wrongly."""
    changed = dict(content)
    for key in ("refund_amount", "total_amount"):
        if key in content and (wrong := take(Failure.WRONG_AMOUNT)) is not None:
            told = int(str(content[key]).replace(".", ""))
            changed[key] = yuan(wrong.number(told - 1))
            break
    for failure, key, value in (
        (Failure.WRONG_MERCHANT, "seller_id", "2088000000000999"),
        (Failure.WRONG_APP, "app_id", "2021000000000999"),
        (Failure.WRONG_NUMBER, "out_trade_no", "SomebodyElsesOrder00000000000001"),
    ):
        if key in content and take(failure) is not None:
            changed[key] = value
    return changed
