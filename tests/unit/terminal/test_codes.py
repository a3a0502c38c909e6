"""Typed codes: what is sent, what counts as a try, and a guard that outlives every loss of power."""

from __future__ import annotations

from bisect import bisect_left
from contextlib import suppress

import pytest
from msgspec.structs import replace

from coinslot.access.guarding import MOST_TRIES, WINDOW_MS
from coinslot.terminal.actions import Append, Display
from coinslot.terminal.entries import GuardKept, decode_entry, encode_entry
from coinslot.terminal.events import Boot, KeyPressed, LinkDown, LinkUp, StopKey
from coinslot.terminal.kept import Kept
from coinslot.terminal.settings import OutletSettings
from coinslot.wire.messages import CodeEntered, KeypadGuard, Note, Show, Welcome
from coinslot.wire.records import Declined, DeclineReason
from tests.unit.terminal.rig import SHOWER, PowerLostError, Rig

NOW_MS = 1_800_000_000_000
TWO = replace(SHOWER, outlets=(OutletSettings(outlet=0), OutletSettings(outlet=1)))


def types(rig: Rig, digits: str, outlet: int = 0) -> CodeEntered | None:
    """Type and confirm; what was sent for it."""
    before = len(rig.messages(CodeEntered))
    for key in f"{digits}#":
        rig.feed(KeyPressed(outlet, key))
    sent = rig.messages(CodeEntered)[before:]
    return sent[0] if sent else None


def answers(
    rig: Rig, asked: CodeEntered | None, note: Note = Note.WRONG_CODE, life_s: int | None = None
) -> None:
    assert asked is not None
    rig.say(Show(link=rig.link, outlet=asked.outlet, request=asked.request, note=note, life_s=life_s))


def wrong(rig: Rig, times: int = 1, outlet: int = 0) -> None:
    for _ in range(times):
        answers(rig, types(rig, "87654321", outlet))


def tries(rig: Rig, outlet: int = 0) -> int:
    guard = rig.durable().guards.get(outlet)
    return 0 if guard is None else len(guard.guard.wrong_ms)


def shown(rig: Rig, outlet: int = 0) -> str:
    return " ".join(rig.shown[outlet])


# ---------------------------------------------------------------- keys


def test_a_star_takes_one_digit_back_and_on_nothing_it_takes_away_what_is_shown() -> None:
    rig = Rig().ready()
    for key in "12*3":
        rig.feed(KeyPressed(0, key))
    assert "13" in shown(rig)
    for key in "**":
        rig.feed(KeyPressed(0, key))
    assert types(rig, "1234") is not None
    answers(rig, rig.last(CodeEntered), Note.CODE_EXPIRED)
    assert "expired" in shown(rig).lower()
    rig.feed(KeyPressed(0, "*"))
    assert "expired" not in shown(rig).lower()


def test_sixteen_digits_are_kept_and_three_are_no_code() -> None:
    rig = Rig().ready()
    assert types(rig, "123") is None
    sent = types(rig, "99" + "1234567890123456")
    assert sent is not None
    assert sent.digits == "1234567890123456"


def test_while_one_code_is_looked_at_no_other_is_taken() -> None:
    rig = Rig().ready()
    assert types(rig, "12345678") is not None
    assert types(rig, "11111111") is None
    rig.start()
    assert rig.open == {0}


def test_the_stop_key_while_a_code_is_looked_at_keeps_shut_what_it_would_have_opened() -> None:
    rig = Rig().ready()
    assert types(rig, "12345678") is not None
    rig.feed(StopKey(0))
    rig.start()
    assert rig.openings == []
    assert rig.of(Declined)[-1].reason is DeclineReason.STOPPED
    rig.start("ses2", "cmd2")
    assert rig.open == {0}, "the next start is another's wish"


@pytest.mark.parametrize("meanwhile", ["answered", "typed again", "long ago", "nothing typed"])
def test_a_stop_key_bars_nothing_that_was_wanted_later(meanwhile: str) -> None:
    rig = Rig().ready()
    asked = None if meanwhile == "nothing typed" else types(rig, "12345678")
    rig.feed(StopKey(0))
    match meanwhile:
        case "answered":
            answers(rig, asked, Note.BUSY)
        case "typed again":
            rig.tick(10_000)
            assert types(rig, "12345678") is not None
        case "long ago":
            rig.tick(20_000)
    rig.start()
    assert rig.open == {0}


