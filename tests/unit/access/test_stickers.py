"""The signed code of a sticker: ours, or nothing."""

from __future__ import annotations

import pytest

from coinslot.access import stickers
from coinslot.keyring import Keyring

KEYRING = Keyring("a-secret-of-this-installation")


def test_a_sticker_names_the_appliance_it_was_made_for() -> None:
    assert stickers.read(KEYRING, stickers.sign(KEYRING, "CS-0105")) == "CS-0105"


def test_a_sticker_of_another_installation_names_nothing() -> None:
    foreign = stickers.sign(Keyring("another-installation-secret"), "CS-0105")
    assert stickers.read(KEYRING, foreign) is None


def test_the_signature_of_one_appliance_does_not_fit_another() -> None:
    signature = stickers.sign(KEYRING, "CS-0105").split(".")[1]
    assert stickers.read(KEYRING, f"CS-0106.{signature}") is None


def test_every_changed_character_of_the_signature_is_noticed() -> None:
    token = stickers.sign(KEYRING, "CS-0105")
    for at in range(token.index(".") + 1, len(token)):
        other = "0" if token[at] != "0" else "1"
        assert stickers.read(KEYRING, token[:at] + other + token[at + 1 :]) is None


@pytest.mark.parametrize(
    "token",
    ["", "CS-0105", "CS-0105.", ".0123456789ab", "CS-0105.0123456789ab\n", "CS 0105.0123456789ab", "é" * 20],
)
def test_anything_else_names_nothing(token: str) -> None:
    assert stickers.read(KEYRING, token) is None


def test_a_sticker_made_under_an_earlier_secret_still_works() -> None:
    renewed = Keyring("the-new-secret-in-force", earlier=["a-secret-of-this-installation"])
    assert stickers.read(renewed, stickers.sign(KEYRING, "CS-0105")) == "CS-0105"
    assert stickers.sign(renewed, "CS-0105") != stickers.sign(KEYRING, "CS-0105")
