"""What follows a session's end happens once: points and a message, whatever dies, doubles or cannot be done."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from coinslot.engines.connect import KEYED, Connection, Pool, open_pool
from coinslot.ledger.events import gift_points
from coinslot.ledger.store import post
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement import aftermath
from coinslot.settlement import messages as messages_module
from coinslot.settlement.aftermath import tell_ended
from coinslot.web.reading import points_balance, points_of_session
from coinslot.wire.ids import CustomerId, OperatorId
from tests.support.desk import Desk, PlayedTerminal

WANTED = {aftermath._LOCK: "session_untold", messages_module._TAKE: "message_queued"}
PER_MAJOR = 10
PHONE = "+8613912345678"


@pytest.fixture
async def terminal(desk: Desk) -> PlayedTerminal:
    await desk.pool.execute("UPDATE operator SET points_per_major = $1", PER_MAJOR)
    return await desk.terminal()


@pytest.fixture
async def lin(desk: Desk) -> CustomerId:
    customer = await desk.customer()
    await desk.pool.execute("UPDATE customer SET phone = $1 WHERE customer_id = $2", PHONE, customer)
    return customer


async def used(desk: Desk, terminal: PlayedTerminal, customer: CustomerId, *, ml: int, key: str) -> Session:
    """A whole session; 1 L costs 0.045 at this tariff."""
    session = await desk.begun(customer, terminal, key=key)
    await terminal.records(terminal.started(session), terminal.stopped(session, ml=ml, s=100))
    return await desk.session(session.id)


async def tells(pool: Pool, limit: int = 100) -> int:
    async with pool.acquire() as connection:
        return await tell_ended(connection, limit)


async def messages(desk: Desk) -> list[tuple[str, str, str]]:
    """Customer, session and state, in the order of their making."""
    rows = await desk.pool.fetch("SELECT customer_id, about, state FROM message ORDER BY message_id")
    return [(row[0], row[1], row[2]) for row in rows]


async def test_a_charged_session_earns_points_and_a_message_once(
    desk: Desk, terminal: PlayedTerminal, lin: CustomerId
) -> None:
    session = await used(desk, terminal, lin, ml=30_000, key="k1")
    assert session.captured_minor == 135
    assert await points_of_session(desk.pool, desk.operator, session.id) is None
    assert [await tells(desk.pool) for _ in range(3)] == [1, 0, 0]
    assert await points_of_session(desk.pool, desk.operator, session.id) == 13
    assert await points_balance(desk.pool, desk.operator, lin) == 13
    assert await messages(desk) == [(lin, session.id, "queued")]
    await desk.in_order()


async def test_a_live_session_is_not_told_of(desk: Desk, terminal: PlayedTerminal, lin: CustomerId) -> None:
    session = await desk.begun(lin, terminal)
    await terminal.records(terminal.started(session), terminal.checkpoint(session, ml=30_000, s=60))
    assert await tells(desk.pool) == 0


async def test_what_charged_nothing_is_noted_and_nobody_is_told(
    desk: Desk, terminal: PlayedTerminal, lin: CustomerId
) -> None:
    free = await used(desk, terminal, lin, ml=0, key="k1")
    assert (free.state, free.captured_minor) == (State.SETTLED, 0)
    never = await desk.begun(lin, terminal, key="k2")
    await desk.passes(timedelta(seconds=18))
    await desk.passes(timedelta(hours=24))
    assert (await desk.session(never.id)).state is State.RELEASED
    assert [await tells(desk.pool), await tells(desk.pool)] == [2, 0]
    assert await messages(desk) == []
    assert await points_of_session(desk.pool, desk.operator, free.id) is None
    assert await points_balance(desk.pool, desk.operator, lin) == 0


async def test_use_after_a_release_is_told_of_though_the_release_was(
    desk: Desk, terminal: PlayedTerminal, lin: CustomerId
) -> None:
    session = await desk.begun(lin, terminal)
    await desk.passes(timedelta(seconds=18))
    await desk.passes(timedelta(hours=24))
    assert await tells(desk.pool) == 1
    await terminal.records(terminal.started(session))
    assert await tells(desk.pool) == 0  # released still
    await terminal.records(terminal.stopped(session, ml=10_000, s=100))
    late = await desk.session(session.id)
    assert (late.state, late.arrears_minor) == (State.LATE, 45)
    assert [await tells(desk.pool), await tells(desk.pool)] == [1, 0]
    assert await messages(desk) == [(lin, session.id, "queued")]
    assert await points_of_session(desk.pool, desk.operator, session.id) is None  # owed is not paid
    await desk.in_order()


async def test_eight_workers_and_a_double_run_do_it_once(
    desk: Desk, terminal: PlayedTerminal, lin: CustomerId, database_url: str
) -> None:
    terminals = [terminal, *[await desk.terminal() for _ in range(5)]]
    ended = [
        await used(desk, each, lin, ml=30_000, key=f"{number}-{again}")
        for number, each in enumerate(terminals)
        for again in range(2)
    ]
    pool = await open_pool(database_url, max_size=8, planning=KEYED)
    try:
        told = await asyncio.gather(*(tells(pool, 3) for _ in range(8)))
        while sum(told) < len(ended):
            told.append(await tells(pool, 3))
    finally:
        pool.terminate()
    assert sum(told) == len(ended)
    assert sorted(about for _, about, _ in await messages(desk)) == sorted(each.id for each in ended)
    assert await points_balance(desk.pool, desk.operator, lin) == 13 * len(ended)
    await desk.in_order()


async def test_a_worker_that_dies_before_its_commit_leaves_everything_to_the_next(
    desk: Desk, terminal: PlayedTerminal, lin: CustomerId, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await used(desk, terminal, lin, ml=30_000, key="k1")
    with monkeypatch.context() as patch:

        def die(name: str) -> None:
            if name == "commit.tell.before":
                raise ConnectionResetError(name)

        patch.setattr(aftermath, "point", die)
        with pytest.raises(ConnectionResetError):
            await tells(desk.pool)
    assert await messages(desk) == []
    assert await points_of_session(desk.pool, desk.operator, session.id) is None
    assert await tells(desk.pool) == 1
    assert len(await messages(desk)) == 1


async def test_a_busy_terminal_is_left_and_those_behind_it_are_not(
    desk: Desk, terminal: PlayedTerminal, lin: CustomerId
) -> None:
    """Settlement holds the terminal: its sessions are about to change, and would be changed where they were."""
    other = await desk.terminal()
    first = await used(desk, terminal, lin, ml=30_000, key="k1")
    second = await used(desk, other, lin, ml=30_000, key="k2")
    async with desk.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM terminal_link WHERE terminal_id = $1 FOR UPDATE", terminal.id)
        assert await tells(desk.pool, 1) == 1
        assert [about for _, about, _ in await messages(desk)] == [second.id]
    assert await tells(desk.pool, 1) == 1
    assert {about for _, about, _ in await messages(desk)} == {second.id, first.id}


async def test_settlement_waits_for_the_note_and_loses_no_change(
    desk: Desk, terminal: PlayedTerminal, lin: CustomerId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Late use comes while its release is being noted: neither of the two changes may undo the other."""
    session = await desk.begun(lin, terminal)
    await desk.passes(timedelta(seconds=18))
    await desk.passes(timedelta(hours=24))
    noted, go_on = asyncio.Event(), asyncio.Event()
    note = aftermath._note

    async def slowly(connection: aftermath.Connection, group: list[aftermath.Ended]) -> None:
        await note(connection, group)
        noted.set()
        await go_on.wait()

    monkeypatch.setattr(aftermath, "_note", slowly)
    telling = asyncio.create_task(tells(desk.pool))
    await noted.wait()
    saying = asyncio.create_task(
        terminal.records(terminal.started(session), terminal.stopped(session, ml=10_000, s=100))
    )
    await until_somebody_waits(desk.pool)
    go_on.set()
    assert await telling == 1
    await saying
    assert (await desk.session(session.id)).state is State.LATE
    assert await tells(desk.pool) == 1
    assert [about for _, about, _ in await messages(desk)] == [session.id]


