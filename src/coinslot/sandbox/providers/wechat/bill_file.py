"""The bill's file: UTF-8 with BOM, CRLF, a back-tick before every value, yuan, and a summary of two lines."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from coinslot.sandbox.providers.wechat.account import WechatAccount
from coinslot.sandbox.providers.wechat.book import Order, Refund
from coinslot.sandbox.providers.wechat.told import BEIJING

HEADER: Final = (
    *("交易时间", "公众账号ID", "商户号", "特约商户号", "设备号", "微信订单号", "商户订单号", "用户标识"),
    *("交易类型", "交易状态", "付款银行", "货币种类", "应结订单金额", "代金券金额"),
    *("微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态"),
    *("商品名称", "商户数据包", "手续费", "费率", "订单金额", "申请退款金额", "费率备注"),
)
SUMMARY: Final = (
    *("总交易单数", "应结订单总金额", "退款总金额", "充值券退款总金额"),
    *("手续费总金额", "订单总金额", "申请退款总金额"),
)
FEE_PER_MILLE: Final = 6


class Line(NamedTuple):
    """One line, in fen."""

    at: datetime
    appid: str
    mchid: str
    transaction_id: str
    number: str
    openid: str
    kind: str
    subject: str
    currency: str
    paid: int = 0
    refund_id: str = ""
    refund_number: str = ""
    refunded: int = 0
    refund_state: str = ""

    def fee(self) -> int:
        """Of the payment, rounded half up; a refund brings its part back."""
        fee = (abs(self.paid - self.refunded) * FEE_PER_MILLE + 500) // 1000
        return fee if self.paid else -fee

    def values(self) -> tuple[str, ...]:
        """In the header's order."""
        is_refund = bool(self.refund_id)
        return (
            f"{self.at.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}",
            *(self.appid, self.mchid, "0", "", self.transaction_id, self.number, self.openid),
            *(self.kind, "REFUND" if is_refund else "SUCCESS", "OTHERS", self.currency),
            *(yuan(self.paid), "0.00", self.refund_id or "0", self.refund_number or "0"),
            *(yuan(self.refunded), "0.00", "ORIGINAL" if is_refund else "", self.refund_state),
            *(self.subject, "", f"{yuan(self.fee())}000", f"{yuan(FEE_PER_MILLE * 10)}%"),
            *(yuan(self.paid), yuan(self.refunded), ""),
        )


def payment_line(order: Order, paid_at: datetime) -> Line:
    """A payment."""
    body = order.body
    return Line(
        *(paid_at, body.appid, body.mchid, order.transaction_id, body.out_trade_no, order.openid),
        *(order.kind, body.description, body.amount.currency, body.amount.total),
    )


def refund_line(order: Order, refund: Refund) -> Line:
    """A refund, on the day it was asked for."""
    line = payment_line(order, refund.created_at)
    return line._replace(
        paid=0,
        refund_id=refund.id,
        refund_number=refund.body.out_refund_no,
        refunded=refund.body.amount.refund,
        refund_state=refund.state,
    )


def stray_line(account: WechatAccount, at: datetime) -> Line:
    """A payment that the merchant never asked for."""
    number = secrets.token_hex(14)
    return Line(
        *(at, account.appid, account.mchid, f"42000{secrets.randbelow(10**23):023d}", number, "oStray"),
        *("NATIVE", "of another system", "CNY", 700),
    )


def bill_file(lines: Sequence[Line], *, reordered: bool) -> bytes:
    """The file's bytes."""
    order = list(range(len(HEADER)))
    if reordered:
        order = [*order[::-1]]
    rows = [[line.values()[column] for column in order] for line in lines]
    paid, refunded = sum(line.paid for line in lines), sum(line.refunded for line in lines)
    fees = sum(line.fee() for line in lines)
    summary = (
        *(str(len(lines)), yuan(paid), yuan(refunded), "0.00"),
        *(f"{yuan(fees)}000", yuan(paid), yuan(refunded)),
    )
    text = [",".join(HEADER[column] for column in order)]
    text += [",".join(f"`{value}" for value in row) for row in rows]
    text += [",".join(SUMMARY), ",".join(f"`{value}" for value in summary)]
    return "\ufeff".encode() + "".join(f"{line}\r\n" for line in text).encode()


def yuan(fen: int) -> str:
    """125 is 1.25."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"
