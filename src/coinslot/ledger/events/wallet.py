"""A customer's wallet: paid in, bonus, arrears, points, principal asked back."""

from __future__ import annotations

from coinslot.ledger import accounts
from coinslot.ledger.accounts import AccountKind
from coinslot.ledger.entries import Entry, EntryKind, check
from coinslot.ledger.events.building import Leg, make_entry, refuse_account, refuse_negative
from coinslot.wire.ids import OperatorId

_PAYS_OUT = frozenset({AccountKind.MERCHANT_CLEARING, AccountKind.OPERATOR_CASH, AccountKind.BANK})


def cash_topup(
    operator: OperatorId, key: str, customer: str, currency: str, *, amount_minor: int, bonus_minor: int = 0
) -> Entry:
    """Cash paid at the counter, with the bonus it earns."""
    refuse_negative(amount_minor, bonus_minor)
    legs = [
        (accounts.operator_cash(), amount_minor),
        (accounts.customer_principal(customer), -amount_minor),
        *_bonus_legs(customer, bonus_minor),
    ]
    return make_entry(operator, key, EntryKind.CASH, currency, legs)


def opening_balance(
    operator: OperatorId, key: str, customer: str, currency: str, *, amount_minor: int, bonus_minor: int = 0
) -> Entry:
    """What a customer had with an earlier system, principal and bonus."""
    refuse_negative(amount_minor, bonus_minor)
    legs = [
        (accounts.operator_opening(), amount_minor),
        (accounts.customer_principal(customer), -amount_minor),
        *_bonus_legs(customer, bonus_minor),
    ]
    return make_entry(operator, key, EntryKind.OPENING, currency, legs)


def topup_with_bonus(
    operator: OperatorId,
    key: str,
    customer: str,
    currency: str,
    *,
    merchant: str,
    amount_minor: int,
    bonus_minor: int = 0,
) -> Entry:
    """A payment collected by a provider into the wallet, with the bonus it earns."""
    refuse_negative(amount_minor, bonus_minor)
    legs = [
        (accounts.merchant_clearing(merchant), amount_minor),
        (accounts.customer_principal(customer), -amount_minor),
        *_bonus_legs(customer, bonus_minor),
    ]
    return make_entry(operator, key, EntryKind.TOPUP, currency, legs)


def arrears_repaid(
    operator: OperatorId, key: str, customer: str, currency: str, *, amount_minor: int
) -> Entry:
    """Arrears paid out of the wallet's principal."""
    refuse_negative(amount_minor)
    legs = [
        (accounts.customer_principal(customer), amount_minor),
        (accounts.customer_arrears(customer), -amount_minor),
    ]
    return make_entry(operator, key, EntryKind.ARREARS_REPAID, currency, legs)


def write_off(operator: OperatorId, key: str, customer: str, currency: str, *, amount_minor: int) -> Entry:
    """Arrears given up."""
    refuse_negative(amount_minor)
    legs = [
        (accounts.operator_write_off(), amount_minor),
        (accounts.customer_arrears(customer), -amount_minor),
    ]
    return make_entry(operator, key, EntryKind.WRITE_OFF, currency, legs)


def withdrawal_asked(
    operator: OperatorId, withdrawal: str, customer: str, currency: str, *, amount_minor: int
) -> Entry:
    """Principal a customer wants back: out of the wallet at once, so that it cannot be spent meanwhile.

    A withdrawal that is called off is undone by `reversal`.
    """
    refuse_negative(amount_minor)
    legs = [
        (accounts.customer_principal(customer), amount_minor),
        (accounts.operator_withdrawals_due(), -amount_minor),
    ]
    return make_entry(operator, f"withdrawal:{withdrawal}:asked", EntryKind.WITHDRAWAL, currency, legs)


def withdrawal_paid(
    operator: OperatorId, withdrawal: str, currency: str, *, paid_from: str, amount_minor: int
) -> Entry:
    """A withdrawal that has left a merchant's clearing, the counter's cash or a bank account."""
    refuse_negative(amount_minor)
    refuse_account("paid_from", paid_from, _PAYS_OUT)
    legs = [(accounts.operator_withdrawals_due(), amount_minor), (paid_from, -amount_minor)]
    return make_entry(operator, f"withdrawal:{withdrawal}:paid", EntryKind.WITHDRAWAL, currency, legs)


def bonus_taken(
    operator: OperatorId, refund: str, customer: str, currency: str, *, amount_minor: int
) -> Entry:
    """A bonus that goes with the top-up it came with, which `refund` returns to its payer: what is left of it."""
    refuse_negative(amount_minor)
    legs = [
        (accounts.customer_bonus(customer), amount_minor),
        (accounts.operator_promotions(), -amount_minor),
    ]
    return make_entry(operator, bonus_taken_key(refund), EntryKind.BONUS_TAKEN, currency, legs)


def bonus_taken_key(refund: str) -> str:
    """The key of that entry, to find it by."""
    return f"refund:{refund}:bonus"


def points(
    operator: OperatorId, key: str, customer: str, *, granted: int, session: str | None = None
) -> Entry:
    """Points given to a customer, or taken where `granted` is negative."""
    legs: list[Leg] = [
        (accounts.operator_points_issued(), granted),
        (accounts.customer_points(customer), -granted),
    ]
    entry = make_entry(operator, key, EntryKind.POINTS, accounts.POINTS, legs, session)
    check(entry)
    return entry


def session_points(operator: OperatorId, session: str, customer: str, *, granted: int) -> Entry:
    """Points a session has earned, once."""
    return points(operator, session_points_key(session), customer, granted=granted, session=session)


def session_points_key(session: str) -> str:
    """The key of that entry, to find it by."""
    return f"session:{session}:points"


def gift_points(operator: OperatorId, gift: str, customer: str, *, granted: int) -> Entry:
    """Points for nothing, once per gift."""
    return points(operator, f"gift:{gift}:points", customer, granted=granted)


def _bonus_legs(customer: str, bonus_minor: int) -> list[Leg]:
    return [(accounts.operator_promotions(), bonus_minor), (accounts.customer_bonus(customer), -bonus_minor)]
