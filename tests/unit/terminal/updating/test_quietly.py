"""The agent is started anew only when nobody minds, and says how its updates stand on each new link."""

from __future__ import annotations

from coinslot.terminal.actions import Offered, Restart
from coinslot.terminal.events import KeyPressed, LinkDown, RestartWanted, UpdateStands
from coinslot.terminal.renewing import QUIET_MS
from coinslot.wire.messages import Update, Updated, UpdateKind, UpdateStep
from coinslot.wire.records import Declined, DeclineReason
from tests.support.releases import update
from tests.unit.terminal.rig import Rig

STANDS = UpdateStands(kind=UpdateKind.CONFIG, serial=7, version="1", step=UpdateStep.INSTALLED)


def restarts(rig: Rig) -> int:
    return sum(isinstance(action, Restart) for action in rig.actions)


def wanted(rig: Rig) -> None:
    rig.actions = []
    rig.feed(RestartWanted())


def passes(rig: Rig, ms: int) -> None:
    for _ in range(0, ms, 1_000):
        rig.meter(0)
        rig.tick(1_000)


def test_an_idle_appliance_at_once() -> None:
    rig = Rig().ready()
    wanted(rig)
    assert restarts(rig) == 1


def test_never_in_a_use_and_not_before_whoever_used_it_has_gone() -> None:
    rig = Rig().ready()
    rig.start()
    wanted(rig)
    passes(rig, 20_000)
    assert restarts(rig) == 0
    rig.feed(KeyPressed(0, "#"))
    passes(rig, QUIET_MS - 1_000)
    assert restarts(rig) == 0
    passes(rig, 2_000)
    assert restarts(rig) == 1


def test_not_while_somebody_types() -> None:
    rig = Rig().ready()
    rig.feed(KeyPressed(0, "1"))
    wanted(rig)
    assert restarts(rig) == 0
    passes(rig, 70_000)
    assert restarts(rig) == 1


def test_from_then_on_a_start_is_declined_as_closed() -> None:
    rig = Rig().ready()
    wanted(rig)
    rig.start()
    assert [one.reason for one in rig.records() if isinstance(one, Declined)] == [DeclineReason.CLOSED]


def test_it_is_said_at_once_and_on_each_new_link() -> None:
    rig = Rig().ready()
    rig.feed(STANDS)
    rig.feed(LinkDown(rig.link))
    rig.link_up()
    said = [one for one in rig.sent if isinstance(one, Updated)]
    assert [(one.step, one.kind, one.link) for one in said] == [
        (UpdateStep.INSTALLED, UpdateKind.CONFIG, rig.link - 1),
        (UpdateStep.INSTALLED, UpdateKind.CONFIG, rig.link),
    ]


def test_an_announcement_for_another_link_is_left_out() -> None:
    rig = Rig().ready()

    def heard(message: Update) -> int:
        rig.actions = []
        rig.say(message)
        return sum(isinstance(one, Offered) for one in rig.actions)

    assert heard(update(b"x", link=rig.link)) == 1
    assert heard(update(b"x", link=rig.link + 1)) == 0
