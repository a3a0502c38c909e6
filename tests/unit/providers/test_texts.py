"""What customers read, in both languages."""

from __future__ import annotations

import pytest

from coinslot.people.notices import Language
from coinslot.providers.texts import money_text, subject_of, text_of
from tests.unit.providers.build import CODE, KIM, LIN, LOGIN, bill, hidden


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "验证码 730194，5 分钟内有效，用于登录North Campus。请勿告诉任何人。"),
        ("en", "730194 is your code for North Campus, good for 5 minutes. Tell it to nobody."),
    ],
)
def test_a_code_says_for_whom_and_for_how_long(language: Language, text: str) -> None:
    assert text_of(LOGIN, language) == text


def test_a_bill_says_what_was_charged_and_what_went_back() -> None:
    link = "https://wash.example.org/s/ses_01/bill"
    assert text_of(bill(link=link), "en") == (
        f"Hall 2 Water 7 has ended: 1.25 CNY charged, 3.75 CNY returned. Bill: {link}"
    )
    assert text_of(bill(link=link), "zh") == (
        f"Hall 2 Water 7 使用结束：收费 1.25元，已退回 3.75元。账单 {link}"
    )


def test_a_bill_without_rest_or_address_says_less_and_a_debt_is_called_one() -> None:
    assert text_of(bill(released_minor=0), "en") == "Hall 2 Water 7 has ended: 1.25 CNY charged."
    late = bill(captured_minor=0, released_minor=500, owed_minor=45)
    assert text_of(late, "en") == "Hall 2 Water 7 has ended: you owe 0.45 CNY."
    assert text_of(late, "zh") == "Hall 2 Water 7 使用结束：欠费 0.45元。"


@pytest.mark.parametrize(
    ("amount_minor", "currency", "zh", "en"),
    [
        (5, "CNY", "0.05元", "0.05 CNY"),
        (350, "JPY", "350 JPY", "350 JPY"),
        (1, "KWD", "0.001 KWD", "0.001 KWD"),
    ],
)
def test_money_has_its_own_minor_digits(amount_minor: int, currency: str, zh: str, en: str) -> None:
    assert money_text(amount_minor, currency, "zh") == zh
    assert money_text(amount_minor, currency, "en") == en


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_code_stands_in_a_subject(language: Language) -> None:
    assert CODE not in subject_of(LOGIN, language)
    assert "North Campus" in subject_of(bill(), language)


def test_who_is_told_and_the_code_are_never_shown() -> None:
    assert all(hidden(f"{each!r} {each}") for each in (LIN, KIM, LOGIN))
