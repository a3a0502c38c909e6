"""A statement's files: every figure exactly, every text a text, and the same bytes for the same statement."""

from __future__ import annotations

import csv
import io
import logging
import random
import re
import zipfile
from datetime import date, datetime, timedelta
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest

from coinslot.money import format_amount, parse_amount
from coinslot.settlement.exports import Column, Heading, Labels
from coinslot.settlement.exports.csv_file import csv_bytes
from coinslot.settlement.exports.pdf_file import pdf_bytes
from coinslot.settlement.exports.wording import inert
from coinslot.settlement.exports.xlsx_file import xlsx_bytes
from coinslot.settlement.statements import KindSum, Line, Statement
from coinslot.sharing import PartyId
from tests.support.pdf_text import pages_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
LABELS = Labels(
    title="结算单", party="分成方", operator="运营方", period="期间", currency="币种", opening="期初", closing="期末",
    moved="发生", carried="承前", page_sum="本页合计", page="第 %(page)s 页，共 %(pages)s 页", open_period="尚未结束",
    none="无记录", columns={column: column.value for column in Column}, kinds={"capture": "分成"},
)  # fmt: skip
HEADING = Heading(party="星河酒店", operator="Campus")
EVIL = (
    '=HYPERLINK("http://evil.example";"x")',
    "+1+1",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "  =1",
    "＝1",
    "|calc",
)


def statement(
    amounts: list[int], *, currency: str = "CNY", opening_minor: int = 0, name: str = "烘干机 3"
) -> Statement:
    """One line for each amount, seven minutes apart."""
    balance_minor, lines = opening_minor, []
    for number, amount_minor in enumerate(amounts):
        balance_minor += amount_minor
        lines.append(
            Line(
                posted_at=datetime(2026, 11, 1, 8, 0, 0, 123_456, SHANGHAI) + timedelta(minutes=7 * number),
                kind="capture", session=f"ses_{number}", appliance=name, site=name, agreement="agr_1 version 2",
                entry_id=number + 1, key=f"session:{number}", charge_minor=amount_minor * 3,
                amount_minor=amount_minor, balance_minor=balance_minor,
            )
        )  # fmt: skip
    return Statement(
        party=PartyId("pty_1"), currency=currency, first=date(2026, 11, 1), last=date(2026, 11, 30),
        opening_minor=opening_minor, carried_minor=opening_minor, lines=tuple(lines),
        sums=(KindSum(kind="capture", lines=len(lines), amount_minor=sum(amounts)),),
        closing_minor=balance_minor, complete=True,
    )  # fmt: skip


def cells(xlsx: bytes) -> list[dict[str, tuple[str, str]]]:
    """Each row's cells by column letter: the kind of the cell and its value as it stands in the file."""
    with zipfile.ZipFile(io.BytesIO(xlsx)) as file:
        shared = [
            "".join(text.text or "" for text in item.iter(f"{_MAIN}t"))
            for item in ElementTree.fromstring(file.read("xl/sharedStrings.xml"))
        ]
        sheet = ElementTree.fromstring(file.read("xl/worksheets/sheet1.xml"))
        names = file.namelist()
    assert not list(sheet.iter(f"{_MAIN}f")), "a formula"
    assert not [name for name in names if "external" in name or "vba" in name or "_rels/sheet" in name]
    rows = []
    for row in sheet.iter(f"{_MAIN}row"):
        found = {}
        for cell in row:
            letter, value = re.sub(r"\d", "", cell.get("r", "")), cell.findtext(f"{_MAIN}v") or ""
            kind = cell.get("t", "n")
            found[letter] = (kind, shared[int(value)] if kind == "s" else value)
        rows.append(found)
    return rows


