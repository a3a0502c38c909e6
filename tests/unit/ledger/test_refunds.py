"""Refunds in any sequence: every party holds its exact part of what is left, and nothing once all is back."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from coinslot.ledger import events
from coinslot.ledger.entries import check
from coinslot.ledger.errors import InvalidEntry, KeyConflict, OverRefund
from coinslot.ledger.events import Charged, Weight
from coinslot.ledger.memory import MemoryLedger
from coinslot.money import allocate
from coinslot.wire.ids import OperatorId

OP = OperatorId("op")
AGREEMENT = (Weight("hotel", 30), Weight("factory", 60), Weight(None, 10))

weights = st.lists(st.integers(0, 100), min_size=1, max_size=5).filter(any)


@st.composite
def agreements(draw: st.DrawFn) -> tuple[Weight, ...]:
    """Up to five parties, the operator at any place or absent."""
    parts = draw(weights)
    own = draw(st.integers(0, len(parts)))
    return tuple(Weight(None if n == own else f"p{n}", part) for n, part in enumerate(parts))


def books_with(charged: Charged, *, more_held_minor: int = 0) -> MemoryLedger:
    """A session captured as `charged` says, by a customer who has nothing else."""
    books = MemoryLedger()
    principal, bonus = charged.principal_minor, charged.bonus_minor
    # Bonus is taken only once the principal is gone; what is held beyond goes back.
    held_bonus = bonus + (more_held_minor if bonus else 0)
    held_principal = principal + (0 if bonus else more_held_minor)
    books.post([events.cash_topup(OP, "t", "c", "CNY", amount_minor=held_principal, bonus_minor=held_bonus)])
    books.post([events.hold(OP, "s", "c", "CNY", principal_minor=held_principal, bonus_minor=held_bonus)])
    shared_minor = principal + (bonus if charged.bonus_shared else 0)
    books.post(
        [
            events.capture(
                OP, "s", "c", "CNY", held_principal_minor=held_principal, held_bonus_minor=held_bonus,
                captured_minor=principal + bonus, payables=events.shares(shared_minor, charged.weights),
            )
        ]
    )  # fmt: skip
    return books


def holdings(books: MemoryLedger, charged: Charged) -> dict[str | None, int]:
    """What each party holds now."""
    accounts = {
        weight.party: "operator/revenue" if weight.party is None else f"party/{weight.party}/payable"
        for weight in (*charged.weights, Weight(None, 0))
    }
    return {party: books.balance(OP, path, "CNY") for party, path in accounts.items()}


@given(
    agreement=agreements(), principal=st.integers(0, 2000), bonus=st.integers(0, 500), shared=st.booleans(),
    cuts=st.lists(st.integers(1, 700), max_size=8),
)  # fmt: skip
def test_refunds_in_any_sequence_leave_exact_parts_and_end_at_nothing(
    agreement: tuple[Weight, ...], principal: int, bonus: int, shared: bool, cuts: list[int]
) -> None:
    if principal + bonus == 0:
        return
    charged = Charged(principal_minor=principal, bonus_minor=bonus, bonus_shared=shared, weights=agreement)
    books = books_with(charged, more_held_minor=7)
    for cut in [*cuts, principal + bonus]:
        amount_minor = min(cut, charged.left_minor)
        if amount_minor == 0:
            break
        entry = events.refund(OP, "s", "c", "CNY", charged=charged, amount_minor=amount_minor)
        check(entry)
        assert books.post([entry])[0].fresh
        charged = replace(charged, refunded_minor=charged.refunded_minor + amount_minor)
        left = events.take(charged.left_minor, principal, bonus)
        exact: dict[str | None, int] = defaultdict(int)
        base = left.principal_minor + (left.bonus_minor if shared else 0)
        for weight, part in zip(agreement, allocate(base, [w.weight for w in agreement]), strict=True):
            exact[weight.party] += part
        exact[None] += 0 if shared else left.bonus_minor
        held = holdings(books, charged)
        assert held == {party: exact[party] for party in held}
        assert min(held.values()) >= 0
        books.check_invariants()
    assert charged.left_minor == 0
    assert set(holdings(books, charged).values()) == {0}
    assert books.balance(OP, "customer/c/principal", "CNY") == principal + (0 if bonus else 7)
    assert books.balance(OP, "customer/c/bonus", "CNY") == bonus + (7 if bonus else 0)


@given(charge=st.integers(1, 10**12), refunded=st.integers(0, 10**12), more=st.integers(1, 10**6))
def test_no_more_is_refunded_than_is_left(charge: int, refunded: int, more: int) -> None:
    charged = Charged(principal_minor=charge, refunded_minor=min(refunded, charge), weights=AGREEMENT)
    with pytest.raises(OverRefund) as refusal:
        events.refund(OP, "s", "c", "CNY", charged=charged, amount_minor=charged.left_minor + more)
    assert refusal.value.left_minor == charged.left_minor


def test_two_refunds_worked_out_from_the_same_state_are_posted_once() -> None:
    charged = Charged(principal_minor=321, weights=AGREEMENT)
    books = books_with(charged)
    whole = events.refund(OP, "s", "c", "CNY", charged=charged, amount_minor=321)
    assert [posted.fresh for posted in books.post([whole]) + books.post([whole])] == [True, False]
    with pytest.raises(KeyConflict):
        books.post([events.refund(OP, "s", "c", "CNY", charged=charged, amount_minor=100)])
    assert set(holdings(books, charged).values()) == {0}


def test_bonus_never_comes_back_as_principal() -> None:
    charged = Charged(principal_minor=100, bonus_minor=221, weights=AGREEMENT)
    first = events.refund(OP, "s", "c", "CNY", charged=charged, amount_minor=200)
    assert {leg.account: leg.amount_minor for leg in first.postings} == {
        "operator/revenue": 200,
        "customer/c/bonus": -200,
    }
    charged = replace(charged, refunded_minor=200)
    rest = events.refund(OP, "s", "c", "CNY", charged=charged, amount_minor=121)
    assert {leg.account: leg.amount_minor for leg in rest.postings} == {
        "party/hotel/payable": 30,
        "party/factory/payable": 60,
        "operator/revenue": 10 + 21,
        "customer/c/principal": -100,
        "customer/c/bonus": -21,
    }


def test_weights_that_give_to_nobody_are_refused() -> None:
    charged = Charged(principal_minor=5, weights=(Weight("hotel", 0),))
    with pytest.raises(InvalidEntry):
        events.refund(OP, "s", "c", "CNY", charged=charged, amount_minor=1)
