"""Numbers, hello, records in flight, acks, gaps and new epochs."""

from __future__ import annotations

from itertools import pairwise

import pytest

from coinslot.terminal.actions import Append, Connect, Disconnect, Send
from coinslot.terminal.backoff import backoff_ms
from coinslot.terminal.events import LinkDown, LinkUp, StopKey
from coinslot.wire.codec import decode_record
from coinslot.wire.messages import MAX_RECORDS, Ack, Hello, Lost, Ping, Records, Stop, Welcome
from coinslot.wire.records import Started, Stopped
from tests.unit.terminal.rig import Rig, limits


def used(sessions: int) -> Rig:
    """A terminal whose records of so many sessions nobody has acknowledged."""
    rig = Rig().ready()
    for number in range(sessions):
        rig.start(f"ses{number}", f"cmd{number}")
        rig.flow(2)
        rig.feed(StopKey(0))
    return rig


def resends(rig: Rig, seconds: int) -> list[int]:
    """The seconds at which a `records` message was sent."""
    at = []
    for second in range(seconds):
        if any(isinstance(one, Send) and isinstance(one.message, Records) for one in rig.tick(1_000)):
            at.append(second)
    return at


def test_a_link_number_is_saved_before_it_is_used_and_rises_over_reboots() -> None:
    rig = Rig().boot()
    actions = rig.actions
    saved = next(at for at, one in enumerate(actions) if isinstance(one, Append) and b'"link"' in one.line)
    used_at = next(at for at, one in enumerate(actions) if isinstance(one, Connect))
    assert saved < used_at
    rig.power_cycle()
    rig.feed(LinkDown(rig.link))
    rig.tick(5_000)
    assert rig.connects == [1, 2, 3]


def test_hello_is_the_first_word_and_the_answer_to_every_ping_on_the_same_link() -> None:
    rig = Rig().boot()
    rig.feed(LinkUp(1), 500)
    assert isinstance(rig.sent[0], Hello)
    assert (rig.sent[0].link, rig.sent[0].next_seq, rig.sent[0].at_ms) == (1, 1, 0)
    rig.say(Ping(link=1), 700)
    hello = rig.last(Hello)
    assert (hello.link, hello.at_ms) == (1, 700)


def test_hello_names_open_sessions_and_the_next_record() -> None:
    rig = Rig().ready()
    rig.start()
    rig.say(Ping(link=rig.link))
    assert rig.last(Hello).open_sessions == ["ses"]
    assert rig.last(Hello).next_seq == 2


def test_link_time_counts_from_sending_the_first_hello_not_a_later_one() -> None:
    rig = Rig().boot()
    rig.feed(LinkUp(1))
    rig.meter(0)
    rig.tick(6_000)
    assert len(rig.messages(Hello)) == 2
    rig.say(Welcome(link=1, now_ms=1_800_000_000_000, epoch=rig.epoch, acked=0))
    assert rig.core.link.link_ms == 6_000


def test_no_records_before_the_welcome() -> None:
    rig = used(2)
    rig.power_cycle()
    rig.feed(LinkUp(rig.link), 100)
    assert rig.messages(Records)[-1].link != rig.link


def test_one_message_in_flight_of_at_most_sixteen_records_in_order() -> None:
    rig = used(20)
    rig.feed(LinkDown(rig.link))
    rig.sent.clear()
    rig.link_up()
    first = rig.messages(Records)
    assert len(first) == 1
    assert 1 <= len(first[0].records) <= MAX_RECORDS
    rig.ack_all()
    told = [decode_record(raw) for message in rig.messages(Records) for raw in message.records]
    assert told == rig.records()
    assert [message.first_seq for message in rig.messages(Records)] == sorted(
        {message.first_seq for message in rig.messages(Records)}
    )


def test_silence_makes_resends_grow_rarer_and_a_hundred_of_them_lose_nothing() -> None:
    rig = used(1)
    kept = rig.records()
    at = resends(rig, 40_000)
    assert len(at) > 100
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert max(gaps[:3]) < 30 < min(gaps[-50:])
    assert max(gaps) <= 301
    assert rig.records() == kept


def test_backoff_grows_to_its_cap_and_differs_between_terminals() -> None:
    waits = [backoff_ms(1_000, 60_000, attempt, "t1") for attempt in range(40)]
    assert all(0 < wait <= 60_000 for wait in waits)
    assert waits[5] > waits[0]
    firsts = {backoff_ms(1_000, 60_000, 0, f"t{number}") for number in range(1_000)}
    assert len(firsts) > 300


@pytest.mark.parametrize("seq", [3, 99, 2**53 - 1])
def test_an_ack_of_what_was_never_sent_is_not_believed(seq: int) -> None:
    rig = used(1)
    rig.say(Ack(link=rig.link, epoch=rig.epoch, seq=seq))
    assert rig.core.kept.acked == 0


