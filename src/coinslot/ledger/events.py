"""What each event posts: pure builders of entries, one for each row of the table in docs/ledger.

Amounts are minor units and never negative; a leg of zero is left out. A builder raises `InvalidEntry` for amounts
that contradict each other. Keys are derived from the cause, so that doing a thing twice posts it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from coinslot.ledger import accounts
from coinslot.ledger.entries import Entry, EntryKind, Posting, check
from coinslot.ledger.errors import InvalidEntry
from coinslot.wire.ids import OperatorId


class Payable(NamedTuple):
    """A party's share of one charge."""

    party: str
    amount_minor: int


class Taken(NamedTuple):
    """How much of a charge each half of a hold pays."""

    principal_minor: int
    bonus_minor: int


def take(captured_minor: int, held_principal_minor: int, held_bonus_minor: int) -> Taken:
    """Principal first, then bonus: the order in which the hold was made. Raises above the hold."""
    if not 0 <= captured_minor <= held_principal_minor + held_bonus_minor:
        held_minor = held_principal_minor + held_bonus_minor
        raise InvalidEntry(f"cannot capture {captured_minor} of a hold of {held_minor} minor units")
    principal_minor = min(captured_minor, held_principal_minor)
    return Taken(principal_minor, captured_minor - principal_minor)


def cash_topup(
    operator: OperatorId, key: str, customer: str, currency: str, *, amount_minor: int, bonus_minor: int = 0
) -> Entry:
    """Cash paid at the counter, with the bonus it earns."""
    _refuse_negative(amount_minor, bonus_minor)
    legs = [
        (accounts.operator_cash(), amount_minor),
        (accounts.customer_principal(customer), -amount_minor),
        *_bonus(customer, bonus_minor),
    ]
    return _entry(operator, key, EntryKind.CASH, currency, legs)


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
    _refuse_negative(amount_minor, bonus_minor)
    legs = [
        (accounts.merchant_clearing(merchant), amount_minor),
        (accounts.customer_principal(customer), -amount_minor),
        *_bonus(customer, bonus_minor),
    ]
    return _entry(operator, key, EntryKind.TOPUP, currency, legs)


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
    _refuse_negative(principal_minor, bonus_minor)
    legs = [
        (accounts.customer_principal(customer), principal_minor),
        (accounts.hold_principal(session), -principal_minor),
        (accounts.customer_bonus(customer), bonus_minor),
        (accounts.hold_bonus(session), -bonus_minor),
    ]
    return _entry(operator, f"session:{session}:hold", EntryKind.HOLD, currency, legs, session)


def capture(
    operator: OperatorId,
    session: str,
    customer: str,
    currency: str,
    *,
    held_principal_minor: int,
    held_bonus_minor: int = 0,
    captured_minor: int,
    payables: Sequence[Payable] = (),
    return_principal_to: str | None = None,
) -> Entry:
    """A session's charge taken out of its hold and the rest returned, so that the hold is zero after it.

    The operator's revenue is what the payables leave. Parties share in captured principal (`take` tells how much
    that is); captured bonus is the operator's, unless the caller's payables say otherwise. A direct payment's
    rest goes to `return_principal_to`, its merchant's refunds due; a wallet's goes back to the wallet.
    """
    _refuse_negative(held_principal_minor, held_bonus_minor, *(payable.amount_minor for payable in payables))
    taken = take(captured_minor, held_principal_minor, held_bonus_minor)
    shared_minor = sum(payable.amount_minor for payable in payables)
    if shared_minor > captured_minor:
        raise InvalidEntry(f"payables of {shared_minor} exceed the {captured_minor} minor units captured")
    legs = [
        (accounts.hold_principal(session), held_principal_minor),
        (accounts.hold_bonus(session), held_bonus_minor),
        *((accounts.party_payable(payable.party), -payable.amount_minor) for payable in payables),
        (accounts.operator_revenue(), shared_minor - captured_minor),
        (
            return_principal_to or accounts.customer_principal(customer),
            taken.principal_minor - held_principal_minor,
        ),
        (accounts.customer_bonus(customer), taken.bonus_minor - held_bonus_minor),
    ]
    return _entry(operator, f"session:{session}:capture", EntryKind.CAPTURE, currency, legs, session)


def release(
    operator: OperatorId,
    session: str,
    customer: str,
    currency: str,
    *,
    principal_minor: int,
    bonus_minor: int = 0,
    return_principal_to: str | None = None,
) -> Entry:
    """A hold given back whole, because nothing was used."""
    legs = _give_back(session, customer, principal_minor, bonus_minor, return_principal_to)
    return _entry(operator, f"session:{session}:release", EntryKind.RELEASE, currency, legs, session)