def test_every_amount_of_a_spreadsheet_is_the_number_itself() -> None:
    chance = random.Random(7)
    for currency in ("CNY", "JPY", "KWD"):
        amounts = [chance.randrange(-(10**6), 10**6) for _ in range(200)] + [1, 10, 30, -1, 10**14 - 1]
        made = statement(amounts, currency=currency, opening_minor=70)
        lines = [
            row
            for row in cells(xlsx_bytes(made, HEADING, LABELS))
            if row.get("E", ("", ""))[1].startswith("ses_")
        ]
        assert len(lines) == len(amounts)
        for row, line in zip(lines, made.lines, strict=True):
            for letter, minor in (
                ("G", line.charge_minor),
                ("H", line.amount_minor),
                ("I", line.balance_minor),
            ):
                kind, text = row[letter]
                assert kind == "n"
                # What stands in the file has the currency's decimals or fewer, never the dust of a float.
                assert minor == parse_amount(text, currency, allow_negative=True), (text, minor)


def test_an_amount_with_more_digits_than_a_spreadsheet_keeps_is_a_text() -> None:
    made = statement([10**17 + 1])
    row = next(
        row for row in cells(xlsx_bytes(made, HEADING, LABELS)) if row.get("E", ("", ""))[1] == "ses_0"
    )
    assert row["H"] == ("s", format_amount(10**17 + 1, "CNY"))


@pytest.mark.parametrize("evil", EVIL)
def test_no_name_is_a_formula(evil: str) -> None:
    made = statement([5], name=evil)
    rows = cells(xlsx_bytes(made, Heading(party=evil, operator=evil), LABELS))
    # A carriage return is spelled out in the format.
    assert ("s", evil.replace("\r", "_x000D_")) in [cell for row in rows for cell in row.values()]
    texts = list(csv.DictReader(io.StringIO(csv_bytes(made).decode("utf-8-sig"), newline="")))
    assert texts[1]["appliance"] == f"'{evil}"
    assert inert("Hotel = good") == "Hotel = good"


def test_a_csv_has_both_balances_and_every_line() -> None:
    made = statement([5, -2, 10_000], opening_minor=7)
    rows = list(csv.DictReader(io.StringIO(csv_bytes(made).decode("utf-8-sig"), newline="")))
    assert [row["balance"] for row in rows] == ["0.07", "0.12", "0.10", "100.10", "100.10"]
    assert rows[1]["time"] == "2026-11-01T08:00:00+08:00"
    assert {row["currency"] for row in rows} == {"CNY"}


def test_a_pdfs_pages_add_up() -> None:
    amounts = [13 * (number % 50) - 100 for number in range(90)]
    made = statement(amounts, opening_minor=500_000)
    pages = pages_of(pdf_bytes(made, HEADING, LABELS))
    assert len(pages) == 4
    sums, carried = [], []
    for number, page in enumerate(pages, 1):
        assert f"第 {number} 页，共 4 页" in "".join(page)
        sums.append(
            parse_amount(page[page.index("本页合计") + 1].replace("−", "-"), "CNY", allow_negative=True)
        )
        carried.append(page[page.index("承前") + 1])
    assert sum(sums) == made.moved_minor
    assert carried[0] == "5,000.00"
    end = pages[-1].index("期末")
    assert pages[-1][end + 1 : end + 3] == [
        format_amount(made.moved_minor, "CNY"),
        f"{made.closing_minor // 100:,}.{made.closing_minor % 100:02d}",
    ]
    assert [text for page in pages for text in page if text.startswith("ses_")] == [
        f"ses_{n}" for n in range(90)
    ]


def test_signs_that_the_font_lacks_are_replaced_and_named_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        pages = pages_of(
            pdf_bytes(statement([5], name="囧😀\u202e\x00 a\nb"), Heading(party="囧", operator="A"), LABELS)
        )
    assert "〓〓〓〓 a b" in pages[0]
    assert "囧" not in caplog.text
    assert "囧" not in "".join(record.getMessage() for record in caplog.records)


def test_the_same_statement_is_the_same_file() -> None:
    made = statement([5, -3] * 30)
    for write in (pdf_bytes, xlsx_bytes):
        assert write(made, HEADING, LABELS) == write(made, HEADING, LABELS)
    empty = statement([])
    assert "无记录" in pages_of(pdf_bytes(empty, HEADING, LABELS))[0]
    assert len(csv_bytes(empty).splitlines()) == 3
