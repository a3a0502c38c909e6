"""A served process with thousands of connections that say nothing, and one that ends while water runs."""

from __future__ import annotations

import asyncio
import itertools
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from coinslot.app.connections import MOST, raise_file_limit
from coinslot.app.installation import attached_installation
from coinslot.app.seed import ensure_tariff, make_paying_customers
from coinslot.app.settings import MqttTls, Settings
from coinslot.engines.connect import Pool, open_pool
from coinslot.fleet.api_keys import create_api_key
from coinslot.fleet.outlets import add_outlet
from coinslot.fleet.provisioning import issue_claim_code
from coinslot.fleet.rules import ApplianceKind
from coinslot.fleet.store import add_appliance, add_site, create_operator
from coinslot.people.browsers import begin_login
from coinslot.terminal.agent import Agent
from coinslot.terminal.clock import RealClock
from coinslot.terminal.events import StopKey
from coinslot.terminal.identity import Identity, claim
from coinslot.terminal.journal import FileJournal
from coinslot.terminal.mqtt import Account, MqttConnection
from coinslot.terminal.rating import QuoteRater
from coinslot.terminal.simulated import Model, SimulatedAppliance, settings_for, simulate
from coinslot.terminal.trust import tls_context
from coinslot.wire.ids import CustomerId, OperatorId, TerminalId
from tests.support.engines import engine_folder
from tests.support.plant import eventually
from tests.support.served import END_S, Served, serving

pytestmark = pytest.mark.timeout(180)

OWN_TLS = {"COINSLOT_MQTT_TLS": "own", "COINSLOT_SECRET_KEY": "a secret for tests alone"}
FILES_LEFT = 4000
MIB = 1 << 20


class Shower:
    """One claimed terminal with its agent, its customer, and the key of a program that may start it."""

    def __init__(self, identity: Identity, folder: Path, operator: OperatorId) -> None:
        self.identity = identity
        self.operator = operator
        self.customer = CustomerId("")
        self.key = ""
        self.terminal = TerminalId(identity.terminal_id)
        clock = RealClock()
        self.appliance: SimulatedAppliance = simulate(Model.SHOWER, clock)
        assert identity.ca is not None
        ca = folder / "ca.pem"
        ca.write_text(identity.ca, encoding="ascii")
        account = Account(
            terminal=self.terminal,
            secret=identity.secret,
            host=identity.mqtt_host,
            port=identity.mqtt_port,
        )
        self.agent = Agent(
            settings_for(Model.SHOWER, self.terminal),
            self.appliance,
            FileJournal(folder / "journal"),
            MqttConnection(account, lambda: tls_context(ca, clock.wall_ms() or 0)),
            clock,
            QuoteRater(),
        )

    @property
    def poured_ul(self) -> int:
        return self.appliance.simulated[0].poured_ul

    async def start(self, http: httpx.AsyncClient, name: str) -> str:
        """A session that runs, by its id."""
        before_ul = self.poured_ul
        answer = await http.post(
            "/api/v1/sessions",
            json={"customer": self.customer, "terminal": self.terminal, "outlet": 0},
            headers={"Authorization": f"Bearer {self.key}", "Idempotency-Key": name},
        )
        assert answer.status_code == 201, answer.text
        await eventually(lambda: self.poured_ul > before_ul + 30_000, "30 ml of water")
        return str(answer.json()["id"])


@asynccontextmanager
async def database(data: Path) -> AsyncIterator[Pool]:
    installation = attached_installation(Settings(data_dir=data, mqtt_tls=MqttTls.OWN))
    assert installation is not None
    pool = await open_pool(installation.database_url)
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def shower(served: Served, pool: Pool, folder: Path) -> AsyncIterator[Shower]:
    """Claimed over HTTP, linked over TLS under the installation's own CA."""
    async with pool.acquire() as connection:
        made = await create_operator(
            connection, name=folder.name, currency="CNY", timezone="Asia/Shanghai", by="test"
        )
        own = made.operator_id
        site = await add_site(connection, own, name="Hall", by="test")
        code = await issue_claim_code(connection, own, site.site_id, name="T1", hours=1, by="test")
        tariff = await ensure_tariff(connection, own, "shower-litre")
        appliance = await add_appliance(
            connection, own, site_id=site.site_id, kind=ApplianceKind.SHOWER, name="Shower 1", by="test"
        )
        identity = await asyncio.to_thread(claim, served.ready.http, code)
        assert identity.tls
        made_shower = Shower(identity, folder, own)
        await add_outlet(
            connection,
            own,
            appliance_id=appliance.appliance_id,
            terminal_id=made_shower.terminal,
            outlet=0,
            name="Shower",
            tariff_id=tariff,
            by="test",
        )
        (made_shower.customer,) = await make_paying_customers(
            connection, own, names=["Lin"], currency="CNY", amount_minor=50_00
        )
        _, made_shower.key = await create_api_key(connection, own, name="desk", by="test")
    running = asyncio.create_task(made_shower.agent.run())
    await until(pool, "SELECT online FROM terminal_link WHERE terminal_id = $1", made_shower.terminal)
    try:
        yield made_shower
    finally:
        made_shower.agent.stop()
        await running


