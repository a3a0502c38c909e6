"""The API over a real PostgreSQL and a real broker, called without a socket between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest
from litestar import Litestar
from nats.aio.client import Client

from coinslot.app.seed import make_fleet, make_paying_customers
from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import Pool
from coinslot.fleet.api_keys import create_api_key
from coinslot.fleet.bulk import TerminalCredentials
from coinslot.fleet.store import create_operator
from coinslot.keyring import Keyring
from coinslot.link.clients import connect
from coinslot.link.outgoing import Outgoing
from coinslot.people.notices import LoginCodeNotice, Notice, NotSent, Recipient
from coinslot.settlement.starter import Starter
from coinslot.settlement.store import PostgresBooks
from coinslot.web.app import build_app
from coinslot.web.live.board import LiveBoard
from coinslot.web.services import Services, TerminalDoor
from coinslot.web.streams import Streams
from coinslot.wire.ids import CustomerId, OperatorId
from tests.support.api_document import Document
from tests.support.api_world import World, make_world

DOOR = TerminalDoor(mqtt_host="link.example.org", mqtt_port=8883, tls=False, ca=None)
SECRET = "the secret of this test's installation"
KEYRING = Keyring(SECRET)


class Phones:
    """A notifier that records what is sent, and fails when it is told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[Recipient, Notice]] = []
        self.failure: NotSent | None = None
        self.gate: asyncio.Event | None = None
        """While it is not set, nothing leaves."""
        self.asked = asyncio.Event()
        """Something was to be sent."""

    async def send(self, to: Recipient, notice: Notice) -> str:
        self.asked.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        self.sent.append((to, notice))
        return f"test:{len(self.sent)}"

    @property
    def last_code(self) -> str:
        """Of the last login code that was sent."""
        notice = self.sent[-1][1]
        assert isinstance(notice, LoginCodeNotice)
        return notice.code


@dataclass
class House:
    """One operator with terminals that are connected, customers with 20.00, and a key."""

    operator: OperatorId
    key: str
    terminals: list[TerminalCredentials]
    customers: list[CustomerId]

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@dataclass
class Api:
    """The application, its caller, and how often the database is asked for keys."""

    http: httpx.AsyncClient
    pool: Pool
    phones: Phones
    app: Litestar
    houses: list[House] = field(default_factory=list)

    async def house(self, name: str, *, terminals: int = 2, customers: int = 2) -> House:
        """A new operator."""
        async with self.pool.acquire() as connection:
            operator = (
                await create_operator(
                    connection,
                    name=name,
                    currency="CNY",
                    timezone="Asia/Shanghai",
                    help_phone="",
                    by="test",
                )
            ).operator_id
            fleet = await make_fleet(connection, operator, terminals=terminals)
            paying = await make_paying_customers(
                connection,
                operator,
                names=[f"customer {number}" for number in range(customers)],
                currency="CNY",
                amount_minor=20_00,
            )
            _, key = await create_api_key(connection, operator, name="test", by="test")
            await connection.execute(
                "UPDATE terminal_link SET online = true, link = 1, link_began_at = now(), epoch = 'epo_1'"
                " WHERE operator_id = $1",
                operator,
            )
        return House(operator, key, fleet, paying)

    async def start(self, house: House, key: str = "one", **changes: object) -> httpx.Response:
        """Start on the first outlet for the first customer, unless told otherwise."""
        body: dict[str, object] = {
            "customer": house.customers[0],
            "terminal": house.terminals[0].terminal_id,
            "outlet": 0,
            **changes,
        }
        headers = {**house.auth, "Idempotency-Key": key}
        return await self.http.post("/api/v1/sessions", json=body, headers=headers)

    async def entries(self) -> int:
        """How many journal entries there are."""
        return int(await self.pool.fetchval("SELECT count(*) FROM ledger_entry"))


@pytest.fixture
async def client(broker: BrokerAccess) -> AsyncIterator[Client]:
    connected = await connect(
        broker.url, user=broker.server_user, password=broker.server_password, name="test"
    )
    yield connected
    await connected.close()


@pytest.fixture
async def api(pool: Pool, client: Client) -> AsyncIterator[Api]:
    async def check_broker() -> None:
        if not client.is_connected:
            raise ConnectionError("not connected")

    starter = Starter(PostgresBooks(pool), Outgoing(client).send_all)
    phones = Phones()
    live = LiveBoard(pool, client)
    await live.start()
    app = build_app(
        Services(
            pool=pool,
            starter=starter,
            door=DOOR,
            check_broker=check_broker,
            keyring=KEYRING,
            notifier=phones,
            live=live,
            streams=Streams(),
        )
    )
    transport = httpx.ASGITransport(app)
    hooks = {"response": [Document(app).check]}
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test", event_hooks=hooks) as http:
        yield Api(http, pool, phones, app)
    await live.stop()
    await starter.close()


@pytest.fixture
async def north(api: Api, client: Client) -> AsyncIterator[World]:
    starter = Starter(PostgresBooks(api.pool), Outgoing(client).send_all)
    yield await make_world(api.pool, starter, "North", "+8613800138000")
    await starter.close()


@pytest.fixture
async def south(api: Api, client: Client) -> AsyncIterator[World]:
    starter = Starter(PostgresBooks(api.pool), Outgoing(client).send_all)
    yield await make_world(api.pool, starter, "South", "+8613900139000")
    await starter.close()


@pytest.fixture
async def house(api: Api) -> House:
    return await api.house("North")
