"""The bill's file as merchants get it: odd names inside, tabs, wide brackets, commas, and what may be wrong."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime

import pytest

from coinslot.payments.port import BillLineKind
from coinslot.providers.alipay.bill import BadBill, NotWhole, is_zip, lines_of
from coinslot.providers.alipay.library import BEIJING

DAY = date(2026, 11, 21)
SELLER = "2088621955702181"
HEAD = (
    "#支付宝业务明细查询\r\n#账号：[20886219557021810156]\r\n"
    "#起始日期：[2026年11月21日 00:00:00]   终止日期：[2026年11月22日 00:00:00]\r\n"
    "#-----------------------------------------业务明细列表----------------------------------------\r\n"
)
COLUMNS = (
    "支付宝交易号,商户订单号,业务类型,商品名称,完成时间,对方账户,"
    "订单金额（元）,商家实收（元）,退款批次号/请求号,服务费（元）\r\n"
)
PAID = "2026112122001\t,p1\t,交易\t,热水,2026-11-21 09:00:00,*杨(137****2600)\t,20.00,19.50,\t,-0.12\r\n"
BACK = "2026112122001\t,p1\t,退款\t,热水,2026-11-21 10:00:00,*杨(137****2600)\t,-5.00,-5.00,r1\t,0.03\r\n"


def tail(paid: int, total: str, back: int, returned: str) -> str:
    """What the lines add up to."""
    return (
        "#-----------------------------------------业务明细列表结束------------------------------------\r\n"
        f"#交易合计：{paid}笔，商家实收共{total}元，商家优惠共0.00元\r\n"
        f"#退款合计：{back}笔，商家实收退款共{returned}元，商家优惠退款共0.00元\r\n"
    )


GOOD = HEAD + COLUMNS + PAID + BACK + tail(1, "19.50", 1, "-5.00")


def zipped(text: str, encoding: str = "gbk", name: str = "details.csv") -> bytes:
    """With the other file first."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("summary.csv", "#支付宝业务汇总查询\r\n".encode("gbk"))
        archive.writestr(name, text.encode(encoding))
    return whole.getvalue()


def test_lines_are_read_with_what_merchant_and_payer_agreed_on() -> None:
    paid, back = lines_of(zipped(GOOD), DAY, SELLER)
    assert (paid.kind, paid.number, paid.amount_minor, paid.fee_minor) == (
        BillLineKind.PAYMENT,
        "p1",
        2000,
        12,
    )
    assert paid.at == datetime(2026, 11, 21, 9, tzinfo=BEIJING)
    assert (back.kind, back.number, back.amount_minor, back.fee_minor) == (BillLineKind.REFUND, "r1", 500, -3)
    assert "杨" not in paid.raw + back.raw
    assert "137" not in paid.raw + back.raw


def test_a_line_that_nobody_understands_is_shown_and_hides_no_other() -> None:
    strange = "2026112122009\t,p9\t,分账\t,热水,2026-11-21 11:00:00,*杨(137****2600)\t,1.00,1.00,\t,0.00\r\n"
    broken = "2026112122008\t,p8\t,交易\t,热水, 五分钟,2026-11-21 11:00:00,*杨(137****2600)\t,1.00,1.00,\t,0.00\r\n"
    no_money = PAID.replace("20.00", "2O.00").replace("p1", "p7")
    text = HEAD + COLUMNS + PAID + strange + broken + no_money + BACK + tail(3, "21.50", 1, "-5.00")
    lines = lines_of(zipped(text), DAY, SELLER)
    assert [line.kind for line in lines] == [
        BillLineKind.PAYMENT,
        *[BillLineKind.OTHER] * 3,
        BillLineKind.REFUND,
    ]
    assert [line.amount_minor for line in lines[1:4]] == [0, 0, 0]
    assert lines[2].raw == "2026112122008 p8"
    assert "杨" not in "".join(line.raw for line in lines)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (GOOD.replace("共19.50元", "共19.51元"), NotWhole),
        (GOOD.replace("合计：1笔", "合计：2笔"), NotWhole),
        (GOOD.replace(PAID, ""), NotWhole),
        (GOOD[: GOOD.index("#-----------------------------------------业务明细列表结束")], NotWhole),
        (GOOD.replace("20886219557021810156", "20886219557029990156"), NotWhole),
        (GOOD.replace("#起始日期：[2026年11月21日", "#起始日期：[2026年11月20日"), NotWhole),
        (GOOD.replace("#账号", "#帐号"), BadBill),
        (GOOD.replace("服务费（元）", "手续费（元）"), BadBill),
        (GOOD.replace("#支付宝业务明细查询", "#支付宝业务汇总查询"), BadBill),
        (HEAD + tail(0, "0.00", 0, "0.00"), BadBill),
    ],
    ids=range(10),
)
def test_what_does_not_fit_together_is_refused(text: str, kind: type[BadBill]) -> None:
    with pytest.raises(BadBill) as caught:
        lines_of(zipped(text), DAY, SELLER)
    assert type(caught.value) is kind
    assert "杨" not in str(caught.value)


def test_half_brackets_wide_names_and_utf8_marks_are_taken() -> None:
    plain = GOOD.replace("（", "(").replace("）", ")")
    assert lines_of(zipped(plain, name="明细.csv"), DAY, SELLER) == lines_of(zipped(GOOD), DAY, SELLER)
    assert lines_of(zipped(HEAD + COLUMNS + tail(0, "0.00", 0, "0.00")), DAY, SELLER) == ()


def test_damaged_endless_and_other_files_are_refused() -> None:
    good = zipped(GOOD)
    for content in (b"", b"PK", good[:-30], good[:60] + b"\xff" * 20 + good[80:], b"<html>"):
        with pytest.raises(NotWhole):
            lines_of(content, DAY, SELLER)
    with pytest.raises(BadBill, match="GBK"):
        lines_of(zipped("\xff\xff", "latin-1"), DAY, SELLER)
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for index in range(20):
            archive.writestr(f"{index}.csv", "")
    with pytest.raises(BadBill, match="larger"):
        lines_of(many.getvalue(), DAY, SELLER)
    assert is_zip(good)
    assert not is_zip(b"<html>")
