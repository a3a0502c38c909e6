"""Files of customers: encodings, separators, amounts, and every fault by its line and field."""

from __future__ import annotations

import pytest

from coinslot.people.card_rules import luhn_digit
from coinslot.settlement.importing import reading
from coinslot.settlement.importing.bringing import errors_csv
from coinslot.settlement.importing.reading import FileError, LineError, read_file

CARD = "123456789" + luhn_digit("123456789")
HEAD = "phone,card_no,language,balance,bonus\n"


def _errors(body: str, head: str = HEAD) -> list[tuple[int, str]]:
    return [(error.line, error.field) for error in read_file((head + body).encode(), "CNY").errors]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
def test_spreadsheets_of_all_kinds_are_read(separator: str, encoding: str) -> None:
    text = f"手机号,卡号,语言,余额,赠送\r\n138 0013 8000,{CARD},en,12.50,1\r\n\r\n,{'0' * 10},,,\r\n"
    found = read_file(text.replace(",", separator).encode(encoding), "CNY")
    assert found.errors == ()
    assert [(each.line, each.phone, each.card_no, each.language) for each in found.customers] == [
        (2, "+8613800138000", CARD, "en"),
        (4, None, "0" * 10, "zh"),
    ]
    assert [(each.balance_minor, each.bonus_minor) for each in found.customers] == [(1250, 100), (0, 0)]
    assert (found.rows, found.separator) == (2, separator)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("12345,,zh,1,", "phone"),
        ("1.38E+10,,zh,1,", "phone"),
        (",1234567890,zh,1,", "card_no"),
        (",,zh,1,", "phone"),
        (f",{CARD},fr,1,", "language"),
        (f",{CARD},zh,-1,", "balance"),
        (f",{CARD},zh,1e3,", "balance"),
        (f",{CARD},zh,0.001,", "balance"),
        (f",{CARD},zh,NaN,", "balance"),
        (f',{CARD},zh,"1,000.00",', "balance"),
        (f",{CARD},zh,10000000.01,", "balance"),
        (f",{CARD},zh,1,=1+1", "bonus"),
        (f",{CARD},zh,１２,", "balance"),
        (f",{CARD},zh,1", "line"),
        (f",{CARD},zh,1,,", "line"),
        (f",{CARD},{'z' * 201},1,", "line"),
    ],
)
def test_a_fault_names_line_and_field_and_repeats_nothing(line: str, field: str) -> None:
    found = read_file((HEAD + f"13800138001,,,,\n{line}\n").encode(), "CNY")
    assert [(error.line, error.field) for error in found.errors] == [(3, field)]
    assert len(found.customers) == 1
    for cell in line.split(","):
        assert len(cell) < 4 or cell not in found.errors[0].reason


def test_all_faults_of_a_line_are_told_together() -> None:
    assert _errors("12,34,fr,x,y\n") == [
        (2, field) for field in ("phone", "card_no", "language", "balance", "bonus")
    ]


def test_the_same_number_twice_is_a_fault_of_the_later_line() -> None:
    assert _errors(f"13800138000,,,,\n+86 138-0013-8000,,,,\n,{CARD},,,\n,{CARD},,,\n") == [
        (3, "phone"),
        (5, "card_no"),
    ]


def test_names_are_not_brought_in() -> None:
    assert _errors("13800138000,\n13800138001,Lin\n", "phone,name\n") == [(3, "name")]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" \r\n ",
        b"\xff\xff\x00nothing",
        b"\x80\xff\xff" * 10,
        b"balance\n5\n",
        b"phone,shoe size\n1,2\n",
        b"phone,mobile\n1,2\n",
        b'phone\n"13800138000\n',
        b"phone\n1380\x00\n",
        b"phone\n" + b"x" * (reading.MOST_BYTES + 1),
    ],
)  # fmt: skip
def test_what_is_no_such_file_is_refused_whole(raw: bytes) -> None:
    with pytest.raises(FileError):
        read_file(raw, "CNY")


def test_a_file_has_at_most_so_many_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_LINES", 3)
    lines = [f"1380013800{number}" for number in range(4)]
    assert len(read_file("\n".join(["phone", *lines[:3]]).encode(), "CNY").customers) == 3
    with pytest.raises(FileError):
        read_file("\n".join(["phone", *lines]).encode(), "CNY")


def test_a_line_is_numbered_as_the_file_has_it_also_after_a_cell_of_several_lines() -> None:
    found = read_file(b'phone,balance\n"13800138000","1\n2"\n\n1,1\n', "CNY")
    assert [(error.line, error.field) for error in found.errors] == [(2, "balance"), (5, "phone")]


def test_an_amount_is_of_the_currencys_own_places() -> None:
    assert read_file(b"phone,balance\n13800138000,500\n", "JPY").customers[0].balance_minor == 500
    assert read_file(b"phone,balance\n13800138000,5.0\n", "JPY").errors[0].field == "balance"


def test_faults_as_a_file_hold_no_formula() -> None:
    raw = errors_csv([LineError(line=2, field="=x", reason="@SUM(1)")]).decode("utf-8-sig")
    assert "\n=x" not in raw.replace("2,", "\n")
    assert ",@" not in raw


def test_a_file_of_empty_lines_is_not_read_to_its_end() -> None:
    assert len(read_file(b"phone\n13800138000\n" + b"\n" * 50_000, "CNY").customers) == 1
    with pytest.raises(FileError, match="empty lines"):
        read_file(b"phone\n" + b"\n" * 4_000_000, "CNY")


def test_a_file_without_a_first_line_of_names_is_told_so_and_nobodys_number_is_repeated() -> None:
    with pytest.raises(FileError, match="column 2 is not known") as told:
        read_file(b"phone,13800138000\n", "CNY")
    assert "138" not in str(told.value)
