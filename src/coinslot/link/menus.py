"""Menus on their way out: after a terminal's hello, a refused wish, a change by its operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from coinslot.link.outgoing import Outgoing
from coinslot.link.rounds import Rounds
from coinslot.link.selling import Orders
from coinslot.settlement.changes import Send
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import Menu

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

_LINK = "SELECT link FROM terminal_link WHERE terminal_id = $1"


class Menus:
    """What is sold is told; nothing where nobody sells."""

    def __init__(self, pool: Pool, outgoing: Outgoing, orders: Orders | None) -> None:
        self._pool = pool
        self._outgoing = outgoing
        self._orders = orders
        self._rounds = Rounds(pool, "menus", self._one)

    def tell(self, terminal: TerminalId) -> None:
        """Send its menus soon."""
        if self._orders is not None:
            self._rounds.tell(terminal)

    def tell_all_of(self, operator: str) -> None:
        """The same for every terminal of an operator that is connected."""
        if self._orders is not None:
            self._rounds.tell_all_of(operator)

    async def run(self) -> None:
        """Until cancelled."""
        await self._rounds.run()

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
