"""Random guests, servers, links and losses of power around one appliance that sells: no order of them cheats anybody."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coinslot.terminal.events import LinkDown, LinkUp, StopKey
from coinslot.terminal.views import Phase
from coinslot.wire.messages import Menu, Note, QrWanted, Stop
from coinslot.wire.records import Declined, Started, Stopped
from coinslot.wire.registers import Register
from tests.unit.terminal.hotel import BOUGHT, Hotel
from tests.unit.terminal.rig import PowerLostError, S, limits

EXAMPLES = int(os.environ.get("COINSLOT_EXAMPLES", "60"))
PACKAGE_S = 40
Step = Callable[[Hotel], object]

few = st.integers(min_value=0, max_value=4)


def old_or_new(hotel: Hotel, back: int) -> str:
    """The latest request, or one from before it, or one that never was."""
    return hotel.wanted[-1 - back] if back < len(hotel.wanted) else "req-of-nobody"


def start(hotel: Hotel, number: int) -> None:
    within = limits(s=PACKAGE_S, idle_s=PACKAGE_S)
    hotel.start(f"ses{number}", f"cmd{number}", link=max(1, hotel.link), within=within, quote=BOUGHT)


def crash(hotel: Hotel, after: int) -> None:
    hotel.crash_at = after


steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(
        lambda p, w: lambda hotel: hotel.chooses(p, w),
        st.sampled_from(["30min", "use", "none"]),
        st.sampled_from(["wechat", "alipay"]),
    ),
    st.builds(lambda keys: lambda hotel: hotel.presses(keys), st.text("12348*#0", min_size=1, max_size=3)),
    st.just(lambda hotel: hotel.goes_back()),
    st.builds(
        lambda back, life: lambda hotel: hotel.shows(old_or_new(hotel, back), life_s=life),
        few,
        st.integers(1, 90),
    ),
    st.builds(
        lambda back, note: lambda hotel: hotel.shows(old_or_new(hotel, back), note),
        few,
        st.sampled_from(list(Note)),
    ),
    st.builds(lambda back, n: lambda hotel: hotel.bills(old_or_new(hotel, back), f"ses{n}"), few, few),
    st.builds(lambda n: lambda hotel: start(hotel, n), few),
    st.builds(lambda n: lambda hotel: hotel.say(Stop(link=max(1, hotel.link), session=f"ses{n}")), few),
    st.just(lambda hotel: hotel.feed(StopKey(0))),
    st.builds(
        lambda s, w: lambda hotel: hotel.wait(s, w), st.integers(1, 30), st.sampled_from([0, 5, 2_500, 9_000])
    ),
    st.just(lambda hotel: hotel.say(hotel.menu())),
    st.just(lambda hotel: hotel.say(Menu(link=max(1, hotel.link), outlet=0))),
    st.just(lambda hotel: hotel.feed(LinkDown(hotel.link))),
    st.just(lambda hotel: hotel.feed(LinkUp(hotel.link))),
    st.just(lambda hotel: hotel.link_up(acked=hotel.core.kept.acked)),
    st.builds(lambda after: lambda hotel: crash(hotel, after), st.integers(0, 6)),
)


def check(hotel: Hotel) -> None:
    kept, view = hotel.durable(), hotel.views[0]
    assert hotel.open <= {one.outlet for one in kept.open.values()}, (
        "it runs only between `started` and `stopped`"
    )
    for kind in (Started, Stopped):
        sessions = [one.session for one in hotel.records() if isinstance(one, kind)]
        assert len(sessions) == len(set(sessions))
    answered = [one.command for one in hotel.records() if isinstance(one, Started | Declined)]
    assert len(answered) == len(set(answered))
    for one in hotel.of(Stopped):
        used_s = one.registers[S] - one.start.get(S, 0)
        assert used_s <= PACKAGE_S
        if one.registers.get(Register.WH, 0) == one.start.get(Register.WH, 0) and not one.sensors.get(
            "power_w"
        ):
            assert used_s == 0, "nothing was seen to be drawn, nothing was used"
    choice = hotel.core._screens[0].choosing.choice
    if view.phase in (Phase.QR, Phase.SCANNED):
        assert choice is not None
        assert view.qr == f"pay:{choice.request}", "nobody pays another one's code"
        assert 0 < (view.left_s or 0) <= 90
        assert choice.request == hotel.wanted[-1]
    elif view.phase is not Phase.FINISHED:
        assert view.qr is None
    if view.phase is Phase.RUNNING:
        assert hotel.core.taps[0].run is not None


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(steps, min_size=10, max_size=50))
def test_no_order_of_guests_answers_and_losses_of_power_shows_a_wrong_code_or_runs_for_nothing(
    life: list[Step],
) -> None:
    hotel = Hotel().open_shop()
    for step in life:
        try:
            step(hotel)
        except PowerLostError:
            hotel.power_cycle()
            hotel.sense(0)
        check(hotel)
    assert len({(one.request, one.package, one.provider) for one in hotel.messages(QrWanted)}) == len(
        set(hotel.wanted)
    ), "a request is one choice for ever"


def story(hotel: Hotel) -> None:
    """A guest, a loss of the link, a second guest whose appliance draws nothing; the same each time."""
    hotel.open_shop()
    request = hotel.chooses()
    hotel.shows(request)
    hotel.shows(request, Note.PAID)
    hotel.start("ses1", "cmd1", within=limits(s=PACKAGE_S, idle_s=PACKAGE_S), quote=BOUGHT)
    hotel.wait(15, 2_500)
    hotel.feed(LinkDown(hotel.link))
    hotel.wait(27, 2_500)  # to the end of the package
    hotel.link_up(acked=hotel.core.kept.acked)
    hotel.bills(request, "ses1")
    hotel.ack_all()
    hotel.shows(hotel.chooses("use", "alipay"), Note.PAID)
    hotel.start("ses2", "cmd2", within=limits(s=PACKAGE_S, idle_s=PACKAGE_S), quote=BOUGHT)
    hotel.wait(41)


def total_actions() -> int:
    hotel = Hotel()
    story(hotel)
    return len(hotel.actions)


@pytest.mark.parametrize("point", range(total_actions()))
def test_a_crash_before_any_action_resumes_what_was_bought_or_ends_it_once(point: int) -> None:
    hotel = Hotel()
    hotel.crash_at = point
    with suppress(PowerLostError):
        story(hotel)
    hotel.power_cycle()
    hotel.sense(0)
    running = set(hotel.durable().open)
    assert hotel.open == ({0} if running else set())
    hotel.wait(2 * PACKAGE_S, 2_500)
    assert hotel.open == set()
    started = [one.session for one in hotel.of(Started)]
    assert sorted(started) == sorted(one.session for one in hotel.of(Stopped))
    for one in hotel.of(Stopped):
        assert one.registers[S] - one.start.get(S, 0) <= PACKAGE_S
    assert set(hotel.openings) <= {one.command for one in hotel.of(Started)}
    assert all(hotel.openings.count(command) <= hotel.boots for command in hotel.openings)
