"""What merchants send, and how it is read."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from coinslot.sandbox.providers.wechat.refused import wrong_field

NUMBER: Final = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")
REFUND_NUMBER: Final = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}")
_T = TypeVar("_T")


class Amount(Struct, frozen=True):
    """`total` in fen."""

    total: int
    currency: str = "CNY"


class Payer(Struct, frozen=True):
    """Who pays, in JSAPI."""

    openid: str


class H5Info(Struct, frozen=True):
    """What kind of page opens it."""

    type: str


class Scene(Struct, frozen=True):
    """Where the payer is, in H5."""

    payer_client_ip: str
    h5_info: H5Info | None = None


class SettleInfo(Struct, frozen=True):
    """Whether the order may be split."""

    profit_sharing: bool = False


class OrderBody(Struct, frozen=True):
    """Of `POST /v3/pay/transactions/…`."""

    appid: str
    mchid: str
    description: str
    out_trade_no: str
    notify_url: str
    amount: Amount
    time_expire: str = ""
    attach: str = ""
    payer: Payer | None = None
    scene_info: Scene | None = None
    settle_info: SettleInfo | None = None

    def expires_at(self) -> datetime | None:
        """Refused unless RFC 3339 with an offset."""
        if not self.time_expire:
            return None
        try:
            moment = datetime.fromisoformat(self.time_expire)
        except ValueError:
            raise wrong_field("/body/time_expire", "not a time as in RFC 3339") from None
        if moment.tzinfo is None or moment.microsecond:
            raise wrong_field("/body/time_expire", "an offset is needed, fractions are not allowed")
        return moment


class CloseBody(Struct, frozen=True):
    """Of `…/close`."""

    mchid: str


class RefundAmount(Struct, frozen=True):
    """In fen: how much of what."""

    refund: int
    total: int
    currency: str


class RefundBody(Struct, frozen=True):
    """Of `POST /v3/refund/domestic/refunds`."""

    out_refund_no: str
    amount: RefundAmount
    transaction_id: str = ""
    out_trade_no: str = ""
    reason: str = ""
    notify_url: str = ""


class Receiver(Struct, frozen=True):
    """One part of a split."""

    type: str
    account: str
    amount: int
    description: str
    name: str = ""


class SplitBody(Struct, frozen=True):
    """Of `POST /v3/profitsharing/orders`."""

    transaction_id: str
    out_order_no: str
    receivers: tuple[Receiver, ...]
    unfreeze_unsplit: bool
    appid: str = ""


class UnfreezeBody(Struct, frozen=True):
    """Of `POST /v3/profitsharing/orders/unfreeze`."""

    transaction_id: str
    out_order_no: str
    description: str


class ReturnBody(Struct, frozen=True):
    """Of `POST /v3/profitsharing/return-orders`."""

    out_return_no: str
    return_mchid: str
    amount: int
    description: str
    order_id: str = ""
    out_order_no: str = ""


class ReceiverBody(Struct, frozen=True):
    """Of `POST /v3/profitsharing/receivers/add` and `…/delete`."""

    appid: str
    type: str
    account: str
    relation_type: str = ""
    name: str = ""
    custom_relation: str = ""


def read(body: bytes, kind: type[_T]) -> _T:
    """Refused (400 PARAM_ERROR) when it is not what this call takes."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise wrong_field("/body", str(error)) from None
