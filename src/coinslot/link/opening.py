"""What opens and shuts by its hours, while nobody changes anything: whoever shows what is sold there is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg

from coinslot.engines.connect import UNANSWERED
from coinslot.fleet.hours import shut_until
from coinslot.fleet.hours_store import Timed, all_timed

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

log = logging.getLogger(__name__)

_EVERY_S: Final = 20.0
"""How late a display may show what can be bought; nothing is sold by it, so nobody loses anything."""


class Opening:
    """Looks at all hours every now and then; `tell` gets the id of each operator where something has changed."""

    def __init__(self, pool: Pool, tell: Callable[[str], None]) -> None:
        self._pool = pool
        self._tell = tell
        self._shut: dict[tuple[str, str], bool] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with self._pool.acquire() as connection:
                    timed = await all_timed(connection)
                    now: datetime = await connection.fetchval("SELECT clock_timestamp()")
                self.look(timed, now)
            except UNANSWERED as error:
                log.warning("not known what is open, asking again: %s", type(error).__name__)
            await asyncio.sleep(_EVERY_S)

    def look(self, timed: Sequence[Timed], now: datetime) -> None:
        """Tell what has opened or shut since the last look, and all at the first, which may have missed a change."""
        shut = {(one.operator_id, one.target): _is_shut(one, now) for one in timed}
        changed = {key[0] for key, is_shut in shut.items() if self._shut.get(key) is not is_shut}
        self._shut = {(str(operator), target): is_shut for (operator, target), is_shut in shut.items()}
        for operator in sorted(changed):
            self._tell(operator)


def _is_shut(one: Timed, now: datetime) -> bool:
    return shut_until(one.own, one.site, one.timezone, now) is not None
