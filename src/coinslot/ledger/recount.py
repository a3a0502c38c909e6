"""One operator's books recomputed from what is fed in; no I/O. `verify` feeds it from the database.

Memory is 48 bytes an entry, in flat arrays, plus the accounts.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from coinslot.ledger.accounts import parse_account
from coinslot.ledger.entries import Entry, EntryKind, Posting, check, fingerprint
from coinslot.ledger.errors import LedgerError
from coinslot.ledger.seals import GENESIS, entry_digest, seal_hash
from coinslot.wire.ids import OperatorId

MAX_FAULTS = 100
_DIGEST = 32


class Fault(Struct, frozen=True):
    """One thing that does not fit, and where: an entry by id and key, a seal, or an account."""

    why: str
    operator: str
    entry_id: int | None = None
    key: str | None = None
    seal_no: int | None = None
    account: str | None = None


class StoredEntry(NamedTuple):
    """An entry's row, as it is claimed to be."""

    entry_id: int
    key: str
    kind: str
    session: str | None
    legs: int
    fingerprint: bytes
    posted_at: datetime


class StoredSeal(NamedTuple):
    """A seal's row, as it is claimed to be."""

    seal_no: int
    members: Sequence[int]
    digests: Sequence[bytes]
    previous: bytes
    hash: bytes


class Claim(NamedTuple):
    """What the database says a balance is; `cap_minor` for arrears."""

    amount_minor: int
    cap_minor: int | None = None


Account = tuple[str, str]
"""Path and currency."""


class Recount:
    """Feed `entry` by ascending id, then `seal` by ascending number, then `finish` once."""

    def __init__(self, operator: OperatorId, pending: set[int]) -> None:
        self.operator = operator
        self.faults: list[Fault] = []
        self.head: bytes | None = None
        self.net: dict[Account, int] = defaultdict(int)
        self._pending = pending
        self._unsealed: dict[Account, int] = defaultdict(int)
        self._ids = array("q")
        self._digests = bytearray()
        self._sealed_in = array("q")
        self._last_seal = (0, GENESIS)

    def entry(self, row: StoredEntry, numbers: Sequence[int], postings: tuple[Posting, ...]) -> None:
        """An entry with its postings; `numbers` are their leg numbers."""
        waits = row.entry_id in self._pending
        for posting in postings:
            account = (posting.account, posting.currency)
            self.net[account] += posting.amount_minor
            if waits:
                self._unsealed[account] += posting.amount_minor
        content = fingerprint(row.kind, row.session, postings)
        self._ids.append(row.entry_id)
        self._digests += entry_digest(self.operator, row.entry_id, row.key, row.posted_at, content)
        self._sealed_in.append(0)
        why = self._unfit(row, numbers, postings, content)
        if why is not None:
            self.fault(why, entry_id=row.entry_id, key=row.key)

    def orphan(self, entry_id: int) -> None:
        """A posting whose entry does not exist."""
        self.fault("a posting has no entry", entry_id=entry_id)

    def seal(self, row: StoredSeal) -> None:
        """A link of the chain."""
        seal_no, previous = self._last_seal
        if row.seal_no != seal_no + 1:
            self.fault(f"seal {seal_no + 1} is missing", seal_no=row.seal_no)
        if row.previous != previous:
            self.fault("the seal does not follow from the one before", seal_no=row.seal_no)
        if seal_hash(row.previous, self.operator, row.seal_no, row.digests) != row.hash:
            self.fault("the seal's hash is not that of its members", seal_no=row.seal_no)
        if len(row.members) != len(row.digests) or any(
            later <= earlier for earlier, later in zip(row.members, row.members[1:], strict=False)
        ):
            self.fault("the seal's members are not in order", seal_no=row.seal_no)
        for entry_id, digest in zip(row.members, row.digests, strict=False):
            self._member(row.seal_no, entry_id, digest)
        self._last_seal = (row.seal_no, row.hash)
        self.head = row.hash

    def finish(self, balances: Mapping[Account, Claim], rollups: Mapping[Account, int]) -> None:
        """Judge what only shows at the end: unsealed entries and balances."""
        for entry_id, seal_no in zip(self._ids, self._sealed_in, strict=True):
            if bool(seal_no) == (entry_id in self._pending):
                why = "it is sealed and pending at once" if seal_no else "it is neither sealed nor pending"
                self.fault(why, entry_id=entry_id)
        for entry_id in sorted(self._pending):
            if self._place(entry_id) is None:
                self.fault("it is pending and does not exist", entry_id=entry_id)
        for account in sorted(self.net.keys() | balances.keys() | rollups.keys()):
            for why in self._misfits(account, balances, rollups):
                self.fault(f"{why} ({account[1]})", account=account[0])

    def fault(
        self,
        why: str,
        *,
        entry_id: int | None = None,
        key: str | None = None,
        seal_no: int | None = None,
        account: str | None = None,
    ) -> None:
        """Note what does not fit, up to `MAX_FAULTS`."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(why, self.operator, entry_id, key, seal_no, account))

    def _unfit(
        self, row: StoredEntry, numbers: Sequence[int], postings: tuple[Posting, ...], content: bytes
    ) -> str | None:
        if list(numbers) != list(range(1, row.legs + 1)):
            return f"it has the legs {list(numbers)}, not 1 to {row.legs}"
        try:
            check(Entry(self.operator, row.key, EntryKind(row.kind), postings, row.session))
        except (LedgerError, ValueError) as error:
            return str(error)
        if content != row.fingerprint:
            return "its fingerprint is not that of its postings"
        return None

    def _member(self, seal_no: int, entry_id: int, digest: bytes) -> None:
        place = self._place(entry_id)
        if place is None:
            self.fault("it was sealed and is gone", entry_id=entry_id, seal_no=seal_no)
            return
        if self._sealed_in[place]:
            self.fault(f"it is in seal {self._sealed_in[place]} too", entry_id=entry_id, seal_no=seal_no)
        self._sealed_in[place] = seal_no
        if self._digests[place * _DIGEST : (place + 1) * _DIGEST] != digest:
            self.fault("it was changed after it was sealed", entry_id=entry_id, seal_no=seal_no)

    def _place(self, entry_id: int) -> int | None:
        place = bisect_left(self._ids, entry_id)
        return place if place < len(self._ids) and self._ids[place] == entry_id else None

    def _misfits(
        self, account: Account, balances: Mapping[Account, Claim], rollups: Mapping[Account, int]
    ) -> list[str]:
        try:
            kind = parse_account(account[0])
        except LedgerError as error:
            return [str(error)]
        net_minor = self.net.get(account, 0)
        claim = balances.get(account)
        if not kind.limited:
            want, have = net_minor - self._unsealed.get(account, 0), rollups.get(account, 0)
            stray = [] if claim is None else ["an account without a limit has a balance row"]
            return [
                *stray,
                *([f"the roll-up is {have}, its postings come to {want}"] if want != have else []),
            ]
        found = ["an account with a limit has a roll-up"] if account in rollups else []
        want, have = net_minor * kind.natural_sign, claim.amount_minor if claim else 0
        if want != have:
            found.append(f"the balance is {have}, its postings come to {want}")
        if want < 0:
            found.append(f"its postings come to {want}, below zero")
        if claim is not None and claim.cap_minor is not None and want > claim.cap_minor:
            found.append(f"its postings come to {want}, above the cap of {claim.cap_minor}")
        return found
