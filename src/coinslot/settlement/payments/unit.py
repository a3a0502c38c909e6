"""The one way payments commit, and the one way they ask a provider; both pass the named points."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from coinslot.payments.port import ProviderError, Unknown
from coinslot.settlement.points import Asked, Purpose, point
from coinslot.settlement.ports import Conflict

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

T = TypeVar("T")

ANSWER_S: Final = 20.0
"""What a provider may take: well within the lease of whoever looks after an attempt or a refund."""
LEASE_S: Final = 60
_CONFLICTS: Final = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)


UNANSWERED: Final = (
    OSError,
    TimeoutError,
    Conflict,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What a worker may meet when the database goes away under it, and goes on after. The last one is the driver's own: a
connection that was told of its end and has not closed yet is used once more."""


@asynccontextmanager
async def transaction(pool: Pool, purpose: Purpose) -> AsyncIterator[Connection]:
    """One transaction. Conflict when it may be run again as it is; nothing was saved then."""
    try:
        async with pool.acquire() as connection, connection.transaction():
            yield connection
            point(f"commit.{purpose.value}.before")
        point(f"commit.{purpose.value}.after")
    except _CONFLICTS as error:
        raise Conflict(str(error)) from error


async def alone(pool: Pool, purpose: Purpose, statement: str, *arguments: object) -> asyncpg.Record | None:
    """One statement that is a transaction by itself, in one round trip; its first row. Conflict likewise."""
    try:
        point(f"commit.{purpose.value}.before")
        row = await pool.fetchrow(statement, *arguments)
        point(f"commit.{purpose.value}.after")
    except _CONFLICTS as error:
        raise Conflict(str(error)) from error
    return row


async def ask(what: Asked, answer: Awaitable[T], within_s: float = ANSWER_S) -> T:
    """A provider's answer; outside of any transaction. ProviderError; Unknown also for what an adapter should not raise."""
    point(f"ask.{what.value}.before")
    try:
        async with asyncio.timeout(within_s):
            answered = await answer
    except ProviderError:
        raise
    except TimeoutError as error:
        raise Unknown("timeout", f"no answer to {what.value} within {within_s:.0f} s") from error
    except Exception as error:
        # An adapter that breaks its promise leaves open what has happened; its words may hold personal data.
        raise Unknown("adapter", type(error).__name__) from error
    point(f"ask.{what.value}.after")
    return answered


async def clock(connection: Connection) -> datetime:
    """The database's clock, which all processes share."""
    now: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return now
