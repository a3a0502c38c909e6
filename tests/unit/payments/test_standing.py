"""How a payment stands, by its intent and everything that was tried: one word, the money that goes back beside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from coinslot.payments.model import Attempt, Intent, IntentPurpose, Mark
from coinslot.payments.port import Channel
from coinslot.payments.standing import Standing, stand
from coinslot.payments.states import AttemptState, IntentState
from coinslot.wire.ids import CustomerId, OperatorId

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
INTENT = Intent(
    operator_id=OperatorId("opr_1"),
    intent_id="pay_1",
    purpose=IntentPurpose.TOPUP,
    customer_id=CustomerId("cus_1"),
    currency="CNY",
    amount_minor=5000,
    bonus_minor=0,
    about="",
    state=IntentState.OPEN,
    paid_by=None,
    opened_at=NOW,
    expires_at=NOW + timedelta(minutes=30),
    paid_at=None,
    follow_at=None,
)
TRY = Attempt(
    operator_id=OperatorId("opr_1"),
    number="p1",
    intent_id="pay_1",
    merchant_id="mer_1",
    provider="wechat",
    channel=Channel.QR,
    currency="CNY",
    amount_minor=5000,
    state=AttemptState.PENDING,
    mark=Mark.NONE,
    made_at=NOW,
    expires_at=NOW + timedelta(minutes=30),
    created="{}",
    error="",
    provider_id=None,
    paid_at=None,
    polls=0,
    next_poll_at=None,
    refunding_minor=0,
    refunded_minor=0,
)


def tried(*states: AttemptState) -> list[Attempt]:
    """One attempt after the other, in these states."""
    return [
        replace(TRY, number=f"p{at}", state=state, made_at=NOW + timedelta(seconds=at))
        for at, state in enumerate(states)
    ]


@pytest.mark.parametrize(
    ("states", "standing", "about"),
    [
        ((), Standing.CHOOSING, None),
        ((AttemptState.NEW,), Standing.MAKING, "p0"),
        ((AttemptState.CREATE_UNKNOWN,), Standing.MAKING, "p0"),
        ((AttemptState.PENDING,), Standing.WAITING, "p0"),
        ((AttemptState.CLOSING,), Standing.CHOOSING, "p0"),
        ((AttemptState.CLOSED, AttemptState.FAILED), Standing.CHOOSING, "p1"),
        ((AttemptState.CLOSING, AttemptState.PENDING), Standing.WAITING, "p1"),
        ((AttemptState.PENDING, AttemptState.FAILED), Standing.WAITING, "p0"),
    ],
)
def test_while_there_is_time(states: tuple[AttemptState, ...], standing: Standing, about: str | None) -> None:
    found = stand(INTENT, tried(*states), NOW + timedelta(minutes=1))
    assert (found.standing, found.attempt and found.attempt.number) == (standing, about)


def test_what_the_provider_has_not_said_how_to_pay_is_being_made() -> None:
    assert stand(INTENT, [replace(TRY, created=None)], NOW).standing is Standing.MAKING


def test_an_attempt_whose_own_time_is_over_is_none_to_be_paid() -> None:
    short = replace(TRY, expires_at=NOW + timedelta(minutes=5))
    assert stand(INTENT, [short], NOW + timedelta(minutes=6)).standing is Standing.CHOOSING


def test_at_its_end_it_waits_for_the_providers_word_and_then_is_over() -> None:
    late = NOW + timedelta(minutes=30)
    assert stand(INTENT, tried(AttemptState.CLOSING), late).standing is Standing.ENDING
    assert stand(INTENT, tried(AttemptState.CLOSED), late).standing is Standing.EXPIRED
    expired = replace(INTENT, state=IntentState.EXPIRED)
    assert stand(expired, [], late).standing is Standing.EXPIRED


def test_money_that_came_twice_or_too_late_goes_back_beside_whatever_else_holds() -> None:
    first, second = tried(AttemptState.SUCCEEDED, AttemptState.SUCCEEDED)
    paid = replace(INTENT, state=IntentState.PAID, paid_by=first.number)
    found = stand(paid, [replace(second, mark=Mark.DUPLICATE), first], NOW)
    assert found.standing is Standing.PAID
    assert found.attempt == first
    assert [one.number for one in found.given_back] == ["p1"]


def test_what_does_not_agree_is_looked_at_by_a_person() -> None:
    doubtful = replace(TRY, mark=Mark.DISPUTED)
    for state in (IntentState.OPEN, IntentState.EXPIRED):
        assert stand(replace(INTENT, state=state), [doubtful], NOW).standing is Standing.REVIEW