async def until_somebody_waits(pool: Pool) -> None:
    async with asyncio.timeout(10):
        while not await pool.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
            pass


async def test_a_session_that_cannot_be_followed_is_set_aside_and_holds_up_no_other(
    desk: Desk, terminal: PlayedTerminal, lin: CustomerId
) -> None:
    rich = await desk.customer()
    gift = gift_points(desk.operator, "all", rich, granted=2**63 - 1)
    async with desk.pool.acquire() as connection:
        await post(connection, [gift])
    sessions = [
        await used(desk, terminal, customer, ml=30_000, key=f"k{number}")
        for number, customer in enumerate((lin, rich, lin))
    ]
    assert [await tells(desk.pool), await tells(desk.pool)] == [3, 0]
    found = await desk.pool.fetch("SELECT reason, session_id, detail FROM review")
    assert [(row[0], row[1]) for row in found] == [("not_told", sessions[1].id)]
    assert "AmountOutOfRange" in found[0]["detail"]
    assert sorted(about for _, about, _ in await messages(desk)) == [sessions[0].id, sessions[2].id]
    assert await points_balance(desk.pool, desk.operator, lin) == 26
    await desk.in_order()


async def test_a_currency_without_minor_digits_counts_its_own_units(
    desk: Desk, terminal: PlayedTerminal, lin: CustomerId, owner: Connection
) -> None:
    session = await used(desk, terminal, lin, ml=30_000, key="k1")
    await owner.execute("UPDATE session SET currency = 'JPY' WHERE session_id = $1", session.id)
    await tells(desk.pool)
    assert await points_of_session(desk.pool, desk.operator, session.id) == 135 * PER_MAJOR


