"""Paths: what is built parses, and nothing else does."""

from __future__ import annotations

import pytest

from coinslot.ledger import accounts
from coinslot.ledger.accounts import AccountKind, parse_account
from coinslot.ledger.errors import UnknownAccount

BUILT = {
    accounts.customer_principal("c1"): AccountKind.CUSTOMER_PRINCIPAL,
    accounts.customer_bonus("c1"): AccountKind.CUSTOMER_BONUS,
    accounts.customer_arrears("c1"): AccountKind.CUSTOMER_ARREARS,
    accounts.customer_points("c1"): AccountKind.CUSTOMER_POINTS,
    accounts.hold_principal("s1"): AccountKind.HOLD_PRINCIPAL,
    accounts.hold_bonus("s1"): AccountKind.HOLD_BONUS,
    accounts.party_payable("p1"): AccountKind.PARTY_PAYABLE,
    accounts.operator_revenue(): AccountKind.OPERATOR_REVENUE,
    accounts.operator_promotions(): AccountKind.OPERATOR_PROMOTIONS,
    accounts.operator_points_issued(): AccountKind.OPERATOR_POINTS_ISSUED,
    accounts.operator_write_off(): AccountKind.OPERATOR_WRITE_OFF,
    accounts.operator_cash(): AccountKind.OPERATOR_CASH,
    accounts.operator_opening(): AccountKind.OPERATOR_OPENING,
    accounts.operator_withdrawals_due(): AccountKind.OPERATOR_WITHDRAWALS_DUE,
    accounts.merchant_clearing("m1"): AccountKind.MERCHANT_CLEARING,
    accounts.merchant_fees("m1"): AccountKind.MERCHANT_FEES,
    accounts.merchant_refunds_due("m1"): AccountKind.MERCHANT_REFUNDS_DUE,
    accounts.merchant_suspense("m1"): AccountKind.MERCHANT_SUSPENSE,
    accounts.utility_payable("u1"): AccountKind.UTILITY_PAYABLE,
    accounts.payout_in_transit("o1"): AccountKind.PAYOUT_IN_TRANSIT,
    accounts.bank("b1"): AccountKind.BANK,
}
MALFORMED = [
    "",
    "/",
    "customer",
    "customer/c1",
    "customer//principal",
    "customer/c1/",
    "customer/c1/principal/",
    "customer/c1/principal/x",
    "customer/c1/Principal",
    "customer/c1/principal\n",
    "customer/c 1/principal",
    "customer/{}/principal",
    "customer/顾客/principal",
    "customer/" + "c" * 41 + "/principal",
    "hold/s1/arrears",
    "hold/s1/points",
    "operator/",
    "operator/secret",
    "operator/revenue/x",
    "operator/op1/revenue",
    "operator/{}",
    "bank/",
    "bank/b1/x",
    "party/p1/clearing",
    "wallet/c1/principal",
]


def test_every_kind_has_a_builder_whose_path_parses_to_it() -> None:
    assert {path: parse_account(path) for path in BUILT} == BUILT
    assert set(BUILT.values()) == set(AccountKind)


@pytest.mark.parametrize("path", MALFORMED)
def test_another_shape_is_refused(path: str) -> None:
    with pytest.raises(UnknownAccount):
        parse_account(path)


def test_exactly_the_customers_and_holds_are_limited() -> None:
    assert {kind for kind in AccountKind if kind.limited} == {
        AccountKind.CUSTOMER_PRINCIPAL,
        AccountKind.CUSTOMER_BONUS,
        AccountKind.CUSTOMER_ARREARS,
        AccountKind.CUSTOMER_POINTS,
        AccountKind.HOLD_PRINCIPAL,
        AccountKind.HOLD_BONUS,
    }


def test_of_the_limited_accounts_only_arrears_grow_by_debits() -> None:
    debit = {kind for kind in AccountKind if kind.limited and kind.natural_sign == 1}
    assert debit == {AccountKind.CUSTOMER_ARREARS}
