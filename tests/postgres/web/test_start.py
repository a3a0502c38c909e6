"""Starting, looking at and stopping sessions by HTTP."""

from __future__ import annotations

import asyncio

import msgspec
from nats.aio.client import Client

from coinslot.ledger import store as ledger
from coinslot.ledger.accounts import customer_principal
from coinslot.wire.topics import Channel, subject
from tests.postgres.web.conftest import Api, House


async def test_a_start_holds_answers_and_sends_the_command(api: Api, house: House, client: Client) -> None:
    terminal = house.terminals[0].terminal_id
    down = await client.subscribe(subject(terminal, Channel.DOWN))
    await client.flush()
    answer = await api.start(house)
    assert answer.status_code == 201, answer.text
    session = answer.json()
    assert answer.headers["location"] == f"/api/v1/sessions/{session['id']}"
    assert session["state"] == "authorized"
    assert session["hold_minor"] > 0
    assert session["currency"] == "CNY"
    assert session["bill"] is None
    assert session["quote"]["lines"]
    assert set(session["limits"]) == {"ml", "s", "wh", "count", "idle_s"}
    command = msgspec.json.decode((await down.next_msg(timeout=5)).data)
    assert command["type"] == "start"
    assert command["session"] == session["id"]
    async with api.pool.acquire() as connection:
        left = await ledger.balance(connection, house.operator, customer_principal(house.customers[0]), "CNY")
    assert left == 20_00 - session["hold_minor"]
