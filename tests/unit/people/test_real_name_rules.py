"""Names as on a card; every field that is wrong is said at once; a shown struct tells nobody's name."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from coinslot.fields import FieldError, FieldErrors
from coinslot.people.real_name_rules import (
    OpenedName,
    RealNameState,
    check_person_name,
    check_reason,
    check_submitted,
)
from coinslot.wire.ids import CustomerId

GOOD_NUMBER = "11010519491231002X"
TODAY = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" 林小雨 ", "林小雨"),
        ("古丽娜尔・买买提", "古丽娜尔·买买提"),
        ("Anna-Marie  O'Neil Jr.", "Anna-Marie O'Neil Jr."),
        ("Zoe\u0308", "Zoë"),
        ("𠮷田", "𠮷田"),
        ("\ue000某", "\ue000某"),
    ],
)
def test_a_name_is_kept_as_on_the_card(typed: str, kept: str) -> None:
    assert check_person_name(typed) == kept


@pytest.mark.parametrize(
    "typed",
    ["", "  ", "林", "林2", "林小雨<b>", "a\u202eb", "a\0b", "\ud800\ud800", "x" * 81, "lin@home", "😀😀"],
)
def test_what_is_no_name_is_refused_without_being_repeated(typed: str) -> None:
    with pytest.raises(FieldError) as refused:
        check_person_name(typed)
    assert refused.value.field == "name"
    assert len(typed.strip()) < 2 or typed not in str(refused.value)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(FieldErrors) as refused:
        check_submitted("林", "123", TODAY, FieldError("picture", "is damaged"))
    assert [error.field for error in refused.value.errors] == ["name", "id_number", "picture"]
    assert "123" not in str(refused.value)
    with pytest.raises(FieldErrors) as refused:
        check_submitted("林小雨", GOOD_NUMBER[:-1] + "1", TODAY, b"jpeg")
    assert [error.field for error in refused.value.errors] == ["id_number"]
    assert check_submitted("林小雨", GOOD_NUMBER.lower(), TODAY, b"jpeg") == ("林小雨", GOOD_NUMBER, b"jpeg")


def test_a_rejection_needs_a_reason() -> None:
    assert check_reason("  the picture\n is blurred ") == "the picture is blurred"
    for text in ("", " ", "x" * 201, "a\0b", "a\u202eb"):
        with pytest.raises(FieldError, match=r"^reason"):
            check_reason(text)


def test_an_opened_name_does_not_show_itself() -> None:
    opened = OpenedName(
        real_name_id="rnm_1",
        customer_id=CustomerId("cus_1"),
        state=RealNameState.PENDING,
        submitted_at=datetime(2026, 3, 1, tzinfo=UTC),
        note="",
        name="林小雨",
        id_number=GOOD_NUMBER,
        picture=b"canary",
    )
    assert not any(text in repr(opened) for text in ("林小雨", GOOD_NUMBER, "canary"))
