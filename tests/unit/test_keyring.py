"""Keys from one secret: apart for each purpose, and never shown."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from coinslot.keyring import Keyring, Purpose, mac

KEYRING = Keyring("a-secret-of-this-installation", earlier=["the-secret-before-that-one"])


def test_every_purpose_has_a_key_of_its_own() -> None:
    assert len({KEYRING.key(purpose) for purpose in Purpose}) == len(Purpose)
    assert all(len(KEYRING.key(purpose)) == 32 for purpose in Purpose)


def test_earlier_secrets_come_after_the_one_in_force() -> None:
    now, before = KEYRING.keys(Purpose.STICKER)
    assert now == KEYRING.key(Purpose.STICKER)
    assert before == Keyring("the-secret-before-that-one").key(Purpose.STICKER)


def test_neither_secret_nor_key_is_shown() -> None:
    assert "secret" not in repr(KEYRING)
    assert "secret" not in str(KEYRING)


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_no_part_of_a_hash_slips_into_its_neighbour(first: list[str], second: list[str]) -> None:
    assume(first != second)
    assert mac(b"k" * 32, *first) != mac(b"k" * 32, *second)
