"""Settlement's books in memory: the same port and the same rules as the database's, for simulators.

One transaction at a time, all or nothing. As with a constraint that is checked at the commit, a refusal
of the ledger comes when the transaction's block ends. Time and ids come from the caller, so that a run
can be repeated exactly; a `Witness` sees each commit and may crash it on either side.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Protocol

from msgspec.structs import replace

from coinslot.ledger import accounts
from coinslot.ledger.entries import Entry
from coinslot.ledger.errors import LedgerError
from coinslot.ledger.memory import DEFAULT_ARREARS_CAP_MINOR, MemoryLedger
from coinslot.sessions.model import Session
from coinslot.settlement.changes import Batch, Purse, Retired, Review, Terminal, UseKey
from coinslot.settlement.memory_fleet import MemoryFleet
from coinslot.settlement.memory_rules import check_new, check_update
from coinslot.settlement.points import Purpose
from coinslot.settlement.ports import Conflict, Unstorable
from coinslot.settlement.requests import StartBatch, StartRequest, StartView, Wallet
from coinslot.wire.ids import Epoch, OperatorId, SessionId, TerminalId, new_id


class Witness(Protocol):
    """Sees commits. What it raises is a crash at that point, or a `Conflict`."""

    def before_commit(self, batch: Batch) -> None:
        """Nothing is saved yet."""

    def after_commit(self, batch: Batch) -> None:
        """All of it is saved, and the caller does not know it yet."""

    def refused(self, error: Exception) -> None:
        """A rule of the books or of the ledger stood in the way: nothing is saved."""


class MemoryUnit:
    """One transaction in memory; see `ports.Unit`."""

    def __init__(self, books: MemoryBooks) -> None:
        self._books = books
        self.saved: Batch | None = None
        self.first_seen: dict[TerminalId, Terminal] = {}

    async def open_batch(
        self,
        terminals: Sequence[TerminalId],
        sessions: Sequence[SessionId] = (),
        epochs: Sequence[tuple[TerminalId, Epoch]] = (),
    ) -> Batch:
        """See `ports.Unit`."""
        books = self._books
        batch = Batch(now=books.clock(), make_id=books.make_id)
        for terminal in sorted(set(terminals)):
            row = books.terminals.get(terminal) or self._first_sight(terminal)
            if row is not None:
                batch.terminals[terminal] = row
        operators = {row.operator for row in batch.terminals.values()}
        for key in sorted(books.live):
            session = books.sessions[key]
            if session.terminal in batch.terminals:
                batch.know(session)
        for operator in sorted(operators):
            for name in sessions:
                found = books.sessions.get((operator, name))
                if found is not None and name not in batch.sessions:
                    batch.know(found)
        batch.retired_epochs = {pair for pair in epochs if pair in books.retired}
        return batch

    def _first_sight(self, terminal: TerminalId) -> Terminal | None:
        owner = self._books.fleet.owners.get(terminal)
        if owner is None:
            return None
        row = self.first_seen[terminal] = Terminal(operator=owner, id=terminal)
        return row

    async def open_starts(self, requests: Sequence[StartRequest]) -> StartBatch:
        """See `ports.Unit`."""
        batch = await self.open_batch([request.terminal for request in requests])
        views: list[StartView] = []
        wallets: dict[Purse, Wallet] = {}
        for request in requests:
            view, purse = self._books.fleet.view(request)
            earlier = self._books.by_request.get((request.operator, request.key))
            if earlier is not None:
                view = replace(view, earlier=self._books.sessions[request.operator, earlier])
            views.append(view)
            if purse is not None and purse not in wallets:
                wallets[purse] = self._books.wallet(purse)
        return StartBatch(batch, views, wallets)

    async def uses(self, keys: Sequence[UseKey]) -> dict[UseKey, int]:
        """See `ports.Unit`."""
        return {key: self._books.used[key] for key in keys if key in self._books.used}

    async def arrears_room(self, wanted: Sequence[Purse], posted: Sequence[Entry] = ()) -> dict[Purse, int]:
        """See `ports.Unit`."""
        cap = self._books.arrears_cap_minor
        return {purse: max(0, cap - self._books.wallet(purse).arrears_minor) for purse in wanted}

    async def save(self, batch: Batch) -> None:
        """See `ports.Unit`. Once in a transaction. RuleBroken or Conflict when a rule is broken."""
        assert self.saved is None, "a transaction saves one batch"
        books = self._books
        new = [batch.sessions[session.id] for session in batch.new_sessions]
        requests: set[tuple[OperatorId, str]] = set()
        for session in new:
            check_new(session)
            request = (session.operator, session.request_key)
            taken = request in books.by_request or request in requests
            if taken or (session.operator, session.id) in books.sessions:
                raise Conflict(f"session {session.id} or its request exists already")
            requests.add(request)
        made = {session.id for session in new}
        changed = [batch.sessions[key] for key in sorted(batch.changed_sessions - made)]
        for session in changed:
            stored = books.sessions.get((session.operator, session.id))
            if stored is not None:
                check_update(stored, session)
        self._check_outlets([*new, *changed])
        self.saved = batch

    def _check_outlets(self, rows: Sequence[Session]) -> None:
        """One live session per outlet, after all of the batch; those with an offline code stand beside it."""
        if not any(row.live for row in rows):
            return
        live = {key: self._books.sessions[key] for key in self._books.live}
        live.update({(row.operator, row.id): row for row in rows})
        seen: set[tuple[OperatorId, TerminalId, int]] = set()
        for row in live.values():
            outlet = (row.operator, row.terminal, row.outlet)
            if row.token is not None:
                continue
            if row.live and outlet in seen:
                raise Conflict(f"outlet {row.outlet} of {row.terminal} has a live session")
            if row.live:
                seen.add(outlet)


class MemoryBooks:
    """Settlement's books in memory; see `ports.Books`. Read its tables, change them only through it."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        fleet: MemoryFleet | None = None,
        ledger: MemoryLedger | None = None,
        make_id: Callable[[str], str] = new_id,
        witness: Witness | None = None,
        arrears_cap_minor: int = DEFAULT_ARREARS_CAP_MINOR,
    ) -> None:
        self.clock = clock
        self.fleet = fleet or MemoryFleet()
        self.ledger = ledger or MemoryLedger(arrears_cap_minor)
        self.make_id = make_id
        self.witness = witness
        self.arrears_cap_minor = arrears_cap_minor
        self.terminals: dict[TerminalId, Terminal] = {}
        self.sessions: dict[tuple[OperatorId, SessionId], Session] = {}
        self.live: set[tuple[OperatorId, SessionId]] = set()
        self.by_request: dict[tuple[OperatorId, str], SessionId] = {}
        self.retired: dict[tuple[TerminalId, Epoch], Retired] = {}
        self.reviews: list[Review] = []
        self.used: dict[UseKey, int] = {}
        self._waking: dict[tuple[OperatorId, SessionId], datetime] = {}
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self, purpose: Purpose) -> AsyncIterator[MemoryUnit]:
        """See `ports.Books`."""
        async with self._lock:
            unit = MemoryUnit(self)
            try:
                yield unit
                if unit.saved is not None and self.witness is not None:
                    self.witness.before_commit(unit.saved)
                self._commit(unit)
            except (Unstorable, LedgerError) as error:
                if self.witness is not None:
                    self.witness.refused(error)
                raise
            if unit.saved is not None and self.witness is not None:
                self.witness.after_commit(unit.saved)

    async def due(self, at_most: int) -> list[TerminalId]:
        """See `ports.Books`."""
        now = self.clock()
        due = [(at, self.sessions[key].terminal) for key, at in self._waking.items() if at <= now]
        return list(dict.fromkeys(terminal for _, terminal in sorted(due)))[:at_most]

    async def terminal_of(self, operator: OperatorId, session: SessionId) -> TerminalId | None:
        """See `ports.Books`."""
        found = self.sessions.get((operator, session))
        return None if found is None else found.terminal

    async def now(self) -> datetime:
        """See `ports.Books`."""
        return self.clock()

    def wallet(self, purse: Purse) -> Wallet:
        """A customer's balances."""
        paths = (
            accounts.customer_principal(purse.customer),
            accounts.customer_bonus(purse.customer),
            accounts.customer_arrears(purse.customer),
        )
        return Wallet(*(self.ledger.balance(purse.operator, path, purse.currency) for path in paths))

    def _commit(self, unit: MemoryUnit) -> None:
        batch = unit.saved
        if batch is not None and batch.entries:
            self.ledger.post(batch.entries, self.clock())  # the only step that can still refuse
        self.terminals.update(unit.first_seen)
        if batch is None:
            return
        for session in batch.new_sessions:
            self.by_request[session.operator, session.request_key] = session.id
            self._put(batch.sessions[session.id])
        for name in batch.changed_sessions:
            self._put(batch.sessions[name])
        for terminal in batch.changed_terminals:
            self.terminals[terminal] = batch.terminals[terminal]
        for retired in batch.retired:
            self.retired.setdefault((retired.terminal, retired.epoch), retired)
        self.reviews += batch.reviews
        for key, amount in batch.uses.items():
            self.used[key] = max(0, self.used.get(key, 0) + amount)
        for alarm in batch.alarms:
            self.fleet.note(alarm)

    def _put(self, session: Session) -> None:
        key = (session.operator, session.id)
        self.sessions[key] = session
        (self.live.add if session.live else self.live.discard)(key)
        if session.wake_at is None:
            self._waking.pop(key, None)
        else:
            self._waking[key] = session.wake_at
