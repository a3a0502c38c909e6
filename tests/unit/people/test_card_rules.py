"""Card numbers, PINs, and the waits after wrong ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from coinslot.fields import FieldError
from coinslot.people.card_rules import (
    CARD_FREE,
    SOURCE_FREE,
    card_no_of,
    locked_until,
    luhn_digit,
    make_card_no,
    make_pin,
    normal_card_no,
    pin_of,
    shown_card_no,
    wait_after,
)


def test_the_last_digit_is_luhns() -> None:
    assert luhn_digit("7992739871") == "3"  # the textbook's number
    assert luhn_digit("000000000") == "0"


def test_made_numbers_are_numbers_and_all_different() -> None:
    made = {make_card_no() for _ in range(500)}
    assert len(made) > 495
    assert all(card_no_of(number) == number and number[0] != "0" for number in made)
    assert all(pin_of(pin) == pin for pin in (make_pin() for _ in range(50)))


@pytest.mark.parametrize("place", range(10))
def test_one_wrong_digit_is_seen(place: int) -> None:
    number = make_card_no()
    for digit in "0123456789":
        changed = number[:place] + digit + number[place + 1 :]
        assert (card_no_of(changed) is not None) == (changed == number)


def test_a_number_may_come_in_groups_and_in_full_width() -> None:
    number = make_card_no()
    assert card_no_of(f" {shown_card_no(number)} ") == number
    assert card_no_of("".join(chr(ord(digit) + 0xFEE0) for digit in number)) == number
    assert pin_of("０12-345") == "012345"


@pytest.mark.parametrize("text", ["", "12345", "123456789x", "12345678901", "²345678901", "1234567890\0"])
def test_what_is_no_number_is_refused_without_being_repeated(text: str) -> None:
    assert card_no_of(text) is None
    with pytest.raises(FieldError) as raised:
        normal_card_no(text)
    assert raised.value.field == "card_no"
    assert not text or text not in str(raised.value)


def test_waits_grow_to_an_hour_and_a_day_has_33_tries() -> None:
    waits = [wait_after(n, CARD_FREE) // timedelta(minutes=1) for n in range(1, 13)]
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]
    at, tries = timedelta(0), 0
    while at < timedelta(days=1):
        tries += 1
        at += wait_after(tries, CARD_FREE)
    assert tries == 33


def test_an_address_has_more_free_tries_than_a_card() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert locked_until(SOURCE_FREE - 1, now, SOURCE_FREE) is None
    assert locked_until(SOURCE_FREE, now, SOURCE_FREE) == now + timedelta(minutes=1)
    assert locked_until(10**6, now, SOURCE_FREE) == now + timedelta(hours=1)
    assert locked_until(0, None, CARD_FREE) is None