async def until(pool: Pool, query: str, *values: object) -> None:
    async with asyncio.timeout(30):
        while not await pool.fetchval(query, *values):
            pass


async def watch(
    served: Served, pool: Pool, shower: Shower, session: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The customer's live view of a session, as a browser opens it."""
    async with pool.acquire() as connection, connection.transaction():
        token = await begin_login(connection, shower.operator, shower.customer, None)
    address = urlsplit(served.ready.http)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(f"GET /s/{session}/events HTTP/1.1\r\nHost: x\r\nCookie: cs={token}\r\n\r\n".encode())
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        await reader.readuntil(b"data: ")
    return reader, writer


@contextmanager
def half_open(served: Served, count: int) -> Iterator[list[socket.socket]]:
    """So many connections from 250 addresses, each with half a request's head, opened as fast as it goes."""
    address = urlsplit(served.ready.http)
    sources = itertools.cycle(f"127.0.1.{number}" for number in range(1, 251))
    opened: list[socket.socket] = []
    try:
        for source in itertools.islice(sources, count):
            one = socket.create_connection(
                (str(address.hostname), address.port or 0), timeout=10, source_address=(source, 0)
            )
            opened.append(one)
            one.sendall(b"GET /s/x HTTP/1.1\r\nHost: ")
        yield opened
    finally:
        for one in opened:
            one.close()


@pytest.mark.parametrize("count", [2000, pytest.param(10_000, marks=pytest.mark.long)])
async def test_half_open_connections_do_not_keep_a_session_from_stopping(count: int, tmp_path: Path) -> None:
    if raise_file_limit() < count + FILES_LEFT:
        pytest.skip("this process may not open so many files")
    with engine_folder() as folder, serving(folder / "data", **OWN_TLS) as served:
        async with (
            database(folder / "data") as pool,
            shower(served, pool, tmp_path) as one,
            httpx.AsyncClient(base_url=served.ready.http, timeout=10) as http,
        ):
            session = await one.start(http, "first")
            watching, watcher = await watch(served, pool, one, session)
            process = psutil.Process(served.process.pid)
            before_bytes = process.memory_info().rss
            with half_open(served, count):
                began_s = time.monotonic()
                # As a newcomer: on a connection of its own.
                async with httpx.AsyncClient(base_url=served.ready.http, timeout=10) as newcomer:
                    answer = await newcomer.post(
                        f"/api/v1/sessions/{session}/stop", headers={"Authorization": f"Bearer {one.key}"}
                    )
                took_s = time.monotonic() - began_s
                assert answer.status_code == 200, answer.text
                assert took_s < 1, f"{took_s:.2f} s with {count} half-open connections"
                grown_bytes = process.memory_info().rss - before_bytes
                print(
                    f"{count} half-open: stopped in {took_s * 1000:.0f} ms, {grown_bytes / MIB:.0f} MiB more, "
                    f"{grown_bytes / min(count, MOST) / 1024:.1f} KiB each"
                )
                await until(pool, "SELECT settled_at IS NOT NULL FROM session WHERE session_id = $1", session)
                # The live view was never the one to go: it ended with its session.
                async with asyncio.timeout(10):
                    await watching.readuntil(b"\r\n0\r\n\r\n")
            watcher.close()


@pytest.mark.long
async def test_an_end_while_somebody_watches_is_quick_and_the_session_goes_on(tmp_path: Path) -> None:
    with engine_folder() as folder:
        data = folder / "data"
        with serving(data, **OWN_TLS) as served:
            async with database(data) as pool:
                one_shower = shower(served, pool, tmp_path)
                one = await one_shower.__aenter__()
                async with httpx.AsyncClient(base_url=served.ready.http, timeout=10) as http:
                    session = await one.start(http, "first")
                watching, watcher = await watch(served, pool, one, session)
            served.process.send_signal(signal.SIGTERM)
            began_s = time.monotonic()
            async with asyncio.timeout(10):
                rest = await watching.read()
            ended_s = time.monotonic() - began_s
            assert b"retry: 1000\n\n" in rest
            assert rest.endswith(b"0\r\n\r\n")
            assert ended_s < 1, f"the live view ended after {ended_s:.2f} s"
            watcher.close()
            _, said = await asyncio.to_thread(served.process.communicate, timeout=END_S)
            assert served.process.returncode == 0, said
            assert "Traceback" not in said
        poured_ul = one.poured_ul
        await eventually(lambda: one.poured_ul > poured_ul + 20_000, "water without a server")
        with serving(data, **OWN_TLS) as again:
            async with database(data) as pool:
                one.appliance.press(StopKey(0))
                await until(pool, "SELECT settled_at IS NOT NULL FROM session WHERE session_id = $1", session)
                async with httpx.AsyncClient(base_url=again.ready.http, timeout=10) as http:
                    ended = (
                        await http.get(
                            f"/api/v1/sessions/{session}", headers={"Authorization": f"Bearer {one.key}"}
                        )
                    ).json()
                assert (ended["state"], ended["stop_reason"]) == ("settled", "key")
                assert ended["bill"]["usage"]["ml"] >= 50
                await one_shower.__aexit__(None, None, None)
