"""Journal entries and postings, and the rules one entry must meet by itself."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from coinslot.ledger.accounts import POINTS, parse_account
from coinslot.ledger.errors import AmountOutOfRange, InvalidEntry, Unbalanced, UnknownAccount
from coinslot.wire.ids import OperatorId

MAX_MINOR = 2**63 - 1
"""The largest amount, either way; −2⁶³ is refused because it could never be reversed."""
MAX_LEGS = 1000


class EntryKind(StrEnum):
    """Why an entry was posted."""

    TOPUP = "topup"
    """A customer paid into the wallet through a provider."""
    CASH = "cash"
    """A customer paid cash at the counter."""
    OPENING = "opening"
    """A balance that a customer had with an earlier system was brought in."""
    HOLD = "hold"
    """Money was reserved for a session or a vend."""
    CAPTURE = "capture"
    """A session was charged; the rest of its hold went back."""
    RELEASE = "release"
    """A hold was given back whole."""
    LAPSE = "lapse"
    """A hold ran out of time and was given back whole."""
    ARREARS = "arrears"
    """Usage was reported after the hold was gone."""
    ARREARS_REPAID = "arrears_repaid"
    """A customer paid arrears out of the wallet."""
    WRITE_OFF = "write_off"
    """Arrears were given up."""
    REFUND = "refund"
    """Part of a settled charge was given back, or the provider has returned it."""
    WITHDRAWAL = "withdrawal"
    """A customer asked for principal back, or received it."""
    BONUS_TAKEN = "bonus_taken"
    """A bonus went with the top-up that it came with."""
    POINTS = "points"
    """Points were given or taken."""
    VEND = "vend"
    """Credit was sold to a prepaid meter."""
    PAYOUT = "payout"
    """A party's shares were sent, confirmed or came back."""
    SETTLEMENT = "settlement"
    """A provider settled with the operator's bank."""
    SUSPENSE = "suspense"
    """Money moved that nobody asked for, or its explanation was found."""
    CHARGEBACK = "chargeback"
    """A payer took money back through the provider."""
    REVERSAL = "reversal"
    """An entry was undone by its opposite."""


class Posting(NamedTuple):
    """One leg: `amount_minor` is signed, debit > 0."""

    account: str
    currency: str
    amount_minor: int


class Entry(Struct, frozen=True):
    """A balanced, immutable record. `key` names its cause and is unique per operator."""

    operator: OperatorId
    key: str
    kind: EntryKind
    postings: tuple[Posting, ...]
    session: str | None = None


_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_KEY = re.compile(r"[!-~]{1,200}")
_CURRENCY = re.compile(r"[A-Z]{3}")


def check(entry: Entry) -> None:
    """Raise what the database would raise for this entry alone; see `errors.InvalidEntry` and below."""
    if not _ID.fullmatch(entry.operator):
        raise InvalidEntry(f"{entry.operator!r} is not an operator id")
    if not _KEY.fullmatch(entry.key):
        raise InvalidEntry(f"{entry.key!r} is not a key: 1 to 200 printable ASCII characters, no spaces")
    if entry.session is not None and not _ID.fullmatch(entry.session):
        raise InvalidEntry(f"{entry.session!r} is not a session id")
    if not 2 <= len(entry.postings) <= MAX_LEGS:
        raise Unbalanced(f"{entry.key} has {len(entry.postings)} postings, not 2 to {MAX_LEGS}")
    for posting in entry.postings:
        _check_posting(entry.key, posting)
    net: dict[str, int] = defaultdict(int)
    for posting in entry.postings:
        net[posting.currency] += posting.amount_minor
    for currency, amount_minor in net.items():
        if amount_minor:
            raise Unbalanced(f"{entry.key} is off by {amount_minor} {currency} minor units")


def _check_posting(key: str, posting: Posting) -> None:
    kind = parse_account(posting.account)
    if not _CURRENCY.fullmatch(posting.currency):
        raise InvalidEntry(f"{key}: {posting.currency!r} is not a currency")
    if kind.in_points != (posting.currency == POINTS):
        raise UnknownAccount(f"{key}: {posting.account} is not kept in {posting.currency}")
    if posting.amount_minor == 0 or abs(posting.amount_minor) > MAX_MINOR:
        raise AmountOutOfRange(f"{key}: {posting.amount_minor} on {posting.account}")


def fingerprint(kind: str, session: str | None, postings: tuple[Posting, ...]) -> bytes:
    """SHA-256 over what an entry says, its legs in order: two entries of one key must agree in it."""
    legs = "".join(f"\n{leg.account} {leg.currency} {leg.amount_minor}" for leg in postings)
    return hashlib.sha256(f"{kind}\n{session or ''}{legs}".encode()).digest()
