"""Terminals that are to be told something soon, beside the inbox and never in it: five thousand that come back at once
are all welcomed before the first is looked up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from coinslot.engines.connect import UNANSWERED
from coinslot.settlement.ports import Conflict
from coinslot.wire.ids import TerminalId

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

log = logging.getLogger(__name__)

_AT_ONCE = 4
_AGAIN_S = 1.0
_ONLINE = "SELECT terminal_id FROM terminal_link WHERE operator_id = $1 AND online"
_FOR_NOW = (*UNANSWERED, Conflict)


class Rounds:
    """Who is due, each once however often that was asked for. `one` tells a terminal; `what` names it in the log."""

    def __init__(self, pool: Pool, what: str, one: Callable[[TerminalId], Awaitable[None]]) -> None:
        self._pool = pool
        self._what = what
        self._one = one
        self._due: dict[TerminalId, None] = {}
        self._changed: dict[str, None] = {}
        """Operators all of whose terminals are due."""
        self._wake = asyncio.Event()

    def tell(self, terminal: TerminalId) -> None:
        """Tell it soon."""
        self._due[terminal] = None
        self._wake.set()

    def tell_all_of(self, operator: str) -> None:
        """The same for every terminal of an operator that is connected."""
        self._changed[operator] = None
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._due or self._changed:
                await self._some()

    async def _some(self) -> None:
        for operator in list(self._changed):
            try:
                found = await self._pool.fetch(_ONLINE, operator)
            except UNANSWERED as error:
                await self._later(error)
                return
            self._changed.pop(operator, None)
            self._due.update(dict.fromkeys(TerminalId(row[0]) for row in found))
        chosen = list(islice(self._due, _AT_ONCE))
        for terminal in chosen:
            del self._due[terminal]
        told = await asyncio.gather(*map(self._one, chosen), return_exceptions=True)
        failed: BaseException | None = None
        for terminal, end in zip(chosen, told, strict=True):
            if isinstance(end, _FOR_NOW):
                failed = end
                self._due.setdefault(terminal, None)
            elif end is not None:
                log.error("the %s of terminal %s could not be made: %r", self._what, terminal, end)
        if failed is not None:
            await self._later(failed)

    async def _later(self, error: BaseException) -> None:
        log.warning("%s cannot be told now, trying again: %s", self._what, type(error).__name__)
        await asyncio.sleep(_AGAIN_S)
