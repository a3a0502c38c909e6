"""What all builders share: legs to a checked entry, and the halves of a hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from coinslot.ledger import accounts
from coinslot.ledger.accounts import AccountKind, parse_account
from coinslot.ledger.entries import Entry, EntryKind, Posting
from coinslot.ledger.errors import InvalidEntry
from coinslot.wire.ids import OperatorId

Leg: TypeAlias = tuple[str, int]
"""Account and signed minor units, debit > 0."""


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


def make_entry(
    operator: OperatorId,
    key: str,
    kind: EntryKind,
    currency: str,
    legs: Sequence[Leg],
    session: str | None = None,
) -> Entry:
    """An entry of the legs that are not zero. Raises `InvalidEntry` when none is left."""
    kept = tuple(Posting(account, currency, amount_minor) for account, amount_minor in legs if amount_minor)
    if not kept:
        raise InvalidEntry(f"{key}: nothing to post")
    return Entry(operator, key, kind, kept, session)


def hold_legs(ref: str, customer: str, principal_minor: int, bonus_minor: int) -> list[Leg]:
    """Wallet to hold, each half its own pair."""
    refuse_negative(principal_minor, bonus_minor)
    return [
        (accounts.customer_principal(customer), principal_minor),
        (accounts.hold_principal(ref), -principal_minor),
        (accounts.customer_bonus(customer), bonus_minor),
        (accounts.hold_bonus(ref), -bonus_minor),
    ]


def give_back_legs(
    ref: str, customer: str | None, principal_minor: int, bonus_minor: int, return_principal_to: str | None
) -> list[Leg]:
    """A whole hold back to the wallet, or its principal to the merchant's refunds due."""
    refuse_negative(principal_minor, bonus_minor)
    return [
        (accounts.hold_principal(ref), principal_minor),
        (accounts.hold_bonus(ref), bonus_minor),
        *back_legs(customer, return_principal_to, principal_minor, bonus_minor),
    ]


def back_legs(
    customer: str | None, return_principal_to: str | None, principal_minor: int, bonus_minor: int
) -> list[Leg]:
    """What goes back of a hold. A guest has no wallet, so no bonus, and names where principal goes."""
    if customer is None:
        if return_principal_to is None or bonus_minor:
            raise InvalidEntry("without a customer there is no wallet that anything could go back to")
        return [(return_principal_to, -principal_minor)]
    return [
        (return_principal_to or accounts.customer_principal(customer), -principal_minor),
        (accounts.customer_bonus(customer), -bonus_minor),
    ]


def refuse_negative(*amounts_minor: int) -> None:
    """Raise `InvalidEntry` for an amount below zero."""
    if min(amounts_minor) < 0:
        raise InvalidEntry(f"amounts may not be negative: {amounts_minor}")


def refuse_account(what: str, path: str, allowed: frozenset[AccountKind]) -> None:
    """Raise `InvalidEntry` where `path` is not one of the kinds that `what` may name."""
    kind = parse_account(path)
    if kind not in allowed:
        names = ", ".join(sorted(each.value for each in allowed))
        raise InvalidEntry(f"{what} is {kind.value}, not one of {names}")
