"""Money that moves through a payment provider: direct payments, refunds done, settlements, surprises."""

from __future__ import annotations

from coinslot.ledger import accounts
from coinslot.ledger.accounts import AccountKind
from coinslot.ledger.entries import Entry, EntryKind
from coinslot.ledger.events.building import make_entry, refuse_account, refuse_negative
from coinslot.wire.ids import OperatorId

_OWNER_OF_MONEY = frozenset(
    {AccountKind.CUSTOMER_PRINCIPAL, AccountKind.MERCHANT_REFUNDS_DUE, AccountKind.OPERATOR_REVENUE}
)
_PAYS_BACK = frozenset({AccountKind.MERCHANT_CLEARING, AccountKind.OPERATOR_CASH, AccountKind.BANK})
_BEARER_OF_LOSS = frozenset({AccountKind.CUSTOMER_PRINCIPAL, AccountKind.OPERATOR_WRITE_OFF})


def direct_payment(
    operator: OperatorId,
    payment: str,
    currency: str,
    *,
    merchant: str,
    amount_minor: int,
    session: str | None = None,
) -> Entry:
    """A payment for one use, held for it: under its session, or under itself where there is none yet."""
    refuse_negative(amount_minor)
    legs = [
        (accounts.merchant_clearing(merchant), amount_minor),
        (accounts.hold_principal(session or payment), -amount_minor),
    ]
    return make_entry(operator, f"payment:{payment}:hold", EntryKind.HOLD, currency, legs, session)


def direct_returned(
    operator: OperatorId, payment: str, currency: str, *, merchant: str, amount_minor: int
) -> Entry:
    """No use has followed a direct payment: what was held under the payment itself is due back to its payer."""
    refuse_negative(amount_minor)
    legs = [
        (accounts.hold_principal(payment), amount_minor),
        (accounts.merchant_refunds_due(merchant), -amount_minor),
    ]
    return make_entry(operator, f"payment:{payment}:returned", EntryKind.RELEASE, currency, legs)


def refund_done(
    operator: OperatorId, refund: str, currency: str, *, merchant: str, amount_minor: int
) -> Entry:
    """The provider has returned to the payer what was due."""
    refuse_negative(amount_minor)
    legs = [
        (accounts.merchant_refunds_due(merchant), amount_minor),
        (accounts.merchant_clearing(merchant), -amount_minor),
    ]
    return make_entry(operator, f"refund:{refund}:done", EntryKind.REFUND, currency, legs)


def refund_by_hand(
    operator: OperatorId, refund: str, currency: str, *, merchant: str, paid_from: str, amount_minor: int
) -> Entry:
    """What was due to a payer has left the merchant's clearing (in the provider's own console), the counter's cash or
    a bank account, without a refund of ours. Its key is that of `refund_done`: once, one way or the other."""
    refuse_negative(amount_minor)
    refuse_account("paid_from", paid_from, _PAYS_BACK)
    legs = [(accounts.merchant_refunds_due(merchant), amount_minor), (paid_from, -amount_minor)]
    return make_entry(operator, f"refund:{refund}:done", EntryKind.REFUND, currency, legs)


def provider_settled(
    operator: OperatorId,
    settlement: str,
    currency: str,
    *,
    merchant: str,
    bank: str,
    gross_minor: int,
    fees_minor: int,
) -> Entry:
    """The provider has paid out what it had collected, less its fees.

    Either may be negative: a day's refunds can exceed its payments, and bring fees back.
    """
    legs = [
        (accounts.bank(bank), gross_minor - fees_minor),
        (accounts.merchant_fees(merchant), fees_minor),
        (accounts.merchant_clearing(merchant), -gross_minor),
    ]
    return make_entry(operator, f"settlement:{settlement}", EntryKind.SETTLEMENT, currency, legs)


def unasked_payment(
    operator: OperatorId, payment: str, currency: str, *, merchant: str, amount_minor: int
) -> Entry:
    """A payment nobody asked for: kept apart until somebody knows whose it is. The caller raises the alarm."""
    refuse_negative(amount_minor)
    legs = [
        (accounts.merchant_clearing(merchant), amount_minor),
        (accounts.merchant_suspense(merchant), -amount_minor),
    ]
    return make_entry(operator, f"payment:{payment}:unasked", EntryKind.SUSPENSE, currency, legs)


def unasked_explained(
    operator: OperatorId, payment: str, currency: str, *, merchant: str, belongs_to: str, amount_minor: int
) -> Entry:
    """It is known whose it was: a customer's principal, the payer's (refunds due) or the operator's revenue."""
    refuse_negative(amount_minor)
    refuse_account("belongs_to", belongs_to, _OWNER_OF_MONEY)
    legs = [(accounts.merchant_suspense(merchant), amount_minor), (belongs_to, -amount_minor)]
    return make_entry(operator, f"payment:{payment}:explained", EntryKind.SUSPENSE, currency, legs)


def chargeback(
    operator: OperatorId, chargeback_id: str, currency: str, *, merchant: str, amount_minor: int
) -> Entry:
    """The payer took money back through the provider. The caller raises the alarm."""
    refuse_negative(amount_minor)
    legs = [
        (accounts.merchant_clearing(merchant), -amount_minor),
        (accounts.merchant_suspense(merchant), amount_minor),
    ]
    return make_entry(operator, f"chargeback:{chargeback_id}", EntryKind.CHARGEBACK, currency, legs)


def chargeback_explained(
    operator: OperatorId,
    chargeback_id: str,
    currency: str,
    *,
    merchant: str,
    borne_by: str,
    amount_minor: int,
) -> Entry:
    """Who bears it: the wallet that the payment had filled, or the operator, as a loss.

    One for a session whose parties bear it together is a `refund` back to the merchant's suspense instead.
    """
    refuse_negative(amount_minor)
    refuse_account("borne_by", borne_by, _BEARER_OF_LOSS)
    legs = [(borne_by, amount_minor), (accounts.merchant_suspense(merchant), -amount_minor)]
    key = f"chargeback:{chargeback_id}:explained"
    return make_entry(operator, key, EntryKind.CHARGEBACK, currency, legs)
