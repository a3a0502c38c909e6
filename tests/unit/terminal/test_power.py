"""Power lost between any two actions: valves shut, records whole, each session ended once."""

from __future__ import annotations

import pytest
from msgspec import Raw
from msgspec.structs import replace

from coinslot.terminal.events import LinkDown, MeterRead, Shutdown, StopKey
from coinslot.terminal.sessions import MOST_RESUMES
from coinslot.terminal.settings import OnPower, OutletSettings
from coinslot.wire.messages import Ack, Start, Stop
from coinslot.wire.records import Checkpoint, Declined, Started, Stopped, StopReason
from tests.unit.terminal.rig import ML, SHOWER, PowerLostError, Rig, S, limits

WASHER = replace(SHOWER, outlets=(OutletSettings(outlet=0, meters=(), on_power=OnPower.RESUME),))


def story(rig: Rig) -> None:
    """A little of everything; the same each time."""
    rig.ready()
    rig.start("ses1", "cmd1", within=limits(ml=2_000))
    rig.flow(25)  # to its limit
    rig.ack_all()
    rig.start("ses1", "cmd2")  # declined
    rig.say(Stop(link=rig.link, session="ses3"))
    rig.start("ses3", "cmd3")  # declined
    rig.start("ses4", "cmd4")
    rig.flow(12)
    rig.feed(LinkDown(rig.link))
    rig.flow(3)
    rig.feed(StopKey(0))
    rig.link_up(acked=rig.core.kept.acked)
    rig.say(Ack(link=rig.link, epoch=rig.epoch, seq=5))
    rig.start("ses5", "cmd5")
    rig.flow(4)
    rig.feed(Shutdown())


def total_actions() -> int:
    rig = Rig()
    story(rig)
    return len(rig.actions)


@pytest.mark.parametrize("point", range(total_actions()))
def test_a_crash_before_any_action_leaves_the_valve_shut_and_every_session_ended_once(point: int) -> None:
    rig = Rig()
    rig.crash_at = point
    with pytest.raises(PowerLostError):
        story(rig)
    rig.power_cycle()
    assert rig.open == set()
    assert rig.durable().open == {}
    started = [one.session for one in rig.of(Started)]
    stopped = [one.session for one in rig.of(Stopped)]
    assert len(started) == len(set(started))
    assert sorted(started) == sorted(stopped)
    answered = [one.command for one in rig.of(Started)] + [one.command for one in rig.of(Declined)]
    assert len(answered) == len(set(answered))
    assert list(rig.durable().records) == list(range(1, len(rig.records()) + 1))
    assert len(rig.openings) == len(set(rig.openings))
    assert set(rig.openings) <= {one.command for one in rig.of(Started)}


@pytest.mark.parametrize("point", range(8))
def test_a_crash_in_the_middle_of_the_boot_itself_is_recovered_by_the_next(point: int) -> None:
    rig = Rig().ready()
    rig.start()
    rig.flow(12)
    rig.journal.crash()
    rig.open.clear()
    rig.crash_at = point
    try:
        rig.boot()
    except PowerLostError:
        rig.power_cycle()
    assert [one.reason for one in rig.of(Stopped)] == [StopReason.POWER_LOSS]


def test_power_loss_closes_the_session_at_the_last_certain_register() -> None:
    rig = Rig().ready()
    rig.start()
    rig.flow(25)
    rig.power_cycle()
    stopped = rig.of(Stopped)[0]
    assert stopped.reason is StopReason.POWER_LOSS
    assert stopped.registers == rig.of(Checkpoint)[-1].registers
    assert stopped.registers[ML] - stopped.start[ML] == 2_000


def test_ticks_begin_again_at_each_boot_and_the_boot_number_tells_them_apart() -> None:
    rig = Rig().ready()
    rig.start()
    rig.power_cycle()
    started, stopped = rig.records()
    assert (started.boot, stopped.boot) == (1, 2)


def test_a_wash_is_resumed_to_its_limit_and_time_before_the_loss_counts() -> None:
    rig = Rig(WASHER).boot().link_up()
    rig.start(within=limits(s=100))
    for _ in range(45):
        rig.tick(1_000)
    rig.power_cycle()
    assert rig.open == {0}
    assert rig.of(Stopped) == []
    certain = rig.of(Checkpoint)[-1].registers[S]
    for _ in range(100 - certain - 1):
        rig.tick(1_000)
    assert rig.open == {0}
    rig.tick(1_000)
    stopped = rig.of(Stopped)[0]
    assert (stopped.reason, stopped.registers[S]) == (StopReason.LIMIT, 100)


def test_the_power_switch_does_not_give_a_resumed_session_for_ever() -> None:
    rig = Rig(WASHER).boot().link_up()
    rig.start(within=limits(s=1_000))
    for _ in range(MOST_RESUMES):
        rig.tick(9_000)
        rig.power_cycle()
        assert rig.open == {0}
    rig.power_cycle()
    assert rig.open == set()
    assert rig.of(Stopped)[0].reason is StopReason.POWER_LOSS


def test_a_wash_that_was_asked_to_end_with_the_program_waits_behind_a_shut_valve() -> None:
    rig = Rig(WASHER).boot().link_up()
    rig.start(within=limits(s=1_000))
    for _ in range(15):
        rig.tick(1_000)
    rig.feed(Shutdown())
    assert rig.open == set()
    assert rig.of(Stopped) == []
    rig.power_cycle()
    assert rig.open == {0}


def test_an_outlet_that_is_no_longer_there_has_its_session_closed() -> None:
    rig = Rig().ready()
    rig.start()
    rig.settings = replace(SHOWER, outlets=(OutletSettings(outlet=3),))
    rig.power_cycle()
    assert rig.of(Stopped)[0].reason is StopReason.POWER_LOSS


def test_registers_go_on_after_a_loss_of_power_though_the_counter_began_again() -> None:
    rig = Rig().ready()
    rig.start()
    rig.flow(30)
    rig.feed(StopKey(0))
    before = rig.of(Stopped)[0].registers[ML]
    rig.raw_ml = 0
    rig.power_cycle().link_up()
    rig.meter(0)
    rig.start("ses2", "cmd2")
    rig.meter(5, 1_000)
    rig.feed(StopKey(0))
    assert rig.of(Stopped)[1].start[ML] == before
    assert rig.of(Stopped)[1].registers[ML] == before + 5


def test_a_clock_that_jumps_back_or_stands_makes_no_time_pass() -> None:
    rig = Rig().ready()
    rig.start(within=limits(s=60))
    rig.flow(5)
    rig.now -= 4_000
    rig.meter(100, 1_000)
    assert rig.open == {0}
    assert rig.core.taps[0].registers[S] == 5


def test_a_second_boot_of_the_same_core_is_ignored() -> None:
    rig = Rig().ready()
    rig.start()
    rig.feed(MeterRead(0, {ML: 10}), 1_000)
    assert rig.core.taps[0].run is not None


def test_a_session_with_a_real_quote_is_still_known_after_a_loss_of_power() -> None:
    rig = Rig().ready()
    start = Start(
        link=rig.link,
        command="cmd",
        session="ses",
        outlet=0,
        limits=limits(),
        expires_at_ms=30_000,
        quote=Raw(b'{"tariff_id":"t","rates":[]}'),
    )
    rig.say(start)
    epoch = rig.epoch
    assert bytes(rig.durable().open["ses"].quote) == bytes(start.quote)
    rig.power_cycle()
    assert rig.epoch == epoch
    assert [stopped.reason for stopped in rig.of(Stopped)] == [StopReason.POWER_LOSS]
