"""Readings on their way to history: gathered, written in bulk, dropped rather than waited for.

They are not durable by design: what may move money is a record. A database that is slow for a minute
costs some points of a curve, never the memory of the server.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import asyncpg
import msgspec

from coinslot.engines.connect import UNANSWERED
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import Readings

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

log = logging.getLogger(__name__)

_KEEP = 20_000
_EVERY_S = 1.0
_AT_MOST = 2_000

_INSERT = """
    INSERT INTO reading (operator_id, terminal_id, outlet, at, ticks_ms, session_id, registers,
                         flow_ml_per_min, power_w, valve_open, sensors)
    SELECT t.operator_id, r.terminal_id, r.outlet, r.at, r.ticks_ms, r.session_id, r.registers,
           r.flow_ml_per_min, r.power_w, r.valve_open, r.sensors
    FROM unnest($1::text[], $2::smallint[], $3::timestamptz[], $4::bigint[], $5::text[], $6::text[],
                $7::bigint[], $8::bigint[], $9::boolean[], $10::text[])
         AS r(terminal_id, outlet, at, ticks_ms, session_id, registers, flow_ml_per_min, power_w, valve_open, sensors)
    JOIN terminal t ON t.terminal_id = r.terminal_id
"""


class _Kept(NamedTuple):
    terminal: TerminalId
    outlet: int
    at: datetime
    ticks_ms: int
    session: str | None
    registers: str
    flow_ml_per_min: int | None
    power_w: int | None
    valve_open: bool | None
    sensors: str


class Telemetry:
    """Keeps readings until the next write, at most `_KEEP` of them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._kept: deque[_Kept] = deque(maxlen=_KEEP)

    def take(self, terminal: TerminalId, reading: Readings) -> None:
        """Keep a reading; the oldest goes when there is no room."""
        self._kept.append(
            _Kept(
                terminal,
                reading.outlet,
                datetime.now(UTC),
                reading.ticks_ms,
                reading.session,
                msgspec.json.encode(reading.registers).decode(),
                reading.flow_ml_per_min,
                reading.power_w,
                reading.valve_open,
                msgspec.json.encode(reading.sensors).decode(),
            )
        )

    async def run(self) -> None:
        """Write every second until cancelled; what is left then is written by `flush`."""
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                await self.flush()
            except UNANSWERED as error:
                log.warning("readings not stored: %s", type(error).__name__)

    async def flush(self) -> None:
        """Write what is kept."""
        while self._kept:
            rows = [self._kept.popleft() for _ in range(min(len(self._kept), _AT_MOST))]
            await self._pool.execute(_INSERT, *[list(column) for column in zip(*rows, strict=True)])
