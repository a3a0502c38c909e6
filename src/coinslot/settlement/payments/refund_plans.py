"""What a request comes to now: worked out with everything held that it touches, so that carrying it out cannot differ."""

from __future__ import annotations

from msgspec import Struct

from coinslot.ledger import accounts, events
from coinslot.ledger.entries import Entry
from coinslot.ledger.store import lock_balances
from coinslot.payments.model import Attempt, Why
from coinslot.settlement.changes import Purse
from coinslot.settlement.payments.errors import NotRefundable, Unrefundable
from coinslot.settlement.payments.proposals import Proposal
from coinslot.settlement.payments.refund_requests import Way
from coinslot.settlement.payments.unit import Connection


class Direct(Struct, frozen=True, kw_only=True):
    """A refund at one attempt, of money that the entries make due to its payer."""

    attempt: Attempt
    amount_minor: int
    why: Why
    paid_as: str = ""
    """The provider's id of a payment that is only now taken for the attempt's."""


class Leaving(Struct, frozen=True, kw_only=True):
    """Principal that leaves the wallet again, back to the payments it came from."""

    purse: Purse
    amount_minor: int
    only: str | None = None
    """The one payment that it goes back to."""
    bonus_minor: int = 0
    """What of the bonus goes with it."""


class Plan(Struct, frozen=True, kw_only=True):
    """A request as it would be carried out."""

    proposal: Proposal
    entries: tuple[Entry, ...]
    direct: Direct | None = None
    leaving: Leaving | None = None


class Wallet(Struct, frozen=True, kw_only=True):
    """A customer's balances, held."""

    principal_minor: int
    bonus_minor: int
    arrears_minor: int

    @property
    def free_minor(self) -> int:
        """Principal that nothing is owed against."""
        return max(0, self.principal_minor - self.arrears_minor)


async def hold_wallet(connection: Connection, purse: Purse) -> Wallet:
    """All three at once, in the ledger's order; after payments and sessions, before anything is posted."""
    paths = (accounts.customer_principal, accounts.customer_bonus, accounts.customer_arrears)
    keys = [(purse.operator, path(purse.customer), purse.currency) for path in paths]
    held = await lock_balances(connection, keys)
    principal, bonus, arrears = (held[key] for key in keys)
    return Wallet(principal_minor=principal, bonus_minor=bonus, arrears_minor=arrears)


def leaves_wallet(purse: Purse, amount_minor: int) -> Entry:
    """What a withdrawal will take out, as a figure to show; its own entries have its refunds' numbers."""
    return events.withdrawal_asked(
        purse.operator, "proposed", purse.customer, purse.currency, amount_minor=amount_minor
    )


def choose_way(target: str, wanted: Way | None, *allowed: Way) -> Way:
    """The way that was wanted, or the first that there is. NotRefundable."""
    if wanted is None:
        return allowed[0]
    if wanted not in allowed:
        raise NotRefundable(Unrefundable.WAY, target, " or ".join(way.value for way in allowed))
    return wanted
