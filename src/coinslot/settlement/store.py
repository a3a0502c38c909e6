"""Settlement's books in PostgreSQL. Set-based: one statement serves a whole batch of terminals."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from coinslot.ledger import accounts
from coinslot.ledger import store as ledger
from coinslot.ledger.entries import Entry
from coinslot.settlement import rows, saving
from coinslot.settlement.changes import Batch, Purse, UseKey
from coinslot.settlement.points import Purpose, point
from coinslot.settlement.ports import Conflict, Unstorable
from coinslot.settlement.quotas import count
from coinslot.settlement.requests import StartBatch, StartRequest, Wallet
from coinslot.settlement.start_views import load_views
from coinslot.wire.ids import Epoch, OperatorId, SessionId, TerminalId

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

# Rows are locked in the order of their keys, by every process alike: no two batches can deadlock here.
_LOCK_TERMINALS = f"""
    SELECT {rows.TERMINAL_COLUMNS}, clock_timestamp() FROM terminal_link t
    WHERE t.terminal_id = ANY($1::text[]) ORDER BY t.operator_id, t.terminal_id FOR UPDATE
"""
# `LATERAL (… OFFSET 0)` pins a join to one keyed look-up a row, whatever the planner believes of the tables: it
# chose to read an operator's whole history for each batch (6.4 of 6.8 ms at 5,300 sessions).
_SESSIONS = f"""
    SELECT {rows.SESSION_COLUMNS}
    FROM unnest($1::text[], $2::text[]) AS t(operator_id, terminal_id)
    CROSS JOIN LATERAL (SELECT * FROM session x
        WHERE x.terminal_id = t.terminal_id AND x.live OFFSET 0) s
"""
_NAMED_SESSIONS = f"""
    {_SESSIONS}
    UNION ALL
    SELECT {rows.SESSION_COLUMNS}
    FROM (SELECT DISTINCT unnest($1::text[]) AS operator_id) o
    CROSS JOIN unnest($3::text[]) AS n(session_id)
    CROSS JOIN LATERAL (SELECT * FROM session x
        WHERE x.operator_id = o.operator_id AND x.session_id = n.session_id
          AND NOT (x.live AND x.terminal_id = ANY($2::text[])) OFFSET 0) s
"""
_RETIRED = """
    SELECT r.terminal_id, r.epoch FROM unnest($1::text[], $2::text[]) AS e(terminal_id, epoch)
    CROSS JOIN LATERAL (SELECT x.terminal_id, x.epoch FROM terminal t
        JOIN retired_epoch x ON x.operator_id = t.operator_id AND x.terminal_id = t.terminal_id
        WHERE t.terminal_id = e.terminal_id AND x.epoch = e.epoch OFFSET 0) r
"""
_USES = """
    SELECT u.operator_id, u.customer_id, u.scope, u.register, u.used
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS k(operator_id, customer_id, scope, register)
    CROSS JOIN LATERAL (SELECT * FROM customer_use x
        WHERE (x.operator_id, x.customer_id, x.scope, x.register)
            = (k.operator_id, k.customer_id, k.scope, k.register) OFFSET 0) u
"""
_DUE = """
    SELECT terminal_id FROM (
        SELECT terminal_id, min(wake_at) AS first FROM session WHERE live AND wake_at <= clock_timestamp() GROUP BY terminal_id
    ) AS due ORDER BY first LIMIT $1
"""
_ARREARS_CAPS = """
    SELECT k.operator_id, k.account, k.currency, COALESCE(c.arrears_cap_minor, 10000)
    FROM unnest($1::text[], $2::text[], $3::text[]) AS k(operator_id, account, currency)
    LEFT JOIN ledger_cap c USING (operator_id, currency)
