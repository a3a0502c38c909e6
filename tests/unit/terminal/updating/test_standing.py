"""What an announcement, a boot, a welcome and a silence make of a kind of update."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from coinslot.terminal.updating import standing as standings
from coinslot.terminal.updating.standing import Heard, Standing, judge
from coinslot.wire.messages import UpdateStep
from tests.support.releases import archive, release, update

OLD = Standing(serial=5, slot=5, version="1.5", base="by hand", before=3)
SEVEN = release(update(archive()))


def on_trial() -> Standing:
    return standings.started(standings.installed(OLD, SEVEN), "by hand")


@pytest.mark.parametrize(
    ("serial", "heard"), [(6, Heard.FETCH), (5, Heard.REFUSE), (4, Heard.REFUSE), (2**53 - 1, Heard.FETCH)]
)
def test_only_what_is_newer_is_loaded(serial: int, heard: Heard) -> None:
    assert judge(OLD, replace(SEVEN, serial=serial))[0] is heard


def test_what_is_too_large_is_refused_before_a_byte_of_it_is_loaded() -> None:
    heard, why = judge(OLD, replace(SEVEN, size=2**30))
    assert heard is Heard.REFUSE
    assert "larger" in why


def test_a_welcome_confirms_and_spends_the_serial() -> None:
    done = standings.confirmed(on_trial())
    assert (done.serial, done.slot, done.before, done.trial) == (7, 7, 5, None)
    assert done.told is not None
    assert done.told.step is UpdateStep.CONFIRMED
    assert judge(done, SEVEN)[0] is Heard.KNOWN
    assert judge(done, replace(SEVEN, sha256="0" * 64))[0] is Heard.REFUSE, "another under the same serial"
    assert judge(done, replace(SEVEN, serial=6))[0] is Heard.REFUSE, "a replay of what was signed before"


def test_three_boots_without_a_welcome_and_the_old_runs_again() -> None:
    standing = standings.installed(OLD, SEVEN)
    running = []
    for _ in range(5):
        standing = standings.started(standing, "by hand")
        running.append(standing.running)
    assert running == [7, 7, 7, 5, 5]
    assert standing.told is not None
    assert standing.told.step is UpdateStep.ROLLED_BACK
    assert standing.serial == 5
    assert judge(standing, SEVEN)[0] is Heard.KNOWN, "not tried again"
    assert judge(standing, replace(SEVEN, serial=8))[0] is Heard.FETCH


def test_while_one_is_on_trial_no_other_is_taken() -> None:
    assert judge(on_trial(), SEVEN)[0] is Heard.KNOWN
    assert judge(on_trial(), replace(SEVEN, serial=9))[0] is Heard.REFUSE


def test_while_one_is_loaded_an_older_one_does_not_push_it_aside() -> None:
    loading = standings.fetching(OLD, SEVEN)
    assert judge(loading, replace(SEVEN, serial=6))[0] is Heard.REFUSE
    assert judge(loading, replace(SEVEN, serial=8))[0] is Heard.FETCH


def test_what_was_confirmed_and_does_not_stay_up_is_left_but_its_serial_stays_spent() -> None:
    standing = standings.confirmed(on_trial())
    for _ in range(standings.UNSTEADY_STARTS):
        standing = standings.started(standing, "by hand")
        assert standing.running == 7
    standing = standings.started(standing, "by hand")
    assert (standing.running, standing.serial) == (5, 7)
    assert standings.steady(replace(standing, starts=3)).starts == 0


def test_what_is_installed_by_hand_later_runs_instead() -> None:
    standing = standings.started(standings.confirmed(on_trial()), "newer by hand")
    assert (standing.running, standing.serial) == (0, 7)
    assert standings.started(on_trial(), "newer by hand").running == 5
