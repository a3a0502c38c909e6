"""What providers say of a payment, by seed."""

from __future__ import annotations

from collections import Counter

import pytest

from coinslot.app.benches.repeats_plan import MOST, Arrival, Kind, Plan, Words
from coinslot.payments.numbers import is_number


def _said(seed: int, payments: int, *, repeats: bool = True) -> list[list[Arrival]]:
    plan = Plan(seed, customers=10, repeats=repeats)
    return [plan.arrivals(plan.payment(at)) for at in range(payments)]


def test_the_same_seed_is_the_same_run() -> None:
    assert _said(7, 50) == _said(7, 50)
    assert _said(7, 50) != _said(8, 50)


def test_each_is_told_of_up_to_twenty_times_and_truly_at_least_once() -> None:
    counts = Counter(len(said) for said in _said(1, 400))
    assert min(counts) == 1
    assert max(counts) == MOST
    for said in _said(1, 400):
        assert any(arrival.words is Words.TRUE and arrival.is_taken for arrival in said)


def test_some_arrivals_are_wrong_some_too_old_and_some_the_same_bytes_at_once() -> None:
    arrivals = [arrival for said in _said(2, 400) for arrival in said]
    assert {arrival.words for arrival in arrivals} == set(Words)
    assert any(arrival.words is Words.TRUE and not arrival.is_taken for arrival in arrivals)
    together = Counter((arrival.signed, arrival.at_s) for arrival in arrivals)
    assert max(together.values()) > 1


def test_without_repeats_each_is_said_once() -> None:
    assert all(len(said) == 1 for said in _said(3, 50, repeats=False))


@pytest.mark.parametrize("kind", list(Kind))
def test_payments_of_each_kind_come(kind: Kind) -> None:
    plan = Plan(1, customers=10)
    found = next(p for p in map(plan.payment, range(2_000)) if p.kind is kind)
    assert is_number(found.number)
    assert (found.paid_minor != found.ordered_minor) == (kind is Kind.OTHER_AMOUNT)
