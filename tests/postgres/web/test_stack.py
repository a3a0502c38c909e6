"""The stack in this process, over a real socket: started, used, stopped under load."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import pytest

from coinslot.app.errors import Problem
from coinslot.app.seed import make_fleet, make_paying_customers
from coinslot.app.settings import Role
from coinslot.app.stack import Stack, StackOptions
from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import Connection
from coinslot.engines.errors import EngineError
from coinslot.fleet.api_keys import create_api_key
from coinslot.fleet.store import create_operator
from coinslot.link import clients

STARTS = 40


async def test_it_serves_and_a_stop_finishes_what_was_taken(database_url: str, broker: BrokerAccess) -> None:
    async with Stack(database_url, broker, {Role.WEB, Role.SWEEP}) as stack:
        async with stack.pool.acquire() as connection:
            operator = await create_operator(
                connection, name="N", currency="CNY", timezone="Asia/Shanghai", by="t"
            )
            own = operator.operator_id
            fleet = await make_fleet(connection, own, terminals=STARTS)
            customers = await make_paying_customers(
                connection, own, names=[str(n) for n in range(STARTS)], currency="CNY", amount_minor=20_00
            )
            _, key = await create_api_key(connection, own, name="k", by="t")
            await connection.execute(
                "UPDATE terminal_link SET online = true, link = 1, link_began_at = now(), epoch = 'e'"
            )
        asked = 0
        all_asked = asyncio.Event()

        async def start(http: httpx.AsyncClient, number: int) -> httpx.Response:
            nonlocal asked
            asked += 1
            if asked == STARTS:
                all_asked.set()
            return await http.post(
                f"{stack.http_url}/api/v1/sessions",
                json={
                    "customer": customers[number],
                    "terminal": fleet[number].terminal_id,
                    "outlet": 0,
                },
                headers={"Authorization": f"Bearer {key}", "Idempotency-Key": str(number)},
            )

        async with httpx.AsyncClient(limits=httpx.Limits(max_connections=STARTS)) as http:
            first = await start(http, 0)
            assert first.status_code == 201, first.text
            under_way = [asyncio.create_task(start(http, number)) for number in range(1, STARTS)]
            await all_asked.wait()
            await stack.stop()
            answers = await asyncio.gather(*under_way, return_exceptions=True)
    created = [one for one in answers if isinstance(one, httpx.Response) and one.status_code == 201]
    refused = [one for one in answers if isinstance(one, httpx.Response) and one.status_code != 201]
    assert {one.status_code for one in refused} <= {503}
    async with Stack(database_url, broker, {Role.SWEEP}) as again:
        stored = set(await again.pool.fetchval("SELECT array_agg(session_id) FROM session"))
    assert {one.json()["id"] for one in created} <= stored


async def test_half_open_connections_hold_up_neither_requests_nor_the_end(
    database_url: str, broker: BrokerAccess
) -> None:
    async with asyncio.timeout(30), Stack(database_url, broker, {Role.WEB}) as stack:
        address = urlsplit(stack.http_url)
        idle = []
        for number in range(400):
            _, writer = await asyncio.open_connection(address.hostname, address.port)
            idle.append(writer)
            if number % 2:
                writer.write(b"POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            else:
                writer.write(b"GET /healthz HTTP/1.1\r\nHos")
            await writer.drain()
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"{stack.http_url}/healthz")).status_code == 200
        began = asyncio.get_running_loop().time()
        await stack.stop()
        assert asyncio.get_running_loop().time() - began < 5
        for writer in idle:
            writer.close()


async def test_each_role_alone_starts_and_stops(database_url: str, broker: BrokerAccess) -> None:
    for role in (Role.WEB, Role.LINK, Role.SWEEP):
        async with Stack(database_url, broker, {role}) as stack:
            assert bool(stack.http_url) is (role is Role.WEB)
            await stack.check_broker()


async def test_a_part_that_fails_while_starting_leaves_nothing_open(
    database_url: str, broker: BrokerAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "_FIRST_S", 0.2)
    before = asyncio.all_tasks()
    with pytest.raises(OSError, match="broker"):
        await Stack(database_url, replace(broker, url="nats://127.0.0.1:1")).start()
    with pytest.raises(EngineError):
        await Stack("postgresql://nobody@127.0.0.1:1/none", broker).start()
    async with Stack(database_url, broker, {Role.WEB}) as stack:
        port = urlsplit(stack.http_url).port
        assert port is not None
        with pytest.raises(Problem, match=str(port)):
            await Stack(database_url, broker, options=StackOptions(http_port=port)).start()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before


async def test_a_database_that_hangs_does_not_keep_it_from_ending(
    database_url: str, broker: BrokerAccess, owner: Connection
) -> None:
    stack = await Stack(database_url, broker).start()
    key, body = await _key_and_body(stack)
    async with httpx.AsyncClient(timeout=30) as http, owner.transaction():
        await owner.execute("LOCK TABLE session IN ACCESS EXCLUSIVE MODE")
        asking = asyncio.create_task(
            http.post(
                f"{stack.http_url}/api/v1/sessions",
                json=body,
                headers={"Authorization": f"Bearer {key}", "Idempotency-Key": "k"},
            )
        )
        await _until_somebody_waits(owner)
        began = asyncio.get_running_loop().time()
        await stack.stop()
        assert asyncio.get_running_loop().time() - began < 5
        with pytest.raises(httpx.HTTPError):
            (await asking).raise_for_status()
    assert await owner.fetchval("SELECT count(*) FROM session") == 0


async def _key_and_body(stack: Stack) -> tuple[str, dict[str, object]]:
    """A key, and a start that would succeed."""
    async with stack.pool.acquire() as connection:
        made = await create_operator(connection, name="H", currency="CNY", timezone="Asia/Shanghai", by="t")
        own = made.operator_id
        fleet = await make_fleet(connection, own, terminals=1)
        customers = await make_paying_customers(
            connection, own, names=["Lin"], currency="CNY", amount_minor=20_00
        )
        _, key = await create_api_key(connection, own, name="k", by="t")
        await connection.execute(
            "UPDATE terminal_link SET online = true, link = 1, link_began_at = now(), epoch = 'e'"
        )
    return key, {"customer": customers[0], "terminal": fleet[0].terminal_id, "outlet": 0}


async def _until_somebody_waits(owner: Connection) -> None:
    async with asyncio.timeout(10):
        while not await owner.fetchval(
            "SELECT count(*) >= 2 FROM pg_locks WHERE NOT granted AND relation = 'session'::regclass"
        ):
            pass
