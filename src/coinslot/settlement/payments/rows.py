"""Rows of merchants, intents, attempts and refunds: found, locked, saved."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

import asyncpg

from coinslot.payments.model import Attempt, Intent, Merchant, Refund, Withdrawal
from coinslot.rows import many, one
from coinslot.settlement.payments.unit import Connection
from coinslot.wire.ids import OperatorId

Access: TypeAlias = "Connection | asyncpg.Pool[asyncpg.Record]"


def _columns(kind: type, row: str) -> str:
    return ", ".join(f"{row}.{name}" for name in kind.__annotations__)


MERCHANT_COLUMNS: Final = _columns(Merchant, "m")
INTENT_COLUMNS: Final = _columns(Intent, "i")
ATTEMPT_COLUMNS: Final = _columns(Attempt, "a")
REFUND_COLUMNS: Final = _columns(Refund, "r")
WITHDRAWAL_COLUMNS: Final = _columns(Withdrawal, "w")

_MERCHANT = f"SELECT {MERCHANT_COLUMNS} FROM merchant m WHERE m.operator_id = $1 AND m.merchant_id = $2"
_INTENT = f"SELECT {INTENT_COLUMNS} FROM payment_intent i WHERE i.operator_id = $1 AND i.intent_id = $2"
_LOCK_INTENT = f"""
    SELECT {INTENT_COLUMNS}, clock_timestamp() AS now FROM payment_intent i
    WHERE i.operator_id = $1 AND i.intent_id = $2 FOR NO KEY UPDATE
"""
_ATTEMPT = f"SELECT {ATTEMPT_COLUMNS} FROM payment_attempt a WHERE a.operator_id = $1 AND a.number = $2"
_ATTEMPTS = f"""
    SELECT {ATTEMPT_COLUMNS} FROM payment_attempt a WHERE a.operator_id = $1 AND a.intent_id = $2 ORDER BY a.number
"""
_REFUND = f"SELECT {REFUND_COLUMNS} FROM refund r WHERE r.operator_id = $1 AND r.number = $2"
# Tries and times belong to whoever calls the provider: what was read here may be older.
_SAVE_ATTEMPT = """
    UPDATE payment_attempt SET state = $3, mark = $4, created = $5, error = $6, provider_id = $7, paid_at = $8,
        next_poll_at = $9
    WHERE operator_id = $1 AND number = $2
"""
_SAVE_INTENT = """
    UPDATE payment_intent SET state = $3, paid_by = $4, paid_at = $5, follow_at = $6
    WHERE operator_id = $1 AND intent_id = $2
"""
_SAVE_REFUND = """
    UPDATE refund SET state = $3, provider_id = $4, ended_at = $5::timestamptz,
        next_at = CASE WHEN $5::timestamptz IS NOT NULL THEN NULL WHEN $6::boolean THEN now() ELSE next_at END
    WHERE operator_id = $1 AND number = $2
"""


class Locked(NamedTuple):
    """An intent whose row is held until the transaction ends, and the time when it was got."""

    intent: Intent
    now: datetime


async def find_merchant(access: Access, operator: OperatorId, merchant_id: str) -> Merchant | None:
    """An operator's merchant."""
    row = await access.fetchrow(_MERCHANT, operator, merchant_id)
    return None if row is None else one(row, Merchant)


async def find_intent(access: Access, operator: OperatorId, intent_id: str) -> Intent | None:
    """An operator's intent as it is committed."""
    row = await access.fetchrow(_INTENT, operator, intent_id)
    return None if row is None else one(row, Intent)


async def lock_intent(connection: Connection, operator: OperatorId, intent_id: str) -> Locked | None:
    """The same, held: whoever changes anything of an intent, its attempts or their refunds has this first."""
    row = await connection.fetchrow(_LOCK_INTENT, operator, intent_id)
    if row is None:
        return None
    return Locked(one(row, Intent), row["now"])


async def find_attempt(access: Access, operator: OperatorId, number: str) -> Attempt | None:
    """An operator's attempt."""
    row = await access.fetchrow(_ATTEMPT, operator, number)
    return None if row is None else one(row, Attempt)


async def attempts_of(access: Access, intent: Intent) -> list[Attempt]:
    """An intent's attempts, oldest first: their numbers begin with the time."""
    return many(await access.fetch(_ATTEMPTS, intent.operator_id, intent.intent_id), Attempt)


async def find_refund(access: Access, operator: OperatorId, number: str) -> Refund | None:
    """An operator's refund."""
    row = await access.fetchrow(_REFUND, operator, number)
    return None if row is None else one(row, Refund)


async def save_attempt(connection: Connection, attempt: Attempt) -> None:
    """Write what may change of an attempt."""
    await connection.execute(
        _SAVE_ATTEMPT,
        attempt.operator_id,
        attempt.number,
        attempt.state.value,
        attempt.mark.value,
        attempt.created,
        attempt.error,
        attempt.provider_id,
        attempt.paid_at,
        attempt.next_poll_at,
    )


async def save_intent(connection: Connection, intent: Intent) -> None:
    """Write what may change of an intent."""
    await connection.execute(
        _SAVE_INTENT,
        intent.operator_id,
        intent.intent_id,
        intent.state.value,
        intent.paid_by,
        intent.paid_at,
        intent.follow_at,
    )


async def save_refund(connection: Connection, refund: Refund, *, at_once: bool) -> None:
    """Write what may change of a refund, and have it carried at once if so; its attempt counts along."""
    await connection.execute(
        _SAVE_REFUND,
        refund.operator_id,
        refund.number,
        refund.state.value,
        refund.provider_id,
        refund.ended_at,
        at_once,
    )
