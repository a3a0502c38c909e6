"""What of a bonus leaves the wallet with the top-up it came with: the same whoever has the top-up returned.

A bonus is one balance, whichever top-up it came with. So what goes is worked out for each payment, by how much of it
goes back, and taken as far as the wallet has any: what is spent stays spent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from coinslot.ledger import accounts, events
from coinslot.ledger.entries import Entry
from coinslot.ledger.store import lock_balances
from coinslot.payments.withdrawing import Part, bonus_part
from coinslot.settlement.changes import Purse
from coinslot.settlement.payments.errors import BonusHeld
from coinslot.settlement.payments.rows import Access
from coinslot.settlement.payments.unit import Connection

# What refunds that will not be done had taken is in the wallet again.
_PAYMENTS: Final = """
    SELECT a.number, i.bonus_minor, a.amount_minor, a.refunding_minor,
        (SELECT coalesce(sum(p.amount_minor), 0)::bigint
         FROM refund r
         JOIN ledger_entry e ON e.operator_id = r.operator_id AND e.key = 'refund:' || r.number || ':bonus'
         JOIN ledger_posting p ON p.operator_id = e.operator_id AND p.entry_id = e.entry_id
         WHERE r.operator_id = a.operator_id AND r.attempt_number = a.number AND r.state <> 'closed'
           AND p.account ^@ 'customer/') AS taken_minor
    FROM payment_attempt a JOIN payment_intent i ON i.operator_id = a.operator_id AND i.intent_id = a.intent_id
    WHERE a.operator_id = $1 AND a.number = ANY ($2::text[]) AND i.bonus_minor > 0
"""
# Pinned to the customer's index; see settlement/store.py.
_HELD: Final = """
    SELECT coalesce(sum(s.hold_bonus_minor), 0)::bigint FROM session s
    WHERE s.customer_id = $2 AND s.operator_id = $1 AND s.currency = $3 AND s.live
"""


class Wallet(Struct, frozen=True, kw_only=True):
    """A customer's balances, held."""

    principal_minor: int
    bonus_minor: int
    arrears_minor: int

    @property
    def free_minor(self) -> int:
        """Principal that nothing is owed against."""
        return max(0, self.principal_minor - self.arrears_minor)


class BonusBack(Struct, frozen=True, kw_only=True):
    """What goes with some payments, in the order of those. Amounts in minor units."""

    due_minor: int
    """The part of their bonuses that belongs to what goes back."""
    taken: tuple[int, ...]
    """Of each payment, as far as the wallet has it."""

    @property
    def taken_minor(self) -> int:
        """Of all of them."""
        return sum(self.taken)

    @property
    def short_minor(self) -> int:
        """What the wallet does not have."""
        return self.due_minor - self.taken_minor


async def hold_wallet(connection: Connection, purse: Purse) -> Wallet:
    """All three at once, in the ledger's order; after payments and sessions, before anything is posted.

    Never fewer where more is posted to: who holds the principal and then wants the bonus waits for a use's end, which has
    them the other way round.
    """
    paths = (accounts.customer_principal, accounts.customer_bonus, accounts.customer_arrears)
    keys = [(purse.operator, path(purse.customer), purse.currency) for path in paths]
    held = await lock_balances(connection, keys)
    principal, bonus, arrears = (held[key] for key in keys)
    return Wallet(principal_minor=principal, bonus_minor=bonus, arrears_minor=arrears)


async def bonus_back(access: Access, purse: Purse, parts: Sequence[Part], bonus_minor: int) -> BonusBack:
    """What of a wallet's bonus goes with these payments, of which these amounts go back."""
    rows = await access.fetch(_PAYMENTS, purse.operator, [part.number for part in parts])
    known = {row["number"]: row for row in rows}
    due = [
        0
        if (row := known.get(part.number)) is None
        else bonus_part(
            row["bonus_minor"],
            row["amount_minor"],
            before_minor=row["refunding_minor"],
            more_minor=part.amount_minor,
            taken_minor=row["taken_minor"],
        )
        for part in parts
    ]
    taken, left_minor = [], bonus_minor
    for each_minor in due:
        taken.append(min(each_minor, left_minor))
        left_minor -= taken[-1]
    return BonusBack(due_minor=sum(due), taken=tuple(taken))


async def held_bonus(access: Access, purse: Purse, back: BonusBack) -> int:
    """What of it uses that run have set aside; nothing where the wallet has it all."""
    if not back.short_minor:
        return 0
    held_minor: int = await access.fetchval(_HELD, *purse)
    return min(held_minor, back.short_minor)


async def refuse_held(connection: Connection, purse: Purse, back: BonusBack) -> None:
    """BonusHeld: it is not spent, and would be back in the wallet after its payment had left."""
    if held_minor := await held_bonus(connection, purse, back):
        raise BonusHeld(held_minor)


def bonus_taken(purse: Purse, refund: str, amount_minor: int) -> Entry:
    """What leaves the wallet beside this refund."""
    return events.bonus_taken(
        purse.operator, refund, purse.customer, purse.currency, amount_minor=amount_minor
    )
