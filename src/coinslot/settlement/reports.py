"""What customers say about a bill: one review for a session, for a person who looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from coinslot.sessions.model import Session
from coinslot.settlement.changes import ReviewReason

if TYPE_CHECKING:
    Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('report ' || $1 || ' ' || $2, 0))"
_REPORT = """
    INSERT INTO review (operator_id, reason, session_id, terminal_id, detail)
    SELECT $1, $2, $3, $4, $5
    WHERE NOT EXISTS (SELECT FROM review WHERE operator_id = $1 AND session_id = $3 AND reason = $2)
    RETURNING true
"""


async def report_bill(connection: Connection, session: Session, detail: str) -> bool:
    """Note for review that a session's customer finds its bill wrong. False, and no change, when it was said before."""
    async with connection.transaction():
        # Pressed twice at once, both would find nothing.
        await connection.execute(_LOCK, session.operator, session.id)
        made = await connection.fetchval(
            _REPORT, session.operator, ReviewReason.REPORTED.value, session.id, session.terminal, detail
        )
    return made is True
