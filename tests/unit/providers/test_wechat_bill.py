"""WeChat Pay's daily bill, read to the last character."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from coinslot.payments.port import BillLineKind
from coinslot.providers.wechat.bill import BadBill, fen, parse, render, translated
from coinslot.sandbox.providers.wechat.bill_file import HEADER, SUMMARY, Line, bill_file

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
PAID = Line(NOON, "wx1", "1900000001", "42001", "N1", "oOne", "NATIVE", "Hot water", "CNY", paid=1234)
BACK = Line(
    *(NOON, "wx1", "1900000001", "42001", "N1", "oOne", "NATIVE", "Hot water, again", "CNY", 0),
    *("50001", "R1", 234, "SUCCESS"),
)
FILE = bill_file([PAID, BACK], reordered=False)


def test_a_real_bill_is_read_and_written_back_byte_for_byte() -> None:
    beside = Path(__file__).parents[4] / "shared" / "data"
    real = Path(os.environ.get("COINSLOT_DATA", beside)) / "wechat" / "tradebill_20210128.csv"
    if not real.is_file():
        pytest.skip(f"the real bill is not here ({real}); COINSLOT_DATA names the folder of real data")
    content = real.read_bytes()
    bill = parse(content)
    assert render(bill) == content
    # What the provider signs is the hash of the file as it is unzipped.
    assert hashlib.sha1(render(bill), usedforsecurity=False).hexdigest() == (
        "dcd7ceb3d382a1181798368bb15d8437de46c00f"
    )
    assert bill.header == HEADER
    assert bill.summary_header == SUMMARY
    lines = translated(bill, date(2021, 1, 28))
    assert [line.amount_minor for line in lines] == [1, 1, 1]
    assert lines[0].number == "S20210128170702357723"
    assert all("ofyak5qR" in ",".join(row) for row in bill.rows)
    assert not any("ofyak5qR" in line.raw for line in lines), "who has paid is not kept"
    assert lines[0].at.isoformat() == "2021-01-28T17:07:11+08:00"


def test_the_sandbox_writes_what_is_read_and_written_back_alike() -> None:
    assert render(parse(FILE)) == FILE


def test_payments_and_refunds_in_fen_with_their_own_numbers() -> None:
    paid, back = translated(parse(FILE), DAY)
    assert (paid.kind, paid.number, paid.provider_id) == (BillLineKind.PAYMENT, "N1", "42001")
    assert (paid.amount_minor, paid.fee_minor, paid.currency) == (1234, 7, "CNY")
    assert (back.kind, back.number, back.provider_id) == (BillLineKind.REFUND, "R1", "50001")
    assert (back.amount_minor, back.fee_minor) == (234, -1)
    assert paid.at == NOON
    assert "`Hot water," in paid.raw
    assert "oOne" not in paid.raw + back.raw


def test_columns_are_found_by_name() -> None:
    assert translated(parse(bill_file([PAID, BACK], reordered=True)), DAY)[0].amount_minor == 1234


def test_a_subject_may_hold_commas() -> None:
    named = bill_file([PAID._replace(subject="a,b,,c")], reordered=False)
    assert translated(parse(named), DAY)[0].amount_minor == 1234
    assert render(parse(named)) == named


def test_a_line_that_cannot_be_read_is_kept_for_somebody_to_see() -> None:
    torn = FILE.replace(b",`12.34,`0.00,`\r\n", b",`12.34\r\n")
    strange, back = translated(parse(torn), DAY)
    assert strange.kind is BillLineKind.OTHER
    assert "N1" in strange.raw
    assert back.kind is BillLineKind.REFUND
    unknown = translated(parse(FILE.replace(b"`SUCCESS,`OTHERS", b"`REVOKED,`OTHERS")), DAY)[0]
    assert (unknown.kind, unknown.number) == (BillLineKind.OTHER, "N1")


@pytest.mark.parametrize(
    "spoilt",
    [
        b"",
        FILE[3:],
        FILE[:-2],
        FILE[:-40],
        FILE.replace(b"\r\n", b"\n"),
        FILE.replace("总交易单数".encode(), b"?"),
        FILE.replace(b"\r\n`2,", b"\r\n`3,"),
        b"\xff" + FILE,
        b"<html>maintenance</html>",
    ],
)
def test_a_file_that_is_no_bill_is_refused(spoilt: bytes) -> None:
    with pytest.raises(BadBill):
        parse(spoilt)


def test_a_bill_without_a_needed_column_is_refused_by_the_columns_name() -> None:
    without = FILE.replace("手续费,".encode(), b"Fee,", 1)
    with pytest.raises(BadBill, match="手续费"):
        translated(parse(without), DAY)


@pytest.mark.parametrize(
    ("yuan", "expected"),
    [("0.00", 0), ("12.34", 1234), ("-0.01000", -1), ("0.00500", 1), ("0.00499", 0), ("-0.00500", -1)],
)
def test_amounts(yuan: str, expected: int) -> None:
    assert fen(yuan) == expected


@pytest.mark.parametrize("wrong", ["", "1", "1.2", "1,00.00", "1e3", "١.٠٠", " 1.00", "NaN"])
def test_what_is_no_amount(wrong: str) -> None:
    with pytest.raises(BadBill):
        fen(wrong)
