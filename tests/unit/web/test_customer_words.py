"""Every reason has words for the person who reads it, and a form pressed twice has one answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from coinslot.fields import FieldError
from coinslot.people import id_number, pictures, real_name_rules
from coinslot.people.rules import normal_phone
from coinslot.settlement.requests import Refusal
from coinslot.web.customer import words
from coinslot.web.customer.appliances import Standing
from coinslot.web.customer.limits import Recent
from coinslot.web.customer.promises import WORDS
from coinslot.web.customer.wait_words import again_words, seconds_until
from coinslot.web.pages.languages import Language
from coinslot.web.pages.languages import words as words_of

_CONSTANTS = {
    id_number: (*("_LENGTH", "_OLD", "_CHARACTERS", "_REGION", "_NO_DATE", "_FUTURE", "_TOO_OLD", "_CHECK"),),
    pictures: (
        *("_NONE", "_TOO_LARGE", "_KIND", "_TOO_MANY_PIXELS", "_TOO_SMALL", "_TOO_NARROW", "_MOVES"),
        "_DAMAGED",
    ),
    real_name_rules: ("_LETTERS", "_SHORT"),
}


class Speaker:
    """As much of a page as words need."""

    def __init__(self, language: Language = Language.EN) -> None:
        self.language = language

    def say(self, text: str, **values: object) -> str:
        spoken = words_of(self.language).gettext(text)
        return spoken % values if values else spoken


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in _CONSTANTS.items() for name in names]
)
def test_every_reason_of_a_field_is_worded_for_customers(module: object, name: str) -> None:
    assert getattr(module, name) in words.REASONS


@pytest.mark.parametrize("phone", ["12", "+86139", "+861391234567", "abc", ""])
def test_every_bad_number_is_told_in_both_languages(phone: str) -> None:
    with pytest.raises(FieldError) as caught:
        normal_phone(phone)
    told = {words.wording(Speaker(language), caught.value) for language in Language}  # type: ignore[arg-type]
    assert len(told) == 2
    assert not phone or all(phone not in text for text in told)


def test_an_unknown_reason_is_told_by_its_field() -> None:
    error = FieldError("name", "may be at most 80 characters, this is 93")
    assert "80" in words.wording(Speaker(), error)  # type: ignore[arg-type]


def test_every_refusal_and_standing_has_words() -> None:
    assert set(words.REFUSALS) == set(Refusal)
    assert set(WORDS) == set(Standing)
    for reason in Refusal:
        assert words.refusal_words(Speaker(Language.ZH), reason).endswith("没有冻结任何金额。")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (timedelta(seconds=-5), "in 1 s"),
        (timedelta(seconds=42.5), "in 43 s"),
        (timedelta(seconds=91), "in 2 minutes"),
        (timedelta(minutes=59, seconds=30), "in 60 minutes"),
    ],
)
def test_a_wait_is_told_the_finer_the_nearer(left: timedelta, told: str) -> None:
    assert again_words(Speaker(), datetime.now(UTC) + left, "Asia/Shanghai") == told  # type: ignore[arg-type]


def test_a_long_wait_is_told_by_the_clock_at_the_appliance() -> None:
    at = datetime.now(UTC) + timedelta(hours=3)
    told = again_words(Speaker(), at, "Asia/Shanghai")  # type: ignore[arg-type]
    assert told == f"at {at + timedelta(hours=8):%H:%M}"
    assert seconds_until(datetime.now(UTC) - timedelta(days=1)) == 0


def test_an_answer_is_remembered_for_a_while_and_not_longer() -> None:
    now = [0.0]
    recent: Recent[str] = Recent(10, clock=lambda: now[0])
    recent.keep("one", "first")
    now[0] = 9
    recent.keep("two", "second")
    assert (recent.find("one"), recent.find("two"), recent.find("three")) == ("first", "second", None)
    now[0] = 11
    assert (recent.find("one"), recent.find("two")) == (None, "second")


def test_what_is_remembered_does_not_grow_without_end() -> None:
    recent: Recent[int] = Recent(1_000, clock=lambda: 0.0)
    for number in range(5_000):
        recent.keep(number, number)
    assert recent.find(4_999) == 4_999
    assert recent.find(0) is None
