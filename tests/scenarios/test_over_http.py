"""The whole way by HTTP: a terminal is claimed, a program starts it, the meter runs, the bill is read."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from coinslot.app.seed import ensure_tariff, make_paying_customers
from coinslot.app.stack import Stack
from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import Pool
from coinslot.fleet.api_keys import create_api_key
from coinslot.fleet.outlets import add_outlet
from coinslot.fleet.provisioning import issue_claim_code
from coinslot.fleet.rules import ApplianceKind
from coinslot.fleet.store import add_appliance, add_site, create_operator
from coinslot.terminal.agent import Agent
from coinslot.terminal.clock import RealClock
from coinslot.terminal.events import StopKey
from coinslot.terminal.identity import claim
from coinslot.terminal.journal import FileJournal
from coinslot.terminal.mqtt import Account, MqttConnection
from coinslot.terminal.rating import QuoteRater
from coinslot.terminal.simulated import Model, settings_for, simulate
from coinslot.wire.ids import TerminalId
from tests.support.plant import eventually


async def until(pool: Pool, query: str, *values: object) -> None:
    async with asyncio.timeout(20):
        while not await pool.fetchval(query, *values):
            pass


async def test_claimed_started_metered_stopped_and_billed(
    database_url: str, broker: BrokerAccess, tmp_path: Path
) -> None:
    async with Stack(database_url, broker) as stack, httpx.AsyncClient(base_url=stack.http_url) as http:
        async with stack.pool.acquire() as connection:
            made = await create_operator(
                connection, name="Campus", currency="CNY", timezone="Asia/Shanghai", by="test"
            )
            own = made.operator_id
            site = await add_site(connection, own, name="Hall", by="test")
            code = await issue_claim_code(connection, own, site.site_id, name="T1", hours=1, by="test")
            tariff = await ensure_tariff(connection, own, "shower-litre")
            appliance = await add_appliance(
                connection, own, site_id=site.site_id, kind=ApplianceKind.SHOWER, name="Shower 1", by="test"
            )
            (customer,) = await make_paying_customers(
                connection, own, names=["Lin"], currency="CNY", amount_minor=20_00
            )
            _, key = await create_api_key(connection, own, name="desk", by="test")
        identity = await asyncio.to_thread(claim, stack.http_url, code)
        terminal = TerminalId(identity.terminal_id)
        async with stack.pool.acquire() as connection:
            await add_outlet(
                connection,
                own,
                appliance_id=appliance.appliance_id,
                terminal_id=terminal,
                outlet=0,
                name="Shower",
                tariff_id=tariff,
                by="test",
            )
        clock = RealClock()
        shower = simulate(Model.SHOWER, clock)
        account = Account(
            terminal=terminal, secret=identity.secret, host=identity.mqtt_host, port=identity.mqtt_port
        )
        agent = Agent(
            settings_for(Model.SHOWER, terminal),
            shower,
            FileJournal(tmp_path / "journal"),
            MqttConnection(account),
            clock,
            QuoteRater(),
        )
        running = asyncio.create_task(agent.run())
        await until(stack.pool, "SELECT online FROM terminal_link WHERE terminal_id = $1", terminal)

        http.headers["Authorization"] = f"Bearer {key}"
        body = {"customer": customer, "appliance": appliance.code, "outlet": 0}
        answer = await http.post("/api/v1/sessions", json=body, headers={"Idempotency-Key": "first"})
        assert answer.status_code == 201, answer.text
        session = answer.json()
        water = shower.simulated[0]
        await eventually(lambda: water.poured_ul >= 30_000, "30 ml of water")
        shower.press(StopKey(0))
        await until(
            stack.pool, "SELECT settled_at IS NOT NULL FROM session WHERE session_id = $1", session["id"]
        )
        ended = (await http.get(f"/api/v1/sessions/{session['id']}")).json()
        balance = (await http.get(f"/api/v1/customers/{customer}/balance")).json()
        agent.stop()
        await running

    assert (ended["state"], ended["stop_reason"]) == ("settled", "key")
    bill = ended["bill"]
    assert bill["usage"]["ml"] >= 30
    assert bill["captured_minor"] + bill["released_minor"] == session["hold_minor"]
    assert balance["principal_minor"] == 20_00 - bill["captured_minor"]
    assert balance["held_minor"] == 0
