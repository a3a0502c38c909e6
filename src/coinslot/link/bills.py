"""Bills on their way to displays, beside the inbox: a display waits a moment, records never."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from coinslot.engines.connect import UNANSWERED
from coinslot.link.outgoing import Outgoing
from coinslot.sessions.model import Session
from coinslot.settlement.changes import Batch
from coinslot.settlement.end_bills import billed, bills_of

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

log = logging.getLogger(__name__)

AT_ONCE = 64
MOST = 4_096
"""Waiting: beyond them the oldest are left out, whose people have gone."""


class Bills:
    """Tells what was settled a moment ago."""

    def __init__(self, pool: Pool, outgoing: Outgoing) -> None:
        self._pool = pool
        self._outgoing = outgoing
        self._due: deque[Session] = deque(maxlen=MOST)
        self._wake = asyncio.Event()

    def take(self, batches: Iterable[Batch]) -> None:
        """Tell of these committed batches soon."""
        if sessions := billed(batches):
            self._due.extend(sessions)
            self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._due:
                await self._some()

    async def _some(self) -> None:
        sessions = [self._due.popleft() for _ in range(min(AT_ONCE, len(self._due)))]
        try:
            sends = await bills_of(self._pool, sessions)
        except UNANSWERED as error:
            # The display shows what it worked out itself; a bill that comes later is nobody's any more.
            log.warning("%d bills were not shown: %s", len(sessions), type(error).__name__)
            return
        for send in sends:
            await self._outgoing.send(send)
