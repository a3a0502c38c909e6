"""The bill's files: CSVs in GBK with remarks around the lines, zipped under names in GBK."""

from __future__ import annotations

import io
import secrets
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from coinslot.sandbox.providers.alipay.account import AlipayAccount
from coinslot.sandbox.providers.alipay.book import Order, Refund
from coinslot.sandbox.providers.alipay.signing import moment
from coinslot.sandbox.providers.alipay.told import yuan

HEADER: Final = (
    *("支付宝交易号", "商户订单号", "业务类型", "商品名称", "创建时间", "完成时间", "门店编号", "门店名称"),
    *("操作员", "终端号", "对方账户", "订单金额（元）", "商家实收（元）", "支付宝红包（元）", "集分宝（元）"),
    *("支付宝优惠（元）", "商家优惠（元）", "券核销金额（元）", "券名称", "商家红包消费金额（元）"),
    *("卡消费金额（元）", "退款批次号/请求号", "服务费（元）", "分润（元）", "备注"),
)
SUMMARY: Final = (
    *("门店编号", "门店名称", "交易订单总笔数", "退款订单总笔数", "订单金额（元）", "商家实收（元）"),
    *(
        "支付宝优惠（元）",
        "商家优惠（元）",
        "卡消费金额（元）",
        "服务费（元）",
        "分润（元）",
        "实收净额（元）",
    ),
)
FEE_PER_MILLE: Final = 6
_RULER: Final = "-----------------------------------------"


class Line(NamedTuple):
    """One line, in fen; sorted by its moment. A refund's amount is negative."""

    at: datetime
    created_at: datetime
    trade_no: str
    number: str
    subject: str
    amount: int
    refund_number: str = ""

    def fee(self) -> int:
        """As it is told: minus for what is taken, rounded half up; a refund brings its part back."""
        fee = (abs(self.amount) * FEE_PER_MILLE + 500) // 1000
        return -fee if self.amount > 0 else fee

    def values(self) -> tuple[str, ...]:
        """In the header's order; numbers are kept from being read as such by a tab."""
        amount, nought = yuan(self.amount), "0.00"
        return (
            *(f"{self.trade_no}\t", f"{self.number}\t", "交易" if self.amount > 0 else "退款", self.subject),
            *(moment(self.created_at), moment(self.at), "\t", "\t", "\t", "\t", "*杨(137****2600)"),
            *(amount, amount, nought, nought, nought, nought, nought, "", f"{nought}\t"),
            *(f"{nought}\t", f"{self.refund_number}\t", yuan(self.fee()), nought, ""),
        )


def payment_line(order: Order, paid_at: datetime) -> Line:
    """A payment."""
    body = order.body
    return Line(
        *(paid_at, order.created_at or paid_at, order.trade_no, body.out_trade_no, body.subject, body.fen)
    )


def refund_line(order: Order, refund: Refund) -> Line:
    """A refund."""
    number = refund.body.out_request_no or order.body.out_trade_no
    line = payment_line(order, refund.at)
    return line._replace(amount=-refund.fen, refund_number=number)


def stray_line(at: datetime) -> Line:
    """A payment that the merchant never asked for, named so that no reader of commas gets it right."""
    trade_no = f"{at:%Y%m%d}22001{secrets.randbelow(10**15):015d}"
    return Line(at, at, trade_no, secrets.token_hex(14), "of another system", 700)


def bill_zip(
    account: AlipayAccount, day: date, lines: Sequence[Line], *, reordered: bool, wrong_sum: bool
) -> bytes:
    """The file's bytes."""
    columns = list(range(len(HEADER)))
    if reordered:
        columns.reverse()
    payments = [line.amount for line in lines if line.amount > 0]
    refunds = [line.amount for line in lines if line.amount < 0]
    told = sum(payments) + (100 if wrong_sum else 0)
    details = [
        "#支付宝业务明细查询",
        *_head(account, day),
        f"#{_RULER}业务明细列表{_RULER}",
        ",".join(HEADER[column] for column in columns),
        *(",".join(line.values()[column] for column in columns) for line in lines),
        f"#{_RULER}业务明细列表结束{_RULER}",
        f"#交易合计：{len(payments)}笔，商家实收共{yuan(told)}元，商家优惠共0.00元",
        f"#退款合计：{len(refunds)}笔，商家实收退款共{yuan(sum(refunds))}元，商家优惠退款共0.00元",
        f"#导出时间：[{day + timedelta(days=1):%Y年%m月%d日} 07:00:00]",
    ]
    fees, net = sum(line.fee() for line in lines), sum(line.amount for line in lines)
    summary = [
        "#支付宝业务汇总查询",
        *_head(account, day),
        f"#{_RULER}业务汇总列表{_RULER}",
        ",".join(SUMMARY),
        f"合计,,{len(payments)},{len(refunds)},{yuan(net)},{yuan(net)},0.00,0.00,0.00,{yuan(fees)},0.00,{yuan(net + fees)}",
        f"#{_RULER}业务汇总列表结束{_RULER}",
    ]
    stem = f"{account.seller_id}0156_{day:%Y%m%d}_业务明细"
    return _zipped({f"{stem}.csv": details, f"{stem}(汇总).csv": summary})


def _head(account: AlipayAccount, day: date) -> tuple[str, str]:
    after = day + timedelta(days=1)
    return (
        f"#账号：[{account.seller_id}0156]",
        f"#起始日期：[{day:%Y年%m月%d日} 00:00:00]   终止日期：[{after:%Y年%m月%d日} 00:00:00]",
    )


def _zipped(files: dict[str, list[str]]) -> bytes:
    """Names as bytes of GBK, which the zip does not say: a library writes ASCII or says UTF-8."""
    whole, real = io.BytesIO(), {}
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for index, (name, lines) in enumerate(files.items()):
            encoded = name.encode("gbk")
            placeholder = chr(ord("A") + index) * len(encoded)
            archive.writestr(placeholder, "".join(f"{line}\r\n" for line in lines).encode("gbk", "replace"))
            real[placeholder.encode()] = encoded
    content = whole.getvalue()
    for placeholder_bytes, encoded in real.items():
        content = content.replace(placeholder_bytes, encoded)
    return content
