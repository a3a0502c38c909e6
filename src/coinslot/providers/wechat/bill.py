"""The daily bill's file: read to the last character, written back byte for byte, translated. Pure.

UTF-8 with BOM, CRLF, a back-tick before every value, yuan; then a summary of two lines. Columns are found by their
names, since their order is nobody's promise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, timezone
from typing import Final

from msgspec import Struct

from coinslot.payments.port import BillLine, BillLineKind
from coinslot.providers.wechat.answers import CURRENCY

BEIJING: Final = timezone(timedelta(hours=8))
_BOM: Final = "\ufeff"
_END: Final = "\r\n"
_PAYER: Final = "用户标识"
_NUMBERS: Final = ("微信订单号", "商户订单号")
_NUMBER: Final = re.compile(r"[0-9A-Za-z_*|-]{1,64}")
_FIRST_OF_SUMMARY: Final = "总交易单数"
_NEEDED: Final = (
    *("交易时间", "微信订单号", "商户订单号", "交易状态", "货币种类"),
    *("微信退款单号", "商户退款单号", "手续费", "订单金额", "申请退款金额"),
)
_YUAN: Final = re.compile(r"(-?)([0-9]{1,12})\.([0-9]{2})([0-9]{0,3})")


class BadBill(Exception):
    """The file is not as documented. Holds no value of it."""


class Bill(Struct, frozen=True):
    """A bill's text, taken apart."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    summary_header: tuple[str, ...]
    summary: tuple[str, ...]


def parse(content: bytes) -> Bill:
    """BadBill unless `render` gives the same bytes again."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise BadBill("it is not UTF-8") from None
    if not text.startswith(_BOM) or not text.endswith(_END):
        raise BadBill("it has no BOM, or its last line no end")
    lines = text.removeprefix(_BOM).removesuffix(_END).split(_END)
    if len(lines) < 3 or not lines[-2].startswith(_FIRST_OF_SUMMARY):
        raise BadBill("it does not end with a summary")
    bill = Bill(
        header=tuple(lines[0].split(",")),
        rows=tuple(_values(line) for line in lines[1:-2]),
        summary_header=tuple(lines[-2].split(",")),
        summary=_values(lines[-1]),
    )
    if bill.summary[0] != str(len(bill.rows)):
        raise BadBill("its summary counts another number of lines")
    return bill


def render(bill: Bill) -> bytes:
    """The file's bytes."""
    lines = [
        ",".join(bill.header),
        *(_line(row) for row in bill.rows),
        ",".join(bill.summary_header),
        _line(bill.summary),
    ]
    return (_BOM + "".join(line + _END for line in lines)).encode()


def translated(bill: Bill, day: date) -> tuple[BillLine, ...]:
    """Its lines in the port's words. BadBill when a column is missing; a line that cannot be read is OTHER, at the
    day's beginning, so that somebody sees it. Who has paid is left out of `raw`."""
    missing = [name for name in _NEEDED if name not in bill.header]
    if missing:
        raise BadBill(f"columns are missing: {', '.join(missing)}")
    return tuple(_translated(bill.header, row, day) for row in bill.rows)


def fen(yuan: str) -> int:
    """`1.25` is 125. Fees have five decimals, and are rounded half up to whole fen. BadBill when it is no amount."""
    found = _YUAN.fullmatch(yuan)
    if found is None:
        raise BadBill("an amount is not in yuan")
    sign, whole, cents, rest = found.groups()
    amount = int(whole) * 100 + int(cents) + (1 if rest and rest[0] >= "5" else 0)
    return -amount if sign else amount


def _translated(header: tuple[str, ...], row: tuple[str, ...], day: date) -> BillLine:
    if len(row) != len(header):
        # Which value is the payer cannot be told: what is kept is what finds the payment, if it stands in its place.
        places = [header.index(name) for name in _NUMBERS]
        raw = " ".join(row[at] for at in places if at < len(row) and _NUMBER.fullmatch(row[at]))
    else:
        raw = _line(tuple("" if name == _PAYER else value for name, value in zip(header, row, strict=True)))
    try:
        if len(row) != len(header):
            raise BadBill("a line has another number of values")
        return _known(dict(zip(header, row, strict=True)), raw)
    except (BadBill, ValueError):
        return BillLine(
            kind=BillLineKind.OTHER,
            number="",
            provider_id="",
            amount_minor=0,
            fee_minor=0,
            currency=CURRENCY,
            at=datetime.combine(day, time(), BEIJING),
            raw=raw,
        )


def _known(values: Mapping[str, str], raw: str) -> BillLine:
    is_refund = values["交易状态"] == "REFUND"
    kind = BillLineKind.REFUND if is_refund else BillLineKind.PAYMENT
    if values["交易状态"] not in ("SUCCESS", "REFUND"):
        kind = BillLineKind.OTHER
    return BillLine(
        kind=kind,
        number=values["商户退款单号" if is_refund else "商户订单号"],
        provider_id=values["微信退款单号" if is_refund else "微信订单号"],
        amount_minor=fen(values["申请退款金额" if is_refund else "订单金额"]),
        fee_minor=fen(values["手续费"]),
        currency=values["货币种类"],
        at=datetime.strptime(values["交易时间"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING),
        raw=raw,
    )


def _values(line: str) -> tuple[str, ...]:
    """Values may hold commas, but none after which a back-tick comes."""
    if not line.startswith("`"):
        raise BadBill("a line does not begin with a back-tick")
    return tuple(line[1:].split(",`"))


def _line(values: tuple[str, ...]) -> str:
    return ",".join(f"`{value}" for value in values)
