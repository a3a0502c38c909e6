"""Rows of `keypad_code`: the one place that names their columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import asyncpg
import msgspec

from coinslot.settlement.codes.model import CodeRow, CodeState
from coinslot.settlement.payments.unit import Connection, Pool
from coinslot.wire.ids import CustomerId, OperatorId, SessionId

CHANGED: Final = "code_changed"
"""The channel on which pages hear, as `operator code_id`, that a code is not what it was."""

_COLUMNS: Final = ", ".join(f"c.{name}" for name in CodeRow.__struct_fields__ if name != "now")
_SELECT: Final = f"SELECT {_COLUMNS}, clock_timestamp() AS now FROM keypad_code c"
_BY_KEY: Final = f"{_SELECT} WHERE c.request_key = $3 AND c.customer_id = $2 AND c.operator_id = $1"
_BY_ID: Final = f"{_SELECT} WHERE c.operator_id = $1 AND c.code_id = $2"
_OPEN_OF: Final = f"{_SELECT} WHERE c.customer_id = $2 AND c.operator_id || '' = $1 AND c.ended_at IS NULL"
# Both parts are found by an index of their own, each row by its key (pinned, see settlement/store.py); the lock waits
# for whoever types the same digits elsewhere, and the row is what it is afterwards.
_TYPED: Final = f"""
    SELECT {_COLUMNS}, clock_timestamp() AS now
    FROM (SELECT x.operator_id, x.code_id FROM keypad_code x WHERE x.mac = ANY ($2::bytea[])
          UNION SELECT x.operator_id, x.code_id FROM keypad_code x WHERE x.earlier_mac = ANY ($2::bytea[])
          ORDER BY 1, 2) n
    CROSS JOIN LATERAL (SELECT * FROM keypad_code x
        WHERE x.operator_id = n.operator_id AND x.code_id = n.code_id FOR UPDATE OFFSET 0) c
    WHERE n.operator_id || '' = $1
"""
_ADD: Final = f"""
    INSERT INTO keypad_code AS c (operator_id, code_id, customer_id, scope, site_id, room, appliance_id, terminal_id,
        outlet, for_friend, cap_minor, request_key, mac, made_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
    RETURNING {_COLUMNS}, clock_timestamp() AS now
"""
_END: Final = f"""
    WITH told AS (SELECT pg_notify('{CHANGED}', $1 || ' ' || $2))
    UPDATE keypad_code c SET ended_at = clock_timestamp(), how = $3, session_id = $4
    FROM told WHERE c.operator_id = $1 AND c.code_id = $2
"""
_REDRAW: Final = f"""
    WITH told AS (SELECT pg_notify('{CHANGED}', $1 || ' ' || $2))
    UPDATE keypad_code c SET earlier_mac = c.mac, mac = $3, draw = $4
    FROM told WHERE c.operator_id = $1 AND c.code_id = $2
"""


def code_row(row: asyncpg.Record) -> CodeRow:
    """A row whose columns are those of `CodeRow`."""
    return msgspec.convert(dict(row.items()), CodeRow)


async def by_key(
    connection: Connection | Pool, operator: OperatorId, customer: CustomerId, key: str
) -> CodeRow | None:
    """What the same request made before."""
    row = await connection.fetchrow(_BY_KEY, operator, customer, key)
    return None if row is None else code_row(row)


async def by_id(
    connection: Connection | Pool, operator: OperatorId, code_id: str, *, lock: bool = False
) -> CodeRow | None:
    """One code; locked for the transaction where that is asked for."""
    row = await connection.fetchrow(_BY_ID + (" FOR UPDATE" if lock else ""), operator, code_id)
    return None if row is None else code_row(row)


async def open_of(
    connection: Connection | Pool, operator: OperatorId, customer: CustomerId, *, lock: bool = False
) -> list[CodeRow]:
    """A customer's codes that were not ended, also one that has expired: at most one of their own and one a friend's."""
    query = _OPEN_OF + " ORDER BY c.code_id" + (" FOR UPDATE" if lock else "")
    return [code_row(row) for row in await connection.fetch(query, operator, customer)]


async def typed(connection: Connection, operator: OperatorId, macs: Sequence[bytes]) -> list[CodeRow]:
    """The codes that have these digits, or had them before, locked; hardly ever more than one."""
    return [code_row(row) for row in await connection.fetch(_TYPED, operator, macs)]


async def add(connection: Connection, row: CodeRow, key: str) -> CodeRow:
    """Store a new one. UniqueViolationError when its customer has another, or its digits are somebody's."""
    made = await connection.fetchrow(
        _ADD,
        row.operator_id,
        row.code_id,
        row.customer_id,
        row.scope.value,
        row.site_id,
        row.room,
        row.appliance_id,
        row.terminal_id,
        row.outlet,
        row.for_friend,
        row.cap_minor,
        key,
        row.mac,
        row.made_at,
        row.expires_at,
    )
    assert made is not None
    return code_row(made)


async def end(connection: Connection, row: CodeRow, how: CodeState, session: SessionId | None = None) -> None:
    """It opens nothing any more; pages hear of it with the commit."""
    await connection.execute(_END, row.operator_id, row.code_id, how.value, session)


async def redraw(connection: Connection, row: CodeRow, mac: bytes, times: int) -> None:
    """It has other digits from now on. UniqueViolationError when they are somebody's."""
    await connection.execute(_REDRAW, row.operator_id, row.code_id, mac, times)
