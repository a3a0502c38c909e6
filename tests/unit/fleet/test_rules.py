"""Each field refuses what it cannot hold, and says which field and why."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coinslot.fields import FieldError, clean_name
from coinslot.fleet import rules


@pytest.mark.parametrize(
    ("check", "good", "bad", "field"),
    [
        (rules.check_currency, "cny", ["", "CN", "¥¥¥", "12A", "CNYY"], "currency"),
        (
            rules.check_timezone,
            "Asia/Shanghai",
            ["", "Mars/X", "../etc/passwd", "/etc/passwd", "a\0b", "Asia"],
            "timezone",
        ),
        (rules.check_kind, "shower", ["", "Shower", "toaster"], "kind"),
        (rules.check_appliance_code, "AB-12_cd", ["", "abc", "a b c d", "x" * 41, "abcd\n", "a/bcd"], "code"),
        (
            rules.check_meter_spec,
            '{"ml":{}}',
            ["", "[]", "1", "{", "[" * 1999, " " * 2001, '{"a":"\ud800"}'],
            "meter",
        ),
    ],
)
def test_texts(check: Callable[[str], str], good: str, bad: list[str], field: str) -> None:
    assert check(good).lower() == good.lower()
    for text in bad:
        with pytest.raises(FieldError, match=rf"^{field}: ") as caught:
            check(text)
        assert caught.value.field == field


def test_numbers() -> None:
    assert [rules.check_outlet(number) for number in (0, 255)] == [0, 255]
    for number in (-1, 256, 2**63):
        with pytest.raises(FieldError, match=r"^outlet: "):
            rules.check_outlet(number)
    for hours in (0, -1, 2161):
        with pytest.raises(FieldError, match=r"^hours: "):
            rules.check_claim_hours(hours)


def test_a_name_is_composed_trimmed_and_printable() -> None:
    assert clean_name("name", "  Cafe\u0301 3 北 ") == "Café 3 北"
    for text in ("", "  ", "x" * 81, "a\nb", "a\0", "abc\u202edef", "a\u200bb", "\ud800"):
        with pytest.raises(FieldError, match=r"^name: "):
            clean_name("name", text)