async def test_a_customer_without_a_phone_earns_points_and_a_message_that_has_failed(
    desk: Desk, terminal: PlayedTerminal
) -> None:
    customer = await desk.customer()
    session = await used(desk, terminal, customer, ml=30_000, key="k1")
    await tells(desk.pool)
    assert await messages(desk) == [(customer, session.id, "failed")]
    assert await desk.pool.fetchval("SELECT error FROM message") == "the customer has no phone number"
    assert await points_balance(desk.pool, desk.operator, customer) == 13


async def test_no_points_where_the_operator_gives_none(
    desk: Desk, terminal: PlayedTerminal, lin: CustomerId
) -> None:
    await desk.pool.execute("UPDATE operator SET points_per_major = 0")
    session = await used(desk, terminal, lin, ml=30_000, key="k1")
    assert await tells(desk.pool) == 1
    assert await points_of_session(desk.pool, desk.operator, session.id) is None
    assert len(await messages(desk)) == 1


@pytest.mark.parametrize("key", ["", "x/y", "no\0such", "customer"])
async def test_points_of_what_does_not_exist_are_none(desk: Desk, key: str) -> None:
    assert await points_of_session(desk.pool, desk.operator, key) is None
    assert await points_balance(desk.pool, desk.operator, key) == 0


async def test_points_of_another_operator_are_not_shown(
    desk: Desk, terminal: PlayedTerminal, lin: CustomerId
) -> None:
    session = await used(desk, terminal, lin, ml=30_000, key="k1")
    await tells(desk.pool)
    stranger = OperatorId("opr_stranger")
    assert await points_of_session(desk.pool, stranger, session.id) is None
    assert await points_balance(desk.pool, stranger, lin) == 0


@pytest.mark.fresh_database
@pytest.mark.parametrize("statement", [aftermath._LOCK, messages_module._TAKE])
async def test_what_is_due_is_found_by_its_own_index_and_never_by_reading_all(
    database_url: str, desk: Desk, statement: str
) -> None:
    """As a server has it: the plan is made while there is next to nothing, and kept."""
    pool = await open_pool(database_url, planning=KEYED)
    try:
        async with pool.acquire() as connection:
            await connection.execute(f"PREPARE due AS {statement}")
            values = "(100)" if "session_untold" in WANTED[statement] else "(8, 'bill', '{30}', 8)"
            plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE due{values}"))
    finally:
        pool.terminate()
    assert f"Index Scan using {WANTED[statement]}" in plan, plan
    assert not any(word in plan for word in ("Seq Scan", "Hash", "Merge Join", "Sort")), plan
    scanned = {line.split(" using ")[1].split(" ")[0] for line in plan.splitlines() if " using " in line}
    assert all(name == WANTED[statement] or name.endswith(("_pkey", "_by_id")) for name in scanned), plan
