"""An operator that wants real names: nobody starts anything before one was approved, by whatever way in."""

from __future__ import annotations

from coinslot.engines.connect import Connection
from coinslot.fleet.operator_rules import RealNameRule, set_rules
from coinslot.sessions.model import Session
from coinslot.settlement.requests import Refusal, Refused
from coinslot.wire.ids import CustomerId
from tests.support.desk import Desk

CASH_MINOR = 20_00


async def ask(desk: Desk, rule: RealNameRule) -> None:
    async with desk.pool.acquire() as connection:
        await set_rules(connection, desk.operator, real_name=rule, by="test")


async def put(owner: Connection, desk: Desk, customer: CustomerId, state: str) -> None:
    """A real name in this state, whatever is in it."""
    pending = state == "pending"
    await owner.execute(
        "INSERT INTO real_name (operator_id, real_name_id, customer_id, state, name_sealed, number_sealed,"
        " number_hash, picture_sealed, decided_at) VALUES ($1, $2 || $3, $2, $3, $4, $4, $5, $6,"
        " CASE WHEN $3 = 'pending' THEN NULL ELSE now() END)",
        desk.operator,
        customer,
        state,
        None if state == "rejected" else b"x",
        None if state == "rejected" else bytes(32),
        b"x" if pending else None,
    )


async def test_only_an_approved_name_starts_anything(desk: Desk, owner: Connection) -> None:
    shower, lin = await desk.terminal(), await desk.customer(CASH_MINOR)
    await ask(desk, RealNameRule.BEFORE_FIRST_USE)
    refusal = Refused(reason=Refusal.REAL_NAME)
    assert await desk.start(lin, shower) == refusal
    await put(owner, desk, lin, "rejected")
    assert await desk.start(lin, shower) == refusal
    await put(owner, desk, lin, "pending")
    assert await desk.start(lin, shower) == refusal
    assert (await desk.principal(lin), desk.start_commands()) == (CASH_MINOR, [])
    await owner.execute(
        "UPDATE real_name SET state = 'approved', decided_at = now(), picture_sealed = NULL WHERE state = 'pending'"
    )
    assert isinstance(await desk.start(lin, shower), Session)


async def test_somebody_elses_approved_name_is_no_help(desk: Desk, owner: Connection) -> None:
    shower, lin, mei = await desk.terminal(), await desk.customer(), await desk.customer(name="Mei")
    await ask(desk, RealNameRule.BEFORE_FIRST_USE)
    await put(owner, desk, mei, "approved")
    south = await Desk(desk.pool).open("South")
    await owner.execute(
        "INSERT INTO customer (operator_id, customer_id) VALUES ($1, $2)", south.operator, lin
    )
    await put(owner, south, lin, "approved")
    assert await desk.start(lin, shower) == Refused(reason=Refusal.REAL_NAME)
    assert isinstance(await desk.start(mei, shower, key="k2"), Session)


async def test_the_rule_is_one_operators_and_may_be_lifted(desk: Desk) -> None:
    shower, lin = await desk.terminal(), await desk.customer()
    south = await Desk(desk.pool).open("South")
    await ask(south, RealNameRule.BEFORE_FIRST_USE)
    running = await desk.begun(lin, shower)
    await ask(desk, RealNameRule.BEFORE_FIRST_USE)
    # What has begun goes on, and the same key is the same session.
    assert await desk.start(lin, shower) == running
    await shower.records(shower.started(running), shower.stopped(running, ml=1000, s=9))
    assert await desk.start(lin, shower, key="k2") == Refused(reason=Refusal.REAL_NAME)
    await ask(desk, RealNameRule.NOT_ASKED)
    assert isinstance(await desk.start(lin, shower, key="k3"), Session)


async def test_nobody_is_asked_for_a_card_where_nothing_can_be_started(desk: Desk) -> None:
    offline, lin = await desk.terminal(online=False), await desk.customer()
    await ask(desk, RealNameRule.BEFORE_FIRST_USE)
    assert await desk.start(lin, offline) == Refused(reason=Refusal.OFFLINE)
