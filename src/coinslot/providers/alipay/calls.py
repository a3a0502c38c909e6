"""What the library is called with, made of the port's orders. Pure; Rejected for what could never be sent."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from typing import Final

from coinslot.money import format_amount
from coinslot.payments.numbers import is_number
from coinslot.payments.port import PaymentOrder, RefundOrder, Rejected
from coinslot.providers.alipay.answers import CURRENCY
from coinslot.providers.alipay.library import moment

_MOST_SUBJECT: Final = 256
_MOST_URL: Final = 256
_MOST_REASON: Final = 256
_MOST_MINOR: Final = 100_000_000_00
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
    return parameters


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
