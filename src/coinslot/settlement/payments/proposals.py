"""What a decision would do, or did: who gets what and who gives it, read off the entries and refunds themselves."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from coinslot.ledger.accounts import AccountKind, parse_account
from coinslot.ledger.entries import Entry
from coinslot.payments.model import Attempt
from coinslot.settlement.payments.refund_requests import Way, What
from coinslot.settlement.payments.rows import Access
from coinslot.wire.ids import OperatorId


class Figure(Struct, frozen=True, kw_only=True):
    """What one account gets of it, or gives."""

    account: str
    """The ledger's path."""
    kind: AccountKind
    who: str
    """The party's name; else the id in the path, or nothing for the operator's own accounts."""
    amount_minor: int
    """Above zero: gets. Below: gives."""


class Return(Struct, frozen=True, kw_only=True):
    """A refund that a provider is asked for."""

    number: str
    """Of the refund; empty while it is only proposed."""
    attempt: str
    """The number of the payment it goes back to."""
    merchant: str
    provider: str
    amount_minor: int


class Proposal(Struct, frozen=True, kw_only=True):
    """A refund in figures. All amounts in minor units of `currency`."""

    what: What
    target: str
    way: Way
    currency: str
    amount_minor: int
    """What is given back, or explained."""
    whole_minor: int
    """What was charged, paid, or is in suspense."""
    before_minor: int
    """What of it had been given back before."""
    most_minor: int
    """What can be given back now."""
    figures: tuple[Figure, ...]
    returns: tuple[Return, ...] = ()
    by_hand_minor: int = 0
    """What no provider can carry: a person pays it at the counter or by transfer."""
    bonus_back_minor: int = 0
    """Of a top-up: the bonus that goes with it."""
    bonus_spent_minor: int = 0
    """What of that bonus is spent, and stays so."""
    withdrawal: str | None = None
    """By which the money leaves the wallet."""


def return_of(attempt: Attempt, amount_minor: int, number: str = "") -> Return:
    """So much back to one payment."""
    return Return(
        number=number,
        attempt=attempt.number,
        merchant=attempt.merchant_id,
        provider=attempt.provider,
        amount_minor=amount_minor,
    )


def figures_of(entries: Sequence[Entry]) -> tuple[Figure, ...]:
    """What all these entries together do to each account, receivers first."""
    net: dict[str, int] = {}
    for entry in entries:
        for leg in entry.postings:
            net[leg.account] = net.get(leg.account, 0) - leg.amount_minor
    found = [
        Figure(account=account, kind=parse_account(account), who=_id_in(account), amount_minor=amount_minor)
        for account, amount_minor in net.items()
        if amount_minor
    ]
    return tuple(sorted(found, key=lambda figure: (-figure.amount_minor, figure.account)))


async def with_names(access: Access, operator: OperatorId, proposal: Proposal) -> Proposal:
    """The same with the parties' names."""
    parties = [figure.who for figure in proposal.figures if figure.kind is AccountKind.PARTY_PAYABLE]
    if not parties:
        return proposal
    rows = await access.fetch(
        "SELECT party_id, name FROM party WHERE operator_id = $1 AND party_id = ANY ($2)", operator, parties
    )
    names = {row[0]: row[1] for row in rows}
    figures = tuple(
        msgspec.structs.replace(figure, who=names.get(figure.who, figure.who))
        if figure.kind is AccountKind.PARTY_PAYABLE
        else figure
        for figure in proposal.figures
    )
    return msgspec.structs.replace(proposal, figures=figures)


def write_outcome(proposal: Proposal) -> str:
    """As it is kept with the request."""
    return msgspec.json.encode(proposal).decode()


def read_outcome(text: str) -> Proposal:
    """What was done."""
    return msgspec.json.decode(text, type=Proposal)


def _id_in(account: str) -> str:
    parts = account.split("/")
    return parts[1] if len(parts) == 3 or parts[0] == "bank" else ""
