"""What settlement needs of a store: transactions that lock terminals first. PostgreSQL and memory
both keep to it, and the same tests run against both.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from coinslot.ledger.entries import Entry
from coinslot.ledger.errors import LedgerError
from coinslot.settlement.changes import Batch, Purse, UseKey
from coinslot.settlement.points import Purpose
from coinslot.settlement.requests import StartBatch, StartRequest
from coinslot.wire.ids import Epoch, OperatorId, SessionId, TerminalId


class Conflict(Exception):
    """Another transaction got in the way and nothing was saved: the same call may be made again."""


class Unstorable(Exception):
    """The store will never take what was to be saved, and saved nothing: the same call fails again."""


UNDECIDABLE = (LedgerError, Unstorable, ValueError, LookupError, ArithmeticError)
"""What one member of a batch can do to all of it: planned against the rules, not to be stored, or kept in a
form that cannot be read any more (a tariff, a quote, a meter's state, a time zone). Each is then tried alone.
"""


class Unit(Protocol):
    """One transaction. Nothing it saved is seen before it ends, and all of it or none is."""

    async def open_batch(
        self,
        terminals: Sequence[TerminalId],
        sessions: Sequence[SessionId] = (),
        epochs: Sequence[tuple[TerminalId, Epoch]] = (),
    ) -> Batch:
        """Lock these terminals, in order, and load them with their live sessions and the named ones,
        and which of the named journals are retired.

        Sessions are looked for only at the terminals' own operators. Unknown ids are left out.
        """

    async def open_starts(self, requests: Sequence[StartRequest]) -> StartBatch:
        """Lock and load what authorizing these needs, in the order of the requests."""

    async def uses(self, keys: Sequence[UseKey]) -> dict[UseKey, int]:
        """How much of each counter is used; absent ones are 0."""

    async def arrears_room(self, wanted: Sequence[Purse], posted: Sequence[Entry] = ()) -> dict[Purse, int]:
        """How much more each customer may owe, in minor units; their arrears are locked, and with them, in the
        ledger's order, whatever `posted` will lock."""

    async def save(self, batch: Batch) -> None:
        """Write what the batch changed."""


class Books(Protocol):
    """Where settlement's state lives."""

    def transaction(self, purpose: Purpose) -> AbstractAsyncContextManager[Unit]:
        """Commits when its block ends, rolls back on any error. Conflict when it should be run again,
        Unstorable when that would be of no use."""

    async def due(self, at_most: int) -> list[TerminalId]:
        """Terminals with a session whose time to look has come, longest due first."""

    async def terminal_of(self, operator: OperatorId, session: SessionId) -> TerminalId | None:
        """The terminal a session runs on."""

    async def now(self) -> datetime:
        """The store's clock, the one that all server processes share."""
