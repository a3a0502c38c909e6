"""Updates on their way: announced after a hello and when they are offered, and what terminals say of them.

The link worker does not read what a terminal says in its inbox: the latest word of each kind waits its turn, and where
the database is away it is said again on the next link.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from coinslot.engines.connect import UNANSWERED
from coinslot.fleet import updates
from coinslot.link.outgoing import Outgoing
from coinslot.link.rounds import Rounds
from coinslot.settlement.changes import Send
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import Update, Updated, UpdateKind

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

log = logging.getLogger(__name__)

_MOST_WAITING = 20_000


class Updates:
    """Who is to be told of which release. `base` is how terminals reach this installation's own artifacts; while it is
    empty, none of those is announced."""

    def __init__(self, pool: Pool, outgoing: Outgoing, base: Callable[[], str]) -> None:
        self._pool = pool
        self._outgoing = outgoing
        self._base = base
        self._rounds = Rounds(pool, "updates", self._one)
        self._said: dict[tuple[TerminalId, UpdateKind], Updated] = {}
        self._wake = asyncio.Event()

    def tell(self, terminal: TerminalId) -> None:
        """Announce what is due there, soon."""
        self._rounds.tell(terminal)

    def tell_all_of(self, operator: str) -> None:
        """The same for every terminal of an operator that is connected."""
        self._rounds.tell_all_of(operator)

    def take(self, terminal: TerminalId, said: Updated) -> None:
        """A terminal says how it stands."""
        if len(self._said) < _MOST_WAITING:
            self._said[terminal, said.kind] = said
            self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._rounds.run())
            tasks.create_task(self._store())

    async def _store(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._said:
                key = next(iter(self._said))
                word = self._said.pop(key)
                try:
                    async with self._pool.acquire() as connection:
                        await updates.said(connection, key[0], word)
                except UNANSWERED as error:
                    log.warning(
                        "terminal %s: its word of an update was not stored: %s", key[0], type(error).__name__
                    )

    async def _one(self, terminal: TerminalId) -> None:
        async with self._pool.acquire() as connection:
            for due in await updates.due_updates(connection, terminal):
                url = due.url or f"{self._base()}/updates/{due.sha256}"
                if not due.url and not self._base():
                    log.warning("no update is announced: terminals need to know public_url to load it")
                    return
                message = Update(
                    link=due.link,
                    version=due.version,
                    url=url,
                    sha256=due.sha256,
                    kind=UpdateKind(due.kind),
                    serial=due.serial,
                    size=due.size,
                    signature=due.signature,
                )
                await self._outgoing.send(Send(terminal, message))
                await updates.told(connection, terminal, due)
