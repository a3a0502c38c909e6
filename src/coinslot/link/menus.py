"""Menus on their way out: after a terminal's hello, a refused wish, a change by its operator.

They are told beside the inbox, never in it, so that five thousand terminals that come back at once are all
welcomed before the first menu is looked up.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from coinslot.engines.connect import UNANSWERED
from coinslot.link.outgoing import Outgoing
from coinslot.link.selling import Orders
from coinslot.settlement.changes import Send
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import Menu

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

log = logging.getLogger(__name__)

_AT_ONCE = 4
_AGAIN_S = 1.0
_LINK = "SELECT link FROM terminal_link WHERE terminal_id = $1"
_ONLINE = "SELECT terminal_id FROM terminal_link WHERE operator_id = $1 AND online"


class Menus:
    """Who is to be told, each once however often that was asked for."""

    def __init__(self, pool: Pool, outgoing: Outgoing, orders: Orders | None) -> None:
        self._pool = pool
        self._outgoing = outgoing
        self._orders = orders
        self._due: dict[TerminalId, None] = {}
        self._changed: dict[str, None] = {}
        """Operators who changed what they sell."""
        self._wake = asyncio.Event()

    def tell(self, terminal: TerminalId) -> None:
        """Send its menus soon."""
        if self._orders is not None:
            self._due[terminal] = None
            self._wake.set()

    def tell_all_of(self, operator: str) -> None:
        """The same for every terminal of an operator that is connected."""
        if self._orders is not None:
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
            if isinstance(end, UNANSWERED):
                failed = end
                self._due.setdefault(terminal, None)
            elif end is not None:
                log.error("the menus of terminal %s could not be made: %r", terminal, end)
        if failed is not None:
            await self._later(failed)

    async def _later(self, error: BaseException) -> None:
        log.warning("menus cannot be told now, trying again: %s", type(error).__name__)
        await asyncio.sleep(_AGAIN_S)

    async def _one(self, terminal: TerminalId) -> None:
        if self._orders is None:
            return
        offers = await self._orders.menus(terminal)
        link = await self._pool.fetchval(_LINK, terminal)
        if not link:
            return
        for offer in offers:
            menu = Menu(
                link=link,
                outlet=offer.outlet,
                currency=offer.currency,
                packages=list(offer.packages),
                providers=list(offer.providers),
            )
            await self._outgoing.send(Send(terminal, menu))
