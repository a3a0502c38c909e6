"""Somebody is stuck while holding one appliance's row: its guests wait, and nobody else's."""

from __future__ import annotations

import asyncio

from coinslot.wire.records import StopReason
from tests.support.inn import Inn

_HOLD = "SELECT FROM terminal_link WHERE terminal_id = $1 FOR NO KEY UPDATE"


async def test_one_held_appliance_keeps_no_other_from_starting_or_giving_back(inn: Inn) -> None:
    held, other, used, late = [await inn.appliance() for _ in range(4)]
    ends = [await inn.running(terminal) for terminal in (late, used)]
    for terminal, session in zip((late, used), ends, strict=True):
        await terminal.records(inn.stopped(terminal, session, reason=StopReason.FAULT, s=60, wh=10))
    first, second = await inn.paid(held), await inn.paid(other)
    async with inn.pool.acquire() as connection, connection.transaction():
        for terminal in (held, late):
            await connection.fetch(_HOLD, terminal.id)
        async with asyncio.timeout(10):
            await inn.starts.once()
        assert await inn.session_of(first) is None
        assert await inn.session_of(second) is not None
        assert len(await inn.refunds()) == 1
    await inn.starts.once()
    assert await inn.session_of(first) is not None
    assert len(await inn.refunds()) == 2
