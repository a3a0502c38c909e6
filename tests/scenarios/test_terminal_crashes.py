"""The agent killed, and its power cut, at every journal write and every turn of its valve: the short form.

`coinslot bench terminal-crash` does all bytes of all lines, and cuts each recovery once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from coinslot.app.bench_terminal_crash import command
from coinslot.sandbox.crashing import campaign
from coinslot.sandbox.crashing.board import Violation
from coinslot.sandbox.crashing.points import How
from coinslot.sandbox.crashing.stories import STORIES
from coinslot.terminal import journal
from coinslot.terminal.actions import Action, OpenValve, ShutValve
from coinslot.terminal.hands import Hands
from coinslot.terminal.memory import MemoryJournal
from coinslot.terminal.sessions import Sessions

BYTES = 97
"""Lines are torn after every so manieth byte, which is no length of anything."""


@pytest.mark.parametrize("story", STORIES)
def test_after_every_cut_the_valve_is_shut_the_journal_whole_and_each_session_settled_once(
    story: str,
) -> None:
    where = campaign.points(story, every=BYTES)
    assert {point.how for point in where} == set(How)
    assert campaign.some(story, [(point,) for point in where]) == []


def test_a_recovery_that_is_cut_again_comes_right_too() -> None:
    where = [point for point in campaign.points("stop-key", every=BYTES) if point.how is How.POWER][6:9]
    assert campaign.some("stop-key", [(point, again) for point in where for again in campaign.AGAIN]) == []


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("story", STORIES)
def test_the_whole_campaign_finds_nothing(story: str) -> None:
    for work in campaign.all_of([story], 1, 1):
        assert campaign.some(work.story, work.where, work.pace) == []


# ---------------------------------------------------------------- it finds what it looks for


@contextmanager
def planted(monkeypatch: pytest.MonkeyPatch, where: object, name: str, bug: object) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(where, name, bug)
        yield


def _finds(story: str) -> str:
    found = campaign.some(story, [(point,) for point in campaign.points(story, every=BYTES)])
    assert found, "the bug was not found"
    return "\n".join(sorted({one.what for one in found}))


def test_a_boot_that_does_not_shut_first_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Hands._one

    def lazy(self: Hands, action: Action) -> None:
        if not isinstance(action, ShutValve):
            one(self, action)

    with (
        planted(monkeypatch, Hands, "_one", lazy),
        pytest.raises(Violation, match="while the valve was open"),
    ):
        campaign.told("stop-key")


def test_a_valve_that_opens_before_the_line_is_on_disk_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    do = Hands.do

    def hasty(self: Hands, actions: list[Action]) -> None:
        opens = [action for action in actions if isinstance(action, OpenValve)]
        do(self, [*opens, *(action for action in actions if action not in opens)])

    with planted(monkeypatch, Hands, "do", hasty), pytest.raises(Violation, match="before that was on disk"):
        campaign.told("stop-key")


def test_an_end_that_is_written_before_the_valve_has_shut_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    do = Hands.do

    def slow(self: Hands, actions: list[Action]) -> None:
        shuts = [action for action in actions if isinstance(action, ShutValve)]
        do(self, [*(action for action in actions if action not in shuts), *shuts])

    with planted(monkeypatch, Hands, "do", slow), pytest.raises(Violation, match="while the valve was open"):
        campaign.told("stop-key")


def test_a_journal_that_is_not_forced_to_disk_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    lazy = planted(monkeypatch, MemoryJournal, "append", MemoryJournal.note)
    with lazy, pytest.raises(Violation, match="before that was on disk"):
        campaign.told("stop-key")


def test_a_session_that_goes_on_by_itself_after_a_boot_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def goes_on(self: Sessions) -> None:
        for about in self._scribe.kept.open.values():
            self._open(self.taps[about.outlet], about.session)

    with planted(monkeypatch, Sessions, "recover", goes_on):
        assert "opened again by itself" in _finds("stop-key")


def test_a_torn_line_taken_for_damage_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with planted(monkeypatch, journal, "_is_torn", lambda tail: False):
        assert "a new epoch has begun" in _finds("stop-key")


# ---------------------------------------------------------------- the command


def test_the_command_repeats_one_run_and_names_what_cannot_be() -> None:
    runner = CliRunner()
    right = runner.invoke(command, ["--story", "stop-key", "--at", "10:torn:31", "--at", "2:power:0"])
    assert (right.exit_code, right.output.strip()) == (
        0,
        "stop-key, torn at action 10 after 31 bytes, then power at action 2: all is right after 3 boots",
    )
    wrong = runner.invoke(command, ["--story", "stop-key", "--at", "10:melted:31"])
    assert "no such point" in str(wrong.exception)


def test_the_command_prints_points_times_repetitions_times_violations() -> None:
    said = CliRunner().invoke(
        command,
        ["--story", "stop-before-the-start", "--repeat", "2", "--every", "60", "--jobs", "1", "--once"],
    )
    assert said.exit_code == 0, said.output
    assert "points × 2 repetitions" in said.output
    assert "0 violations" in said.output
