"""What a request comes to now: worked out with everything held that it touches, so that carrying it out cannot differ."""

from __future__ import annotations

from msgspec import Struct

from coinslot.ledger import events
from coinslot.ledger.entries import Entry
from coinslot.payments.model import Attempt, Why
from coinslot.settlement.changes import Purse
from coinslot.settlement.payments.errors import NotRefundable, Unrefundable
from coinslot.settlement.payments.proposals import Proposal
from coinslot.settlement.payments.refund_requests import Way


class Direct(Struct, frozen=True, kw_only=True):
    """A refund at one attempt, of money that the entries make due to its payer."""

    attempt: Attempt
    amount_minor: int
    why: Why
    paid_as: str = ""
    """The provider's id of a payment that is only now taken for the attempt's."""


class Leaving(Struct, frozen=True, kw_only=True):
    """Principal that leaves the wallet again, back to the payments it came from, each with its part of the bonus."""

    purse: Purse
    amount_minor: int
    only: str | None = None
    """The one payment that it goes back to."""


class Plan(Struct, frozen=True, kw_only=True):
    """A request as it would be carried out."""

    proposal: Proposal
    entries: tuple[Entry, ...]
    direct: Direct | None = None
    leaving: Leaving | None = None


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
