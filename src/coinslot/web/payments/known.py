"""The merchants of this installation, kept in memory: notifications name one, and anybody may send those."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Final

from coinslot.payments.model import Merchant
from coinslot.settlement.payments.merchants import every_merchant
from coinslot.settlement.payments.unit import Pool

FRESH_S: Final = 1.0
"""The database is asked about unknown merchants at most so often, however many are named."""


class KnownMerchants:
    """What a merchant is never changes and none is ever removed, so one that was found is known for good."""

    def __init__(self, pool: Pool, clock: Callable[[], float] = monotonic) -> None:
        self._pool = pool
        self._clock = clock
        self._known: Mapping[str, Merchant] = {}
        self._asked_s: float | None = None
        self._asking: asyncio.Task[None] | None = None

    async def find(self, provider: str, merchant_id: str) -> Merchant | None:
        """The merchant of this id, if it is with this provider. What a database raises that does not answer."""
        if merchant_id not in self._known and self._is_stale():
            await self._ask()
        found = self._known.get(merchant_id)
        return found if found is not None and found.provider == provider else None

    def _is_stale(self) -> bool:
        return self._asking is not None or self._asked_s is None or self._clock() - self._asked_s >= FRESH_S

    async def _ask(self) -> None:
        """Whoever comes while the question is out waits for the same answer, and gives up alone."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._load())
            self._asking.add_done_callback(self._asked)
        await asyncio.shield(self._asking)

    async def _load(self) -> None:
        asked_s = self._clock()
        self._known = {each.merchant_id: each for each in await every_merchant(self._pool)}
        self._asked_s = asked_s

    def _asked(self, task: asyncio.Task[None]) -> None:
        self._asking = None
        if not task.cancelled():
            task.exception()  # told to those who waited; nobody may be left
