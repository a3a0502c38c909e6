"""Taking back: part of a settled charge from whoever shared in it, or any entry as a whole."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from coinslot.ledger import accounts
from coinslot.ledger.accounts import AccountKind
from coinslot.ledger.entries import Entry, EntryKind, Posting
from coinslot.ledger.errors import InvalidEntry, OverRefund
from coinslot.ledger.events.building import (
    Leg,
    Payable,
    Taken,
    make_entry,
    refuse_account,
    refuse_negative,
    take,
)
from coinslot.money import share_out
from coinslot.wire.ids import OperatorId

_PAYER = frozenset(
    {AccountKind.CUSTOMER_PRINCIPAL, AccountKind.MERCHANT_REFUNDS_DUE, AccountKind.MERCHANT_SUSPENSE}
)
_LONGEST_KEY = 200


class Weight(NamedTuple):
    """What of a charge is a party's: a fixed part, and a weight relative to the others' in what all fixed parts
    leave. `party` None is the operator.
    """

    party: str | None
    weight: int
    fixed_minor: int = 0
    """Taken first, in the order of the weights, as far as the charge goes."""


WHOLLY_OPERATORS = (Weight(None, 1),)
"""The weights where there is no agreement."""


class Charged(Struct, frozen=True, kw_only=True):
    """A settled session's charge as it was shared, and what has been refunded of it since."""

    principal_minor: int
    """Captured of the principal, or of a direct payment."""
    bonus_minor: int = 0
    """Captured of the bonus: wholly the operator's, unless it is shared."""
    bonus_shared: bool = False
    """Whether the agreement lets parties share in it as in principal."""
    refunded_minor: int = 0
    weights: Sequence[Weight] = WHOLLY_OPERATORS
    """In the order in which the charge was allocated: equal remainders go to the first."""

    @property
    def left_minor(self) -> int:
        """What is still charged."""
        return self.principal_minor + self.bonus_minor - self.refunded_minor

    def shared_minor(self, left: Taken) -> int:
        """What parties share in while this much is still charged."""
        return left.principal_minor + (left.bonus_minor if self.bonus_shared else 0)


def shares(charge_minor: int, weights: Sequence[Weight]) -> list[Payable]:
    """What `capture` takes as payables: every party's exact part; the operator's own is what they leave."""
    parts = _parts(charge_minor, weights)
    return [
        Payable(weight.party, part)
        for weight, part in zip(weights, parts, strict=True)
        if weight.party is not None
    ]


def refund(
    operator: OperatorId,
    session: str,
    customer: str,
    currency: str,
    *,
    charged: Charged,
    amount_minor: int,
    return_principal_to: str | None = None,
) -> Entry:
    """Part of a settled charge given back, so that each party holds exactly its allocation of what is left.

    The part that had been paid with bonus goes back first, and as bonus: a charge shrinks the way it had grown.
    Fixed parts are the last to fall, the later of them before the earlier: what is left is shared as if no more
    had ever been charged. The principal goes to the wallet, or to `return_principal_to`: a merchant's refunds due,
    or its suspense where a chargeback has taken it already. A party's part may rise by one minor unit while the
    whole falls; that is the price of parts that are exact. Raises `OverRefund` beyond what is left.

    The key names what was refunded before, so that of two refunds worked out from the same state only one is
    posted: when the answer is not fresh, or a `KeyConflict`, load what was refunded again.
    """
    refuse_negative(amount_minor, charged.principal_minor, charged.bonus_minor, charged.refunded_minor)
    if amount_minor > charged.left_minor:
        raise OverRefund(session, amount_minor, charged.left_minor)
    back_to = return_principal_to or accounts.customer_principal(customer)
    refuse_account("return_principal_to", back_to, _PAYER)
    before = take(charged.left_minor, charged.principal_minor, charged.bonus_minor)
    after = take(charged.left_minor - amount_minor, charged.principal_minor, charged.bonus_minor)
    bonus_minor = before.bonus_minor - after.bonus_minor
    falls = zip(
        charged.weights,
        _parts(charged.shared_minor(before), charged.weights),
        _parts(charged.shared_minor(after), charged.weights),
        strict=True,
    )
    net: dict[str, int] = {}
    for weight, had, keeps in falls:
        account = _holder(weight)
        net[account] = net.get(account, 0) + had - keeps
    revenue = accounts.operator_revenue()
    if not charged.bonus_shared:
        net[revenue] = net.get(revenue, 0) + bonus_minor
    legs: list[Leg] = [
        *net.items(),
        (back_to, after.principal_minor - before.principal_minor),
        (accounts.customer_bonus(customer), -bonus_minor),
    ]
    key = f"session:{session}:refund:{charged.refunded_minor}"
    return make_entry(operator, key, EntryKind.REFUND, currency, legs, session)


def reversal(entry: Entry) -> Entry:
    """A new entry that undoes `entry`, once: the same legs with the opposite signs.

    Limits apply to it as to any other: what has been spent meanwhile cannot be taken back.
    """
    key = f"reversal:{entry.key}"
    if len(key) > _LONGEST_KEY:
        key = f"reversal:sha256:{hashlib.sha256(entry.key.encode()).hexdigest()}"
    undone = tuple(Posting(leg.account, leg.currency, -leg.amount_minor) for leg in entry.postings)
    return Entry(entry.operator, key, EntryKind.REVERSAL, undone, entry.session)


def _parts(charge_minor: int, weights: Sequence[Weight]) -> tuple[int, ...]:
    try:
        fixed = [weight.fixed_minor for weight in weights]
        return share_out(charge_minor, fixed, [weight.weight for weight in weights])
    except ValueError as error:
        raise InvalidEntry(f"the shares cannot be worked out: {error}") from None


def _holder(weight: Weight) -> str:
    return accounts.operator_revenue() if weight.party is None else accounts.party_payable(weight.party)