def lapse(
    operator: OperatorId,
    session: str,
    customer: str,
    currency: str,
    *,
    principal_minor: int,
    bonus_minor: int = 0,
    return_principal_to: str | None = None,
) -> Entry:
    """A hold given back whole, because its time ran out."""
    legs = _give_back(session, customer, principal_minor, bonus_minor, return_principal_to)
    return _entry(operator, f"session:{session}:lapse", EntryKind.LAPSE, currency, legs, session)


def late_usage(
    operator: OperatorId,
    session: str,
    customer: str,
    currency: str,
    *,
    arrears_minor: int,
    write_off_minor: int = 0,
    payables: Sequence[Payable] = (),
) -> Entry:
    """Usage reported after the hold was released: owed as far as the cap allows, the rest given up at once."""
    _refuse_negative(arrears_minor, write_off_minor, *(payable.amount_minor for payable in payables))
    charge_minor = arrears_minor + write_off_minor
    shared_minor = sum(payable.amount_minor for payable in payables)
    if shared_minor > charge_minor:
        raise InvalidEntry(f"payables of {shared_minor} exceed the charge of {charge_minor} minor units")
    legs = [
        (accounts.customer_arrears(customer), arrears_minor),
        (accounts.operator_write_off(), write_off_minor),
        *((accounts.party_payable(payable.party), -payable.amount_minor) for payable in payables),
        (accounts.operator_revenue(), shared_minor - charge_minor),
    ]
    return _entry(operator, f"session:{session}:arrears", EntryKind.ARREARS, currency, legs, session)


def arrears_repaid(
    operator: OperatorId, key: str, customer: str, currency: str, *, amount_minor: int
) -> Entry:
    """Arrears paid out of the wallet's principal."""
    _refuse_negative(amount_minor)
    legs = [
        (accounts.customer_principal(customer), amount_minor),
        (accounts.customer_arrears(customer), -amount_minor),
    ]
    return _entry(operator, key, EntryKind.ARREARS_REPAID, currency, legs)


def write_off(operator: OperatorId, key: str, customer: str, currency: str, *, amount_minor: int) -> Entry:
    """Arrears given up."""
    _refuse_negative(amount_minor)
    legs = [
        (accounts.operator_write_off(), amount_minor),
        (accounts.customer_arrears(customer), -amount_minor),
    ]
    return _entry(operator, key, EntryKind.WRITE_OFF, currency, legs)


def points(
    operator: OperatorId, key: str, customer: str, *, granted: int, session: str | None = None
) -> Entry:
    """Points given to a customer, or taken where `granted` is negative."""
    legs = [(accounts.operator_points_issued(), granted), (accounts.customer_points(customer), -granted)]
    _refuse_empty(key, legs)
    postings = tuple(Posting(account, accounts.POINTS, amount) for account, amount in legs)
    entry = Entry(operator, key, EntryKind.POINTS, postings, session)
    check(entry)
    return entry


def _bonus(customer: str, bonus_minor: int) -> list[tuple[str, int]]:
    return [(accounts.operator_promotions(), bonus_minor), (accounts.customer_bonus(customer), -bonus_minor)]


def _give_back(
    session: str, customer: str, principal_minor: int, bonus_minor: int, return_principal_to: str | None
) -> list[tuple[str, int]]:
    _refuse_negative(principal_minor, bonus_minor)
    return [
        (accounts.hold_principal(session), principal_minor),
        (return_principal_to or accounts.customer_principal(customer), -principal_minor),
        (accounts.hold_bonus(session), bonus_minor),
        (accounts.customer_bonus(customer), -bonus_minor),
    ]


def _entry(
    operator: OperatorId,
    key: str,
    kind: EntryKind,
    currency: str,
    legs: Sequence[tuple[str, int]],
    session: str | None = None,
) -> Entry:
    kept = [(account, amount_minor) for account, amount_minor in legs if amount_minor]
    _refuse_empty(key, kept)
    return Entry(
        operator,
        key,
        kind,
        tuple(Posting(account, currency, amount_minor) for account, amount_minor in kept),
        session,
    )


def _refuse_negative(*amounts_minor: int) -> None:
    if min(amounts_minor) < 0:
        raise InvalidEntry(f"amounts may not be negative: {amounts_minor}")


def _refuse_empty(key: str, legs: Sequence[tuple[str, int]]) -> None:
    if not any(amount_minor for _, amount_minor in legs):
        raise InvalidEntry(f"{key}: nothing to post")
