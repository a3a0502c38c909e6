"""Events against the table of what each one posts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinslot.ledger import events
from coinslot.ledger.entries import Entry
from coinslot.ledger.errors import InvalidEntry
from coinslot.ledger.events import Payable
from coinslot.ledger.memory import MemoryLedger
from coinslot.wire.ids import OperatorId

OP = OperatorId("op")


def legs(entry: Entry) -> dict[str, int]:
    assert len({leg.account for leg in entry.postings}) == len(entry.postings)
    return {leg.account: leg.amount_minor for leg in entry.postings}


def test_a_topup_with_bonus() -> None:
    entry = events.topup_with_bonus(OP, "k", "c", "CNY", merchant="m", amount_minor=10000, bonus_minor=1000)
    assert legs(entry) == {
        "merchant/m/clearing": 10000,
        "customer/c/principal": -10000,
        "operator/promotions": 1000,
        "customer/c/bonus": -1000,
    }


def test_cash_over_the_counter() -> None:
    entry = events.cash_topup(OP, "k", "c", "CNY", amount_minor=5000)
    assert legs(entry) == {"operator/cash": 5000, "customer/c/principal": -5000}


def test_a_hold_takes_principal_and_bonus_apart() -> None:
    entry = events.hold(OP, "s", "c", "CNY", principal_minor=300, bonus_minor=200)
    assert entry.key == "session:s:hold"
    assert entry.session == "s"
    assert legs(entry) == {
        "customer/c/principal": 300,
        "hold/s/principal": -300,
        "customer/c/bonus": 200,
        "hold/s/bonus": -200,
    }


def test_a_capture_shares_and_returns_the_rest_in_one_entry() -> None:
    entry = events.capture(
        OP,
        "s",
        "c",
        "CNY",
        held_principal_minor=500,
        captured_minor=321,
        payables=[Payable("hotel", 96), Payable("factory", 193)],
    )
    assert entry.key == "session:s:capture"
    assert legs(entry) == {
        "hold/s/principal": 500,
        "party/hotel/payable": -96,
        "party/factory/payable": -193,
        "operator/revenue": -32,
        "customer/c/principal": -179,
    }


def test_captured_bonus_meets_the_operators_revenue() -> None:
    entry = events.capture(
        OP, "s", "c", "CNY", held_principal_minor=100, held_bonus_minor=400, captured_minor=321,
        payables=[Payable("hotel", 30)],
    )  # fmt: skip
    assert legs(entry) == {
        "hold/s/principal": 100,
        "hold/s/bonus": 400,
        "party/hotel/payable": -30,
        "operator/revenue": -291,
        "customer/c/bonus": -179,
    }


def test_the_rest_of_a_direct_payment_is_due_to_the_payer() -> None:
    entry = events.capture(
        OP, "s", "c", "CNY", held_principal_minor=500, captured_minor=321,
        return_principal_to="merchant/m/refunds_due",
    )  # fmt: skip
    assert legs(entry)["merchant/m/refunds_due"] == -179


def test_release_and_lapse_give_back_what_was_held() -> None:
    for build in (events.release, events.lapse):
        entry = build(OP, "s", "c", "CNY", principal_minor=300, bonus_minor=200)
        assert legs(entry) == {
            "hold/s/principal": 300,
            "customer/c/principal": -300,
            "hold/s/bonus": 200,
            "customer/c/bonus": -200,
        }


def test_usage_after_a_release_is_owed_or_given_up_but_shared_all_the_same() -> None:
    entry = events.late_usage(
        OP, "s", "c", "CNY", arrears_minor=40, write_off_minor=10, payables=[Payable("hotel", 15)]
    )
    assert legs(entry) == {
        "customer/c/arrears": 40,
        "operator/write_off": 10,
        "party/hotel/payable": -15,
        "operator/revenue": -35,
    }
    assert legs(events.arrears_repaid(OP, "k", "c", "CNY", amount_minor=40)) == {
        "customer/c/principal": 40,
        "customer/c/arrears": -40,
    }
    assert legs(events.write_off(OP, "k", "c", "CNY", amount_minor=40)) == {
        "operator/write_off": 40,
        "customer/c/arrears": -40,
    }


def test_points_are_given_and_taken() -> None:
    assert legs(events.points(OP, "k", "c", granted=7)) == {
        "operator/points_issued": 7,
        "customer/c/points": -7,
    }
    assert legs(events.points(OP, "k", "c", granted=-7))["customer/c/points"] == 7


@pytest.mark.parametrize("captured_minor", [-1, 501])
def test_nobody_is_charged_above_the_hold_or_below_zero(captured_minor: int) -> None:
    with pytest.raises(InvalidEntry):
        events.capture(OP, "s", "c", "CNY", held_principal_minor=500, captured_minor=captured_minor)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(InvalidEntry):
        events.hold(OP, "s", "c", "CNY", principal_minor=0)
    with pytest.raises(InvalidEntry):
        events.hold(OP, "s", "c", "CNY", principal_minor=-5)
    with pytest.raises(InvalidEntry):
        events.hold(OP, "s", "c", "CNY", principal_minor=5, bonus_minor=-1)
    with pytest.raises(InvalidEntry):
        events.cash_topup(OP, "k", "c", "CNY", amount_minor=-5)
    with pytest.raises(InvalidEntry):
        events.arrears_repaid(OP, "k", "c", "CNY", amount_minor=-5)
    with pytest.raises(InvalidEntry):
        events.points(OP, "k", "c", granted=0)
    over = [Payable("hotel", 322)]
    with pytest.raises(InvalidEntry):
        events.capture(OP, "s", "c", "CNY", held_principal_minor=500, captured_minor=321, payables=over)
    back = [Payable("hotel", -1)]
    with pytest.raises(InvalidEntry):
        events.late_usage(OP, "s", "c", "CNY", arrears_minor=5, payables=back)


@given(
    principal=st.integers(0, 10**6), bonus=st.integers(0, 10**6), share=st.integers(0, 100), part=st.integers(0, 100)
)  # fmt: skip
def test_after_a_capture_the_hold_is_zero_and_nothing_is_lost(
    principal: int, bonus: int, share: int, part: int
) -> None:
    if principal + bonus == 0:
        return
    captured = (principal + bonus) * part // 100
    books = MemoryLedger()
    if principal:
        books.post([events.cash_topup(OP, "t", "c", "CNY", amount_minor=principal, bonus_minor=bonus)])
    else:
        books.post([events.cash_topup(OP, "t", "c", "CNY", amount_minor=0, bonus_minor=bonus)])
    books.post([events.hold(OP, "s", "c", "CNY", principal_minor=principal, bonus_minor=bonus)])
    shared = events.take(captured, principal, bonus).principal_minor * share // 100
    payables = [Payable("hotel", shared)]
    books.post(
        [
            events.capture(
                OP,
                "s",
                "c",
                "CNY",
                held_principal_minor=principal,
                held_bonus_minor=bonus,
                captured_minor=captured,
                payables=payables,
            )
        ]
    )
    books.check_invariants()
    assert books.balance(OP, "hold/s/principal", "CNY") == books.balance(OP, "hold/s/bonus", "CNY") == 0
    left = books.balance(OP, "customer/c/principal", "CNY") + books.balance(OP, "customer/c/bonus", "CNY")
    assert left == principal + bonus - captured
    assert books.balance(OP, "operator/revenue", "CNY") == captured - shared
