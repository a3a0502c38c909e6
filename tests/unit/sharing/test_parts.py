"""Parts of a charge: exact, never negative, never more than the charge, and taken back as exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from coinslot.ledger.entries import check
from coinslot.ledger.events import Charged, refund
from coinslot.ledger.events import shares as ledger_shares
from coinslot.sandbox.simulator.partners import expected_parts
from coinslot.settlement.shares import weights_of
from coinslot.sharing import WHOLE_PPM, Frozen, Part, PartyId, SharingError, freeze, holders, payables, thaw
from coinslot.sharing.model import AgreementId
from coinslot.wire.ids import OperatorId

HOTEL, FACTORY, PLATFORM = (PartyId(name) for name in ("hotel", "factory", "platform"))
charges = st.one_of(st.integers(0, 2_000), st.integers(0, 10**12))


def agreed(*parts: Part, bonus_shared: bool = False) -> Frozen:
    return Frozen(AgreementId("agr"), 1, bonus_shared, parts)


@st.composite
def agreements(draw: st.DrawFn) -> Frozen:
    """One to five parties with shares, fixed amounts, or both."""
    left_ppm = WHOLE_PPM
    parts = []
    for number in range(draw(st.integers(1, 5))):
        share_ppm = draw(
            st.one_of(st.integers(0, left_ppm), st.sampled_from((0, min(333_333, left_ppm), left_ppm)))
        )
        left_ppm -= share_ppm
        fixed_minor = draw(st.integers(0 if share_ppm else 1, 300))
        parts.append(Part(PartyId(f"p{number}"), share_ppm, fixed_minor))
    return agreed(*parts, bonus_shared=draw(st.booleans()))


@given(frozen=agreements(), charge_minor=charges)
def test_parts_are_never_negative_and_sum_with_the_operators_to_the_charge(
    frozen: Frozen, charge_minor: int
) -> None:
    parts = payables(frozen, charge_minor)
    assert [party for party, _ in parts] == [part.party for part in frozen.parts]
    assert all(amount >= 0 for _, amount in parts)
    assert sum(amount for _, amount in parts) <= charge_minor
    assert dict(parts) == expected_parts(
        [(p.party, p.share_ppm, p.fixed_minor) for p in frozen.parts], charge_minor
    )


@given(frozen=agreements(), charge_minor=charges, more=st.integers(0, 500))
def test_a_greater_charge_takes_nothing_from_anybody_but_an_odd_unit(
    frozen: Frozen, charge_minor: int, more: int
) -> None:
    """Largest remainders are exact, and so not strictly monotone: by one minor unit, and no more."""
    before, after = payables(frozen, charge_minor), payables(frozen, charge_minor + more)
    for (_, had), (_, has) in zip(before, after, strict=True):
        assert has >= had - 1
    fixed_only = agreed(
        *(replace(part, share_ppm=0, fixed_minor=max(1, part.fixed_minor)) for part in frozen.parts)
    )
    less, greater = payables(fixed_only, charge_minor), payables(fixed_only, charge_minor + more)
    assert all(has >= had for (_, had), (_, has) in zip(less, greater, strict=True))


@given(frozen=agreements(), charge_minor=charges)
def test_the_ledgers_weights_give_the_same_parts(frozen: Frozen, charge_minor: int) -> None:
    assert [tuple(part) for part in ledger_shares(charge_minor, weights_of(frozen))] == payables(
        frozen, charge_minor
    )
    assert thaw(freeze(frozen)) == frozen


@given(
    frozen=agreements(), principal=st.integers(0, 1_500), bonus=st.integers(0, 400),
    cuts=st.lists(st.integers(1, 600), max_size=6),
)  # fmt: skip
def test_after_any_refunds_each_party_holds_its_part_of_what_is_left(
    frozen: Frozen, principal: int, bonus: int, cuts: list[int]
) -> None:
    charged = Charged(
        principal_minor=principal,
        bonus_minor=bonus,
        bonus_shared=frozen.bonus_shared,
        weights=weights_of(frozen),
    )
    held = dict(payables(frozen, frozen.shared_minor(principal, bonus)))
    for cut in [*cuts, principal + bonus]:
        amount_minor = min(cut, charged.left_minor)
        if not amount_minor:
            break
        entry = refund(OperatorId("op"), "s", "c", "CNY", charged=charged, amount_minor=amount_minor)
        check(entry)
        charged = replace(charged, refunded_minor=charged.refunded_minor + amount_minor)
        for leg in entry.postings:
            if leg.account.startswith("party/"):
                held[PartyId(leg.account.split("/")[1])] -= leg.amount_minor
        left_principal = min(charged.left_minor, principal)
        left = frozen.shared_minor(left_principal, charged.left_minor - left_principal)
        assert held == dict(payables(frozen, left))
    assert charged.left_minor == 0
    assert set(held.values()) == {0}


def test_the_example_of_the_ledger() -> None:
    frozen = agreed(Part(HOTEL, 300_000), Part(FACTORY, 600_000))
    assert payables(frozen, 321) == [(HOTEL, 96), (FACTORY, 193)]


@pytest.mark.parametrize(
    ("charge_minor", "expected"),
    [
        (0, [0, 0, 0]),
        (5, [5, 0, 0]),  # the first fixed part has it all
        (10, [10, 0, 0]),
        (13, [10, 3, 0]),
        (15, [10, 5, 0]),
        (115, [10, 5 + 30, 50]),
        (116, [10, 5 + 30, 51]),  # 30.3, 50.5 and 20.2: the odd unit where the remainder is largest
    ],
)
def test_fixed_parts_come_first_in_order_and_shares_are_of_what_they_leave(
    charge_minor: int, expected: list[int]
) -> None:
    frozen = agreed(Part(HOTEL, 0, 10), Part(FACTORY, 300_000, 5), Part(PLATFORM, 500_000))
    assert [amount for _, amount in payables(frozen, charge_minor)] == expected


def test_a_refund_leaves_the_first_fixed_part_to_the_last() -> None:
    frozen = agreed(Part(HOTEL, 0, 10), Part(FACTORY, 500_000, 5))
    charged = Charged(principal_minor=115, weights=weights_of(frozen))
    entry = refund(OperatorId("op"), "s", "c", "CNY", charged=charged, amount_minor=103)
    assert {leg.account: leg.amount_minor for leg in entry.postings} == {
        "party/factory/payable": 53,  # 5 + 50 before, 2 of the 12 that are left
        "operator/revenue": 50,
        "customer/c/principal": -103,
    }


def test_all_of_it_may_be_given_away_and_no_more() -> None:
    frozen = agreed(Part(HOTEL, 333_333), Part(FACTORY, 666_667))
    assert holders(frozen)[-1] == (None, 0, 0)
    assert sum(amount for _, amount in payables(frozen, 1)) == 1
    with pytest.raises(ValueError, match="negative"):
        payables(frozen, -1)


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "null", "{}", '["agr",1,false,[]]', '["agr",0,false,[["p",1,0]]]',
        '["agr",1,false,[["p",600000,0],["q",400001,0]]]', '["agr",1,false,[["p",-1,0]]]',
        '["agr",1,false,[["p",1,0],["p",1,0]]]', '["agr",1,false,[["p",0,0]]]', '["agr",1,false,[["p",1,-5]]]',
        '["agr",1,false,[["a/b",1,0]]]', '["agr",1,false,[["p",1.5,0]]]', '["agr",1,0,[["p",1,0]]]',
        '["agr",1,false,[["p",1,0]],1]', '["agr",1,false,[["p",1,0,9]]]', "\ud800",
    ],
)  # fmt: skip
def test_a_text_that_is_no_agreement_is_refused(text: str) -> None:
    with pytest.raises(SharingError):
        thaw(text)
