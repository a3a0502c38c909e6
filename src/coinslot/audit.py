"""The audit trail: who did what to what. Written in the transaction of the change itself.

Owns: the one statement that writes `audit`.
Does not decide: what is worth an entry; every store that changes something writes its own.
Invariants: rows are only ever added; `detail` holds no secret and nothing about a person but ids.
"""

from __future__ import annotations

from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"


async def write_audit(
    connection: Connection, operator_id: str, *, by: str, action: str, target: str, detail: str = ""
) -> None:
    """Note that `by` did `action` (such as `site.add`) to the thing with the id `target`."""
    await connection.execute(
        "INSERT INTO audit (operator_id, actor, action, object, detail) VALUES ($1, $2, $3, $4, $5)",
        operator_id,
        by,
        action,
        target,
        detail,
    )
