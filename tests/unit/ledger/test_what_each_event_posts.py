"""The table "what each event posts", row by row, with its own figures worked out by hand."""

from __future__ import annotations

import pytest

from coinslot.ledger import events
from coinslot.ledger.entries import Entry, EntryKind, check
from coinslot.ledger.errors import InvalidEntry
from coinslot.ledger.events import Charged, Weight
from coinslot.wire.ids import OperatorId

OP = OperatorId("op")
HOTEL_AND_FACTORY = (Weight("hotel", 30), Weight("factory", 60), Weight(None, 10))
CHARGED = Charged(principal_minor=321, weights=HOTEL_AND_FACTORY)

ROWS: list[tuple[str, Entry, EntryKind, dict[str, int]]] = [
    (
        "direct payment 5.00",
        events.direct_payment(OP, "pay1", "CNY", merchant="m", amount_minor=500, session="s1"),
        EntryKind.HOLD,
        {"merchant/m/clearing": 500, "hold/s1/principal": -500},
    ),
    (
        "direct payment before its session",
        events.direct_payment(OP, "pay1", "CNY", merchant="m", amount_minor=500),
        EntryKind.HOLD,
        {"merchant/m/clearing": 500, "hold/pay1/principal": -500},
    ),
    (
        "capture 3.21 of a direct payment: hotel 30 %, factory 60 %, operator the rest",
        events.capture(
            OP, "s1", "c", "CNY", held_principal_minor=500, captured_minor=321,
            payables=events.shares(321, HOTEL_AND_FACTORY),
            return_principal_to="merchant/m/refunds_due", held_under="pay1",
        ),
        EntryKind.CAPTURE,
        {
            "hold/pay1/principal": 500, "party/hotel/payable": -96, "party/factory/payable": -193,
            "operator/revenue": -32, "merchant/m/refunds_due": -179,
        },
    ),
    (
        "release of a direct payment",
        events.release(OP, "s1", "c", "CNY", principal_minor=500, return_principal_to="merchant/m/refunds_due"),
        EntryKind.RELEASE,
        {"hold/s1/principal": 500, "merchant/m/refunds_due": -500},
    ),
    (
        "refund done by provider",
        events.refund_done(OP, "r1", "CNY", merchant="m", amount_minor=179),
        EntryKind.REFUND,
        {"merchant/m/refunds_due": 179, "merchant/m/clearing": -179},
    ),
    (
        # 2.21 is left: 66.3, 132.6, 22.1, so 0.66, 1.33, 0.22.
        "refund 1.00 of a settled session",
        events.refund(OP, "s1", "c", "CNY", charged=CHARGED, amount_minor=100),
        EntryKind.REFUND,
        {
            "party/hotel/payable": 30, "party/factory/payable": 60, "operator/revenue": 10,
            "customer/c/principal": -100,
        },
    ),
    (
        "refund of a direct payment's session",
        events.refund(
            OP, "s1", "c", "CNY", charged=CHARGED, amount_minor=321, return_principal_to="merchant/m/refunds_due"
        ),
        EntryKind.REFUND,
        {
            "party/hotel/payable": 96, "party/factory/payable": 193, "operator/revenue": 32,
            "merchant/m/refunds_due": -321,
        },
    ),
    (
        "refund done by hand",
        events.refund_by_hand(OP, "r1", "CNY", merchant="m", paid_from="bank/icbc", amount_minor=179),
        EntryKind.REFUND,
        {"merchant/m/refunds_due": 179, "bank/icbc": -179},
    ),
    (
        "a bonus that goes with its top-up",
        events.bonus_taken(OP, "r2", "c", "CNY", amount_minor=250),
        EntryKind.BONUS_TAKEN,
        {"customer/c/bonus": 250, "operator/promotions": -250},
    ),
    (
        "withdrawal",
        events.withdrawal_asked(OP, "w1", "c", "CNY", amount_minor=2000),
        EntryKind.WITHDRAWAL,
        {"customer/c/principal": 2000, "operator/withdrawals_due": -2000},
    ),
    (
        "withdrawal paid",
        events.withdrawal_paid(OP, "w1", "CNY", paid_from="merchant/m/clearing", amount_minor=2000),
        EntryKind.WITHDRAWAL,
        {"operator/withdrawals_due": 2000, "merchant/m/clearing": -2000},
    ),
    (
        "gas vend 100.00: hold",
        events.vend_hold(OP, "v1", "c", "CNY", principal_minor=10000),
        EntryKind.HOLD,
        {"customer/c/principal": 10000, "hold/v1/principal": -10000},
    ),
    (
        "gas vend 100.00: recharge data",
        events.vend_done(OP, "v1", "CNY", utility="gas", held_principal_minor=10000, commission_minor=100),
        EntryKind.VEND,
        {"hold/v1/principal": 10000, "utility/gas/payable": -9900, "operator/revenue": -100},
    ),
    (
        "gas vend 100.00: refused by the utility",
        events.vend_released(OP, "v1", "c", "CNY", principal_minor=10000),
        EntryKind.RELEASE,
        {"hold/v1/principal": 10000, "customer/c/principal": -10000},
    ),
    (
        "payout 500.00",
        events.payout_sent(OP, "p1", "CNY", party="hotel", amount_minor=50000),
        EntryKind.PAYOUT,
        {"party/hotel/payable": 50000, "payout/p1/in_transit": -50000},
    ),
    (
        "payout confirmed",
        events.payout_confirmed(OP, "p1", "CNY", bank="icbc", amount_minor=50000),
        EntryKind.PAYOUT,
        {"payout/p1/in_transit": 50000, "bank/icbc": -50000},
    ),
    (
        "payout failed",
        events.payout_failed(OP, "p1", "CNY", party="hotel", amount_minor=50000),
        EntryKind.PAYOUT,
        {"payout/p1/in_transit": 50000, "party/hotel/payable": -50000},
    ),
    (
        "provider settles 99.40 of 100.00",
        events.provider_settled(OP, "d1", "CNY", merchant="m", bank="icbc", gross_minor=10000, fees_minor=60),
        EntryKind.SETTLEMENT,
        {"bank/icbc": 9940, "merchant/m/fees": 60, "merchant/m/clearing": -10000},
    ),
    (
        "a day on which refunds exceeded payments and brought fees back",
        events.provider_settled(OP, "d2", "CNY", merchant="m", bank="icbc", gross_minor=-1000, fees_minor=-6),
        EntryKind.SETTLEMENT,
        {"bank/icbc": -994, "merchant/m/fees": -6, "merchant/m/clearing": 1000},
    ),
    (
        "a payment nobody asked for",
        events.unasked_payment(OP, "pay9", "CNY", merchant="m", amount_minor=700),
        EntryKind.SUSPENSE,
        {"merchant/m/clearing": 700, "merchant/m/suspense": -700},
    ),
    (
        "it was the payer's",
        events.unasked_explained(
            OP, "pay9", "CNY", merchant="m", belongs_to="merchant/m/refunds_due", amount_minor=700
        ),
        EntryKind.SUSPENSE,
        {"merchant/m/suspense": 700, "merchant/m/refunds_due": -700},
    ),
    (
        "chargeback",
        events.chargeback(OP, "cb1", "CNY", merchant="m", amount_minor=700),
        EntryKind.CHARGEBACK,
        {"merchant/m/clearing": -700, "merchant/m/suspense": 700},
    ),
    (
        "the wallet it had filled bears it",
        events.chargeback_explained(
            OP, "cb1", "CNY", merchant="m", borne_by="customer/c/principal", amount_minor=700
        ),
        EntryKind.CHARGEBACK,
        {"customer/c/principal": 700, "merchant/m/suspense": -700},
    ),
    (
        "a session's parties bear it",
        events.refund(
            OP, "s1", "c", "CNY", charged=CHARGED, amount_minor=100, return_principal_to="merchant/m/suspense"
        ),
        EntryKind.REFUND,
        {
            "party/hotel/payable": 30, "party/factory/payable": 60, "operator/revenue": 10,
            "merchant/m/suspense": -100,
        },
    ),
    (
        "points for a session",
        events.session_points(OP, "s1", "c", granted=32),
        EntryKind.POINTS,
        {"operator/points_issued": 32, "customer/c/points": -32},
    ),
    (
        "a gift of points, taken back",
        events.gift_points(OP, "g1", "c", granted=-5),
        EntryKind.POINTS,
        {"operator/points_issued": -5, "customer/c/points": 5},
    ),
    (
        "reversal",
        events.reversal(events.cash_topup(OP, "k", "c", "CNY", amount_minor=5000, bonus_minor=500)),
        EntryKind.REVERSAL,
        {
            "operator/cash": -5000, "customer/c/principal": 5000,
            "operator/promotions": -500, "customer/c/bonus": 500,
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "kind", "legs"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_an_event_posts_what_its_row_says(entry: Entry, kind: EntryKind, legs: dict[str, int]) -> None:
    check(entry)
    assert entry.kind is kind
    assert len(entry.postings) == len(legs)
    assert {leg.account: leg.amount_minor for leg in entry.postings} == legs


def test_a_key_is_what_caused_the_entry() -> None:
    keys = [row[1].key for row in ROWS]
    assert keys[0] == "payment:pay1:hold"
    assert "session:s1:refund:0" in keys
    assert keys[-1] == "reversal:k"


def test_what_must_not_happen_twice_or_both_ways_shares_a_key() -> None:
    confirmed = events.payout_confirmed(OP, "p1", "CNY", bank="b", amount_minor=5)
    failed = events.payout_failed(OP, "p1", "CNY", party="h", amount_minor=5)
    assert confirmed.key == failed.key
    done = events.vend_done(OP, "v", "CNY", utility="gas", held_principal_minor=5, commission_minor=0)
    released = events.vend_released(OP, "v", "c", "CNY", principal_minor=5)
    assert done.key == released.key


def test_a_reversal_of_the_longest_key_has_a_key_of_its_own() -> None:
    first, second = (events.cash_topup(OP, letter * 200, "c", "CNY", amount_minor=5) for letter in ("a", "b"))
    check(events.reversal(first))
    assert events.reversal(first).key != events.reversal(second).key


def test_a_reversal_reversed_says_the_same_as_the_first() -> None:
    entry = events.hold(OP, "s", "c", "CNY", principal_minor=5)
    twice = events.reversal(events.reversal(entry))
    assert twice.postings == entry.postings
    assert twice.key == "reversal:reversal:session:s:hold"


def test_money_only_goes_where_its_event_may_send_it() -> None:
    with pytest.raises(InvalidEntry, match="paid_from"):
        events.withdrawal_paid(OP, "w", "CNY", paid_from="operator/revenue", amount_minor=5)
    with pytest.raises(InvalidEntry, match="belongs_to"):
        events.unasked_explained(OP, "p", "CNY", merchant="m", belongs_to="party/h/payable", amount_minor=5)
    with pytest.raises(InvalidEntry, match="borne_by"):
        events.chargeback_explained(OP, "p", "CNY", merchant="m", borne_by="customer/c/bonus", amount_minor=5)
    with pytest.raises(InvalidEntry, match="return_principal_to"):
        events.refund(
            OP, "s", "c", "CNY", charged=CHARGED, amount_minor=5, return_principal_to="party/hotel/payable"
        )


def test_amounts_that_make_no_sense_are_refused() -> None:
    for amount_minor in (0, -5):
        with pytest.raises(InvalidEntry):
            events.direct_payment(OP, "p", "CNY", merchant="m", amount_minor=amount_minor)
        with pytest.raises(InvalidEntry):
            events.refund_done(OP, "r", "CNY", merchant="m", amount_minor=amount_minor)
        with pytest.raises(InvalidEntry):
            events.withdrawal_asked(OP, "w", "c", "CNY", amount_minor=amount_minor)
        with pytest.raises(InvalidEntry):
            events.withdrawal_paid(OP, "w", "CNY", paid_from="operator/cash", amount_minor=amount_minor)
        with pytest.raises(InvalidEntry):
            events.payout_sent(OP, "p", "CNY", party="h", amount_minor=amount_minor)
        with pytest.raises(InvalidEntry):
            events.payout_confirmed(OP, "p", "CNY", bank="b", amount_minor=amount_minor)
        with pytest.raises(InvalidEntry):
            events.unasked_payment(OP, "p", "CNY", merchant="m", amount_minor=amount_minor)
        with pytest.raises(InvalidEntry):
            events.chargeback(OP, "p", "CNY", merchant="m", amount_minor=amount_minor)
        with pytest.raises(InvalidEntry):
            events.refund(OP, "s", "c", "CNY", charged=CHARGED, amount_minor=amount_minor)
    with pytest.raises(InvalidEntry, match="commission"):
        events.vend_done(OP, "v", "CNY", utility="gas", held_principal_minor=5, commission_minor=6)
    with pytest.raises(InvalidEntry, match="nothing to post"):
        events.provider_settled(OP, "d", "CNY", merchant="m", bank="b", gross_minor=0, fees_minor=0)
