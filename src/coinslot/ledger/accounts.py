"""Account paths: the one place that builds and parses them.

Every account belongs to an operator, who is not part of the path. Debit is positive.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import Literal

from coinslot.ledger.errors import UnknownAccount

POINTS = "PTS"
"""The currency of points. Only points accounts carry it, and they carry no other."""


class AccountKind(StrEnum):
    """What an account is for. Limited accounts never fall below zero in their natural sign."""

    CUSTOMER_PRINCIPAL = "customer/{id}/principal"
    """Prepaid money the operator owes the customer; refundable. Limited, credit."""
    CUSTOMER_BONUS = "customer/{id}/bonus"
    """Given by the operator on a top-up; spendable, not refundable. Limited, credit."""
    CUSTOMER_ARREARS = "customer/{id}/arrears"
    """Owed by the customer for usage beyond what was held. Limited to 0..cap, debit."""
    CUSTOMER_POINTS = "customer/{id}/points"
    """Points the customer may spend. Limited, credit, in PTS."""
    HOLD_PRINCIPAL = "hold/{ref}/principal"
    """Money reserved for one session or payment; zero when closed. Limited, credit."""
    HOLD_BONUS = "hold/{ref}/bonus"
    """Bonus reserved for one session; zero when closed. Limited, credit."""
    PARTY_PAYABLE = "party/{id}/payable"
    """A party's shares not yet paid out. Credit."""
    OPERATOR_REVENUE = "operator/revenue"
    """What the operator keeps. Credit."""
    OPERATOR_PROMOTIONS = "operator/promotions"
    """What bonuses cost the operator. Debit."""
    OPERATOR_POINTS_ISSUED = "operator/points_issued"
    """Counterpart of all customers' points, in PTS. Debit."""
    OPERATOR_WRITE_OFF = "operator/write_off"
    """Arrears given up. Debit."""
    OPERATOR_CASH = "operator/cash"
    """Cash taken at the counter. Debit."""
    OPERATOR_OPENING = "operator/opening"
    """What customers had with an earlier system: its money came to the operator outside of these books. Debit."""
    OPERATOR_WITHDRAWALS_DUE = "operator/withdrawals_due"
    """Principal asked back and not yet paid. Credit."""
    MERCHANT_CLEARING = "merchant/{id}/clearing"
    """Collected by the payment provider and not yet settled. Debit."""
    MERCHANT_FEES = "merchant/{id}/fees"
    """Kept by the payment provider. Debit."""
    MERCHANT_REFUNDS_DUE = "merchant/{id}/refunds_due"
    """To be returned to payers through the provider. Credit."""
    MERCHANT_SUSPENSE = "merchant/{id}/suspense"
    """Money nobody asked for, until somebody explains it. Credit."""
    UTILITY_PAYABLE = "utility/{id}/payable"
    """Owed to a utility for vended credit. Credit."""
    PAYOUT_IN_TRANSIT = "payout/{id}/in_transit"
    """A payout ordered and not yet confirmed. Credit."""
    BANK = "bank/{id}"
    """A bank account of the operator. Debit."""

    @property
    def limited(self) -> bool:
        """Whether the account has a floor of zero and so a materialised balance."""
        return self in _LIMITED

    @property
    def natural_sign(self) -> Literal[1, -1]:
        """1 where debits increase the account, −1 where credits do."""
        return 1 if self in _DEBIT else -1

    @property
    def in_points(self) -> bool:
        """Whether the account is kept in points and in nothing else."""
        return self in (AccountKind.CUSTOMER_POINTS, AccountKind.OPERATOR_POINTS_ISSUED)


