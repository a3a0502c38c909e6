"""A pause: shut, nothing counts, and no longer than the session allows."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from coinslot.terminal.actions import Append, ShutValve
from coinslot.terminal.entries import RecordKept
from coinslot.terminal.events import KeyPressed, SensorsRead, Shutdown, StopKey, ValveIs
from coinslot.terminal.settings import OnPower, OutletSettings, Seconds
from coinslot.terminal.views import Phase
from coinslot.wire.messages import Readings, Stop
from coinslot.wire.records import Checkpoint, Fault, FaultCode, Stopped, StopReason
from coinslot.wire.registers import Register
from tests.unit.terminal.rig import ML, SHOWER, PowerLostError, Rig, S, limits

EXAMPLES = int(os.environ.get("COINSLOT_EXAMPLES", "60"))
PAUSE_S = 30
SPEC = SHOWER.outlets[0]
WATCHED = replace(SPEC, flow_within_s=20)
RESUMING = replace(SPEC, on_power=OnPower.RESUME)
SOCKET = OutletSettings(
    outlet=0, meters=(Register.WH,), seconds=Seconds.OPENING, no_load_w=5, idle_w=10, load_within_s=10
)


def rig_with(outlet: OutletSettings = SPEC) -> Rig:
    return Rig(replace(SHOWER, outlets=(outlet,)))


def using(outlet: OutletSettings = SPEC, pause_s: int = PAUSE_S) -> Rig:
    """A session with five seconds of water behind it."""
    rig = rig_with(outlet).ready()
    begin(rig, pause_s)
    rig.flow(5)
    return rig


def begin(rig: Rig, pause_s: int = PAUSE_S) -> None:
    rig.start(within=replace(limits(s=60), pause_s=pause_s))


def key(rig: Rig, pressed: str, ms: int = 2_000) -> list[object]:
    return list(rig.feed(KeyPressed(0, pressed), ms))


def used_s(rig: Rig) -> int:
    return rig.core.taps[0].registers[S]


def test_a_pause_shuts_first_then_makes_the_registers_certain_and_tells_the_server() -> None:
    rig = using()
    actions = key(rig, "*")
    shut = next(at for at, one in enumerate(actions) if isinstance(one, ShutValve))
    entry = next(at for at, one in enumerate(actions) if isinstance(one, Append))
    assert shut < entry
    assert rig.open == set()
    assert rig.of(Checkpoint)[-1].registers == {ML: 500, S: 5}
    told = rig.last(Readings)
    assert (told.session, told.valve_open) == ("ses", False)
    assert rig.views[0].phase is Phase.PAUSED
    assert rig.shown[0] == ("Paused 0:30", "* go on, # end")
    key(rig, "*")
    assert rig.open == {0}
    assert rig.last(Readings).valve_open
    assert rig.views[0].phase is Phase.RUNNING


def test_neither_seconds_nor_idleness_nor_the_limit_on_time_run_in_a_pause() -> None:
    rig = rig_with().ready()
    rig.start(within=replace(limits(s=20, idle_s=10), pause_s=600))
    rig.flow(5)
    key(rig, "*", 1_000)
    for _ in range(120):
        rig.meter(0, 1_000)
    assert used_s(rig) == 5
    key(rig, "*", 0)
    rig.tick(9_000)
    assert rig.of(Stopped) == []  # it has not been idle for ten seconds since
    rig.flow(2)
    assert (
        used_s(rig) == 5 + 1 + 9 + 2
    )  # the second before the pause and the nine behind it lie between flows
    rig.flow(4)
    assert rig.of(Stopped)[0].reason is StopReason.LIMIT
    assert rig.of(Stopped)[0].registers[S] == 20


def test_all_pauses_together_have_one_budget_and_then_it_ends_as_idle() -> None:
    rig = using()
    key(rig, "*")
    key(rig, "*", 20_000)
    rig.flow(2)
    key(rig, "*")
    assert rig.shown[0][0] == "Paused 0:10"
    rig.tick(9_000)
    assert rig.shown[0][0] == "Paused 0:01"
    assert rig.of(Stopped) == []
    rig.tick(1_000)
    assert [one.reason for one in rig.of(Stopped)] == [StopReason.IDLE]
    assert rig.of(Stopped)[0].registers == {ML: 700, S: 9}


def test_the_key_that_comes_with_the_last_moment_of_the_budget_opens_nothing() -> None:
    rig = using()
    key(rig, "*")
    key(rig, "*", PAUSE_S * 1_000)
    assert rig.open == set()
    assert rig.of(Stopped)[0].reason is StopReason.IDLE


@pytest.mark.parametrize("pause_s", [0, PAUSE_S])
def test_a_spent_budget_or_none_at_all_allows_no_pause(pause_s: int) -> None:
    rig = using(pause_s=pause_s)
    if pause_s:
        key(rig, "*")
        key(rig, "*", 29_500)
        rig.flow(2)
        key(rig, "*")
        rig.tick(600)
        assert rig.of(Stopped)[0].reason is StopReason.IDLE
        return
    key(rig, "*")
    assert rig.open == {0}
    assert rig.shown[0][1] == "Stop key ends"


def test_a_key_that_bounces_moves_no_valve_twice() -> None:
    rig = using()
    key(rig, "*")
    for _ in range(5):
        key(rig, "*", 30)
    assert rig.open == set()
    key(rig, "*", 1_000)
    assert rig.open == {0}


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (lambda rig: rig.feed(KeyPressed(0, "#")), StopReason.KEY),
        (lambda rig: rig.feed(StopKey(0)), StopReason.KEY),
        (lambda rig: rig.say(Stop(link=rig.link, session="ses")), StopReason.COMMAND),
        (lambda rig: rig.feed(Shutdown()), StopReason.POWER_LOSS),
        (lambda rig: rig.power_cycle(), StopReason.POWER_LOSS),
    ],
)
@pytest.mark.parametrize("outlet", [SPEC, RESUMING])
def test_whatever_ends_a_session_ends_a_paused_one_too_and_nothing_opens(
    outlet: OutletSettings, how: Callable[[Rig], object], reason: StopReason
) -> None:
    rig = using(outlet)
    key(rig, "*")
    opened = len(rig.openings)
    how(rig)
    assert [one.reason for one in rig.of(Stopped)] == [reason]
    assert rig.of(Stopped)[0].registers == {ML: 500, S: 5}
    assert (rig.open, len(rig.openings)) == (set(), opened)


def test_a_session_that_went_on_outlives_a_loss_of_power_with_what_was_left_of_its_budget() -> None:
    rig = using(RESUMING)
    key(rig, "*")
    key(rig, "*", 20_000)
    rig.flow(1)
    rig.power_cycle()
    assert rig.open == {0}
    rig.meter(0)
    key(rig, "*")
    assert rig.shown[0][0] == "Paused 0:10"


def test_water_in_a_pause_is_a_fault_and_what_the_closing_valve_lets_through_is_none() -> None:
    rig = using()
    key(rig, "*")
    rig.meter(60, 1_000)
    rig.meter(0, 5_000)
    assert rig.of(Fault) == []
    rig.flow(3)
    assert [one.code for one in rig.of(Fault)] == [FaultCode.FLOW_WHILE_SHUT]
    assert rig.of(Stopped)[0].reason is StopReason.FAULT
    assert rig.of(Stopped)[0].registers[S] == 5


def test_a_valve_that_does_not_shut_for_a_pause_is_a_fault() -> None:
    rig = using()
    rig.feed(ValveIs(0, open=True))
    key(rig, "*")
    rig.feed(ValveIs(0, open=True), 2_000)
    assert rig.of(Stopped)[0].reason is StopReason.FAULT


def test_nobody_waits_for_a_meter_that_stands_in_a_pause() -> None:
    rig = using(WATCHED)
    key(rig, "*")
    rig.tick(29_000)
    key(rig, "*", 500)
    rig.tick(19_000)
    assert rig.of(Fault) == []
    rig.tick(1_000)
    assert [one.code for one in rig.of(Fault)] == [FaultCode.METER_STUCK]


def test_a_socket_is_off_in_a_pause_and_neither_time_nor_a_missing_load_counts() -> None:
    rig = rig_with(SOCKET).boot().link_up()
    rig.feed(SensorsRead(0, {"power_w": 0}))
    rig.core.taps[0].known = True
    begin(rig)
    for _ in range(4):
        rig.feed(SensorsRead(0, {"power_w": 900}), 1_000)
    key(rig, "*", 1_000)
    before = used_s(rig)
    for _ in range(20):
        rig.feed(SensorsRead(0, {"power_w": 0}), 1_000)
    assert rig.of(Fault) == []
    assert used_s(rig) == before
    key(rig, "*", 0)
    rig.feed(SensorsRead(0, {"power_w": 900}), 1_000)
    assert used_s(rig) == before + 1


def test_a_crash_before_any_action_of_a_pause_leaves_it_shut_or_running_and_ends_it_once() -> None:
    def story(rig: Rig) -> None:
        begin(rig)
        rig.flow(3)
        key(rig, "*")
        key(rig, "*", 5_000)
        rig.flow(2)
        key(rig, "*")
        key(rig, "#", 5_000)

    whole = rig_with(RESUMING).ready()
    before = len(whole.actions)
    story(whole)
    for point in range(len(whole.actions) - before):
        rig = rig_with(RESUMING).ready()
        rig.crash_at = point
        with suppress(PowerLostError):
            story(rig)
        paused = any(one.paused for one in rig.durable().open.values())
        rig.power_cycle()
        assert not (paused and rig.open), "nobody who shut it is there"
        assert rig.open == {one.outlet for one in rig.durable().open.values()}
        rig.feed(StopKey(0))
        stopped = [one.session for one in rig.of(Stopped)]
        assert stopped == list(dict.fromkeys(one.session for one in rig.records() if hasattr(one, "session")))


Step = Callable[[Rig], object]
steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(lambda ms: lambda rig: key(rig, "*", ms), st.integers(0, 6_000)),
    st.builds(lambda ms: lambda rig: key(rig, "*", ms), st.integers(900, 20_000)),
    st.builds(lambda ms: lambda rig: rig.tick(ms), st.integers(0, 12_000)),
    st.builds(
        lambda ml, ms: lambda rig: rig.meter(ml if 0 in rig.open else 0, ms),
        st.integers(0, 150),
        st.integers(0, 3_000),
    ),
    st.builds(lambda ml: lambda rig: rig.meter(ml, 300), st.integers(0, 5)),
    st.just(lambda rig: rig.feed(ValveIs(0, open=0 in rig.open), 100)),
    st.just(lambda rig: begin(rig)),
    st.builds(lambda after: lambda rig: setattr(rig, "crash_at", after), st.integers(0, 5)),
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(steps, min_size=10, max_size=60),
    st.sampled_from([SPEC, RESUMING, replace(SPEC, seconds=Seconds.OPENING)]),
)
def test_no_order_of_pauses_counts_shut_time_lowers_usage_or_outlasts_the_budget(
    life: list[Step], outlet: OutletSettings
) -> None:
    rig = rig_with(outlet).ready()
    begin(rig)
    for step in life:
        shut_from = (rig.now, used_s(rig), rig.boots) if is_paused(rig) else None
        before = dict(rig.core.taps[0].registers)
        try:
            step(rig)
        except PowerLostError:
            rig.power_cycle()
            rig.meter(0)
            continue
        after, run = rig.core.taps[0].registers, rig.core.taps[0].run
        assert all(after[register] >= value for register, value in before.items()), "usage never falls"
        if shut_from is not None and is_paused(rig):
            assert used_s(rig) == shut_from[1], "no second counts while it is shut"
        if run is not None:
            assert (rig.open == {0}) is (run.paused_at is None)
            assert run.paused_ms <= PAUSE_S * 1_000
            assert run.paused_at is None or run.pause_left_ms(rig.now) > 0
            open_ms = rig.now - run.opened_at - (run.paused_ms - run.about.pause_ms)
            assert run.seconds() <= run.carried_s + open_ms // 1_000 + 1
        else:
            assert rig.open == set()
    for entry in (action.entry for action in rig.actions if isinstance(action, Append)):
        assert not isinstance(entry, RecordKept) or entry.limits is None or entry.limits.pause_s == PAUSE_S


def is_paused(rig: Rig) -> bool:
    run = rig.core.taps[0].run
    return run is not None and run.paused_at is not None
