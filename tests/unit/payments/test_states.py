"""Every pair of state and event, of all three tables."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import pytest

from coinslot.payments.decide import LIVE
from coinslot.payments.states import (
    ATTEMPT,
    INTENT,
    REFUND,
    AttemptEvent,
    AttemptState,
    IllegalEvent,
    IntentEvent,
    IntentState,
    RefundEvent,
    RefundState,
    Table,
    in_page,
)

PAGE = Path(__file__).parents[3] / "docs" / "payments.md"
TABLES = [
    (ATTEMPT, AttemptState, AttemptEvent),
    (INTENT, IntentState, IntentEvent),
    (REFUND, RefundState, RefundEvent),
]


@pytest.mark.parametrize(("table", "states", "events"), TABLES)
def test_a_pair_leads_where_the_table_says_or_is_refused(
    table: Table[StrEnum, StrEnum], states: type[StrEnum], events: type[StrEnum]
) -> None:
    for state in states:
        for event in events:
            if (state, event) in table.transitions:
                assert table.after(state, event) is table.transitions[state, event]
            else:
                with pytest.raises(IllegalEvent) as refused:
                    table.after(state, event)
                assert (refused.value.state, refused.value.event) == (state, event)
                assert state.value in str(refused.value)


def test_success_absorbs_and_is_reached_from_everywhere() -> None:
    for state in AttemptState:
        assert ATTEMPT.after(state, AttemptEvent.PAID) is AttemptState.SUCCEEDED
    for event in AttemptEvent:
        assert ATTEMPT.after(AttemptState.SUCCEEDED, event) is AttemptState.SUCCEEDED


def test_no_late_word_of_a_provider_is_an_error() -> None:
    assert set(ATTEMPT.transitions) == {(state, event) for state in AttemptState for event in AttemptEvent}
    said = set(RefundEvent) - {RefundEvent.ASKED_AGAIN, RefundEvent.GIVEN_UP}
    assert {(state, event) for state in RefundState for event in said} < set(REFUND.transitions)


def test_what_is_closed_comes_to_life_only_by_being_paid() -> None:
    ways = {
        event
        for (state, event), to in ATTEMPT.transitions.items()
        if state is AttemptState.CLOSED and to is not state
    }
    assert ways == {AttemptEvent.PAID}


def test_an_attempt_stops_living_only_by_the_providers_word() -> None:
    ends = {event for (state, event), to in ATTEMPT.transitions.items() if state in LIVE and to not in LIVE}
    assert ends == {AttemptEvent.CLOSED, AttemptEvent.FAILED, AttemptEvent.PAID, AttemptEvent.REJECTED}
    refused = {s for s in LIVE if ATTEMPT.after(s, AttemptEvent.REJECTED) not in LIVE}
    assert refused == {AttemptState.NEW}, "where no earlier request can have gone through"


def test_a_refund_that_is_done_stays_done_and_a_person_decides_only_about_an_abnormal_one() -> None:
    assert {to for (state, _), to in REFUND.transitions.items() if state is RefundState.SUCCEEDED} == {
        RefundState.SUCCEEDED
    }
    for event in (RefundEvent.ASKED_AGAIN, RefundEvent.GIVEN_UP):
        assert {state for (state, e) in REFUND.transitions if e is event} == {RefundState.ABNORMAL}


@pytest.mark.parametrize("table", [ATTEMPT, INTENT, REFUND])
def test_the_diagrams_name_every_row(table: Table[StrEnum, StrEnum]) -> None:
    drawn = table.diagram().splitlines()
    for (state, event), to in table.transitions.items():
        row = next(line for line in drawn if f"{state.value} --> {to.value}:" in line)
        assert event.value in row.split(": ")[1].split(", ")


def test_the_page_shows_the_tables_as_they_are() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert in_page(page) == page, "run: python -m coinslot.payments.states docs/payments.md"
    assert page.count("```mermaid") == 3