def test_an_ack_below_or_of_another_epoch_or_link_changes_nothing() -> None:
    rig = used(1)
    rig.ack_all()
    for ack in (
        Ack(link=rig.link, epoch=rig.epoch, seq=0),
        Ack(link=rig.link, epoch="other", seq=2),
        Ack(link=rig.link + 1, epoch=rig.epoch, seq=1),
    ):
        rig.say(ack)
        assert rig.core.kept.acked == 2


def test_a_wanted_record_is_sent_again_at_once() -> None:
    rig = used(3)
    rig.ack_all()
    rig.sent.clear()
    rig.say(Ack(link=rig.link, epoch=rig.epoch, seq=2, want=3))
    assert rig.last(Records).first_seq == 3


def test_a_server_that_asks_in_a_loop_is_answered_at_the_pace_of_resends() -> None:
    rig = used(3)
    rig.ack_all()
    rig.sent.clear()
    for _ in range(50):
        rig.say(Ack(link=rig.link, epoch=rig.epoch, seq=2, want=3), ms=20)
    assert len(rig.messages(Records)) == 1


def test_a_wanted_record_that_is_gone_is_said_to_be_lost_and_the_rest_follows() -> None:
    rig = used(3)
    rig.ack_all()
    for seq in (1, 2, 3):
        rig.core.kept.forget(seq)
    rig.sent.clear()
    rig.say(Ack(link=rig.link, epoch=rig.epoch, seq=1, want=2))
    assert (rig.last(Lost).from_seq, rig.last(Lost).to_seq) == (2, 3)
    assert rig.last(Records).first_seq == 4


def test_a_restored_server_gets_the_acknowledged_records_again() -> None:
    rig = used(3)
    rig.ack_all()
    rig.feed(LinkDown(rig.link))
    rig.sent.clear()
    rig.link_up(acked=2)
    assert rig.last(Records).first_seq == 3


def test_acknowledged_records_stay_over_a_reboot() -> None:
    rig = used(2)
    rig.ack_all()
    rig.power_cycle()
    assert len(rig.records()) == 4


def test_a_restored_journal_begins_a_new_epoch_and_moves_unacknowledged_records_there() -> None:
    rig = used(2)
    rig.feed(LinkDown(rig.link))
    for _ in range(200):
        if rig.core.link.phase.name == "CONNECTING":
            break
        rig.tick(1_000)
    rig.feed(LinkUp(rig.link))
    before, old = rig.records(), rig.epoch
    order = Welcome(link=rig.link, now_ms=1, epoch=old, acked=0, new_epoch=True)
    rig.say(order)
    assert rig.epoch != old
    assert rig.durable().epoch == rig.epoch
    assert rig.records() == before
    assert rig.last(Hello).epoch == rig.epoch
    assert rig.last(Hello).next_seq == len(before) + 1
    renewed = rig.epoch
    rig.say(order)  # the answer to a repeated hello
    assert rig.epoch == renewed


def test_a_session_runs_on_through_a_new_epoch_and_ends_once() -> None:
    rig = Rig().ready()
    rig.start()
    rig.say(Welcome(link=rig.link, now_ms=1, epoch=rig.epoch, acked=0, new_epoch=True))
    rig.flow(3)
    assert rig.open == {0}
    rig.feed(StopKey(0))
    assert [type(one) for one in rig.records()] == [Started, Stopped]


def test_a_server_ahead_of_the_journal_without_ordering_an_epoch_is_asked_again() -> None:
    rig = Rig().boot()
    rig.feed(LinkUp(1))
    rig.say(Welcome(link=1, now_ms=1, epoch=rig.epoch, acked=50))
    assert not rig.core.link.is_up
    rig.tick(6_000)
    assert len(rig.messages(Hello)) == 2


def test_unanswered_hellos_end_in_a_new_link_with_a_growing_jump() -> None:
    rig = Rig().boot()
    for _ in range(12):
        rig.feed(LinkUp(rig.link))
        for _ in range(400):
            if any(isinstance(one, Disconnect) for one in rig.tick(1_000)):
                break
        for _ in range(200):
            if rig.core.link.phase.name == "CONNECTING":
                break
            rig.tick(1_000)
    jumps = [later - earlier for earlier, later in pairwise(rig.connects)]
    assert jumps == [2**number for number in range(1, 13)]


def test_a_stop_for_another_link_is_not_obeyed() -> None:
    rig = Rig().ready()
    rig.start(within=limits())
    rig.say(Stop(link=rig.link + 1, session="ses"))
    assert rig.open == {0}


def test_a_late_word_of_a_former_connection_is_ignored() -> None:
    rig = Rig().ready()
    former = rig.link
    rig.feed(LinkDown(former))
    rig.link_up()
    rig.feed(LinkDown(former))
    rig.feed(LinkUp(former))
    assert rig.core.link.is_up