_LIMITED = frozenset(kind for kind in AccountKind if kind.value.startswith(("customer/", "hold/")))
_DEBIT = frozenset(
    {
        AccountKind.CUSTOMER_ARREARS,
        AccountKind.OPERATOR_PROMOTIONS,
        AccountKind.OPERATOR_POINTS_ISSUED,
        AccountKind.OPERATOR_WRITE_OFF,
        AccountKind.OPERATOR_CASH,
        AccountKind.OPERATOR_OPENING,
        AccountKind.MERCHANT_CLEARING,
        AccountKind.MERCHANT_FEES,
        AccountKind.BANK,
    }
)
_SHAPES = {re.sub(r"\{\w+\}", "{}", kind.value): kind for kind in AccountKind}
_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")


@lru_cache(maxsize=8192)
def parse_account(path: str) -> AccountKind:
    """The kind of the account at `path`. Raises `UnknownAccount` for any other shape."""
    parts = path.split("/")
    if parts[0] == "operator":
        kind = _SHAPES.get(path)
    elif len(parts) > 1 and _ID.fullmatch(parts[1]):
        kind = _SHAPES.get("/".join([parts[0], "{}", *parts[2:]]))
    else:
        kind = None
    if kind is None:
        raise UnknownAccount(f"{path!r} is not an account")
    return kind


def natural_minor(path: str, amount_minor: int) -> int:
    """`amount_minor` (debit > 0) as people read it: what is held, owed or earned is positive."""
    return amount_minor * parse_account(path).natural_sign


def customer_principal(customer_id: str) -> str:
    """Path of a customer's refundable balance."""
    return f"customer/{customer_id}/principal"


def customer_bonus(customer_id: str) -> str:
    """Path of a customer's bonus."""
    return f"customer/{customer_id}/bonus"


def customer_arrears(customer_id: str) -> str:
    """Path of what a customer owes."""
    return f"customer/{customer_id}/arrears"


def customer_points(customer_id: str) -> str:
    """Path of a customer's points (`PTS`)."""
    return f"customer/{customer_id}/points"


def hold_principal(ref: str) -> str:
    """Path of the money held for session or payment `ref`."""
    return f"hold/{ref}/principal"


def hold_bonus(ref: str) -> str:
    """Path of the bonus held for session `ref`."""
    return f"hold/{ref}/bonus"


def party_payable(party_id: str) -> str:
    """Path of a party's unpaid shares."""
    return f"party/{party_id}/payable"


def operator_revenue() -> str:
    """Path of the operator's own share."""
    return "operator/revenue"


def operator_promotions() -> str:
    """Path of the cost of bonuses."""
    return "operator/promotions"


def operator_points_issued() -> str:
    """Path of all points given out (`PTS`)."""
    return "operator/points_issued"


def operator_write_off() -> str:
    """Path of arrears given up."""
    return "operator/write_off"


def operator_opening() -> str:
    """Path of the counterpart of balances brought in from an earlier system."""
    return "operator/opening"


def operator_cash() -> str:
    """Path of counter cash."""
    return "operator/cash"


def operator_withdrawals_due() -> str:
    """Path of withdrawals asked for and not yet paid."""
    return "operator/withdrawals_due"


def merchant_clearing(merchant_id: str) -> str:
    """Path of money the provider has collected and not yet settled."""
    return f"merchant/{merchant_id}/clearing"


def merchant_fees(merchant_id: str) -> str:
    """Path of the provider's fees."""
    return f"merchant/{merchant_id}/fees"


def merchant_refunds_due(merchant_id: str) -> str:
    """Path of refunds not yet done by the provider."""
    return f"merchant/{merchant_id}/refunds_due"


def merchant_suspense(merchant_id: str) -> str:
    """Path of money nobody asked for."""
    return f"merchant/{merchant_id}/suspense"


def utility_payable(utility_id: str) -> str:
    """Path of what is owed to a utility."""
    return f"utility/{utility_id}/payable"


def payout_in_transit(payout_id: str) -> str:
    """Path of a payout under way."""
    return f"payout/{payout_id}/in_transit"


def bank(bank_id: str) -> str:
    """Path of a bank account."""
    return f"bank/{bank_id}"
