"""Every pair of state and event: the table's, or refused with nothing changed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from coinslot.sessions.decide import Act, Doubt, decide
from coinslot.sessions.states import LIVE, TRANSITIONS, Event, IllegalEvent, State, diagram
from tests.unit.sessions.build import NOW, session

PAGE = Path(__file__).parents[3] / "docs" / "sessions.md"
LATER = NOW + timedelta(seconds=60)
FINAL = (State.SETTLED, State.LATE)
PAIRS = [(state, event) for state in State for event in Event]


@pytest.mark.parametrize(("state", "event"), [pair for pair in PAIRS if pair not in TRANSITIONS])
def test_an_event_the_table_does_not_name_is_refused_and_changes_nothing(state: State, event: Event) -> None:
    before = session(state)
    with pytest.raises(IllegalEvent) as refused:
        decide(before, event, LATER)
    assert before == session(state)
    assert (refused.value.state, refused.value.event) == (state, event)
    assert state.value in str(refused.value)


@pytest.mark.parametrize(("state", "event"), [pair for pair in PAIRS if pair in TRANSITIONS])
def test_an_event_the_table_names_leads_where_it_says(state: State, event: Event) -> None:
    after, effects = decide(session(state), event, LATER)
    assert after.state is TRANSITIONS[state, event]
    assert (after.wake_at is None) is (not after.live)
    money = [effect for effect in effects if effect in (Act.SETTLE, Act.SETTLE_LATE, Act.RELEASE, Act.LAPSE)]
    ends = state in LIVE and after.state not in LIVE
    assert len(money) == (1 if ends or after.state is State.LATE else 0), "a hold ends once, with its session"
    assert bool({Act.RELEASE, Act.LAPSE} & set(money)) is (ends and after.state is State.RELEASED)
    assert after.wake_at is None or after.wake_at > NOW


@pytest.mark.parametrize("state", FINAL)
def test_what_is_final_takes_no_event(state: State) -> None:
    assert not [event for event in Event if (state, event) in TRANSITIONS]


def test_a_hold_goes_back_only_by_word_proof_or_deadline() -> None:
    ways = {event for (state, event), to in TRANSITIONS.items() if state in LIVE and to is State.RELEASED}
    assert ways == {Event.DECLINED, Event.DISPROVED, Event.GIVEN_UP, Event.BURNT}
    assert TRANSITIONS[State.AUTHORIZED, Event.SILENT] is State.UNKNOWN


def test_use_after_a_release_is_seen_by_a_person() -> None:
    released = session(State.RELEASED)
    assert Doubt.AFTER_RELEASE in decide(released, Event.STARTED, LATER).effects
    late, effects = decide(released, Event.STOPPED, LATER)
    assert late.state is State.LATE
    assert effects == (Act.SETTLE_LATE, Doubt.AFTER_RELEASE), "its `started` was lost: this is the first sign"


def test_a_terminal_that_confirms_a_release_moves_no_date() -> None:
    released = decide(session(State.UNKNOWN), Event.DISPROVED, NOW).session
    confirmed, effects = decide(released, Event.DECLINED, LATER)
    assert confirmed == released
    assert effects == ()


def test_a_stop_asked_before_the_start_is_sent_again_when_it_has_begun() -> None:
    asked = decide(session(), Event.STOP_ASKED, NOW).session
    begun, effects = decide(asked, Event.STARTED, LATER)
    assert begun.state is State.STOPPING
    assert effects == (Act.SEND_STOP,)


def test_the_diagram_names_every_row_and_the_page_shows_it_as_it_is() -> None:
    drawn = diagram()
    for (state, event), to in TRANSITIONS.items():
        row = next(line for line in drawn.splitlines() if f"{state.value} --> {to.value}:" in line)
        assert event.value in row.split(": ")[1].split(", ")
    shown = PAGE.read_text(encoding="utf-8").split("```mermaid\n")[1].split("```")[0]
    assert shown == drawn, "docs/sessions.md is old: run python -m coinslot.sessions.states docs/sessions.md"
