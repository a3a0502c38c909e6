"""The sweep: sessions whose time has come, seals, next month's partition. Any number may run at once."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
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
_SEAL_EVERY = timedelta(seconds=5)
_SEAL_AT_MOST = 1_000
_DAILY = timedelta(days=1)


class Sweeper:
    """Runs until cancelled; errors are logged and the next round tries again."""

    def __init__(self, pool: Pool, books: Books, outgoing: Outgoing) -> None:
        self._pool = pool
        self._books = books
        self._outgoing = outgoing
        self._sealed_at = datetime.min.replace(tzinfo=UTC)
        self._partitioned_at = datetime.min.replace(tzinfo=UTC)

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
        while (batch := await sweep(self._books)) is not None:
            await self._outgoing.send_all([batch])
        now = datetime.now(UTC)
        if now - self._sealed_at >= _SEAL_EVERY:
            self._sealed_at = now
            await self.seal_all()
        if now - self._partitioned_at >= _DAILY:
            self._partitioned_at = now
            await self._make_partitions(now)

    async def seal_all(self) -> None:
        """Seal what is pending, operator by operator."""
        operators = await self._pool.fetch("SELECT DISTINCT operator_id FROM ledger_pending")
        for row in operators:
            async with self._pool.acquire() as connection, connection.transaction():
                await seal(connection, OperatorId(row[0]), at_most=_SEAL_AT_MOST)
                point(f"commit.{Purpose.SEAL.value}.before")
            point(f"commit.{Purpose.SEAL.value}.after")

    async def _make_partitions(self, now: datetime) -> None:
        async with self._pool.acquire() as connection:
            for ahead in (now, now + timedelta(days=31)):
                await connection.execute("SELECT make_reading_partition($1)", ahead.date())
