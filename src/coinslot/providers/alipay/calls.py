"""What the library is called with, made of the port's orders. Pure; Rejected for what could never be sent."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta
from typing import Final

from coinslot.money import format_amount
from coinslot.payments.numbers import is_number
from coinslot.payments.port import PaymentOrder, RefundOrder, Rejected
from coinslot.payments.shares import Payee, PayoutOrder, SplitOrder
from coinslot.providers.alipay.answers import CURRENCY
from coinslot.providers.alipay.library import moment

_MOST_SUBJECT: Final = 256
_MOST_URL: Final = 256
_MOST_REASON: Final = 256
_MOST_MINOR: Final = 100_000_000_00
_MOST_RECEIVERS: Final = 50
_MOST_TITLE: Final = 128
_USER_ID: Final = re.compile(r"2088\d{12}")
_LOGIN: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,64}|\+?[0-9-]{8,20}")
_MOST_PLANE: Final = 0xFFFF
# The first three are forbidden; the others would take the bill's columns apart. Each as wide as a Chinese character.
_WIDE: Final = str.maketrans({each: chr(ord(each) + 0xFEE0) for each in '/=&,"'})


def qr_parameters(order: PaymentOrder, product: str, now: datetime) -> dict[str, object]:
    """For precreate. `time_expire` ends the trade; the code itself would outlive it by hours, since the trade only
    begins when it is scanned, so it is given an end too: in minutes, the last one begun."""
    left = max(order.expires_at - now, timedelta(minutes=1))
    minutes = -(-left // timedelta(minutes=1))
    return {**_order_parameters(order), "product_code": product, "qr_code_timeout_express": f"{minutes}m"}


def page_parameters(order: PaymentOrder) -> dict[str, object]:
    """For wap.pay. The library names a product that is not this page's."""
    parameters = {**_order_parameters(order), "product_code": "QUICK_WAP_WAY"}
    if order.return_url:
        _check_url(order.return_url)
        parameters |= {"return_url": order.return_url, "quit_url": order.return_url}
    return parameters


def refund_parameters(order: RefundOrder) -> dict[str, object]:
    """For refund. Whatever is not documented here might be refunded twice, says the page."""
    _check(order.number, order.amount_minor, order.currency)
    parameters: dict[str, object] = {
        "refund_amount": format_amount(order.amount_minor, CURRENCY),
        "out_request_no": order.number,
        "out_trade_no": order.payment_number,
    }
    if order.provider_payment_id:
        parameters["trade_no"] = order.provider_payment_id
    if reason := _fit(order.reason, _MOST_REASON):
        parameters["refund_reason"] = reason
    if order.shares:
        if sum(share.amount_minor for share in order.shares) > order.amount_minor:
            raise Rejected("SHARES", "more would come back from receivers than the payer gets")
        parameters["refund_royalty_parameters"] = [
            {
                "royalty_type": "transfer",
                "trans_out": share.payee.account,
                "trans_out_type": _account_type(share.payee),
                "amount": _yuan(share.amount_minor),
            }
            for share in order.shares
        ]
    return parameters


def bind_parameters(order: SplitOrder) -> dict[str, object]:
    """For royalty.relation.bind: who may get shares."""
    payees = {share.payee.account: share.payee for share in order.shares}.values()
    receivers: list[dict[str, object]] = []
    for payee in payees:
        receiver: dict[str, object] = {"type": _account_type(payee), "account": payee.account}
        if payee.name:
            receiver["name"] = payee.name
        receivers.append(receiver)
    return {"out_request_no": order.number, "receiver_list": receivers}


def settle_parameters(order: SplitOrder) -> dict[str, object]:
    """For order.settle."""
    if not is_number(order.number) or order.currency != CURRENCY:
        raise Rejected("NUMBER", f"a number is 32 letters and digits, the currency {CURRENCY}")
    if len(order.shares) > _MOST_RECEIVERS or not (order.shares or order.releases_rest):
        raise Rejected("RECEIVERS", f"1 to {_MOST_RECEIVERS} receivers of one split")
    parameters: dict[str, object] = {
        "out_request_no": order.number,
        "trade_no": order.provider_payment_id,
        "royalty_mode": "async",
        "royalty_parameters": [
            {
                "royalty_type": "transfer",
                "trans_in_type": _account_type(share.payee),
                "trans_in": share.payee.account,
                "amount": _yuan(share.amount_minor),
                "desc": _fit(share.description, _MOST_REASON),
            }
            for share in order.shares
        ],
    }
    if order.releases_rest:
        parameters["extend_params"] = {"royalty_finish": "true"}
    return parameters


def transfer_parameters(order: PayoutOrder) -> dict[str, object]:
    """For uni.transfer."""
    _check(order.number, order.amount_minor, order.currency)
    kind = "ALIPAY_USER_ID" if _account_type(order.payee) == "userId" else "ALIPAY_LOGON_ID"
    if kind == "ALIPAY_LOGON_ID" and not order.payee.name:
        raise Rejected("NAME", "Alipay compares the name of whoever is named by a login")
    payee: dict[str, object] = {"identity": order.payee.account, "identity_type": kind}
    if order.payee.name:
        payee["name"] = order.payee.name
    return {
        **transfer_query(order.number),
        "trans_amount": _yuan(order.amount_minor),
        "order_title": _fit(order.reason, _MOST_TITLE) or order.number,
        "payee_info": payee,
    }


def transfer_query(number: str) -> dict[str, object]:
    """For common.query."""
    return {"product_code": "TRANS_ACCOUNT_NO_PWD", "biz_scene": "DIRECT_TRANSFER", "out_biz_no": number}


def _order_parameters(order: PaymentOrder) -> dict[str, object]:
    _check(order.number, order.amount_minor, order.currency)
    _check_url(order.notify_url)
    return {
        "subject": _fit(order.subject, _MOST_SUBJECT) or order.number,
        "out_trade_no": order.number,
        "total_amount": format_amount(order.amount_minor, CURRENCY),
        "time_expire": moment(order.expires_at),
        "notify_url": order.notify_url,
    }


def _account_type(payee: Payee) -> str:
    """`userId` or `loginName`. Rejected for what is neither."""
    if _USER_ID.fullmatch(payee.account):
        return "userId"
    if _LOGIN.fullmatch(payee.account):
        return "loginName"
    raise Rejected("ACCOUNT", "a receiver is a user id of 16 digits, a mail address or a phone number")


def _yuan(amount_minor: int) -> str:
    if not 0 < amount_minor <= _MOST_MINOR:
        raise Rejected("AMOUNT", "an amount is from 0.01 to 100000000 yuan")
    return format_amount(amount_minor, CURRENCY)


def _check(number: str, amount_minor: int, currency: str) -> None:
    if not is_number(number):
        raise Rejected("NUMBER", "a number is 32 letters and digits")
    if currency != CURRENCY:
        raise Rejected("CURRENCY", f"Alipay takes {CURRENCY} alone")
    if not 0 < amount_minor <= _MOST_MINOR:
        raise Rejected("AMOUNT", "an amount is from 0.01 to 100000000 yuan")


def _check_url(url: str) -> None:
    if len(url) > _MOST_URL or not url.isascii() or any(each.isspace() for each in url):
        raise Rejected("ADDRESS", f"an address is at most {_MOST_URL} characters, without spaces")


def _fit(text: str, most: int) -> str:
    """In one line, without what is forbidden or is not in the bill's encoding, cut."""
    plain = "".join(
        " " if unicodedata.category(each)[0] in "CZ" or ord(each) > _MOST_PLANE else each for each in text
    )
    return " ".join(plain.split()).translate(_WIDE)[:most]