"""


class PostgresUnit:
    """One transaction in PostgreSQL; see `ports.Unit`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def open_batch(
        self,
        terminals: Sequence[TerminalId],
        sessions: Sequence[SessionId] = (),
        epochs: Sequence[tuple[TerminalId, Epoch]] = (),
    ) -> Batch:
        """See `ports.Unit`."""
        wanted = list(terminals)
        found = await self._connection.fetch(_LOCK_TERMINALS, wanted)
        if len(found) < len(set(wanted)):
            await self._connection.execute(rows.FIRST_SIGHT, wanted)
            found = await self._connection.fetch(_LOCK_TERMINALS, wanted)
        now = found[-1][-1] if found else await self._connection.fetchval("SELECT clock_timestamp()")
        batch = Batch(now=now)
        for row in found:
            terminal = rows.terminal_of(row)
            batch.terminals[terminal.id] = terminal
        await self._load_sessions(batch, sessions)
        if epochs:
            retired = await self._connection.fetch(
                _RETIRED, [terminal for terminal, _ in epochs], [epoch for _, epoch in epochs]
            )
            batch.retired_epochs = {(row[0], row[1]) for row in retired}
        return batch

    async def _load_sessions(self, batch: Batch, named: Sequence[SessionId]) -> None:
        operators = [terminal.operator for terminal in batch.terminals.values()]
        ids = list(batch.terminals)
        if named:
            found = await self._connection.fetch(_NAMED_SESSIONS, operators, ids, list(set(named)))
        else:
            found = await self._connection.fetch(_SESSIONS, operators, ids)
        for row in found:
            session = rows.session_of(row)
            batch.know(session)

    async def open_starts(self, requests: Sequence[StartRequest]) -> StartBatch:
        """See `ports.Unit`."""
        batch, views, purses, quotas = await load_views(self._connection, requests)
        wanted = {purse: _accounts(purse) for purse in purses}
        balances = await ledger.lock_balances(
            self._connection,
            [(purse.operator, path, purse.currency) for purse, paths in wanted.items() for path in paths],
        )
        wallets = {
            purse: Wallet(*(balances[purse.operator, path, purse.currency] for path in paths))
            for purse, paths in wanted.items()
        }
        counted = await count(self._connection, quotas, batch.now) if quotas else {}
        return StartBatch(batch, views, wallets, counted)

    async def uses(self, keys: Sequence[UseKey]) -> dict[UseKey, int]:
        """See `ports.Unit`."""
        columns = [list(column) for column in zip(*keys, strict=True)]
        found = await self._connection.fetch(_USES, *columns)
        return {UseKey(OperatorId(row[0]), row[1], row[2], row[3]): row[4] for row in found}

    async def arrears_room(self, wanted: Sequence[Purse], posted: Sequence[Entry] = ()) -> dict[Purse, int]:
        """See `ports.Unit`."""
        purses = list(dict.fromkeys(wanted))
        keys = [(p.operator, accounts.customer_arrears(p.customer), p.currency) for p in purses]
        # Not the arrears alone: a start of two customers locks all of the first, then all of the second.
        others = [
            (entry.operator, leg.account, leg.currency)
            for entry in posted
            for leg in entry.postings
            if accounts.parse_account(leg.account).limited
        ]
        owed = await ledger.lock_balances(self._connection, [*keys, *others])
        caps = await self._connection.fetch(
            _ARREARS_CAPS, *[list(column) for column in zip(*keys, strict=True)]
        )
        by_key = {(row[0], row[1], row[2]): row[3] for row in caps}
        return {p: max(0, by_key[key] - owed[key]) for p, key in zip(purses, keys, strict=True)}

    async def save(self, batch: Batch) -> None:
        """See `ports.Unit`."""
        await saving.save(self._connection, batch)


class PostgresBooks:
    """Settlement's books in PostgreSQL; see `ports.Books`. The pool acts as `coinslot_app`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def transaction(self, purpose: Purpose) -> AsyncIterator[PostgresUnit]:
        """See `ports.Books`."""
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                yield PostgresUnit(connection)
                point(f"commit.{purpose.value}.before")
            point(f"commit.{purpose.value}.after")
        except (
            asyncpg.DeadlockDetectedError,
            asyncpg.SerializationError,
            asyncpg.LockNotAvailableError,
            asyncpg.UniqueViolationError,
        ) as error:
            raise Conflict(str(error)) from error
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            # The server's refusals and the driver's own: a number or a text that no column takes.
            raise Unstorable(str(error)) from error

    async def due(self, at_most: int) -> list[TerminalId]:
        """See `ports.Books`."""
        return [row[0] for row in await self._pool.fetch(_DUE, at_most)]

    async def terminal_of(self, operator: OperatorId, session: SessionId) -> TerminalId | None:
        """See `ports.Books`."""
        found = await self._pool.fetchval(
            "SELECT terminal_id FROM session WHERE operator_id = $1 AND session_id = $2", operator, session
        )
        return None if found is None else TerminalId(found)

    async def now(self) -> datetime:
        """See `ports.Books`."""
        now: datetime = await self._pool.fetchval("SELECT clock_timestamp()")
        return now


def _accounts(purse: Purse) -> tuple[str, str, str]:
    return (
        accounts.customer_principal(purse.customer),
        accounts.customer_bonus(purse.customer),
        accounts.customer_arrears(purse.customer),
    )
