"""Terms of offline codes on their way out: after a hello that does not name those in force, and after a change.

A terminal that has kept them says hello again and names them; one that does not is told again every ten minutes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from coinslot.engines.connect import UNANSWERED
from coinslot.link.outgoing import Outgoing
from coinslot.link.rounds import Rounds
from coinslot.settlement.changes import Send
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import Offline

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

DueTerms: TypeAlias = Callable[[TerminalId], Awaitable[Sequence[Offline]]]
"""What a terminal is to be told of its terms now; committed before."""


log = logging.getLogger(__name__)

_REMIND_S = 600.0  # a SIM card pays for each byte that a terminal does not want
_UNTOLD = """
    SELECT DISTINCT o.terminal_id FROM offline_terms o JOIN terminal_link l ON l.terminal_id = o.terminal_id
    WHERE l.online AND (o.over_at IS NULL) <> o.held LIMIT 1000
"""


class OfflineTerms:
    """Who holds which terms is put right; nothing without `due`."""

    def __init__(self, pool: Pool, outgoing: Outgoing, due: DueTerms | None) -> None:
        self._pool = pool
        self._outgoing = outgoing
        self._due = due
        self._rounds = Rounds(pool, "terms of offline codes", self._one)

    def tell(self, terminal: TerminalId) -> None:
        """Send what it is to know, soon."""
        if self._due is not None:
            self._rounds.tell(terminal)

    def tell_all_of(self, operator: str) -> None:
        """The same for every terminal of an operator that is connected."""
        if self._due is not None:
            self._rounds.tell_all_of(operator)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._rounds.run())
            tasks.create_task(self._remind())

    async def _remind(self) -> None:
        """What was noted as told and never arrived, or was never sent since a process ended, is told again."""
        while self._due is not None:
            await asyncio.sleep(_REMIND_S)
            try:
                found = await self._pool.fetch(_UNTOLD)
            except UNANSWERED as error:
                log.warning("not known who lacks terms of offline codes: %s", type(error).__name__)
                continue
            for row in found:
                self._rounds.tell(TerminalId(row[0]))

    async def _one(self, terminal: TerminalId) -> None:
        if self._due is None:
            return
        for message in await self._due(terminal):
            await self._outgoing.send(Send(terminal, message))
