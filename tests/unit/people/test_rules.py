"""Phone numbers have one form; passwords are hashed with their parameters."""

from __future__ import annotations

import pytest

from coinslot.fields import FieldError
from coinslot.people.passwords import check_password, hash_password, needs_rehash, verify_password
from coinslot.people.rules import check_login, check_role, masked_phone, normal_phone


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("13800138000", "+8613800138000"),
        ("138 0013 8000", "+8613800138000"),
        ("+86 138-0013-8000", "+8613800138000"),
        ("0086 13800138000", "+8613800138000"),
        ("+33 6 12 34 56 78", "+33612345678"),
        ("+1 (415) 555-0100", "+14155550100"),
        ("１３８００１３８０００", "+8613800138000"),
        ("＋86　138–0013–8000", "+8613800138000"),
        ("\u202a+86 138 0013 8000\u202c", "+8613800138000"),
    ],
)
def test_a_phone_number_has_one_form(typed: str, kept: str) -> None:
    assert normal_phone(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "1380013800",
        "12800138000",
        "+86 1380013800",
        "+0123456789",
        "١٣٨٠٠١٣٨٠٠٠",
        "138a0138000",
        "+" + "1" * 16,
        "13800138000\n9",
    ],
)
def test_anything_else_is_no_phone_number_and_is_not_repeated(typed: str) -> None:
    with pytest.raises(FieldError, match=r"^phone: ") as caught:
        normal_phone(typed)
    assert not typed or typed not in str(caught.value)


def test_a_masked_number_cannot_be_called() -> None:
    assert masked_phone("+8613800138000") == "+86138****8000"
    assert masked_phone("+1234567") == "****"


def test_logins_and_roles() -> None:
    assert check_login("anna.b@x-1") == "anna.b@x-1"
    for text in ("", "a", ".a", "a b", "a" * 65, "a\n", "änna"):
        with pytest.raises(FieldError, match=r"^login: "):
            check_login(text)
    assert check_role("desk").value == "desk"
    with pytest.raises(FieldError, match=r"^role: "):
        check_role("root")


@pytest.mark.parametrize("password", ["", "short", "aaaaaaaaaaaa", "abababababab", "x" * 129])
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(FieldError, match=r"^password: "):
        check_password(password)


def test_a_password_matches_its_hash_only() -> None:
    stored = hash_password("pässword with é")
    assert verify_password("pässword with e\u0301", stored)  # another keyboard's é
    assert not verify_password("pässword with e", stored)
    assert stored != hash_password("pässword with é")
    assert not needs_rehash(stored)
    assert needs_rehash(stored.replace("ln=15", "ln=14"))


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "plain",
        "scrypt$ln=15,r=8,p=3$AA==",
        "scrypt$ln=60,r=8,p=3$AA==$AA==",
        "scrypt$ln=0,r=0,p=0$AA==$AA==",
        "scrypt$ln=15,r=8,p=3$A$A",
    ],
)
def test_a_broken_hash_matches_nothing_and_takes_no_memory(stored: str) -> None:
    assert not verify_password("anything", stored)