# ---------------------------------------------------------------- what counts


def test_a_wrong_code_is_on_disk_before_anybody_reads_of_it() -> None:
    rig = Rig().ready()
    asked = types(rig, "12345678")
    assert asked is not None
    actions = rig.say(Show(link=rig.link, outlet=0, request=asked.request, note=Note.WRONG_CODE))
    kinds = [type(action) for action in actions]
    assert kinds.index(Append) < kinds.index(Display)
    assert tries(rig) == 1


@pytest.mark.parametrize("note", sorted(set(Note) - {Note.WRONG_CODE}))
def test_no_other_answer_is_a_try(note: Note) -> None:
    rig = Rig().ready()
    answers(rig, types(rig, "12345678"), note)
    assert tries(rig) == 0
    assert types(rig, "12345678") is not None


def test_one_answer_said_twice_and_one_to_somebody_elses_wish_count_once_and_never() -> None:
    rig = Rig(TWO).ready()
    asked = types(rig, "12345678")
    assert asked is not None
    for outlet, request in ((0, "req-other"), (1, asked.request), (0, None)):
        rig.say(Show(link=rig.link, outlet=outlet, request=request, note=Note.WRONG_CODE))
    assert tries(rig) == 0
    for _ in range(3):
        answers(rig, asked)
    assert tries(rig) == 1


def test_no_answer_in_ten_seconds_is_no_try_until_the_word_comes_late() -> None:
    rig = Rig().ready()
    asked = types(rig, "12345678")
    rig.tick(9_999)
    assert types(rig, "12345678") is None
    rig.tick(1)
    assert "again" in shown(rig).lower()
    assert tries(rig) == 0
    answers(rig, asked)
    assert tries(rig) == 1
    answers(rig, asked)
    assert tries(rig) == 1


def test_a_link_lost_while_a_code_is_looked_at_is_no_try() -> None:
    rig = Rig().ready()
    asked = types(rig, "12345678")
    rig.feed(LinkDown(rig.link))
    assert "again" in shown(rig).lower()
    rig.link_up()
    answers(rig, asked)
    assert tries(rig) == 0


def test_each_outlet_has_its_own_guard() -> None:
    rig = Rig(TWO).ready()
    rig.meter(0, outlet=1)
    wrong(rig, 5, outlet=1)
    assert (tries(rig, 0), tries(rig, 1)) == (0, 5)
    assert types(rig, "12345678", 1) is None
    assert types(rig, "12345678", 0) is not None


# ---------------------------------------------------------------- the lock


def test_five_wrong_codes_lock_it_and_only_long_codes_are_sent_one_each_three_seconds() -> None:
    rig = Rig().ready()
    rig.tick(3_000)
    wrong(rig, 5)
    assert types(rig, "12345678") is None
    assert types(rig, "123456789") is None
    assert types(rig, "1234567890123456") is None
    assert "locked" in shown(rig).lower()
    for _ in range(3):
        asked = types(rig, "123456789012")
        assert types(rig, "123456789012") is None
        answers(rig, asked)
        assert types(rig, "123456789012") is None
        rig.tick(3_000)
    assert tries(rig) == 5
    rig.tick(60_000)
    assert types(rig, "12345678") is not None


def test_the_servers_stricter_lock_is_adopted_and_outlives_a_loss_of_power() -> None:
    rig = Rig().ready()
    answers(rig, types(rig, "12345678"), Note.LOCKED, 600)
    assert types(rig, "12345678") is None
    rig.power_cycle().link_up()
    rig.meter(0)
    rig.tick(590_000)
    assert types(rig, "12345678") is None
    rig.tick(20_000)
    answers(rig, types(rig, "12345678"), Note.LOCKED, 5)
    rig.tick(5_000)
    assert types(rig, "12345678") is not None


