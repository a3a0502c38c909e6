"""Sealed values open for the person and the field they were sealed for, and in no other way."""

from __future__ import annotations

import secrets

import pytest

from coinslot.people.vault import PersonKey, Unopenable
from coinslot.wire.ids import CustomerId, OperatorId

CANARY = b"canary-7f3a"
KEY = secrets.token_bytes(32)
NORTH, SOUTH = OperatorId("opr_n"), OperatorId("opr_s")
LIN, MEI = CustomerId("cus_lin"), CustomerId("cus_mei")


def test_what_was_sealed_opens_again() -> None:
    key = PersonKey(KEY, NORTH, LIN)
    for plain in (CANARY, b"", bytes(1_000_000)):
        assert key.open("name", key.seal("name", plain)) == plain


@pytest.mark.parametrize(
    "other",
    [
        PersonKey(KEY, NORTH, MEI),
        PersonKey(KEY, SOUTH, LIN),
        PersonKey(KEY, OperatorId("opr_nc"), CustomerId("us_lin")),
        PersonKey(secrets.token_bytes(32), NORTH, LIN),
    ],
)
def test_it_opens_for_nobody_else_even_under_the_same_key(other: PersonKey) -> None:
    sealed = PersonKey(KEY, NORTH, LIN).seal("name", CANARY)
    with pytest.raises(Unopenable) as refused:
        other.open("name", sealed)
    assert CANARY.decode() not in str(refused.value)


def test_it_opens_as_no_other_field() -> None:
    key = PersonKey(KEY, NORTH, LIN)
    for field in ("number", "", "name ", "nam"):
        with pytest.raises(Unopenable):
            key.open(field, key.seal("name", CANARY))


def test_every_changed_byte_is_seen() -> None:
    key = PersonKey(KEY, NORTH, LIN)
    sealed = key.seal("name", CANARY)
    for at in range(len(sealed)):
        spoiled = bytearray(sealed)
        spoiled[at] ^= 1
        with pytest.raises(Unopenable):
            key.open("name", bytes(spoiled))
    for end in range(len(sealed)):
        with pytest.raises(Unopenable):
            key.open("name", sealed[:end])


def test_the_same_twice_does_not_look_the_same() -> None:
    key = PersonKey(KEY, NORTH, LIN)
    sealed = {key.seal("name", CANARY) for _ in range(100)}
    assert len({one[1:13] for one in sealed}) == 100
    assert not any(CANARY in one for one in sealed)


def test_a_key_shows_nothing_of_itself() -> None:
    assert repr(PersonKey(KEY, NORTH, LIN)) == "PersonKey(…)"
