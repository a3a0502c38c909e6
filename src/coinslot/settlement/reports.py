"""What customers say about a bill: one review for a session, for a person who looks.

Their words are theirs: they go when the person is forgotten; that something was said, and what kind, stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from coinslot.sessions.model import Session
from coinslot.settlement.changes import ReviewReason
from coinslot.wire.ids import CustomerId, OperatorId

if TYPE_CHECKING:
    Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

# Pressed twice at once, both would find nothing; and whoever forgets the person holds the row, too.
_LOCK = "SELECT FROM customer WHERE operator_id = $1 AND customer_id = $2 FOR NO KEY UPDATE"
_LOCK_GUESTS = "SELECT FROM session WHERE operator_id = $1 AND session_id = $2 FOR NO KEY UPDATE"
_REPORT = """
    INSERT INTO review (operator_id, reason, session_id, terminal_id, detail)
    SELECT $1, $2, $3, $4, $5
    WHERE NOT EXISTS (SELECT FROM review WHERE operator_id = $1 AND session_id = $3 AND reason = $2)
      AND NOT EXISTS (SELECT FROM person_key WHERE operator_id = $1 AND customer_id = $6 AND destroyed_at IS NOT NULL)
    RETURNING true
"""
_FORGET = """
    UPDATE review r SET detail = split_part(r.detail, ':', 1)
    FROM session s WHERE s.operator_id = $1 AND s.customer_id = $2
      AND r.operator_id = s.operator_id AND r.session_id = s.session_id AND r.reason = $3
"""


async def report_bill(connection: Connection, session: Session, kind: str, words: str) -> bool:
    """Note for review that a session's customer, or guest, finds its bill wrong. False, and no change, when it was said before.

    `kind` is one word; `words` are the customer's own, or empty.
    """
    async with connection.transaction():
        if session.customer is None:
            await connection.execute(_LOCK_GUESTS, session.operator, session.id)
        else:
            await connection.execute(_LOCK, session.operator, session.customer)
        made = await connection.fetchval(
            _REPORT,
            session.operator,
            ReviewReason.REPORTED.value,
            session.id,
            session.terminal,
            f"{kind}: {words}" if words else kind,
            session.customer,
        )
    return made is True


async def forget_words(connection: Connection, operator: OperatorId, customer: CustomerId) -> None:
    """Delete what a customer wrote about bills. To be called within the caller's transaction."""
    await connection.execute(_FORGET, operator, customer, ReviewReason.REPORTED.value)
