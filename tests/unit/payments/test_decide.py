"""What follows from what a provider says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from coinslot.payments.decide import (
    LIFE_MARGIN,
    LIVE,
    SURE_AFTER,
    Effect,
    Mismatch,
    Source,
    hear,
    is_our_money,
    is_over,
    is_stuck,
    payment_event,
    payment_mismatch,
    poll_pause,
    refund_mismatch,
    refund_pause,
    rejected_for_good,
)
from coinslot.payments.model import Attempt, Intent, IntentPurpose, Mark, Merchant, Refund, Why
from coinslot.payments.port import Channel, PaymentSeen, PaymentState, RefundSeen
from coinslot.payments.port import RefundState as Providers
from coinslot.payments.states import AttemptEvent, AttemptState, IntentState, RefundState
from coinslot.wire.ids import CustomerId, OperatorId

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
END = NOW + timedelta(minutes=10)
OPERATOR = OperatorId("opr_1")
NUMBER = "p" + "1" * 31
REFUND_NUMBER = "r" + "1" * 31

MERCHANT = Merchant(
    operator_id=OPERATOR,
    merchant_id="mer_1",
    provider="played",
    account="1900",
    app="app1",
    name="A",
    active=True,
)
INTENT = Intent(
    operator_id=OPERATOR, intent_id="pay_1", purpose=IntentPurpose.TOPUP, customer_id=CustomerId("cus_1"), currency="CNY",
    amount_minor=500, bonus_minor=0, about="", state=IntentState.OPEN, paid_by=None, opened_at=NOW,
    expires_at=NOW + timedelta(minutes=30), paid_at=None, follow_at=None,
)  # fmt: skip
ATTEMPT = Attempt(
    operator_id=OPERATOR, number=NUMBER, intent_id="pay_1", merchant_id="mer_1", provider="played", channel=Channel.QR,
    currency="CNY", amount_minor=500, state=AttemptState.PENDING, mark=Mark.NONE, made_at=NOW, expires_at=END, created=None,
    error="", provider_id=None, paid_at=None, polls=1, next_poll_at=NOW, refunding_minor=0, refunded_minor=0,
)  # fmt: skip
REFUND = Refund(
    operator_id=OPERATOR, number=REFUND_NUMBER, attempt_number=NUMBER, merchant_id="mer_1", withdrawal_id=None,
    why=Why.UNUSED, currency="CNY", amount_minor=100, state=RefundState.REQUESTED, provider_id=None, error="", tries=1,
    sent_at=None, next_at=NOW, requested_at=NOW, ended_at=None,
)  # fmt: skip
PAID = PaymentSeen(
    number=NUMBER,
    state=PaymentState.PAID,
    provider_id="tx1",
    amount_minor=500,
    currency="CNY",
    merchant="1900",
    app="app1",
)
DONE = RefundSeen(
    number=REFUND_NUMBER, payment_number=NUMBER, state=Providers.SUCCEEDED, provider_id="rf1", amount_minor=100,
    currency="CNY", merchant="1900",
)  # fmt: skip
replace = msgspec.structs.replace

# Field, value, what is wrong when the provider said it by itself, and when it was asked.
WRONG = [
    ("number", "p" + "2" * 31, Mismatch.UNKNOWN_NUMBER, Mismatch.UNKNOWN_NUMBER),
    ("merchant", "1901", Mismatch.MERCHANT, Mismatch.MERCHANT),
    ("merchant", "", Mismatch.MERCHANT, None),
    ("app", "app2", Mismatch.APP, Mismatch.APP),
    ("app", "", Mismatch.APP, None),
    ("amount_minor", 501, Mismatch.AMOUNT, Mismatch.AMOUNT),
    ("amount_minor", None, Mismatch.AMOUNT, Mismatch.AMOUNT),
    ("currency", "USD", Mismatch.CURRENCY, Mismatch.CURRENCY),
    ("currency", "cny", Mismatch.CURRENCY, Mismatch.CURRENCY),
    ("currency", "", Mismatch.CURRENCY, Mismatch.CURRENCY),
    ("provider_id", "", Mismatch.NO_TRANSACTION, Mismatch.NO_TRANSACTION),
    ("payer", "somebody", None, None),
]


@pytest.mark.parametrize(("field", "value", "notified", "asked"), WRONG)
def test_everything_about_a_payment_must_agree(
    field: str, value: object, notified: Mismatch | None, asked: Mismatch | None
) -> None:
    seen = replace(PAID, **{field: value})
    assert payment_mismatch(ATTEMPT, MERCHANT, seen, Source.NOTIFIED) is notified
    assert payment_mismatch(ATTEMPT, MERCHANT, seen, Source.ASKED) is asked


def test_what_is_not_paid_may_say_less_but_nothing_false() -> None:
    bare = PaymentSeen(number=NUMBER, state=PaymentState.WAITING, merchant="1900", app="app1")
    assert payment_mismatch(ATTEMPT, MERCHANT, bare, Source.NOTIFIED) is None
    assert (
        payment_mismatch(ATTEMPT, MERCHANT, replace(bare, amount_minor=1), Source.NOTIFIED) is Mismatch.AMOUNT
    )
    assert (
        payment_mismatch(ATTEMPT, MERCHANT, replace(bare, currency="USD"), Source.NOTIFIED)
        is Mismatch.CURRENCY
    )
    assert (
        payment_mismatch(ATTEMPT, MERCHANT, replace(bare, merchant="1"), Source.NOTIFIED) is Mismatch.MERCHANT
    )


def test_a_merchant_without_an_app_hears_of_any() -> None:
    merchant = replace(MERCHANT, app="")
    assert payment_mismatch(ATTEMPT, merchant, replace(PAID, app="x"), Source.NOTIFIED) is None


def test_another_merchants_word_is_not_believed() -> None:
    other = replace(MERCHANT, merchant_id="mer_2")
    assert payment_mismatch(ATTEMPT, other, PAID, Source.NOTIFIED) is Mismatch.UNKNOWN_NUMBER
    assert refund_mismatch(REFUND, other, DONE, Source.NOTIFIED) is Mismatch.UNKNOWN_NUMBER


@pytest.mark.parametrize(
    ("changed", "ours"),
    [
        ({}, True),
        ({"amount_minor": 1}, True),
        ({"app": "x"}, True),
        ({"number": "x"}, True),
        ({"merchant": "1901"}, False),
        ({"merchant": ""}, False),
        ({"state": PaymentState.WAITING}, False),
        ({"provider_id": ""}, False),
        ({"amount_minor": None}, False),
        ({"amount_minor": 0}, False),
        ({"amount_minor": 2**63}, False),
        ({"currency": "cny"}, False),
        ({"currency": "CN"}, False),
        ({"currency": "元元元"}, False),
    ],
)
def test_whose_money_it_is(changed: dict[str, object], ours: bool) -> None:
    assert is_our_money(MERCHANT, replace(PAID, **changed), Source.NOTIFIED) is ours


@pytest.mark.parametrize(
    ("field", "value", "notified", "asked"),
    [
        ("number", "r" + "2" * 31, Mismatch.UNKNOWN_NUMBER, Mismatch.UNKNOWN_NUMBER),
        ("merchant", "1901", Mismatch.MERCHANT, Mismatch.MERCHANT),
        ("merchant", "", Mismatch.MERCHANT, None),
        ("payment_number", "x", Mismatch.PAYMENT, Mismatch.PAYMENT),
        ("amount_minor", 99, Mismatch.AMOUNT, Mismatch.AMOUNT),
        ("amount_minor", None, Mismatch.AMOUNT, None),
        ("currency", "USD", Mismatch.CURRENCY, Mismatch.CURRENCY),
        ("currency", "", Mismatch.CURRENCY, None),
    ],
)
def test_everything_about_a_refund_must_agree(
    field: str, value: object, notified: Mismatch | None, asked: Mismatch | None
) -> None:
    seen = replace(DONE, **{field: value})
    assert refund_mismatch(REFUND, MERCHANT, seen, Source.NOTIFIED) is notified
    assert refund_mismatch(REFUND, MERCHANT, seen, Source.ASKED) is asked


def test_an_order_that_nobody_knows_is_dead_only_after_its_life() -> None:
    absent = PaymentSeen(number=NUMBER, state=PaymentState.ABSENT)
    assert payment_event(ATTEMPT, absent, END) is None
    assert payment_event(ATTEMPT, absent, END + LIFE_MARGIN - timedelta(seconds=1)) is None
    assert payment_event(ATTEMPT, absent, END + LIFE_MARGIN) is AttemptEvent.CLOSED


@pytest.mark.parametrize("state", [state for state in AttemptState if state is not AttemptState.SUCCEEDED])
def test_a_success_credits_once_or_goes_back(state: AttemptState) -> None:
    late = state is AttemptState.CLOSED
    heard = hear(replace(ATTEMPT, state=state), INTENT, AttemptEvent.PAID, NOW)
    assert heard.attempt.state is AttemptState.SUCCEEDED
    assert heard.attempt.next_poll_at is None
    assert heard.effect is (Effect.GIVE_BACK if late else Effect.CREDIT)
    assert heard.attempt.mark is (Mark.LATE if late else Mark.NONE)
    assert heard.intent.state is (IntentState.OPEN if late else IntentState.PAID)
    again = hear(heard.attempt, heard.intent, AttemptEvent.PAID, NOW)
    assert again.effect is None
    assert (again.attempt, again.intent) == (heard.attempt, heard.intent)


@pytest.mark.parametrize("state", [IntentState.PAID, IntentState.PARTLY_REFUNDED, IntentState.REFUNDED])
def test_a_second_success_is_a_duplicate_whatever_else_it_is(state: IntentState) -> None:
    intent = replace(INTENT, state=state, paid_by="p" + "9" * 31)
    for attempt in (ATTEMPT, replace(ATTEMPT, state=AttemptState.CLOSED)):
        heard = hear(attempt, intent, AttemptEvent.PAID, NOW, forgotten=True)
        assert (heard.attempt.mark, heard.effect) == (Mark.DUPLICATE, Effect.GIVE_BACK)
        assert heard.intent == intent


def test_a_success_for_an_expired_intent_is_late_and_for_a_forgotten_customer_unwanted() -> None:
    expired = replace(INTENT, state=IntentState.EXPIRED)
    failed = replace(ATTEMPT, state=AttemptState.FAILED)
    assert hear(failed, expired, AttemptEvent.PAID, NOW).attempt.mark is Mark.LATE
    heard = hear(ATTEMPT, INTENT, AttemptEvent.PAID, NOW, forgotten=True)
    assert (heard.attempt.mark, heard.effect) == (Mark.UNWANTED, Effect.GIVE_BACK)


def test_a_direct_payment_leaves_a_start_to_follow_and_a_topup_none() -> None:
    direct = replace(INTENT, purpose=IntentPurpose.DIRECT_SESSION)
    assert hear(ATTEMPT, direct, AttemptEvent.PAID, NOW).intent.follow_at == NOW
    assert hear(ATTEMPT, INTENT, AttemptEvent.PAID, NOW).intent.follow_at is None


def test_what_lives_is_polled_and_what_does_not_is_not() -> None:
    for state in AttemptState:
        for event in AttemptEvent:
            heard = hear(
                replace(ATTEMPT, state=state, next_poll_at=NOW if state in LIVE else None), INTENT, event, NOW
            )
            assert (heard.attempt.next_poll_at is not None) is (heard.attempt.state in LIVE), (state, event)


def test_polls_back_off_and_meet_the_end() -> None:
    far = NOW + timedelta(days=1)
    pauses = [poll_pause(polls, NOW, far).total_seconds() for polls in range(1, 30)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (3, 600)
    assert poll_pause(9, NOW, NOW + timedelta(seconds=100)) == timedelta(seconds=101)
    assert poll_pause(9, NOW, NOW) == timedelta(seconds=600)
    assert poll_pause(0, NOW, far) == timedelta(seconds=3)


def test_refunds_back_off_and_a_person_is_told_once() -> None:
    pauses = [refund_pause(tries).total_seconds() for tries in range(1, 30)]
    assert pauses == sorted(pauses)
    assert pauses[0] >= 60
    assert sum(is_stuck(tries) for tries in range(1, 500)) == 1


def test_a_refusal_is_final_at_the_first_try_or_long_after_the_last_request() -> None:
    assert rejected_for_good(1, None, NOW)
    assert not rejected_for_good(2, NOW - timedelta(minutes=1), NOW)
    assert rejected_for_good(5, NOW - SURE_AFTER, NOW)


def test_an_intent_is_over_when_its_time_is_and_nothing_of_it_lives() -> None:
    end = INTENT.expires_at
    dead = frozenset({AttemptState.CLOSED, AttemptState.FAILED})
    assert is_over(INTENT, dead, end)
    assert is_over(INTENT, frozenset(), end)
    assert not is_over(INTENT, dead, end - timedelta(seconds=1))
    for state in LIVE:
        assert not is_over(INTENT, dead | {state}, end)
    assert not is_over(replace(INTENT, state=IntentState.PAID, paid_by="x"), dead, end)
