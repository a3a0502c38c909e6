"""Random lives of a terminal: whatever comes in whatever order, the rules hold at every action."""

from __future__ import annotations

import os
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from coinslot.access.offline import make_code
from coinslot.terminal.events import (
    BytesReceived,
    KeyPressed,
    LinkDown,
    LinkUp,
    MeterFailed,
    MeterRead,
    SensorsRead,
    Shutdown,
    StopKey,
    ValveIs,
)
from coinslot.terminal.settings import OnPower, OutletSettings
from coinslot.wire.messages import (
    Ack,
    Burn,
    CodeEntered,
    Configure,
    Limits,
    Offline,
    Ping,
    Show,
    Start,
    Stop,
    Welcome,
)
from coinslot.wire.messages import Note as Word
from coinslot.wire.records import Burnt, Declined, OfflineCredit, Started, Stopped
from tests.unit.terminal.rig import ML, SHOWER, PowerLostError, Rig, limits

EXAMPLES = int(os.environ.get("COINSLOT_EXAMPLES", "60"))
STEP_ML = 120
LIMIT_ML = 1_000
PAUSE_S = 15
Step = Callable[[Rig], object]
TWO = replace(
    SHOWER,
    outlets=(OutletSettings(outlet=0), OutletSettings(outlet=1, on_power=OnPower.RESUME)),
    journal_bytes=64 * 1024,
)

small = st.integers(min_value=0, max_value=5)
outlet = st.integers(min_value=0, max_value=2)


def within(command: int) -> Limits:
    """Every other command's session may be paused."""
    return replace(limits(ml=LIMIT_ML, s=60), pause_s=command % 2 * PAUSE_S)


def flow(rig: Rig, number: int, gain: int) -> None:
    """Water passes only where a valve is open: faults have tests of their own."""
    if number in rig.open:
        rig.raw_ml += gain
    rig.feed(MeterRead(number, {ML: rig.raw_ml}), 1_000)


def welcome(rig: Rig, behind: int, renew: bool) -> None:
    kept = rig.core.kept
    acked = 0 if renew else max(0, min(kept.next_seq - 1, kept.acked - 2 + behind))
    rig.say(Welcome(link=max(1, rig.link), now_ms=1, epoch=kept.epoch, acked=acked, new_epoch=renew))


def crash(rig: Rig, after: int) -> None:
    rig.crash_at = after


KEY = "bc41ec9530f6dac86b1a29ab82edc5fb"
CODES = [make_code(KEY, 1, 7, count)[0] for count in (0, 2, 4)]


def offer(rig: Rig, number: int, *, held: bool) -> None:
    rig.say(
        Offline(
            link=max(1, rig.link),
            outlet=number,
            terms=f"trm{number}",
            key=KEY if held else "",
            starting_code=1,
            value=7,
            credit_minor=500,
            limits=limits(ml=LIMIT_ML, s=60),
        )
    )


def types(rig: Rig, number: int, digits: str) -> None:
    for key in f"{digits}#":
        rig.feed(KeyPressed(number, key))


def wrong(rig: Rig) -> None:
    """The answer to whatever was asked last."""
    for asked in rig.messages(CodeEntered)[-1:]:
        rig.say(Show(link=max(1, rig.link), outlet=asked.outlet, request=asked.request, note=Word.WRONG_CODE))


def token_start(rig: Rig, number: int, place: int) -> None:
    count = 2 * place + 2
    rig.say(
        Start(
            link=max(1, rig.link),
            command=f"cmd-off{count}",
            session=f"off_trm{number}_{count}",
            outlet=number,
            limits=limits(ml=LIMIT_ML, s=60),
            expires_at_ms=max(0, rig.core.link.link_ms + 15_000),
            token=count,
        )
    )


def burn(rig: Rig, number: int, place: int) -> None:
    count = 2 * place + 2
    rig.say(Burn(link=max(1, rig.link), outlet=number, session=f"off_trm{number}_{count}", token=count))


steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(lambda o, g: lambda rig: flow(rig, o, g), outlet, st.integers(0, STEP_ML)),
    st.builds(lambda o, g: lambda rig: flow(rig, o, g), outlet, st.integers(0, STEP_ML)),
    st.builds(
        lambda o, s, c, late: (
            lambda rig: rig.start(
                f"ses{s}", f"cmd{c}", outlet=o, link=max(1, rig.link - late), within=within(c)
            )
        ),
        outlet,
        small,
        st.integers(0, 8),
        st.sampled_from([0, 0, 0, 1]),
    ),
    st.builds(lambda s: lambda rig: rig.say(Stop(link=max(1, rig.link), session=f"ses{s}")), small),
    st.builds(lambda o: lambda rig: rig.feed(StopKey(o)), outlet),
    st.builds(lambda o, key: lambda rig: rig.feed(KeyPressed(o, key)), outlet, st.sampled_from("0123#*x")),
    st.builds(lambda o, ms: lambda rig: rig.feed(KeyPressed(o, "*"), ms), outlet, st.integers(0, 9_000)),
    st.builds(lambda ms: lambda rig: rig.tick(ms), st.integers(0, 20_000)),
    st.just(lambda rig: rig.feed(LinkUp(rig.link))),
    st.just(lambda rig: rig.feed(LinkDown(rig.link))),
    st.builds(
        lambda b, renew: lambda rig: welcome(rig, b, renew), small, st.sampled_from([False] * 7 + [True])
    ),
    st.builds(
        lambda seq, want: (
            lambda rig: rig.say(Ack(link=max(1, rig.link), epoch=rig.epoch, seq=seq, want=want or None))
        ),
        st.integers(0, 40),
        small,
    ),
    st.just(lambda rig: rig.say(Ping(link=max(1, rig.link)))),
    st.builds(lambda s: lambda rig: rig.say(Configure(link=max(1, rig.link), watch_s=s)), small),
    st.builds(lambda o, o_: lambda rig: rig.feed(ValveIs(o, open=o_)), outlet, st.booleans()),
    st.builds(
        lambda o, v: lambda rig: rig.feed(SensorsRead(o, {"tds_ppm": v, "leak": v // 5})), outlet, small
    ),
    st.builds(lambda o: lambda rig: rig.feed(MeterFailed(o)), outlet),
    st.builds(lambda data: lambda rig: rig.feed(BytesReceived(data)), st.binary(max_size=40)),
    st.builds(lambda after: lambda rig: crash(rig, after), st.integers(0, 6)),
    st.just(lambda rig: rig.feed(Shutdown())),
    st.builds(
        lambda o, held: lambda rig: offer(rig, o, held=held),
        st.integers(0, 1),
        st.sampled_from([True, True, False]),
    ),
    st.builds(
        lambda o, digits: lambda rig: types(rig, o, digits),
        st.integers(0, 1),
        st.sampled_from([*CODES, "12345678", "123456789012"]),
    ),
    st.builds(lambda o, c: lambda rig: token_start(rig, o, c), st.integers(0, 1), st.integers(0, 2)),
    st.builds(lambda o, c: lambda rig: burn(rig, o, c), st.integers(0, 1), st.integers(0, 2)),
    st.just(wrong),
)


def check(rig: Rig) -> None:
    kept = rig.durable()
    running = {one.outlet for one in kept.open.values() if not one.paused}
    assert rig.open <= running, "a valve is open only between `started` and `stopped`, and not in a pause"
    records = rig.records()
    for kind in (Started, Stopped, OfflineCredit):
        sessions = [one.session for one in records if isinstance(one, kind)]
        assert len(sessions) == len(set(sessions)), f"one {kind.__name__} for a session"
    used = {one.session for one in records if isinstance(one, Started)}
    assert not used & {one.session for one in records if isinstance(one, Burnt)}, "burnt means unused"
    assert all(kept.tokens.is_gone(session) for session in used if session.startswith("off_"))
    answered = [one.command for one in records if isinstance(one, Started | Declined)]
    assert len(answered) == len(set(answered)), "one answer for a command"
    for one in records:
        if isinstance(one, Stopped):
            used = one.registers.get(ML, 0) - one.start.get(ML, 0)
            assert used < LIMIT_ML + STEP_ML, "a limit is passed by one step of the meter at most"


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(steps, min_size=20, max_size=120))
def test_no_order_of_events_and_losses_of_power_breaks_a_rule(life: list[Step]) -> None:
    rig = Rig(TWO).boot()
    for number in (0, 1):
        rig.feed(MeterRead(number, {ML: 0}))
    rig.link_up()
    for step in life:
        try:
            step(rig)
        except PowerLostError:
            rig.power_cycle()
            for number in (0, 1):
                rig.feed(MeterRead(number, {ML: rig.raw_ml}))
        check(rig)
    # Every record reaches a server that keeps answering, whatever happened before.
    rig.crash_at = None
    rig.power_cycle().link_up(acked=rig.core.kept.acked)
    for _ in range(200):
        if rig.core.kept.acked == rig.core.kept.next_seq - 1:
            break
        rig.ack_all()
    assert rig.core.kept.acked == rig.core.kept.next_seq - 1
    # A command opens once; only a session that is resumed opens again, at most once in each boot, or one that is paused.
    whole = [one for one in rig.of(Started) if int(one.command[-1]) % 2 == 0]
    assert all(rig.openings.count(one.command) <= 1 for one in whole if one.outlet == 0)
    assert all(rig.openings.count(one.command) <= rig.boots for one in whole)
