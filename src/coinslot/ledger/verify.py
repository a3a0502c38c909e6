"""`verify`: read the books in one snapshot and recompute them in Python, sharing nothing with the SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import asyncpg
from msgspec import Struct

from coinslot.ledger.entries import Posting
from coinslot.ledger.recount import MAX_FAULTS, Account, Claim, Fault, Recount, StoredEntry, StoredSeal
from coinslot.ledger.store import Connection
from coinslot.wire.ids import OperatorId

_PAGE = 5_000
_SEALS_PAGE = 20  # a seal may have ten thousand members

Progress = Callable[[int, int], None]
"""Called with the number of entries done and the number in all."""


class Report(Struct, frozen=True):
    """What was read and what did not fit: by operator, entries before seals before balances."""

    entries: int
    postings: int
    seals: int
    pending: int
    accounts: int
    heads: dict[str, str]
    """Each operator's last seal hash in hex, to compare with what was published."""
    faults: tuple[Fault, ...]
    """At most 100."""

    @property
    def sound(self) -> bool:
        """Whether everything fits."""
        return not self.faults

    @property
    def first_entry(self) -> Fault | None:
        """The first entry that does not fit."""
        return next((fault for fault in self.faults if fault.entry_id is not None), None)


async def verify(
    connection: Connection, progress: Progress | None = None, operator: OperatorId | None = None
) -> Report:
    """Recompute all operators' books, or one's. Nothing is locked or changed, posting goes on meanwhile."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        found = await connection.fetch(_OPERATORS)
        operators = [OperatorId(row[0]) for row in found if operator in (None, row[0])]
        total = int(await connection.fetchval(_COUNT, operator))
        reading = _Reading(connection, progress, total)
        for each in operators:
            await reading.books_of(each)
        return reading.report()


# From every table: an operator whose entries are all gone must not be forgotten with them.
_OPERATORS = """
    SELECT operator_id FROM ledger_entry UNION SELECT operator_id FROM ledger_posting
    UNION SELECT operator_id FROM ledger_balance UNION SELECT operator_id FROM ledger_pending
    UNION SELECT operator_id FROM ledger_seal UNION SELECT operator_id FROM ledger_rollup ORDER BY 1
"""
_COUNT = "SELECT count(*) FROM ledger_entry WHERE $1::text IS NULL OR operator_id = $1"
_PENDING = "SELECT entry_id FROM ledger_pending WHERE operator_id = $1"
_ENTRIES = """
    SELECT entry_id, key, kind, session_id, legs, fingerprint, posted_at
    FROM ledger_entry WHERE operator_id = $1 ORDER BY entry_id
"""
_POSTINGS = """
    SELECT entry_id, leg, account, currency, amount_minor
    FROM ledger_posting WHERE operator_id = $1 ORDER BY entry_id, leg
"""
_SEALS = """
    SELECT seal_no, members, digests, previous, hash FROM ledger_seal WHERE operator_id = $1 ORDER BY seal_no
"""
_BALANCES = "SELECT account, currency, amount_minor, cap_minor FROM ledger_balance WHERE operator_id = $1"
_ROLLUPS = "SELECT account, currency, amount_minor FROM ledger_rollup WHERE operator_id = $1"


class _Reading:
    def __init__(self, connection: Connection, progress: Progress | None, total: int) -> None:
        self._connection = connection
        self._progress = progress
        self._total = total
        self._entries = self._postings = self._seals = self._pending = self._accounts = 0
        self._heads: dict[str, str] = {}
        self._faults: list[Fault] = []

    def report(self) -> Report:
        return Report(
            entries=self._entries,
            postings=self._postings,
            seals=self._seals,
            pending=self._pending,
            accounts=self._accounts,
            heads=self._heads,
            faults=tuple(self._faults[:MAX_FAULTS]),
        )

    async def books_of(self, operator: OperatorId) -> None:
        pending = {row["entry_id"] for row in await self._connection.fetch(_PENDING, operator)}
        recount = Recount(operator, pending)
        await self._read_entries(operator, recount)
        async for row in self._connection.cursor(_SEALS, operator, prefetch=_SEALS_PAGE):
            recount.seal(StoredSeal(*row))
            self._seals += 1
        recount.finish(await self._claims(operator), await self._rollups(operator))
        self._pending += len(pending)
        self._accounts += len(recount.net)
        self._faults += recount.faults
        if recount.head is not None:
            self._heads[operator] = recount.head.hex()

    async def _read_entries(self, operator: OperatorId, recount: Recount) -> None:
        legs = _Legs(aiter(self._connection.cursor(_POSTINGS, operator, prefetch=_PAGE)), recount)
        async for row in self._connection.cursor(_ENTRIES, operator, prefetch=_PAGE):
            stored = StoredEntry(*row)
            rows = await legs.of(stored.entry_id)
            postings = tuple(Posting(leg["account"], leg["currency"], leg["amount_minor"]) for leg in rows)
            recount.entry(stored, [leg["leg"] for leg in rows], postings)
            self._entries += 1
            self._postings += len(postings)
            if self._progress is not None and (self._entries % _PAGE == 0 or self._entries == self._total):
                self._progress(self._entries, self._total)
        await legs.end()

    async def _claims(self, operator: OperatorId) -> dict[Account, Claim]:
        rows = await self._connection.fetch(_BALANCES, operator)
        return {(row[0], row[1]): Claim(row[2], row[3]) for row in rows}

    async def _rollups(self, operator: OperatorId) -> dict[Account, int]:
        rows = await self._connection.fetch(_ROLLUPS, operator)
        return {(row[0], row[1]): int(row[2]) for row in rows}


class _Legs:
    """Postings in entry order, handed out entry by entry; those of no entry are reported."""

    def __init__(self, rows: AsyncIterator[asyncpg.Record], recount: Recount) -> None:
        self._rows = rows
        self._recount = recount
        self._ahead: asyncpg.Record | None = None

    async def of(self, entry_id: int) -> list[asyncpg.Record]:
        found: list[asyncpg.Record] = []
        while (row := await self._take()) is not None:
            if row["entry_id"] > entry_id:
                self._ahead = row
                break
            if row["entry_id"] == entry_id:
                found.append(row)
            else:
                self._recount.orphan(row["entry_id"])
        return found

    async def end(self) -> None:
        while (row := await self._take()) is not None:
            self._recount.orphan(row["entry_id"])

    async def _take(self) -> asyncpg.Record | None:
        if self._ahead is not None:
            row, self._ahead = self._ahead, None
            return row
        return await anext(self._rows, None)
