"""ID numbers: what is accepted, what is refused, which part is said to be wrong, and that none is repeated."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinslot.fields import FieldError
from coinslot.people.id_number import check_character, check_id_number, normal_id_characters

TODAY = date(2026, 3, 1)
GOOD = "11010519491231002X"  # the standard's own example
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def numbered(first: str = "110105", born: str = "19491231", order: str = "002") -> str:
    """A number whose check character fits, by the standard's table of weights and not by our own arithmetic."""
    digits = first + born + order
    total = sum(int(digit) * weight for digit, weight in zip(digits, WEIGHTS, strict=True))
    return digits + "10X98765432"[total % 11]


@pytest.mark.parametrize(
    "typed",
    [
        GOOD,
        GOOD.lower(),
        " 110105 19491231 002x ",
        "１１０１０５１９４９１２３１００２Ｘ",
        "110105\u3000１９４９1231\u00a0002ｘ",
        "110105\t19491231\n002X",
    ],
)
def test_a_number_has_one_form(typed: str) -> None:
    assert check_id_number(typed, TODAY) == GOOD


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("", "18 characters"),
        (GOOD[:-1], "18 characters"),
        (GOOD + "1", "18 characters"),
        ("1" * 100_000, "18 characters"),
        ("110105491231002", "15 digits"),
        ("1101051949123100XX", "17 digits"),
        ("11010519491231002A", "17 digits"),
        ("1101O519491231002X", "17 digits"),
        ("١١٠١٠٥١٩٤٩١٢٣١٠٠٢X", "17 digits"),
        ("②1010519491231002X", "17 digits"),
        (numbered("000105"), "region"),
        (numbered("160105"), "region"),
        (numbered("990105"), "region"),
        (numbered(born="20250230"), "no date that exists"),
        (numbered(born="20250229"), "no date that exists"),
        (numbered(born="20251301"), "no date that exists"),
        (numbered(born="20250100"), "no date that exists"),
        (numbered(born="00000101"), "no date that exists"),
        (numbered(born="20260302"), "still to come"),
        (numbered(born="99991231"), "still to come"),
        (numbered(born="18950301"), "130 years"),
        ("110105194912310021", "last character"),
        ("110105194912310029", "last character"),
        ("11010519491231020X", "last character"),
    ],
)
def test_a_wrong_number_is_refused_by_the_part_that_is_wrong(typed: str, wrong: str) -> None:
    with pytest.raises(FieldError) as refused:
        check_id_number(typed, TODAY)
    assert refused.value.field == "id_number"
    assert wrong in refused.value.reason
    assert not any(part in str(refused.value) for part in ("19491231", "110105", "20250230"))
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "number",
    [
        numbered(born="20240229"),
        numbered(born="20260301"),
        numbered(born="18960301"),
        numbered(born="18950302"),
        numbered("810000"),
        numbered("830000"),
        numbered("931840"),  # a foreign permanent resident: 9, Shanghai, the USA
    ],
)
def test_unusual_people_have_numbers_too(number: str) -> None:
    assert check_id_number(number, TODAY) == number


@given(st.text("0123456789", min_size=17, max_size=17), st.integers(0, 16), st.integers(1, 9))
def test_the_check_character_is_the_standards_and_finds_each_mistyped_digit(
    digits: str, at: int, by: int
) -> None:
    total = sum(int(digit) * weight for digit, weight in zip(digits, WEIGHTS, strict=True))
    assert check_character(digits) == "10X98765432"[total % 11]
    mistyped = digits[:at] + str((int(digits[at]) + by) % 10) + digits[at + 1 :]
    assert check_character(mistyped) != check_character(digits)


@given(st.text(max_size=40))
def test_whatever_is_typed_ends_in_a_number_or_a_field_error(typed: str) -> None:
    try:
        number = check_id_number(typed, TODAY)
    except FieldError:
        return
    assert len(number) == 18


def test_a_tail_is_compared_in_the_same_form() -> None:
    assert normal_id_characters(" ００2 x") == GOOD[-4:]
