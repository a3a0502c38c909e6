"""What merchants send as biz_content, and how it is read."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from coinslot.sandbox.providers.alipay.refused import failed, wrong_value
from coinslot.sandbox.providers.alipay.signing import BEIJING

NUMBER: Final = re.compile(r"[0-9A-Za-z_]{1,64}")
_PRICE: Final = re.compile(r"(\d{1,9})(?:\.(\d{1,2}))?")
_LIFE: Final = re.compile(r"(\d{1,5})([mhd])")
_MINUTES: Final = {"m": 1, "h": 60, "d": 1440}
_MOST_FEN: Final = 100_000_000_00
_T = TypeVar("_T")


class OrderBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Of precreate and of wap.pay."""

    out_trade_no: str
    total_amount: str
    subject: str
    product_code: str = ""
    time_expire: str = ""
    timeout_express: str = ""
    qr_code_timeout_express: str = ""
    quit_url: str = ""
    body: str = ""

    @property
    def fen(self) -> int:
        """The amount. Refused."""
        return fen(self.total_amount)

    def expires_at(self) -> datetime | None:
        """When it can be paid no longer, whenever its trade comes to be."""
        if not self.time_expire:
            return None
        try:
            told = datetime.strptime(self.time_expire, "%Y-%m-%d %H:%M:%S")
        except ValueError:
            raise wrong_value("time_expire has to be as 2016-12-31 10:05:01") from None
        return told.replace(tzinfo=BEIJING)


class NamedBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Of query, close and cancel: one of the two numbers."""

    out_trade_no: str = ""
    trade_no: str = ""
    operator_id: str = ""
    query_options: tuple[str, ...] = ()


class RoyaltyBack(Struct, frozen=True, forbid_unknown_fields=True):
    """What one receiver gives back of a refund."""

    royalty_type: str
    trans_out: str
    trans_out_type: str
    amount: str


class RefundBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Of refund. What is not documented may make the real one refund twice: refused here."""

    refund_amount: str
    out_trade_no: str = ""
    trade_no: str = ""
    out_request_no: str = ""
    refund_reason: str = ""
    query_options: tuple[str, ...] = ()
    refund_royalty_parameters: tuple[RoyaltyBack, ...] = ()


class RefundQueryBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Of fastpay.refund.query."""

    out_request_no: str
    out_trade_no: str = ""
    trade_no: str = ""
    query_options: tuple[str, ...] = ()


class Receiver(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who may get shares."""

    type: str
    account: str
    name: str = ""
    memo: str = ""


class BindBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Of royalty.relation.bind."""

    out_request_no: str
    receiver_list: tuple[Receiver, ...]


class Royalty(Struct, frozen=True, forbid_unknown_fields=True):
    """One part of a settlement."""

    royalty_type: str
    trans_in_type: str
    trans_in: str
    amount: str
    desc: str = ""


class SettleBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Of order.settle."""

    out_request_no: str
    trade_no: str
    royalty_parameters: tuple[Royalty, ...]
    royalty_mode: str = "sync"
    extend_params: dict[str, str] = {}


class SettleQueryBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Of order.settle.query."""

    out_request_no: str
    trade_no: str


class Payee(Struct, frozen=True, forbid_unknown_fields=True):
    """Who gets a transfer."""

    identity: str
    identity_type: str
    name: str = ""


class TransferBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Of fund.trans.uni.transfer."""

    out_biz_no: str
    product_code: str
    biz_scene: str
    trans_amount: str
    order_title: str
    payee_info: Payee
    remark: str = ""


class TransferQueryBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Of fund.trans.common.query."""

    out_biz_no: str
    product_code: str
    biz_scene: str


class BillBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Of bill.downloadurl.query."""

    bill_type: str
    bill_date: str


def read(text: str, kind: type[_T]) -> _T:
    """Refused when it is not what this call takes."""
    try:
        return msgspec.json.decode(text.encode(), type=kind)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise wrong_value(str(error)) from None


def fen(price: str) -> int:
    """1.25 is 125. Refused."""
    match = _PRICE.fullmatch(price)
    value = int(match[1] + (match[2] or "").ljust(2, "0")) if match else 0
    if not 0 < value <= _MOST_FEN:
        raise wrong_value("an amount is from 0.01 to 100000000")
    return value


def life(text: str) -> timedelta | None:
    """5m, 2h, 1d; None for nothing. Refused."""
    if not text:
        return None
    match = _LIFE.fullmatch(text)
    minutes = int(match[1]) * _MINUTES[match[2]] if match else 0
    if not 1 <= minutes <= 15 * 1440:
        raise wrong_value("a time-out is from 1m to 15d")
    return timedelta(minutes=minutes)


def check_order(body: OrderBody, now: datetime) -> None:
    """Refused by the documented limits."""
    if not NUMBER.fullmatch(body.out_trade_no):
        raise wrong_value("out_trade_no: 1 to 64 of 0-9A-Za-z_")
    if not 1 <= len(body.subject) <= 256 or set("/=&") & set(body.subject):
        raise wrong_value("subject: 1 to 256 characters, without / = &")
    if body.fen <= 0:
        raise wrong_value("total_amount")
    life(body.timeout_express)
    life(body.qr_code_timeout_express)
    expires_at = body.expires_at()
    if expires_at is not None and expires_at <= now:
        raise failed("ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR", "it would have ended already")
    if expires_at is not None and expires_at > now + timedelta(days=15):
        raise wrong_value("time_expire is at most 15 days from now")
