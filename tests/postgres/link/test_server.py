"""The link worker's own tasks: none ends unnoticed, and none takes silence for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.errors import NoRespondersError

from coinslot.app.seed import make_fleet
from coinslot.app.settings import Role
from coinslot.app.stack import Stack
from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import Connection, Pool
from coinslot.ledger import store as ledger
from coinslot.ledger.events import cash_topup
from coinslot.link import sweeper
from coinslot.link.nodes import ask_nodes
from coinslot.link.outgoing import Outgoing
from coinslot.link.server import LinkServer
from coinslot.link.sweeper import Sweeper
from tests.support.desk import Desk
from tests.support.plant import Plant
from tests.support.raw_mqtt import raw_mqtt


@pytest.fixture
async def plant(pool: Pool, broker: BrokerAccess, tmp_path: Path) -> AsyncIterator[Plant]:
    async with Plant(pool, broker, tmp_path) as plant:
        yield plant


@pytest.mark.parametrize("name", ["telemetry", "changes", "menus", "kicks", "presence"])
async def test_a_part_of_the_link_that_ends_is_the_stack_s_end(
    database_url: str, broker: BrokerAccess, name: str
) -> None:
    async with Stack(database_url, broker, {Role.LINK}) as stack:
        (task,) = [task for task in asyncio.all_tasks() if task.get_name() == name]
        task.cancel()
        with pytest.raises(RuntimeError, match=f"{name} has ended by itself"):
            await asyncio.wait_for(stack.wait(), 10)


async def test_a_broker_that_does_not_answer_is_not_taken_to_hold_no_connection(plant: Plant) -> None:
    with pytest.raises(NoRespondersError):
        await ask_nodes(plant.client, "A.QUESTION.NOBODY.KNOWS", {})


async def test_a_secret_that_ended_while_nobody_listened_still_takes_its_connection_along(
    plant: Plant, owner: Connection
) -> None:
    async with plant.pool.acquire() as connection:
        (terminal,) = await make_fleet(connection, plant.operator, terminals=1)
    async with await raw_mqtt(plant.broker, terminal.terminal_id, terminal.secret) as client:
        await owner.execute(
            "UPDATE terminal_link SET online = true, link_began_at = now() - interval '1 hour'"
            " WHERE terminal_id = $1",
            terminal.terminal_id,
        )
        await plant.link.stop()
        await owner.execute(
            "UPDATE terminal SET revoked_at = now() WHERE terminal_id = $1", terminal.terminal_id
        )
        plant.link = LinkServer(plant.pool, plant.broker)
        await plant.link.start()
        await client.ended()


async def test_more_entries_than_one_seal_takes_are_sealed_in_one_round(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await Desk(pool).open()
    customer = await desk.customer()
    monkeypatch.setattr(sweeper, "_SEAL_AT_MOST", 10)
    paid = [cash_topup(desk.operator, f"cash:{n}", customer, "CNY", amount_minor=1) for n in range(25)]
    await ledger.post(pool, paid)
    await Sweeper(pool, desk.books, Outgoing(Client())).seal_all()
    assert await pool.fetchval("SELECT count(*) FROM ledger_pending") == 0
    await desk.in_order()
