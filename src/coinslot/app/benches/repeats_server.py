"""What acts on notifications in a server, to be ended and begun again in the middle of its work."""

from __future__ import annotations

import asyncio
from typing import Final, Self

from coinslot.app.benches.repeats_providers import Providers
from coinslot.engines.connect import KEYED, Pool, open_pool
from coinslot.settlement.payments.worker import Cashier

DOORS: Final = 16
"""Notifications being taken at once."""
_CASHIERS: Final = 2


class Server:
    """What acts on notifications in a server process: a pool and cashiers, ended and begun again at will."""

    def __init__(self, url: str, providers: Providers) -> None:
        self._url = url
        self._providers = providers
        self.pool: Pool

    async def start(self) -> Self:
        """Connect, and work."""
        self.pool = await open_pool(self._url, min_size=2, max_size=DOORS + 4 * _CASHIERS, planning=KEYED)
        self._cashiers = [Cashier(self.pool, self._providers.merchants.find) for _ in range(_CASHIERS)]
        self._tasks = [asyncio.create_task(cashier.run()) for cashier in self._cashiers]
        return self

    def nudge(self) -> None:
        """Something was stored."""
        for cashier in self._cashiers:
            cashier.nudge()

    async def stop(self) -> None:
        """Whatever it does now is left as it is."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        for task in self._tasks:
            if not task.cancelled():
                task.result()
        await self.pool.close()
