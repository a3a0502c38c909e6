"""Numbers that every provider takes."""

from __future__ import annotations

import re

import pytest

from coinslot.payments.numbers import is_number, payment_number, refund_number


def test_they_are_32_characters_that_every_provider_takes_and_never_the_same() -> None:
    numbers = [payment_number() for _ in range(2000)] + [refund_number() for _ in range(2000)]
    assert all(re.fullmatch(r"[pr][0-9a-z]{31}", number) for number in numbers)
    assert len(set(numbers)) == 4000
    assert all(is_number(number) for number in numbers)


def test_they_are_in_the_order_of_their_making() -> None:
    times = [payment_number()[1:9] for _ in range(50)]
    assert times == sorted(times)


@pytest.mark.parametrize(
    "text", ["", "p" * 31, "p" * 33, "p" * 31 + "\n", "p" * 31 + "-", "ｐ" * 32, "p" * 31 + "é"]
)
def test_what_is_none(text: str) -> None:
    assert not is_number(text)
