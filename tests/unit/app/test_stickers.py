"""The printed sticker: its QR is read as it would be from a wall."""

from __future__ import annotations

import pytest

from coinslot.app.stickers import Sticker, appliance_url, draw
from coinslot.keyring import Keyring

URL = appliance_url(Keyring("a-secret-of-this-installation"), "https://water.example.org", "CS-0105")


def _sticker(**changes: str) -> Sticker:
    fields = {
        "url": URL,
        "name": "饮水机 1",
        "site": "North Hall",
        "code": "CS-0105",
        "help_phone": "400-000-0000",
    }
    return Sticker(**{**fields, **changes})


def test_everything_a_customer_checks_is_on_it() -> None:
    drawn = draw(_sticker())
    for text in ("饮水机 1", "North Hall", "CS-0105", "water.example.org", "400-000-0000"):
        assert text in drawn


def test_a_name_cannot_break_out_of_the_drawing() -> None:
    drawn = draw(_sticker(name="</text><script>alert(1)</script>"))
    assert "<script>" not in drawn


def test_a_long_name_is_set_narrower_and_not_cut() -> None:
    assert 'textLength="62"' in draw(_sticker(name="饮水机" * 20))


@pytest.mark.parametrize("phone", ["", "400-000-0000"])
def test_without_a_help_phone_there_is_no_empty_line(phone: str) -> None:
    assert ("☎" in draw(_sticker(help_phone=phone))) is bool(phone)
