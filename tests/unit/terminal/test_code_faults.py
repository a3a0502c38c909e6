"""Showers by code when things go wrong: the link, the valve, the clock, the journal, a server that takes nothing.

A use that a code has opened, by the server's start or by the terminal itself, ends as every use does.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from msgspec import Raw
from msgspec.structs import replace

from coinslot.access.offline import make_code
from coinslot.terminal.events import Boot, KeyPressed, LinkDown, Tick, ValveIs
from coinslot.wire.messages import Ack, CodeEntered, Offline, Records
from coinslot.wire.records import (
    Checkpoint,
    Declined,
    Fault,
    FaultCode,
    OfflineCredit,
    Started,
    Stopped,
    StopReason,
)
from tests.unit.terminal.rig import ML, SHOWER, Rig, S, limits

KEY = "bc41ec9530f6dac86b1a29ab82edc5fb"
WITHIN = limits(ml=500, s=120)
WAYS = ("keypad", "offline")
SMALL = replace(SHOWER, journal_bytes=64 * 1024)
DAY_MS = 86_400_000
NOW_MS = 1_800_000_000_000
CLOCKS = {
    "1970": 0,
    "a day ago": NOW_MS - DAY_MS,
    "in ten years": NOW_MS + 3_652 * DAY_MS,
    "29 February": 1_835_395_199_500,  # half a second before midnight at UTC, 28 to 29 February 2028
    "midnight UTC+8": 1_835_366_399_500,  # half a second before it, 28 February 2028
}


def types(rig: Rig, keys: str) -> None:
    for key in keys:
        rig.feed(KeyPressed(0, key))


def code_after(count: int) -> tuple[str, int]:
    return make_code(KEY, 123_456_789, 7, count)


def learns(rig: Rig) -> Rig:
    """The terminal is told its terms."""
    rig.say(
        Offline(
            link=rig.link,
            outlet=0,
            terms="trm_1",
            key=KEY,
            starting_code=123_456_789,
            value=7,
            credit_minor=500,
            currency="CNY",
            limits=WITHIN,
            quote=Raw(b"null"),
        )
    )
    return rig


def opened(way: str, rig: Rig | None = None) -> Rig:
    """Somebody has typed a code, and water may run; by then there is no link."""
    rig = learns((rig or Rig()).ready())
    if way == "keypad":
        types(rig, "12345678#")
        assert rig.last(CodeEntered).digits == "12345678"
        rig.start("ses", within=WITHIN)
        rig.feed(LinkDown(rig.link))
    else:
        rig.feed(LinkDown(rig.link))
        types(rig, code_after(0)[0] + "#")
    assert rig.open == {0}
    return rig


def faults(rig: Rig) -> list[tuple[FaultCode, bool]]:
    return [(one.code, one.active) for one in rig.of(Fault)]


@pytest.mark.parametrize("way", WAYS)
def test_the_link_dies_after_a_code_has_opened_and_it_closes_itself_at_its_limit(way: str) -> None:
    rig = opened(way)
    rig.flow(4)
    assert rig.open == {0}
    rig.flow(1)
    [stopped] = rig.of(Stopped)
    assert (rig.open, stopped.reason) == (set(), StopReason.LIMIT)
    assert stopped.registers[ML] - stopped.start[ML] == 500


@pytest.mark.parametrize("way", WAYS)
def test_the_valve_says_shut_and_water_flows_on_so_billing_of_a_code_stops_before_it(way: str) -> None:
    rig = opened(way)
    rig.flow(3)
    rig.feed(ValveIs(0, open=False))
    [stopped] = rig.of(Stopped)
    assert (rig.open, stopped.reason) == (set(), StopReason.FAULT)
    rig.flow(5)
    assert rig.of(Stopped) == [stopped]
    assert stopped.registers[ML] - stopped.start[ML] == 300
    assert faults(rig) == [(FaultCode.VALVE_STUCK, True), (FaultCode.FLOW_WHILE_SHUT, True)]
    types(rig, code_after(2)[0] + "#")
    assert (rig.open, len(rig.of(Started))) == (set(), 1), "and no code opens it again"


@pytest.mark.parametrize("way", WAYS)
def test_the_end_of_a_code_s_use_refused_a_hundred_times_is_still_kept(way: str) -> None:
    rig = opened(way)
    rig.flow(2)
    types(rig, "#")
    told = rig.records()
    assert isinstance(told[-1], Stopped)
    rig.link_up()
    rig.sent.clear()
    for _ in range(100 * 90):  # resends grow rarer, to one a minute and a half at most
        rig.tick(1_000)
        if len(rig.messages(Records)) >= 100:
            break
    tries = rig.messages(Records)
    assert len(tries) >= 100
    assert {(one.first_seq, len(one.records)) for one in tries} == {(1, len(told))}
    rig.power_cycle()
    assert [one for one in rig.records() if not isinstance(one, Fault)] == told
    rig.link_up()
    rig.ack_all()
    assert rig.core.kept.acked == rig.core.kept.next_seq - 1


@pytest.mark.parametrize("wall", CLOCKS)
def test_how_long_a_code_s_use_lasted_comes_from_ticks_whatever_the_wall_clock_says(wall: str) -> None:
    wall_ms = CLOCKS[wall]
    rig = learns(Rig().ready())
    rig.journal.crash()
    rig.core = type(rig.core)(SHOWER)
    rig.now = 0
    rig.feed(Boot(lines=rig.journal.open().lines, seed="ep_clock", wall_ms=wall_ms))
    rig.meter(0)
    types(rig, code_after(0)[0] + "#")
    rig.flow(3)
    # The link is back for a moment, and the server has another time: what runs is not moved by it.
    rig.link_up()
    rig.feed(LinkDown(rig.link))
    rig.flow(1)
    types(rig, "#")
    [started], [stopped] = rig.of(Started), rig.of(Stopped)
    lasted_ms = stopped.ticks_ms - started.ticks_ms
    assert stopped.reason is StopReason.KEY
    assert lasted_ms == rig.now
    assert stopped.registers[S] - started.registers[S] == lasted_ms // 1_000
    moments = [record.ticks_ms for record in rig.records()]
    assert all(one <= other for one, other in pairwise(moments))


def test_a_journal_full_of_codes_declines_burns_nothing_and_drops_only_superseded_checkpoints() -> None:
    rig = learns(Rig(SMALL).ready())
    rig.feed(LinkDown(rig.link))
    used, refused, count = list[str](), "", 0
    while not refused:
        digits, count = code_after(count)
        types(rig, digits + "#")
        if not rig.open:
            refused = digits
            break
        used.append(f"off_trm_1_{count}")
        for _ in range(11):
            rig.meter(40, 1_000)
        types(rig, "#")
        assert count < 600, "the journal never filled"
    assert len(used) > 10
    assert [one.session for one in rig.of(OfflineCredit)] == used
    assert [one.session for one in rig.of(Started)] == used
    assert [one.session for one in rig.of(Stopped)] == used
    assert len(rig.of(Checkpoint)) < len(used)
    assert rig.of(Declined) == []
    assert "full" in " ".join(rig.shown[0]).lower()
    assert rig.durable().file_bytes <= SMALL.journal_bytes
    assert count not in rig.durable().tokens.gone("trm_1")
    # Once the server has what is there, the very code that was refused opens.
    rig.power_cycle().meter(0)
    rig.link_up()
    _take_all(rig)
    rig.feed(LinkDown(rig.link))
    types(rig, refused + "#")
    assert rig.open == {0}


def _take_all(rig: Rig) -> None:
    """The server takes everything, and what is gone as gone."""
    for _ in range(3_000):
        kept = rig.core.kept
        if kept.acked == kept.next_seq - 1:
            return
        message = rig.messages(Records)[-1]
        last = message.first_seq + len(message.records) - 1
        missing = max(0, message.first_seq - kept.acked - 1)
        rig.say(Ack(link=rig.link, epoch=rig.epoch, seq=last if not missing else message.first_seq - 1))
        rig.feed(Tick(), 10)
    raise AssertionError("the records were never taken")
