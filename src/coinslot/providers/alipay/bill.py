"""The daily bill: a zip of two CSVs in GBK, of which one has the lines; read, added up, translated. Pure.

Nobody signs it and no hash is told. What stands for one: the zip's own checksums, the account and the day in its
head, and the counts and sums in its tail, which have to be those of its lines. Columns are found by their names.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final

from msgspec import Struct

from coinslot.money import MoneyError, parse_amount
from coinslot.payments.port import BillLine, BillLineKind
from coinslot.providers.alipay.answers import CURRENCY, Unreadable, moment
from coinslot.providers.alipay.library import BEIJING

_MOST_BYTES: Final = 512_000_000
_MOST_FILES: Final = 8
_DETAILS: Final = "#支付宝业务明细查询"
_ACCOUNT: Final = re.compile(r"#账号：\[(\d{16})\d{0,4}\]")
_FROM: Final = re.compile(r"#起始日期：\[(\d{4})年(\d\d)月(\d\d)日")
_TAIL: Final = re.compile(r"#(交易|退款)合计：(\d+)笔，商家实收(?:退款)?共(-?\d+\.\d\d)元")
_NEEDED: Final = (
    *("支付宝交易号", "商户订单号", "业务类型", "完成时间", "订单金额(元)", "商家实收(元)"),
    *("退款批次号/请求号", "服务费(元)"),
)
_NUMBERS: Final = ("支付宝交易号", "商户订单号")
_NUMBER: Final = re.compile(r"[0-9A-Za-z_]{1,64}")
_PAYER: Final = "对方账户"
_PAYMENT: Final = "交易"
_REFUND: Final = "退款"
_KINDS: Final = {_PAYMENT: BillLineKind.PAYMENT, _REFUND: BillLineKind.REFUND}


class BadBill(Exception):
    """The file is not as documented. Holds no value of it."""


class NotWhole(BadBill):
    """It is damaged, cut off, or not the one that was asked for: fetching it again may help."""


class _Row(Struct, frozen=True):
    line: BillLine
    received_minor: int | None
    """What the merchant got, as the tail adds it up; None: the line cannot be read."""


def is_zip(content: bytes) -> bool:
    """Whether it can be a bill at all: what is behind a link that has expired is a page."""
    return content.startswith(b"PK")


def lines_of(content: bytes, day: date, seller_id: str) -> tuple[BillLine, ...]:
    """Its lines in the port's words. NotWhole, BadBill. A line that cannot be read is OTHER, at the day's beginning, so
    that somebody sees it. The payer's account is left out of `raw`."""
    text = _details(content).splitlines()
    remarks = [line for line in text if line.startswith("#")]
    _check_head(remarks, day, seller_id)
    table = [line for line in text if line.strip() and not line.startswith("#")]
    if not table:
        raise BadBill("it has no columns")
    header = [_plain(name) for name in _values(table[0])]
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise BadBill(f"columns are missing: {', '.join(missing)}")
    rows = [_row(header, line, day) for line in table[1:]]
    _check_tail(remarks, rows)
    return tuple(row.line for row in rows)


def _details(content: bytes) -> str:
    """The file with the lines; the other only adds them up. Names inside are GBK that nobody declares."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = archive.infolist()
            if len(files) > _MOST_FILES or sum(each.file_size for each in files) > _MOST_BYTES:
                raise BadBill("it is larger than any bill")
            texts = [archive.read(each).decode("gb18030") for each in files]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        raise NotWhole("it is damaged") from None
    except UnicodeDecodeError:
        raise BadBill("it is not GBK") from None
    for text in texts:
        if text.removeprefix("\ufeff").startswith(_DETAILS):
            return text.removeprefix("\ufeff")
    raise BadBill("it has no file with lines")


def _check_head(remarks: Sequence[str], day: date, seller_id: str) -> None:
    head = "\n".join(remarks)
    account, first = _ACCOUNT.search(head), _FROM.search(head)
    if account is None or first is None:
        raise BadBill("it does not say whose it is, or of which day")
    if account[1] != seller_id:
        raise NotWhole("it is of another account than `seller_id`")
    if "-".join(first.groups()) != day.isoformat():
        raise NotWhole("it is of another day")


def _check_tail(remarks: Sequence[str], rows: Sequence[_Row]) -> None:
    told = {match[1]: (int(match[2]), match[3]) for line in remarks if (match := _TAIL.match(line))}
    if set(told) != set(_KINDS):
        raise NotWhole("it has no sums at its end: it is cut off")
    unread = sum(row.received_minor is None for row in rows)
    for word, kind in _KINDS.items():
        count, total = told[word]
        received = [row.received_minor for row in rows if row.line.kind is kind]
        if not len(received) <= count <= len(received) + unread:
            raise NotWhole("its sums count another number of lines")
        if not unread and sum(each for each in received if each is not None) != _fen(total):
            raise NotWhole("its sums are not those of its lines")


def _row(header: Sequence[str], line: str, day: date) -> _Row:
    values = _values(line)
    payer = header.index(_PAYER) if _PAYER in header else -1
    if len(values) != len(header):
        # Which of them is the payer cannot be told: what is shown is what finds the trade, if it stands in its place.
        places = [header.index(name) for name in _NUMBERS]
        found = [
            values[place] for place in places if place < len(values) and _NUMBER.fullmatch(values[place])
        ]
        return _Row(_other(" ".join(found), day), None)
    raw = ",".join(value for index, value in enumerate(values) if index != payer)
    known = dict(zip(header, values, strict=True))
    try:
        return _Row(_known(known, raw, day), _fen(known["商家实收(元)"]))
    except (MoneyError, Unreadable):
        return _Row(_other(raw, day), None)


def _known(values: Mapping[str, str], raw: str, day: date) -> BillLine:
    """Amounts of both kinds are positive; a fee that comes back is negative."""
    kind = _KINDS.get(values["业务类型"])
    if kind is None:
        return _other(raw, day)
    is_refund = kind is BillLineKind.REFUND
    fee = abs(_fen(values["服务费(元)"]))
    return BillLine(
        kind=kind,
        number=values["退款批次号/请求号" if is_refund else "商户订单号"],
        provider_id=values["支付宝交易号"],
        amount_minor=abs(_fen(values["订单金额(元)"])),
        fee_minor=-fee if is_refund else fee,
        currency=CURRENCY,
        at=moment(values["完成时间"]),
        raw=raw,
    )


def _other(raw: str, day: date) -> BillLine:
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


def due_at(day: date) -> datetime:
    """From when on a bill that is not there means that nothing happened on that day: they are made until 9:00 of the
    next, and one that is late should not be taken for an empty one."""
    return datetime.combine(day + timedelta(days=2), time(), BEIJING)


def _values(line: str) -> list[str]:
    """Numbers end with a tab, so that no program takes them for such."""
    return [value.strip() for value in next(csv.reader([line]), [])]


def _plain(name: str) -> str:
    return name.replace("（", "(").replace("）", ")")


def _fen(yuan: str) -> int:
    return parse_amount(yuan, CURRENCY, allow_negative=True)
