"""The sweep: sessions whose time has come, seals, next month's partition. Any number may run at once."""

from __future__ import annotations

import asyncio
import logging
import math
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from coinslot.engines.connect import UNANSWERED
from coinslot.ledger.errors import LedgerError
from coinslot.ledger.seals import seal
from coinslot.link.outgoing import Outgoing
from coinslot.settlement.points import Purpose, point
from coinslot.settlement.ports import Books, Conflict
from coinslot.settlement.timers import sweep
from coinslot.wire.ids import OperatorId

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

log = logging.getLogger(__name__)

_EVERY_S = 0.5  # a start is sent again after 3 s, so half a second more is not felt
_SWEEPS_AT_ONCE = 20  # then the seals have their turn, however much is due
_SEAL_EVERY_S = 5.0
_SEAL_AT_MOST = 1_000
_DAILY_S = 86_400.0
_PARTITIONS = """
    SELECT make_reading_partition(now()::date), make_reading_partition((now() + interval '1 month')::date)
"""


class Sweeper:
    """Runs until cancelled; errors are logged and the next round tries again."""

    def __init__(self, pool: Pool, books: Books, outgoing: Outgoing) -> None:
        self._pool = pool
        self._books = books
        self._outgoing = outgoing
        # Not the wall clock: one that is set back would put both off for as long.
        self._sealed_at = self._partitioned_at = -math.inf

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            try:
                await self.once()
            except Conflict as error:
                log.info("the sweep met another: %s", error)
            except LedgerError as error:
                log.error("the ledger refused what the sweep planned: %s", error)
            except UNANSWERED as error:
                log.warning("the sweep could not reach the database: %s", error)
            await asyncio.sleep(_EVERY_S)

    async def once(self) -> None:
        """Everything that is due now."""
        for _ in range(_SWEEPS_AT_ONCE):
            batch = await sweep(self._books)
            if batch is None:
                break
            await self._outgoing.send_all([batch])
        now_s = monotonic()
        if now_s - self._sealed_at >= _SEAL_EVERY_S:
            self._sealed_at = now_s
            await self.seal_all()
        if now_s - self._partitioned_at >= _DAILY_S:
            self._partitioned_at = now_s
            await self._pool.execute(_PARTITIONS)

    async def seal_all(self) -> None:
        """Seal what is pending now, operator by operator."""
        pending = await self._pool.fetch(
            "SELECT operator_id, count(*) FROM ledger_pending GROUP BY operator_id"
        )
        for operator, entries in pending:
            for _ in range(0, entries, _SEAL_AT_MOST):
                async with self._pool.acquire() as connection, connection.transaction():
                    await seal(connection, OperatorId(operator), at_most=_SEAL_AT_MOST)
                    point(f"commit.{Purpose.SEAL.value}.before")
                point(f"commit.{Purpose.SEAL.value}.after")
