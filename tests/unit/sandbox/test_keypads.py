"""Customers at keypads: whatever slips, the code is right in the end, unless it was misread as a whole."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from coinslot.sandbox.customers.keypads import Typing, keys_of, misread
from coinslot.terminal.keypad import Keypad

CODES = st.from_regex(r"[0-9]{8,12}", fullmatch=True)


def confirmed(keys: list[str]) -> str | None:
    """What a keypad takes these keys for."""
    keypad = Keypad()
    return [keypad.press(key, now) for now, key in enumerate(keys)][-1]


@given(CODES, st.booleans(), st.integers(0, 99))
def test_a_slip_is_taken_back_and_the_code_is_right(digits: str, slips: bool, seed: int) -> None:
    keys = list(keys_of(digits, Typing(slips=slips, misreads=False), random.Random(seed)))
    assert confirmed(keys) == digits
    assert keys.count("*") == slips


@given(CODES, st.integers(0, 99))
def test_a_misread_code_is_wrong_in_one_digit(digits: str, seed: int) -> None:
    wrong = misread(digits, random.Random(seed))
    assert len(wrong) == len(digits)
    assert sum(one != other for one, other in zip(wrong, digits, strict=True)) == 1
