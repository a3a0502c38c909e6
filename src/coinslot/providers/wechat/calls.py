"""What the library is called with, made of the port's orders. Pure; Rejected for what could never be sent."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Final, assert_never
from urllib.parse import quote

from wechatpayv3 import WeChatPayType

from coinslot.payments.port import Channel, PaymentOrder, RefundOrder, Rejected
from coinslot.payments.shares import PayeeKind, PayoutOrder, ReturnOrder, SplitOrder
from coinslot.providers.wechat.answers import CURRENCY
from coinslot.providers.wechat.bill import BEIJING

_MOST_SUBJECT_BYTES: Final = 127
_MOST_REASON_BYTES: Final = 80
_MOST_URL: Final = 255
_MOST_RECEIVERS: Final = 50
_MOST_REMARK: Final = 32
_ACCOUNT: Final = re.compile(r"[0-9A-Za-z_-]{6,64}")
_NUMBER: Final = re.compile(r"[0-9A-Za-z]{1,64}")


def order_parameters(order: PaymentOrder) -> dict[str, object]:
    """For `pay`."""
    _check(order.number, order.amount_minor, order.currency, order.notify_url)
    parameters: dict[str, object] = {
        "description": _fit(order.subject, _MOST_SUBJECT_BYTES) or order.number,
        "out_trade_no": order.number,
        "amount": {"total": order.amount_minor, "currency": order.currency},
        "time_expire": _moment(order.expires_at),
        "notify_url": order.notify_url,
    }
    if order.sharing:
        parameters["settle_info"] = {"profit_sharing": True}
    match order.channel:
        case Channel.QR:
            parameters["pay_type"] = WeChatPayType.NATIVE
        case Channel.BROWSER:
            if not order.client_ip:
                raise Rejected("NO_ADDRESS", "a payment in the browser needs the payer's IP address")
            parameters["pay_type"] = WeChatPayType.H5
            parameters["scene_info"] = {"payer_client_ip": order.client_ip, "h5_info": {"type": "Wap"}}
        case Channel.IN_APP:
            if not order.payer:
                raise Rejected("NO_PAYER", "a payment inside WeChat needs the payer's openid")
            parameters["pay_type"] = WeChatPayType.JSAPI
            parameters["payer"] = {"openid": order.payer}
        case Channel.COUNTER:
            raise Rejected("CHANNEL", "WeChat Pay takes no cash")
        case _:
            assert_never(order.channel)
    return parameters


def refund_parameters(order: RefundOrder) -> dict[str, object]:
    """For `refund`."""
    _check(order.number, order.amount_minor, order.currency, order.notify_url)
    parameters: dict[str, object] = {
        "out_refund_no": order.number,
        "amount": {
            "refund": order.amount_minor,
            "total": order.total_minor,
            "currency": order.currency,
        },
        "reason": _fit(order.reason, _MOST_REASON_BYTES),
        "notify_url": order.notify_url,
    }
    if order.provider_payment_id:
        parameters["transaction_id"] = order.provider_payment_id
    else:
        parameters["out_trade_no"] = order.payment_number
    return parameters


def split_receivers(order: SplitOrder, kinds: Mapping[PayeeKind, str]) -> list[dict[str, object]]:
    """For `profitsharing_order`; none where only the rest is released. Names go with the receivers themselves."""
    checked(order.number)
    if order.currency != CURRENCY:
        raise Rejected("CURRENCY", f"WeChat Pay takes {CURRENCY} alone")
    if len(order.shares) > _MOST_RECEIVERS:
        raise Rejected("RECEIVERS", f"at most {_MOST_RECEIVERS} receivers of one split")
    if not order.shares and not order.releases_rest:
        raise Rejected("RECEIVERS", "a split without shares has to release the rest")
    if any(share.amount_minor <= 0 for share in order.shares):
        raise Rejected("AMOUNT", "each share has to be more than 0")
    return [
        {
            "type": kinds[share.payee.kind],
            "account": checked_account(share.payee.account),
            "amount": share.amount_minor,
            "description": _fit(share.description, _MOST_REASON_BYTES) or order.number,
        }
        for share in order.shares
    ]


def return_parameters(order: ReturnOrder) -> dict[str, object]:
    """For `profitsharing_return`."""
    _check(order.number, order.amount_minor, order.currency, "")
    return {
        "out_order_no": checked(order.split_number),
        "out_return_no": order.number,
        "return_mchid": order.account,
        "amount": order.amount_minor,
        "description": _fit(order.reason, _MOST_REASON_BYTES) or order.number,
    }


def transfer_parameters(
    order: PayoutOrder, scene: str, reports: tuple[tuple[str, str], ...]
) -> dict[str, object]:
    """For `mch_transfer_bills`."""
    _check(order.number, order.amount_minor, order.currency, order.notify_url)
    parameters: dict[str, object] = {
        "out_bill_no": order.number,
        "transfer_scene_id": scene,
        "openid": checked_account(order.payee.account),
        "transfer_amount": order.amount_minor,
        "transfer_remark": _fit(order.reason, _MOST_REASON_BYTES)[:_MOST_REMARK] or order.number,
        "transfer_scene_report_infos": [{"info_type": name, "info_content": text} for name, text in reports],
    }
    if order.payee.name:
        parameters["user_name"] = order.payee.name
    if order.notify_url:
        parameters["notify_url"] = order.notify_url
    return parameters


def checked_account(account: str) -> str:
    """The same. Rejected for what is no merchant number or openid."""
    if not _ACCOUNT.fullmatch(account):
        raise Rejected("ACCOUNT", "a receiver is a merchant number or an openid")
    return account


def h5_url(url: str, return_url: str) -> str:
    """The provider's page, told where to lead back to. The host has to be set on the merchant platform."""
    if not return_url:
        return url
    return f"{url}{'&' if '?' in url else '?'}redirect_url={quote(return_url, safe='')}"


def checked(number: str) -> str:
    """The same number. Rejected when it could stand for something else in an address."""
    if not _NUMBER.fullmatch(number):
        raise Rejected("NUMBER", "a number is letters and digits, at most 64")
    return number


def _check(number: str, amount_minor: int, currency: str, notify_url: str) -> None:
    checked(number)
    if currency != CURRENCY:
        raise Rejected("CURRENCY", f"WeChat Pay takes {CURRENCY} alone")
    if amount_minor <= 0:
        raise Rejected("AMOUNT", "the amount has to be more than 0")
    if "?" in notify_url or len(notify_url) > _MOST_URL:
        raise Rejected("NOTIFY_URL", f"at most {_MOST_URL} characters, and without parameters")


def _moment(at: datetime) -> str:
    """RFC 3339 without fractions, rounded down: rather too early than after we have given up."""
    return at.astimezone(BEIJING).replace(microsecond=0).isoformat()


def _fit(text: str, most_bytes: int) -> str:
    """In one line, without what takes the bill's columns apart, cut between characters."""
    plain = "".join(
        " " if unicodedata.category(each).startswith(("C", "Z")) or each in "`," else each for each in text
    )
    return " ".join(plain.split()).encode()[:most_bytes].decode(errors="ignore").strip()
