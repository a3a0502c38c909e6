"""The pure parts of codes for keypads: digits, what they mean at a keypad, the stricter of two guards."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from coinslot.access.guarding import MOST_TRIES, OPEN, WINDOW_MS, Guard
from coinslot.keyring import Keyring
from coinslot.settlement.codes.digits import digits_of, draw, hashed, hashes
from coinslot.settlement.codes.guard import adopted
from coinslot.settlement.codes.matching import Meaning, meaning_of
from coinslot.settlement.codes.model import CodeRow, CodeState, Scope
from coinslot.settlement.codes.places import Keypad
from coinslot.wire.ids import ApplianceId, CustomerId, OperatorId, SessionId, SiteId, TerminalId

KEYRING = Keyring("a secret for tests alone, 32 letters")
NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
KEYPAD = Keypad(
    operator_id=OperatorId("opr"),
    site_id=SiteId("sit"),
    room="East",
    appliance_id=ApplianceId("app"),
    appliance="Shower 1",
    terminal_id=TerminalId("trm"),
    outlet=0,
)
MAC, EARLIER = b"m" * 32, b"e" * 32
ROW = CodeRow(
    operator_id=OperatorId("opr"),
    code_id="cod_1",
    customer_id=CustomerId("cus"),
    scope=Scope.OUTLET,
    site_id=SiteId("sit"),
    room="East",
    appliance_id=ApplianceId("app"),
    terminal_id=TerminalId("trm"),
    outlet=0,
    for_friend=False,
    cap_minor=None,
    draw=1,
    mac=MAC,
    earlier_mac=EARLIER,
    made_at=NOW,
    expires_at=NOW + timedelta(minutes=10),
    how=None,
    session_id=None,
    now=NOW,
)
ROOM = replace(ROW, scope=Scope.ROOM, appliance_id=None, terminal_id=None, outlet=None)
USED = replace(ROW, how=CodeState.USED, session_id=SessionId("ses"))
LATE = replace(ROW, now=ROW.expires_at)


@pytest.mark.parametrize("digits", [8, 9, 12])
def test_digits_are_drawn_alike_and_every_one_is_as_likely(digits: int) -> None:
    drawn = [draw(KEYRING, f"cod_{number}", 0, digits) for number in range(1_000)]
    assert all(len(each) == digits and each.isdecimal() for each in drawn)
    assert len(set(drawn)) == 1_000
    assert drawn[7] == draw(KEYRING, "cod_7", 0, digits) != draw(KEYRING, "cod_7", 1, digits)
    for place in (0, digits - 1):
        counts = Counter(each[place] for each in drawn)
        assert all(60 <= counts[sign] <= 145 for sign in "0123456789")


def test_a_hash_is_one_sites_and_survives_a_new_secret_beside_the_old() -> None:
    mac = hashed(KEYRING, "opr", "sit", "12345678")
    assert mac not in (hashed(KEYRING, "opr", "sit2", "12345678"), hashed(KEYRING, "opr2", "sit", "12345678"))
    later = Keyring("another secret for tests, 32 letters", ["a secret for tests alone, 32 letters"])
    assert mac in hashes(later, "opr", "sit", "12345678")
    drawn = draw(KEYRING, ROW.code_id, ROW.draw, 8)
    row = replace(ROW, mac=hashed(KEYRING, "opr", "sit", drawn))
    assert digits_of(later, row) == drawn
    assert digits_of(Keyring("a secret that never made it, 32 let"), row) == ""


@pytest.mark.parametrize(
    ("row", "mac", "meaning"),
    [
        (ROW, MAC, Meaning.OPENS),
        (ROOM, MAC, Meaning.OPENS),
        (ROW, EARLIER, Meaning.EXPIRED),
        (LATE, MAC, Meaning.EXPIRED),
        (replace(ROW, how=CodeState.CANCELLED), MAC, Meaning.EXPIRED),
        (USED, MAC, Meaning.USED),
        (replace(ROW, outlet=1), MAC, Meaning.ELSEWHERE),
        (replace(ROW, terminal_id=TerminalId("other")), MAC, Meaning.ELSEWHERE),
        (replace(ROW, appliance_id=ApplianceId("other")), MAC, Meaning.ELSEWHERE),
        (replace(ROOM, room="West"), MAC, Meaning.ELSEWHERE),
        (replace(ROW, outlet=1), EARLIER, Meaning.UNKNOWN),
        (replace(LATE, outlet=1), MAC, Meaning.UNKNOWN),
        (replace(USED, outlet=1), MAC, Meaning.UNKNOWN),
    ],
)
def test_what_digits_mean_here(row: CodeRow, mac: bytes, meaning: Meaning) -> None:
    assert meaning_of(KEYPAD, [row], [mac]).meaning is meaning


def test_the_most_telling_of_several_counts_and_none_is_unknown() -> None:
    elsewhere = replace(ROW, outlet=1)
    assert meaning_of(KEYPAD, [elsewhere, USED, ROW], [MAC]) == (Meaning.OPENS, ROW)
    assert meaning_of(KEYPAD, [elsewhere, USED], [MAC]) == (Meaning.USED, USED)
    assert meaning_of(KEYPAD, [], [MAC]) == (Meaning.UNKNOWN, None)
    # A room without a name is no room.
    assert meaning_of(replace(KEYPAD, room=""), [ROOM], [MAC]).meaning is Meaning.ELSEWHERE


@pytest.mark.parametrize(
    ("ours", "tries", "locked_s", "counted", "until_s"),
    [
        (OPEN, 0, 0, 0, 0),
        (OPEN, 6, 120, 6, 120),
        (Guard(wrong_ms=(WINDOW_MS,) * 7, until_ms=WINDOW_MS + 240_000), 2, 10, 7, 240),
        (Guard(wrong_ms=(WINDOW_MS,) * 2), 5, 60, 5, 60),
        (OPEN, 2**53, 86_400, MOST_TRIES, 3_600),
        (Guard(wrong_ms=(0, 1)), 1, 0, 1, 0),
    ],
)
def test_the_stricter_guard_wins(ours: Guard, tries: int, locked_s: int, counted: int, until_s: int) -> None:
    now_ms = WINDOW_MS + 1 if ours.wrong_ms[:1] == (0,) else WINDOW_MS
    after = adopted(ours, now_ms, tries, locked_s)
    assert len(after.wrong_ms) == counted
    assert after.until_ms == (now_ms + until_s * 1000 if until_s else 0)
