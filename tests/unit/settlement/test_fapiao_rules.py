"""What may be asked for on a fapiao, what is sealed of it, and what its files say."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinslot.fields import FieldError, FieldErrors
from coinslot.keyring import Keyring
from coinslot.settlement.fapiao import rules
from coinslot.settlement.fapiao.csv_file import COLUMNS, csv_bytes, read_marks
from coinslot.settlement.fapiao.exporting import Details, Filed
from coinslot.settlement.fapiao.rules import TitleKind, Wish, check_number, check_wish, wrong_tax_number
from coinslot.settlement.fapiao.sealing import opened, seal
from coinslot.wire.ids import OperatorId

OURS = OperatorId("opr_1")
KEYRING = Keyring("a secret for tests alone, 32 letters")
LEI = Wish(kind=TitleKind.PERSONAL, title="雷小明", tax_number="", mail="lei@example.com")
FIRM = Wish(
    kind=TitleKind.COMPANY, title="福州某某有限公司", tax_number="91350100M000100Y43", mail="a@b.example"
)


@pytest.mark.parametrize(
    "number",
    [
        "91350100M000100Y43",  # the example of GB 32100 itself
        "11010519491231002X",  # of GB 11643: somebody who trades under their own name
        "11010519491231002X01",
        "110105710933888",
        "11010571093388X",
    ],
)
def test_numbers_that_there_are(number: str) -> None:
    assert wrong_tax_number(number) == ""


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("", rules.TAX_NUMBER_LENGTH),
        ("91350100M000100Y4", rules.TAX_NUMBER_LENGTH),
        ("91350100M000100Y4399999", rules.TAX_NUMBER_LENGTH),
        ("91350100M000100Y44", rules.TAX_NUMBER_CHECK),
        ("91350100M000100I43", rules.TAX_NUMBER_SIGNS),  # no I among its letters
        ("110105194912310021", rules.TAX_NUMBER_CHECK),
        ("11010519491231002001", rules.TAX_NUMBER_CHECK),
        ("11010519491231002X0A", rules.TAX_NUMBER_SIGNS),
        ("AB0105710933888", rules.TAX_NUMBER_SIGNS),
        ("9135010０M000100Y43", rules.TAX_NUMBER_SIGNS),
        ("=1+1|cmd'/c calc'!", rules.TAX_NUMBER_SIGNS),
    ],
)
def test_numbers_that_there_are_not(number: str, reason: str) -> None:
    assert wrong_tax_number(number) == reason


@given(st.text(rules._CREDIT_SIGNS, min_size=17, max_size=17), st.integers(0, 16), st.data())
def test_one_wrong_character_of_a_credit_code_is_always_seen(
    code: str, place: int, data: st.DataObject
) -> None:
    check = rules.credit_check_character(code)
    other = data.draw(st.sampled_from([sign for sign in rules._CREDIT_SIGNS if sign != code[place]]))
    assert rules.credit_check_character(f"{code[:place]}{other}{code[place + 1 :]}") != check


def test_what_was_typed_is_kept_as_it_is_meant() -> None:
    made = check_wish(
        kind="company",
        title="  福州某某有限公司 ",
        tax_number="９1350100 m000-100y43",
        mail=" a@b.example ",
    )
    assert made == FIRM
    assert check_wish(kind="personal", title="雷小明", tax_number="", mail="lei@example.com") == LEI


@pytest.mark.parametrize(
    "mail",
    [
        "",
        "a",
        "a@b",
        "a b@c.de",
        "a@b..cn",
        "a@-b.cn",
        "a@b.cn\r\nBcc: x@y.cn",
        "é@b.cn",
        "@b.cn",
        "a@" + "b" * 260 + ".cn",
    ],
)
def test_no_mail_goes_nowhere(mail: str) -> None:
    with pytest.raises(FieldErrors) as caught:
        check_wish(kind="personal", title="雷", tax_number="", mail=mail)
    assert [error.field for error in caught.value.errors] == ["mail"]


def test_everything_wrong_is_named_at_once_and_nothing_typed_is_repeated() -> None:
    for kind, title in (("company", ""), ("firm", "x" * 101), ("personal", "secret\u202ename")):
        with pytest.raises(FieldErrors) as caught:
            check_wish(kind=kind, title=title, tax_number="SECRET", mail="secret@")
        named = {error.field for error in caught.value.errors}
        assert {"title", "mail"} < named
        assert "secret" not in str(caught.value).lower()
        assert {error.reason for error in caught.value.errors} <= set(rules.REASONS)
    assert "雷" not in repr(LEI)


def test_a_fapiaos_number() -> None:
    assert check_number(" 24117000-000012345678 ") == "24117000000012345678"
    assert check_number("0110019001 12345678") == "011001900112345678"
    for text in ("", "123", "2.4117E+19", "24117000000012345678x", "２４１１７"):
        with pytest.raises(FieldError):
            check_number(text)
    with pytest.raises(FieldError, match="spreadsheet"):
        check_number("2.4117E+19")


def test_what_is_sealed_opens_for_its_own_bill_alone() -> None:
    sealed = seal(KEYRING, OURS, "ses_1", FIRM)
    assert opened(KEYRING, OURS, "ses_1", sealed) == FIRM
    assert FIRM.mail.encode() not in sealed
    assert opened(KEYRING, OURS, "ses_2", sealed) is None
    assert opened(KEYRING, OperatorId("opr_2"), "ses_1", sealed) is None
    assert opened(Keyring("another secret for tests, 32 letters"), OURS, "ses_1", sealed) is None
    assert opened(KEYRING, OURS, "ses_1", sealed[:-1] + bytes([sealed[-1] ^ 1])) is None
    assert opened(KEYRING, OURS, "ses_1", b"") is None
    later = Keyring("the secret after it was changed, 32", ["a secret for tests alone, 32 letters"])
    assert opened(later, OURS, "ses_1", sealed) == FIRM


def filed(wish: Wish | None, **details: str) -> Filed:
    return Filed(
        export_id="fpx_1",
        line_id="fpl_1",
        request_id="fpr_1",
        session_id="ses_1",
        amount_minor=5_00,
        details=Details(**{"ended": "2026-11-22 10:00", "site": "Hotel", "appliance": "Dryer", **details}),
        wish=wish,
    )


def test_a_file_runs_nothing_and_holds_nothing_that_was_erased() -> None:
    evil = Wish(kind=TitleKind.PERSONAL, title="=HYPERLINK(1)", tax_number="", mail="+1|cmd@example.com")
    raw = csv_bytes([filed(evil, site="＝1+1", room="@SUM(1)"), filed(None)])
    assert raw.startswith(b"\xef\xbb\xbf")
    assert raw.count(b"\r\n") == 3
    first, second = csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
    assert (first["title"], first["mail"]) == ("'=HYPERLINK(1)", "'+1|cmd@example.com")
    assert (first["site"], first["room"]) == ("'＝1+1", "'@SUM(1)")
    assert first["amount"] == "5.00"
    assert [second[name] for name in ("title_kind", "title", "tax_number", "mail")] == [""] * 4
    assert tuple(second) == COLUMNS


def test_numbers_are_read_from_what_spreadsheets_save() -> None:
    text = "Line,title,NUMBER\r\nfpl_1,某公司,'24117000000012345678\r\nfpl_2,某公司,\r\nfpl_3\r\n"
    for encoding in ("utf-8", "utf-8-sig", "gb18030"):
        [mark] = read_marks(text.encode(encoding))
        assert (mark.row, mark.line, mark.number) == (2, "fpl_1", "24117000000012345678")
    for raw in (b"", b"\xff\xff\xff", b"a,b\r\n1,2\r\n", b'line,number\r\n"open,1'):
        with pytest.raises(FieldError):
            read_marks(raw)
