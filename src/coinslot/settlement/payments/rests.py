"""What a paid use has left, asked back once: the ended session is its own outbox.

Locks, in this order: the intent, the terminal (as for every change of a session), then the attempt and its refund.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from coinslot.payments.model import Refund, Why
from coinslot.rows import many
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.payments.beginning import NOT_LONG
from coinslot.settlement.payments.refunds import RefundRequest, add_refund
from coinslot.settlement.payments.reviews import PaymentReview, open_review
from coinslot.settlement.payments.rows import find_attempt, lock_intent
from coinslot.settlement.payments.unit import Connection, Pool, transaction
from coinslot.settlement.points import Purpose
from coinslot.settlement.rows import SESSION_COLUMNS, session_of
from coinslot.wire.ids import OperatorId, SessionId, TerminalId

_DUE: Final = """
    SELECT operator_id, session_id, terminal_id, intent_id FROM session
    WHERE intent_id IS NOT NULL AND settled_at IS NOT NULL AND rest_at IS NULL AND session_id <> ALL ($2::text[])
    ORDER BY settled_at LIMIT $1
"""
_LOCK: Final = "SELECT FROM terminal_link WHERE operator_id = $1 AND terminal_id = $2 FOR NO KEY UPDATE"
# Read after the lock: what was read while it was awaited may be older.
_SESSION: Final = f"""
    SELECT {SESSION_COLUMNS} FROM session s
    WHERE s.operator_id = $1 AND s.session_id = $2 AND s.settled_at IS NOT NULL AND s.rest_at IS NULL
"""
_NOTE: Final = "UPDATE session SET rest_at = now() WHERE operator_id = $1 AND session_id = $2"

_IN_REVIEW: Final = """
    SELECT EXISTS (SELECT FROM review WHERE operator_id = $1 AND reason = $2 AND closed_at IS NULL
        AND detail ^@ ('session ' || $3::text))
"""


class DueRest(Struct, frozen=True, kw_only=True):
    """A guest's session that has ended, and of which nobody has asked back what is left."""

    operator_id: OperatorId
    session_id: SessionId
    terminal_id: TerminalId
    intent_id: str


class Rest(Struct, frozen=True, kw_only=True):
    """The session, and what was asked back; None where all was used."""

    session: Session
    refund: Refund | None


async def due_rests(pool: Pool, limit: int, without: list[SessionId]) -> list[DueRest]:
    """The longest due first, leaving some out."""
    return many(await pool.fetch(_DUE, limit, without), DueRest)


async def return_rest(pool: Pool, due: DueRest) -> Rest | None:
    """Ask back what is left, once; None when somebody else has. Conflict when it should be tried again."""
    async with transaction(pool, Purpose.REST) as connection:
        await connection.execute(NOT_LONG)
        locked = await lock_intent(connection, due.operator_id, due.intent_id)
        assert locked is not None
        await connection.fetch(_LOCK, due.operator_id, due.terminal_id)
        row = await connection.fetchrow(_SESSION, due.operator_id, due.session_id)
        if row is None:
            return None
        session = session_of(row)
        refund = await _ask_back(connection, session, locked.intent.paid_by)
        await connection.execute(_NOTE, due.operator_id, due.session_id)
    return Rest(session=session, refund=refund)


async def set_rest_aside(pool: Pool, due: DueRest, why: str) -> None:
    """It cannot be asked back: a person looks, once, whatever process meets it again."""
    async with transaction(pool, Purpose.REST) as connection:
        await lock_intent(connection, due.operator_id, due.intent_id)
        if await connection.fetchval(
            _IN_REVIEW, due.operator_id, PaymentReview.REST_STUCK.value, due.session_id
        ):
            return
        detail = f"session {due.session_id} of payment {due.intent_id}: {why}"
        await open_review(connection, due.operator_id, PaymentReview.REST_STUCK, detail)


async def _ask_back(connection: Connection, session: Session, paid_by: str | None) -> Refund | None:
    rest_minor = session.released_minor
    assert paid_by is not None
    if not rest_minor:
        return None
    attempt = await find_attempt(connection, session.operator, paid_by)
    assert attempt is not None
    wanted = RefundRequest(
        key=f"session:{session.id}:rest",
        amount_minor=rest_minor,
        why=Why.UNUSED if session.state is State.SETTLED else Why.START_FAILED,
    )
    return await add_refund(connection, attempt, wanted)