def test_the_server_is_told_of_guesses_at_each_change_and_after_each_welcome() -> None:
    rig = Rig().ready()
    assert rig.messages(KeypadGuard) == []
    wrong(rig, 5)
    assert [(said.tries, said.locked_s) for said in rig.messages(KeypadGuard)] == [
        (1, 0),
        (2, 0),
        (3, 0),
        (4, 0),
        (5, 60),
    ]
    rig.sent.clear()
    rig.feed(LinkDown(rig.link))
    rig.link_up()
    assert rig.last(KeypadGuard).tries == 5
    rig.tick(60_000)
    assert rig.last(KeypadGuard).locked_s == 0
    rig.tick(WINDOW_MS)
    assert rig.last(KeypadGuard).tries == 0


# ---------------------------------------------------------------- losses of power


def test_a_loss_of_power_forgets_no_try_and_shortens_no_lock() -> None:
    rig = Rig().ready()
    wrong(rig, 5)
    for _ in range(3):
        rig.power_cycle().link_up()
        rig.meter(0)
        assert types(rig, "12345678") is None
    rig.tick(60_000)
    wrong(rig)
    assert rig.core.kept.guards[0].guard.until_ms - rig.core.kept.guards[0].at_ms == 120_000


def test_only_the_servers_word_adds_the_time_without_power() -> None:
    rig = Rig().ready()
    wrong(rig, 5)
    rig.journal.crash()
    opened = rig.journal.open()
    rig.core = type(rig.core)(SHOWER)
    rig.now = 0
    rig.feed(Boot(lines=opened.lines, seed="ep_later", wall_ms=NOW_MS + 10 * WINDOW_MS))
    rig.meter(0)
    rig.tick(1_000)
    assert rig.core._keypads[0].locked_s(rig.now) == 59
    rig.feed(LinkUp(rig.link))
    rig.say(Welcome(link=rig.link, now_ms=NOW_MS + 59_000, epoch=rig.epoch, acked=0))
    assert types(rig, "12345678") is None
    rig.say(Welcome(link=rig.link, now_ms=NOW_MS + 9 * WINDOW_MS, epoch=rig.epoch, acked=0))
    assert types(rig, "12345678") is None, "its time is taken once in a boot"
    rig.tick(1_000)
    assert types(rig, "12345678") is not None


@pytest.mark.parametrize("cycles", [False, True])
def test_a_sweep_of_three_days_gets_33_tries_a_day_whatever_is_done_to_the_power(cycles: bool) -> None:
    rig = Rig().ready()
    lived, moments = 0, list[int]()
    while lived + rig.now < 3 * WINDOW_MS:
        asked = types(rig, "87654321")
        if asked is None:
            rig.tick(max(1_000, rig.core._keypads[0].locked_s(rig.now) * 1_000))
            continue
        moments.append(lived + rig.now)
        answers(rig, asked)
        if cycles and len(moments) % 3 == 0:
            lived += rig.now
            rig.power_cycle().link_up()
            rig.meter(0)
        elif len(moments) % 4 == 0:
            rig.tick(3_000)
            answers(rig, types(rig, "123456789012"), Note.CODE_USED)  # somebody's own code in between
    most = max(bisect_left(moments, at + WINDOW_MS) - place for place, at in enumerate(moments))
    assert most <= MOST_TRIES
    assert len(moments) > 60


def test_power_cut_at_any_action_of_a_wrong_answer_never_shows_what_is_not_on_disk() -> None:
    for at in range(4):
        rig = Rig().ready()
        asked = types(rig, "12345678")
        rig.actions.clear()
        rig.crash_at = at
        with suppress(PowerLostError):
            answers(rig, asked)
        told = any(isinstance(action, Display) for action in rig.actions)
        rig.power_cycle()
        assert tries(rig) == 1 or not told


# ---------------------------------------------------------------- the journal


def test_a_journal_of_before_keypads_were_guarded_is_read() -> None:
    line = b'{"kind":"snapshot","epoch":"ep_1","next_seq":3,"acked":2,"link":4,"boot":2}'
    kept = Kept()
    assert kept.read([line]) == 0
    assert (kept.epoch, kept.guards, kept.tokens.terms) == ("ep_1", {}, {})


def test_a_rewritten_journal_says_the_same_of_every_keypad() -> None:
    rig = Rig(TWO).ready()
    wrong(rig, 3)
    kept = rig.core.kept
    again = Kept()
    assert again.read(kept.lines()) == 0
    assert again.guards == kept.guards
    entry = kept.guards[0]
    assert isinstance(decode_entry(encode_entry(entry)), GuardKept)
