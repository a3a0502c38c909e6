"""A session in money: held, captured, given back, or owed."""

from __future__ import annotations

from collections.abc import Sequence

from coinslot.ledger import accounts
from coinslot.ledger.entries import Entry, EntryKind
from coinslot.ledger.errors import InvalidEntry
from coinslot.ledger.events.building import (
    Payable,
    back_legs,
    give_back_legs,
    hold_legs,
    make_entry,
    refuse_negative,
    take,
)
from coinslot.wire.ids import OperatorId


def hold(
    operator: OperatorId,
    session: str,
    customer: str,
    currency: str,
    *,
    principal_minor: int,
    bonus_minor: int = 0,
) -> Entry:
    """Money of the wallet reserved for a session."""
    legs = hold_legs(session, customer, principal_minor, bonus_minor)
    return make_entry(operator, f"session:{session}:hold", EntryKind.HOLD, currency, legs, session)


def capture(
    operator: OperatorId,
    session: str,
    customer: str | None,
    currency: str,
    *,
    held_principal_minor: int,
    held_bonus_minor: int = 0,
    captured_minor: int,
    payables: Sequence[Payable] = (),
    return_principal_to: str | None = None,
    held_under: str | None = None,
) -> Entry:
    """A session's charge taken out of its hold and the rest returned, so that the hold is zero after it.

    The operator's revenue is what the payables leave. Parties share in captured principal (`take` tells how much
    that is); captured bonus is the operator's, unless the caller's payables say otherwise. A direct payment's
    rest goes to `return_principal_to`, its merchant's refunds due; a wallet's goes back to the wallet. What was
    held before there was a session is `held_under` its payment.
    """
    refuse_negative(held_principal_minor, held_bonus_minor, *(payable.amount_minor for payable in payables))
    taken = take(captured_minor, held_principal_minor, held_bonus_minor)
    shared_minor = sum(payable.amount_minor for payable in payables)
    if shared_minor > captured_minor:
        raise InvalidEntry(f"payables of {shared_minor} exceed the {captured_minor} minor units captured")
    legs = [
        (accounts.hold_principal(held_under or session), held_principal_minor),
        (accounts.hold_bonus(held_under or session), held_bonus_minor),
        *((accounts.party_payable(payable.party), -payable.amount_minor) for payable in payables),
        (accounts.operator_revenue(), shared_minor - captured_minor),
        *back_legs(
            customer,
            return_principal_to,
            held_principal_minor - taken.principal_minor,
            held_bonus_minor - taken.bonus_minor,
        ),
    ]
    return make_entry(operator, f"session:{session}:capture", EntryKind.CAPTURE, currency, legs, session)


def release(
    operator: OperatorId,
    session: str,
    customer: str | None,
    currency: str,
    *,
    principal_minor: int,
    bonus_minor: int = 0,
    return_principal_to: str | None = None,
    held_under: str | None = None,
) -> Entry:
    """A hold given back whole, because nothing was used; see `capture` for the last two."""
    legs = give_back_legs(held_under or session, customer, principal_minor, bonus_minor, return_principal_to)
    return make_entry(operator, f"session:{session}:release", EntryKind.RELEASE, currency, legs, session)


def lapse(
    operator: OperatorId,
    session: str,
    customer: str | None,
    currency: str,
    *,
    principal_minor: int,
    bonus_minor: int = 0,
    return_principal_to: str | None = None,
    held_under: str | None = None,
) -> Entry:
    """A hold given back whole, because its time ran out; see `capture` for the last two."""
    legs = give_back_legs(held_under or session, customer, principal_minor, bonus_minor, return_principal_to)
    return make_entry(operator, f"session:{session}:lapse", EntryKind.LAPSE, currency, legs, session)


def late_usage(
    operator: OperatorId,
    session: str,
    customer: str | None,
    currency: str,
    *,
    arrears_minor: int,
    write_off_minor: int = 0,
    payables: Sequence[Payable] = (),
) -> Entry:
    """Usage reported after the hold was released: owed as far as the cap allows, the rest given up at once.

    A guest (no customer) owes nothing.
    """
    refuse_negative(arrears_minor, write_off_minor, *(payable.amount_minor for payable in payables))
    charge_minor = arrears_minor + write_off_minor
    shared_minor = sum(payable.amount_minor for payable in payables)
    if shared_minor > charge_minor:
        raise InvalidEntry(f"payables of {shared_minor} exceed the charge of {charge_minor} minor units")
    if customer is None and arrears_minor:
        raise InvalidEntry("without a customer there is nobody who could owe anything")
    legs = [
        *(() if customer is None else ((accounts.customer_arrears(customer), arrears_minor),)),
        (accounts.operator_write_off(), write_off_minor),
        *((accounts.party_payable(payable.party), -payable.amount_minor) for payable in payables),
        (accounts.operator_revenue(), shared_minor - charge_minor),
    ]
    return make_entry(operator, f"session:{session}:arrears", EntryKind.ARREARS, currency, legs, session)
