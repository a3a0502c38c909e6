"""One start for each direct payment, or its money back: a rule of the database."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from coinslot.engines.connect import Pool
from coinslot.payments.model import Attempt, Intent, Refund
from coinslot.settlement.payments.starts import claim_start, due_starts, give_up_start
from coinslot.wire.ids import SessionId
from tests.support.desk import Desk
from tests.support.played_provider import PlayedProvider
from tests.support.till import Till


@pytest.fixture
async def desk(pool: Pool) -> Desk:
    return await Desk(pool).open()


@pytest.fixture
async def till(pool: Pool, desk: Desk) -> Till:
    """At the operator of the desk, where there are sessions."""
    opened = await Till(pool).open()
    opened.operator = desk.operator
    opened.merchants.clear()
    await opened.add_merchant(PlayedProvider("1902"))
    return opened


async def paid(till: Till) -> Intent:
    """A direct payment whose start is due."""
    attempt = await till.offered(await till.direct())
    till.provider.pays(attempt.number)
    await till.notified(attempt)
    await till.cashier.apply()
    return await till.intent(attempt)


async def claims(pool: Pool, intent: Intent, session: SessionId) -> Attempt | None:
    """In a transaction of its own, as the one that makes the session would be."""
    async with pool.acquire() as connection, connection.transaction():
        return await claim_start(connection, intent.operator_id, intent.intent_id, session)


async def test_of_many_who_decide_one_does(till: Till, desk: Desk, pool: Pool) -> None:
    customer = await desk.customer(20_00)
    sessions = [(await desk.begun(customer, await desk.terminal(), key=f"k{n}")).id for n in range(3)]
    intent = await paid(till)
    claimed, given_up = await asyncio.gather(
        asyncio.gather(*(claims(pool, intent, session) for session in sessions)),
        asyncio.gather(*(give_up_start(pool, till.operator, intent.intent_id) for _ in range(3))),
    )
    refunds = {refund.number for refund in given_up if isinstance(refund, Refund)}
    assert len([attempt for attempt in claimed if attempt is not None]) + len(refunds) == 1
    assert await pool.fetchval("SELECT count(*) FROM payment_start") == 1
    async with pool.acquire() as connection:
        assert await due_starts(connection) == []


async def test_nobody_changes_what_was_decided(till: Till, desk: Desk, pool: Pool) -> None:
    customer = await desk.customer(20_00)
    one, other = [(await desk.begun(customer, await desk.terminal(), key=f"k{n}")).id for n in range(2)]
    intent, second = await paid(till), await paid(till)
    attempt = await claims(pool, intent, one)
    assert attempt is not None
    assert attempt.number == intent.paid_by
    assert await claims(pool, intent, one) is None
    assert await give_up_start(pool, till.operator, intent.intent_id) is None
    assert await till.refunds() == []
    add = "INSERT INTO payment_start (operator_id, intent_id, session_id) VALUES ($1, $2, $3)"
    with pytest.raises(asyncpg.UniqueViolationError):
        await pool.execute(add, till.operator, intent.intent_id, other)
    with pytest.raises(asyncpg.UniqueViolationError):
        await pool.execute(add, till.operator, second.intent_id, one)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await pool.execute(add, till.operator, second.intent_id, "ses_none")
    for change in ("UPDATE payment_start SET session_id = NULL", "DELETE FROM payment_start"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(change)
