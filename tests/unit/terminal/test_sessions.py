"""What a start, a stop and a limit do, link or no link."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from coinslot.terminal.actions import Append, OpenValve, ShutValve
from coinslot.terminal.events import BytesReceived, KeyPressed, LinkDown, Shutdown, StopKey
from coinslot.terminal.settings import OutletSettings
from coinslot.wire.codec import encode
from coinslot.wire.messages import CodeEntered, Configure, Limits, Readings, Start, Stop
from coinslot.wire.records import Checkpoint, Declined, DeclineReason, Started, Stopped, StopReason
from tests.unit.terminal.rig import ML, SHOWER, Rig, S, limits


def positions(actions: list[object]) -> tuple[int, int]:
    """(where the record is appended, where the valve moves)"""
    append = next(at for at, action in enumerate(actions) if isinstance(action, Append))
    valve = next(at for at, action in enumerate(actions) if isinstance(action, OpenValve | ShutValve))
    return append, valve


def test_started_is_on_disk_before_the_valve_opens_and_stopped_after_it_has_shut() -> None:
    rig = Rig().ready()
    append, valve = positions(list(rig.start()))
    assert append < valve
    append, valve = positions(list(rig.feed(StopKey(0), 3_000)))
    assert valve < append


def test_the_same_command_twice_opens_once_and_is_answered_once() -> None:
    rig = Rig().ready()
    for _ in range(10):
        rig.start()
    rig.feed(StopKey(0), 1_000)
    for _ in range(10):
        rig.start()
    assert rig.openings == ["cmd"]
    assert [type(record) for record in rig.records()] == [Started, Stopped]


def test_the_same_command_after_a_reboot_is_not_answered_again() -> None:
    rig = Rig().ready()
    rig.start()
    link = rig.link
    rig.power_cycle().link_up()
    rig.meter(0)
    rig.start(link=link)
    rig.start()
    assert [type(record) for record in rig.records()] == [Started, Stopped]


def busy(rig: Rig) -> None:
    rig.start("other", "other-cmd")


def stopped_first(rig: Rig) -> None:
    rig.say(Stop(link=rig.link, session="ses"))


def stopped_and_rebooted(rig: Rig) -> None:
    rig.say(Stop(link=rig.link, session="ses"))
    rig.power_cycle().link_up()
    rig.meter(0)


def nothing(rig: Rig) -> None:
    pass


ENDLESS = Limits(ml=2**53 - 1, s=2**31 - 1, wh=2**53 - 1, count=2**53 - 1, idle_s=90)


@pytest.mark.parametrize(
    ("before", "how", "reason"),
    [
        (busy, {}, DeclineReason.BUSY),
        (stopped_first, {}, DeclineReason.STOPPED),
        (stopped_and_rebooted, {}, DeclineReason.STOPPED),
        (nothing, {"link": 1_000}, DeclineReason.WRONG_LINK),
        (nothing, {"expires_in_ms": 0}, DeclineReason.EXPIRED),
        (nothing, {"expires_in_ms": -5_000}, DeclineReason.EXPIRED),
        (nothing, {"outlet": 7}, DeclineReason.NO_OUTLET),
        (nothing, {"within": ENDLESS}, DeclineReason.LIMITS),
    ],
)
def test_a_start_that_may_not_happen_is_declined_once_and_opens_nothing(
    before: Callable[[Rig], None], how: dict[str, object], reason: DeclineReason
) -> None:
    rig = Rig().ready()
    before(rig)
    opened = list(rig.openings)
    rig.tick(10_000)
    for _ in range(3):
        rig.start(**how)  # type: ignore[arg-type]
    assert [(one.command, one.reason) for one in rig.of(Declined)] == [("cmd", reason)]
    assert rig.openings == opened


def test_a_start_runs_until_the_last_millisecond_before_it_expires() -> None:
    rig = Rig().ready()
    rig.tick(10_000)
    rig.start(expires_in_ms=1)
    assert rig.openings == ["cmd"]


def test_a_start_for_the_former_link_is_declined_after_a_reconnect() -> None:
    rig = Rig().ready()
    former = rig.link
    rig.feed(LinkDown(former))
    rig.link_up()
    rig.start(link=former)
    assert rig.of(Declined)[0].reason is DeclineReason.WRONG_LINK


def test_a_start_with_another_command_for_a_session_that_ended_is_declined() -> None:
    rig = Rig().ready()
    rig.start()
    rig.say(Stop(link=rig.link, session="ses"), 2_000)
    rig.start(command="again")
    assert rig.of(Stopped)[0].reason is StopReason.COMMAND
    assert rig.of(Declined)[0].reason is DeclineReason.STOPPED


def test_a_start_before_the_meter_was_read_is_declined() -> None:
    rig = Rig().boot().link_up()
    rig.start()
    assert rig.of(Declined)[0].reason is DeclineReason.FAULT


@pytest.mark.parametrize("cut", [b'"limits"', b'"ml"', b'"idle_s"', b'"expires_at_ms"'])
def test_a_start_that_lacks_a_limit_or_its_expiry_is_declined(cut: bytes) -> None:
    rig = Rig().ready()
    start = Start(
        link=rig.link, command="cmd", session="ses", outlet=0, limits=limits(), expires_at_ms=99_999
    )
    rig.feed(BytesReceived(encode(start).replace(cut, b'"other"')))
    assert rig.openings == []
    assert rig.of(Declined)[0].reason is DeclineReason.LIMITS


@pytest.mark.parametrize("value", [b"0", b"-1", b"null", b"1e400", b'"5"', b"2.5"])
def test_a_limit_that_is_no_finite_whole_number_above_zero_is_declined(value: bytes) -> None:
    rig = Rig().ready()
    start = Start(
        link=rig.link, command="cmd", session="ses", outlet=0, limits=limits(), expires_at_ms=99_999
    )
    rig.feed(BytesReceived(encode(start).replace(b'"ml":10000', b'"ml":' + value)))
    assert rig.openings == []
    assert rig.of(Declined)[0].reason is DeclineReason.LIMITS


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[" * 4000, b"\xff\xfe", b'{"type":"start"}', b"x" * 5000, b"null"]
)
def test_bytes_that_are_no_message_change_nothing(data: bytes) -> None:
    rig = Rig().ready()
    assert rig.feed(BytesReceived(data)) == []


def test_the_volume_limit_cuts_within_one_step_of_the_meter_without_a_link() -> None:
    rig = Rig().ready()
    rig.start(within=limits(ml=1_050))
    rig.feed(LinkDown(rig.link))
    rig.flow(30)
    stopped = rig.of(Stopped)[0]
    assert stopped.reason is StopReason.LIMIT
    assert stopped.registers[ML] - stopped.start[ML] == 1_100
    assert rig.open == set()


def test_the_time_limit_counts_from_the_first_flow_and_pauses_do_not_stop_it() -> None:
    rig = Rig().ready()
    rig.start(within=limits(s=60))
    rig.tick(40_000)
    rig.flow(10)
    rig.tick(50_999)
    assert rig.open == {0}
    rig.tick(1)
    assert rig.of(Stopped)[0].reason is StopReason.LIMIT
    assert rig.of(Stopped)[0].registers[S] == 10


def test_seconds_of_use_run_from_the_first_to_the_last_flow_both_included() -> None:
    rig = Rig().ready()
    rig.start()
    rig.tick(5_000)
    rig.flow(3)  # at 6, 7, 8 s
    rig.tick(20_000)
    rig.flow(2)  # at 29, 30 s
    rig.tick(15_000)
    rig.feed(StopKey(0))
    assert rig.of(Stopped)[0].registers[S] == 30 - 6 + 1


def test_seconds_never_pass_the_limit_even_when_the_loop_was_late() -> None:
    rig = Rig().ready()
    rig.start(within=limits(s=20))
    rig.flow(5)
    rig.meter(100, 60_000)
    assert rig.of(Stopped)[0].registers[S] == 20


def test_an_outlet_sold_by_time_counts_from_opening_to_the_limit() -> None:
    rig = Rig(replace(SHOWER, outlets=(OutletSettings(outlet=0, meters=()),))).boot().link_up()
    rig.start(within=limits(s=30, idle_s=5))
    for _ in range(40):
        rig.tick(1_000)
    stopped = rig.of(Stopped)[0]
    assert (stopped.reason, stopped.registers) == (StopReason.LIMIT, {S: 30})


def test_nothing_metered_for_idle_s_ends_the_session() -> None:
    rig = Rig().ready()
    rig.start(within=limits(idle_s=95))
    rig.flow(2)
    rig.tick(94_000)
    assert rig.open == {0}
    rig.tick(1_000)
    stopped = rig.of(Stopped)[0]
    assert (stopped.reason, stopped.registers[S]) == (StopReason.IDLE, 2)


@pytest.mark.parametrize("key", [StopKey(0), KeyPressed(0, "#")])
def test_the_stop_key_acts_without_a_link(key: StopKey | KeyPressed) -> None:
    rig = Rig().ready()
    rig.start()
    rig.feed(LinkDown(rig.link))
    rig.flow(3)
    rig.feed(key)
    assert rig.open == set()
    assert rig.of(Stopped)[0].reason is StopReason.KEY


def test_a_session_goes_on_without_its_link_and_is_reported_on_the_next() -> None:
    rig = Rig().ready()
    rig.start(within=limits(ml=2_000))
    rig.ack_all()
    rig.feed(LinkDown(rig.link))
    rig.flow(15)
    assert rig.open == {0}
    rig.flow(10)
    assert rig.open == set()
    rig.link_up(acked=1)
    rig.ack_all()
    assert rig.core.kept.acked == rig.core.kept.next_seq - 1


def test_a_checkpoint_follows_every_ten_seconds_of_use_and_none_a_pause() -> None:
    rig = Rig().ready()
    rig.start(within=limits(idle_s=300))
    rig.flow(35)
    assert len(rig.of(Checkpoint)) == 3
    for _ in range(100):
        rig.tick(1_000)
    assert len(rig.of(Checkpoint)) == 4  # the seconds since the third, once


def test_readings_are_told_every_ten_seconds_in_use_every_second_when_watched_and_rarely_idle() -> None:
    rig = Rig().ready()
    rig.start(within=limits(ml=10**6, s=10_000))
    rig.sent.clear()
    rig.flow(60)
    assert len(rig.messages(Readings)) == 6
    rig.say(Configure(link=rig.link, watch_s=30))
    rig.sent.clear()
    rig.flow(30)
    assert len(rig.messages(Readings)) == 30
    assert rig.last(Readings).flow_ml_per_min == 6_000
    rig.feed(StopKey(0))
    rig.sent.clear()
    for _ in range(600):
        rig.tick(1_000)
    assert len(rig.messages(Readings)) == 2


def test_the_end_carries_sensors_and_a_curve_of_at_most_sixty_points() -> None:
    rig = Rig().ready()
    rig.start(within=limits(ml=10**8, s=10_000))
    rig.flow(3_000)
    rig.feed(StopKey(0))
    curve = rig.of(Stopped)[0].curve
    assert 20 < len(curve) <= 60
    assert [point.at_s for point in curve] == sorted({point.at_s for point in curve})
    assert curve[-1].value == 300_000


def test_after_shutdown_the_valve_is_shut_and_starts_are_declined() -> None:
    rig = Rig().ready()
    rig.start()
    rig.flow(3)
    rig.feed(Shutdown())
    assert rig.open == set()
    assert rig.of(Stopped)[0].reason is StopReason.POWER_LOSS
    assert rig.of(Stopped)[0].registers[ML] == 300
    rig.start("ses2", "cmd2")
    assert rig.of(Declined)[0].reason is DeclineReason.CLOSED


def test_a_code_is_sent_when_confirmed_and_forgotten_when_left_alone() -> None:
    rig = Rig().ready()
    for key in "12345678#":
        rig.feed(KeyPressed(0, key))
    assert rig.last(CodeEntered).digits == "12345678"
    for key in "999":
        rig.feed(KeyPressed(0, key))
    rig.tick(31_000)
    for key in "4321#":
        rig.feed(KeyPressed(0, key))
    assert rig.last(CodeEntered).digits == "4321"
    requests = [message.request for message in rig.messages(CodeEntered)]
    assert len(set(requests)) == 2


def test_words_before_the_boot_have_no_effect() -> None:
    assert Rig().feed(StopKey(0)) == []
