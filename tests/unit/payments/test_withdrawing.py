"""Which payments a withdrawal goes back to."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from coinslot.payments.withdrawing import Part, Refundable, bonus_part, bonus_with, can_carry, plan_withdrawal

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def paid(number: str, left_minor: int, days: float = 1, refunds: int = 0) -> Refundable:
    """A payment so many days ago."""
    return Refundable(
        number=number, paid_at=NOW - timedelta(days=days), left_minor=left_minor, refunds=refunds
    )


PAYMENTS = [paid("new", 500, 1), paid("old", 300, 9), paid("older", 200, 30)]


@pytest.mark.parametrize(
    ("amount", "parts", "by_hand"),
    [
        (1, [("older", 1)], 0),
        (200, [("older", 200)], 0),
        (201, [("older", 200), ("old", 1)], 0),
        (1000, [("older", 200), ("old", 300), ("new", 500)], 0),
        (1001, [("older", 200), ("old", 300), ("new", 500)], 1),
    ],
)
def test_the_oldest_first_and_what_is_left_by_hand(
    amount: int, parts: list[tuple[str, int]], by_hand: int
) -> None:
    plan = plan_withdrawal(PAYMENTS, amount, NOW)
    assert plan.parts == tuple(Part(*part) for part in parts)
    assert plan.by_hand_minor == by_hand


def test_no_refund_is_planned_that_a_provider_would_refuse() -> None:
    payments = [
        paid("beyond", 100, 365),
        paid("nearly", 100, 362.5),
        paid("in", 100, 361),
        paid("full", 100, 5, refunds=50),
        paid("empty", 0, 4),
    ]
    plan = plan_withdrawal(payments, 1000, NOW)
    assert plan.parts == (Part("in", 100),)
    assert plan.by_hand_minor == 900


def test_without_payments_all_is_by_hand() -> None:
    plan = plan_withdrawal([], 7, NOW)
    assert (plan.parts, plan.by_hand_minor) == ((), 7)


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_is_no_withdrawal(amount: int) -> None:
    with pytest.raises(ValueError, match="withdrawal"):
        plan_withdrawal(PAYMENTS, amount, NOW)


@pytest.mark.parametrize("seed", range(20))
def test_parts_and_rest_make_the_whole_and_none_exceeds_its_payment(seed: int) -> None:
    chance = random.Random(seed)
    payments = [paid(f"p{n}", chance.randrange(0, 500), chance.randrange(0, 400)) for n in range(12)]
    amount = chance.randrange(1, 4_000)
    plan = plan_withdrawal(payments, amount, NOW)
    left = {payment.number: payment.left_minor for payment in payments}
    assert sum(part.amount_minor for part in plan.parts) + plan.by_hand_minor == amount
    assert all(0 < part.amount_minor <= left[part.number] for part in plan.parts)
    assert len({part.number for part in plan.parts}) == len(plan.parts)


@pytest.mark.parametrize(
    ("bonus_minor", "paid_minor", "parts"),
    [
        (10_01, 100_00, [25_00, 75_00]),
        (1, 3_00, [1_00, 1_00, 1_00]),
        (0, 5_00, [5_00]),
        (7, 7, [1] * 7),
        (9_99, 1, [1]),
    ],
)
def test_a_bonus_goes_with_its_topup_and_all_of_it_with_the_last_part(
    bonus_minor: int, paid_minor: int, parts: list[int]
) -> None:
    gone = [bonus_with(bonus_minor, paid_minor, sum(parts[:n])) for n in range(len(parts) + 1)]
    assert gone == sorted(gone)
    assert (gone[0], gone[-1]) == (0, bonus_minor)
    assert all(each * paid_minor <= bonus_minor * sum(parts[:n]) for n, each in enumerate(gone))


def test_a_provider_carries_a_year_and_fifty_refunds() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert can_carry(now - timedelta(days=361), 49, now)
    assert not can_carry(now - timedelta(days=363), 0, now)
    assert not can_carry(now, 50, now)


def test_what_was_spent_is_not_asked_for_again_and_failed_refunds_cost_nobody_a_cent() -> None:
    assert bonus_part(2_00, 10_00, before_minor=5_00, more_minor=5_00, taken_minor=0) == 1_00
    # Of three parts of 1 with a bonus of 2, the first took none; it failed, and is asked for once more.
    assert bonus_part(2, 3, before_minor=2, more_minor=1, taken_minor=2) == 0
    assert bonus_part(2, 3, before_minor=0, more_minor=3, taken_minor=0) == 2
