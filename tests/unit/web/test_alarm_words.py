"""Every alarm has words, and says what to do next."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from coinslot.settlement.alarms import NOTED, AlarmRow
from coinslot.settlement.changes import AlarmKind
from coinslot.web.console.alarm_words import SWEEP_OF_SITE, WORDS, then_of, words_of
from coinslot.wire.records import FaultCode

ROW = AlarmRow(
    alarm_id=1,
    kind="leak",
    outlet=0,
    detail="",
    raised_at=datetime(2026, 3, 1, tzinfo=UTC),
    cleared_at=None,
    site="North",
    terminal="T",
    appliance="A",
    by_hand=False,
)


def test_every_kind_has_a_name_and_a_next_step() -> None:
    assert set(WORDS) == {kind.value for kind in (*FaultCode, *AlarmKind)}
    assert all(told.name and told.next for told in WORDS.values())
    assert len({told.name for told in WORDS.values()}) == len(WORDS)


@pytest.mark.parametrize(("kind", "starts"), [("leak", False), ("sensor", True), ("sweep", True)])
def test_who_reads_of_a_fault_knows_whether_it_can_be_started(kind: str, starts: bool) -> None:
    assert ("Nobody can start it" in then_of(replace(ROW, kind=kind))) is not starts


def test_what_only_a_person_ends_does_not_say_that_it_goes() -> None:
    assert [then_of(replace(ROW, kind=kind.value, by_hand=True)) for kind in NOTED] == [""] * len(NOTED)


def test_guesses_at_a_site_and_kinds_of_a_later_version_are_told() -> None:
    assert words_of(replace(ROW, kind="sweep", outlet=None)) == SWEEP_OF_SITE
    assert words_of(replace(ROW, kind="too_hot")).name == "too hot"
