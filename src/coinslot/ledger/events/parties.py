"""Who else is paid: parties by payouts, utilities for vended credit."""

from __future__ import annotations

from coinslot.ledger import accounts
from coinslot.ledger.entries import Entry, EntryKind
from coinslot.ledger.errors import InvalidEntry
from coinslot.ledger.events.building import give_back_legs, hold_legs, make_entry, refuse_negative
from coinslot.wire.ids import OperatorId


def payout_sent(operator: OperatorId, payout: str, currency: str, *, party: str, amount_minor: int) -> Entry:
    """A party's shares are on their way to it."""
    refuse_negative(amount_minor)
    legs = [
        (accounts.party_payable(party), amount_minor),
        (accounts.payout_in_transit(payout), -amount_minor),
    ]
    return make_entry(operator, f"payout:{payout}:sent", EntryKind.PAYOUT, currency, legs)


def payout_confirmed(
    operator: OperatorId, payout: str, currency: str, *, bank: str, amount_minor: int
) -> Entry:
    """It has left the bank."""
    refuse_negative(amount_minor)
    legs = [(accounts.payout_in_transit(payout), amount_minor), (accounts.bank(bank), -amount_minor)]
    return make_entry(operator, f"payout:{payout}:ended", EntryKind.PAYOUT, currency, legs)


def payout_failed(
    operator: OperatorId, payout: str, currency: str, *, party: str, amount_minor: int
) -> Entry:
    """It came back. Its key is that of `payout_confirmed`: a payout ends one way or the other, never both."""
    refuse_negative(amount_minor)
    legs = [
        (accounts.payout_in_transit(payout), amount_minor),
        (accounts.party_payable(party), -amount_minor),
    ]
    return make_entry(operator, f"payout:{payout}:ended", EntryKind.PAYOUT, currency, legs)


def vend_hold(
    operator: OperatorId,
    vend: str,
    customer: str,
    currency: str,
    *,
    principal_minor: int,
    bonus_minor: int = 0,
) -> Entry:
    """Money of the wallet reserved for a vend. One paid directly is a `direct_payment` under the vend's id."""
    legs = hold_legs(vend, customer, principal_minor, bonus_minor)
    return make_entry(operator, f"vend:{vend}:hold", EntryKind.HOLD, currency, legs)


def vend_done(
    operator: OperatorId,
    vend: str,
    currency: str,
    *,
    utility: str,
    held_principal_minor: int,
    held_bonus_minor: int = 0,
    commission_minor: int,
) -> Entry:
    """The utility's recharge data has come: the hold is its, but for the operator's commission."""
    refuse_negative(held_principal_minor, held_bonus_minor, commission_minor)
    sold_minor = held_principal_minor + held_bonus_minor
    if commission_minor > sold_minor:
        raise InvalidEntry(f"a commission of {commission_minor} exceeds the {sold_minor} minor units sold")
    legs = [
        (accounts.hold_principal(vend), held_principal_minor),
        (accounts.hold_bonus(vend), held_bonus_minor),
        (accounts.utility_payable(utility), commission_minor - sold_minor),
        (accounts.operator_revenue(), -commission_minor),
    ]
    return make_entry(operator, f"vend:{vend}:ended", EntryKind.VEND, currency, legs)


def vend_released(
    operator: OperatorId,
    vend: str,
    customer: str,
    currency: str,
    *,
    principal_minor: int,
    bonus_minor: int = 0,
    return_principal_to: str | None = None,
) -> Entry:
    """No recharge data will come: the hold goes back. Its key is that of `vend_done`: never both."""
    legs = give_back_legs(vend, customer, principal_minor, bonus_minor, return_principal_to)
    return make_entry(operator, f"vend:{vend}:ended", EntryKind.RELEASE, currency, legs)
