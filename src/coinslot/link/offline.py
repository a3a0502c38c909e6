"""Terms of offline codes on their way out: after a hello that does not name those in force, and after a change.

A terminal that has kept them says hello again and names them; one that does not is told again no sooner than a minute
later, by whatever comes then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from coinslot.link.outgoing import Outgoing
from coinslot.link.rounds import Rounds
from coinslot.settlement.changes import Send
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import Offline

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

DueTerms: TypeAlias = Callable[[TerminalId], Awaitable[Sequence[Offline]]]
"""What a terminal is to be told of its terms now; committed before."""


class OfflineTerms:
    """Who holds which terms is put right; nothing without `due`."""

    def __init__(self, pool: Pool, outgoing: Outgoing, due: DueTerms | None) -> None:
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
        await self._rounds.run()

    async def _one(self, terminal: TerminalId) -> None:
        if self._due is None:
            return
        for message in await self._due(terminal):
            await self._outgoing.send(Send(terminal, message))
