"""The limits and forms of logging in, as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from coinslot.addresses import source_of
from coinslot.fields import FieldError
from coinslot.people.login_codes import AskedCode
from coinslot.people.login_opening import LoggedIn, StillYours
from coinslot.people.login_rules import (
    CODE_LIFE,
    CODE_TRIES,
    INSTALLATION_LIMITS,
    INSTALLATION_WRONG,
    KEEP,
    OPERATOR_LIMITS,
    OPERATOR_WRONG,
    PHONE_LIMITS,
    SHARE_LIMITS,
    SOURCE_LIMITS,
    SOURCE_WRONG,
    TAIL_LIMIT,
    Limit,
    again_at,
    check_language,
    code_of,
    number_is_old,
    tail_of,
)
from coinslot.wire.ids import CustomerId

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LIMITS = (Limit(1, MINUTE), Limit(5, 60 * MINUTE))


@pytest.mark.parametrize(
    ("nth_last", "opens"),
    [
        ((None, None), None),
        ((NOW - MINUTE, None), None),
        ((NOW - MINUTE + timedelta(microseconds=1), None), NOW + timedelta(microseconds=1)),
        ((NOW, None), NOW + MINUTE),
        ((NOW - 2 * MINUTE, NOW - 59 * MINUTE), NOW + MINUTE),
        ((NOW, NOW - 30 * MINUTE), NOW + 30 * MINUTE),
        ((NOW, NOW - 60 * MINUTE), NOW + MINUTE),
    ],
)
def test_there_is_room_again_when_the_last_of_all_limits_has_it(
    nth_last: tuple[datetime | None, ...], opens: datetime | None
) -> None:
    assert again_at(LIMITS, nth_last, NOW) == opens


def test_a_limit_must_have_its_own_time() -> None:
    with pytest.raises(ValueError, match="shorter"):
        again_at(LIMITS, (NOW,), NOW)


def test_nothing_is_forgotten_while_a_limit_looks_back_to_it() -> None:
    limits = (
        *PHONE_LIMITS,
        *SHARE_LIMITS,
        *SOURCE_LIMITS,
        *OPERATOR_LIMITS,
        *INSTALLATION_LIMITS,
        SOURCE_WRONG,
        OPERATOR_WRONG,
        INSTALLATION_WRONG,
        TAIL_LIMIT,
    )
    assert all(limit.within <= KEEP for limit in limits)
    assert CODE_LIFE < KEEP


def test_guessing_is_as_hopeless_as_the_module_says() -> None:
    per_code = 1 / 10**6
    a_day = next(limit for limit in PHONE_LIMITS if limit.within == timedelta(days=1))
    assert a_day.at_most * CODE_TRIES * per_code <= 1 / 20_000
    assert OPERATOR_WRONG.at_most * per_code <= 1 / 5_000
    assert INSTALLATION_WRONG.at_most * per_code <= 1 / 1_000


@pytest.mark.parametrize(
    "typed", ["012345", " 012 345 ", "012-345", "０１２３４５", "012345\n", "0 1 2 3 4 5"]
)
def test_six_digits_in_any_dress_are_a_code(typed: str) -> None:
    assert code_of(typed) == "012345"


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "12345a", "٠١٢٣٤٥", "\0" * 6, "+12345", "\ud800"])
def test_anything_else_is_no_guess(typed: str) -> None:
    assert code_of(typed) is None


@pytest.mark.parametrize(
    ("typed", "tail"),
    [
        ("002x", "002X"),
        (" 0 0 2 Ｘ", "002X"),
        ("1234", "1234"),
        ("12X4", None),
        ("02X", None),
        ("\0002X", None),
    ],
)
def test_a_tail_is_three_digits_and_a_check_character(typed: str, tail: str | None) -> None:
    assert tail_of(typed) == tail


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("a socket", "a socket"),
    ],
)
def test_what_one_subscriber_can_choose_from_is_one_source(address: str, source: str) -> None:
    assert source_of(address) == source


@pytest.mark.parametrize(
    ("proved_days_ago", "registered_days_ago", "old"),
    [
        (None, 0, False),  # just registered at the desk
        (None, 90, False),
        (None, 91, True),  # registered long ago and never proved
        (89, 1000, False),
        (91, 1000, True),
        (1, 1, False),
    ],
)
def test_a_number_is_old_when_nobody_vouched_for_it_lately(
    proved_days_ago: int | None, registered_days_ago: int, old: bool
) -> None:
    proved = None if proved_days_ago is None else NOW - timedelta(days=proved_days_ago)
    registered = NOW - timedelta(days=registered_days_ago)
    assert number_is_old(proved, registered, trust_days=90, now=NOW) is old


def test_a_language_is_one_of_ours() -> None:
    assert check_language("zh") == "zh"
    for text in ("", "ZH", "fr", "zh\0"):
        with pytest.raises(FieldError, match=r"^language"):
            check_language(text)


def test_no_secret_is_shown_by_repr() -> None:
    asked = AskedCode(
        login_code_id="lgc_1", phone="+8613912345678", code="428571", expires_at=NOW, again_at=NOW
    )
    inside = LoggedIn(customer_id=CustomerId("cus_1"), token="a-secret-token", new=True)
    shown = f"{asked!r} {asked} {inside!r} {StillYours('a-secret-proof')!r}"
    for secret in ("13912345678", "428571", "a-secret"):
        assert secret not in shown
