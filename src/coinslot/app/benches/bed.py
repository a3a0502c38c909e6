"""What is measured: engines of its own with their durable settings, a fleet, the server, the load generator."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import uvloop
from msgspec import Struct

from coinslot.app.benches.pgbench import PgBench
from coinslot.app.benches.processes import Helper, Memory, memory
from coinslot.app.benches.server import Serving, Setup
from coinslot.app.errors import Problem
from coinslot.app.seed import BY, ensure_tariff, make_fleet, make_paying_customers
from coinslot.engines.broker import EmbeddedBroker
from coinslot.engines.connect import Pool, connect_login, ensure_database, open_pool
from coinslot.engines.migrate import migrate
from coinslot.engines.postgres import EmbeddedPostgres
from coinslot.fleet.api_keys import create_api_key
from coinslot.fleet.bulk import TerminalCredentials
from coinslot.fleet.store import create_operator
from coinslot.sandbox.load.generator import ConnectOrder, Order, Place, Plan, Result, RunOrder
from coinslot.wire.ids import CustomerId, OperatorId

_BALANCE_MINOR = 1_000_000_000

Say = Callable[[str], None]


class Sizes(Struct, frozen=True, kw_only=True):
    """How much is measured."""

    rounds: int = 3
    seconds: float = 3.0
    """Of one run of the load or of pgbench."""
    terminals: tuple[int, ...] = (1, 8, 64, 512)
    http_terminals: tuple[int, ...] = (64, 512)
    clients: tuple[int, ...] = (1, 8, 16, 32)
    scale: int = 32
    """pgbench's: at least its clients, or they wait for each other's branch."""
    starts: int = 110
    """Single starts of one round."""
    pages: int = 500
    """Of one round."""
    loads: int = 5
    """Times that a browser opens a page in one round."""
    watchers: int = 300
    """Open live views."""
    guests: int = 40
    """Payments on appliances in one round."""
    warm_s: float = 2.0
    """Before anything is measured, all terminals at once."""
    warm_starts: int = 10
    """Single starts that are not counted."""
    watch_s: int = 5
    """How long live views are watched, and as long again with nobody there."""
    payments: int = 500
    """Of one round, each told of up to 20 times."""


class Fleet(Struct, frozen=True, kw_only=True):
    """One operator's terminals and as many customers."""

    operator: OperatorId
    api_key: str
    terminals: list[TerminalCredentials]
    customers: list[CustomerId]


class Bed:
    """Made by `open_bed`. Helpers start when they are first asked for."""

    def __init__(
        self, folder: Path, sizes: Sizes, postgres: EmbeddedPostgres, broker: EmbeddedBroker, say: Say
    ) -> None:
        self.folder = folder
        self.sizes = sizes
        self.postgres = postgres
        self.broker = broker
        self.say = say
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.ending = contextlib.ExitStack()
        self.ending.enter_context(self.runner)
        self.database_url = postgres.url("coinslot")
        self.secret = secrets.token_urlsafe(32)
        """The installation's, for stickers and cookies."""
        self.merchants: Path | None = None
        """The server's merchants file, where it takes money; to be set before it starts."""
        self.spare = 2
        """Terminals at the fleet's end that the load generator leaves alone."""
        self.memory_before: dict[str, Memory] = {}
        self.memory_connected: dict[str, Memory] = {}
        self._pgbench: PgBench | None = None
        self._generator: Helper | None = None
        self._server: Helper | None = None
        self._serving: Serving | None = None
        say("making a fleet and its customers")
        self.fleet = self.runner.run(make_database(self.database_url, max(sizes.terminals) + self.spare))

    @property
    def pgbench(self) -> PgBench:
        """PostgreSQL's own benchmark, its tables filled."""
        if self._pgbench is None:
            self.say(f"filling pgbench's tables (scale {self.sizes.scale})")
            self._pgbench = PgBench(self.postgres, self.sizes.scale)
        return self._pgbench

    @property
    def server(self) -> Helper:
        """The server's process."""
        if self._server is None:
            self.say("starting the server")
            helper = Helper("coinslot.app.benches.server", log=self.folder / "server.log")
            self._server = self.ending.enter_context(helper)
            helper.say(
                Setup(
                    database_url=self.database_url,
                    broker=self.broker.access,
                    socket=str(self.folder / "door"),
                    operator=self.fleet.operator,
                    secret=self.secret,
                    merchants=None if self.merchants is None else str(self.merchants),
                )
            )
            self._serving = helper.hear(Serving)
        return self._server

    @property
    def serving(self) -> Serving:
        """Where the server listens."""
        assert self.server is not None
        assert self._serving is not None
        return self._serving

    @property
    def generator(self) -> Helper:
        """The load generator with all its terminals connected, the server warm, statistics gathered."""
        self.warm()
        assert self._generator is not None
        return self._generator

    def warm(self) -> None:
        """Have server and load generator run and connected, for whoever is measured beside them."""
        if self._generator is None:
            self._generator = self._start_generator()

    def order(self, order: Order) -> Result:
        """Have the load generator do something. Problem when it met trouble."""
        generator = self.generator
        generator.say(order)
        return _fine(generator.hear(Result))

    def http_head(self, url: str) -> bytes:
        """A start's first lines for `HttpDoor`."""
        parts = urlsplit(url)
        return (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {self.fleet.api_key}\r\n"
            "Content-Type: application/json\r\n"
        ).encode()

    def http_body(self, at: int) -> bytes:
        """The body of a start at the fleet's terminal `at`."""
        customer, terminal = self.fleet.customers[at], self.fleet.terminals[at].terminal_id
        return f'{{"customer":"{customer}","terminal":"{terminal}","outlet":0}}'.encode()

    @property
    def sessions_url(self) -> str:
        """Where starts are posted."""
        return f"{self.serving.http_url}/api/v1/sessions"

    def _start_generator(self) -> Helper:
        engines = {"server": self.server.pid, "nats": self.broker.pid}
        self.memory_before = {name: memory(pid) for name, pid in engines.items()}
        helper = Helper("coinslot.sandbox.load.generator", log=self.folder / "generator.log")
        self.ending.enter_context(helper)
        count = max(self.sizes.terminals)
        self.say(f"connecting {count} terminals")
        helper.say(self._plan(count))
        helper.say(ConnectOrder())
        _fine(helper.hear(Result))
        self.memory_connected = {name: memory(pid) for name, pid in engines.items()}
        self.say("warming up, then VACUUM ANALYZE")
        helper.say(RunOrder(terminals=count, seconds=self.sizes.warm_s))
        _fine(helper.hear(Result))
        self.runner.run(vacuum(self.database_url))
        return helper

    def _plan(self, count: int) -> Plan:
        access = self.broker.access
        head = self.http_head(self.sessions_url).decode()
        return Plan(
            mqtt_host=access.mqtt_host,
            mqtt_port=access.mqtt_port,
            socket=str(self.folder / "door"),
            http_port=urlsplit(self.serving.http_url).port or 80,
            places=[
                Place(one.terminal_id, one.secret, customer, head, self.http_body(at).decode())
                for at, (one, customer) in enumerate(
                    zip(self.fleet.terminals[:count], self.fleet.customers[:count], strict=True)
                )
            ],
        )


@contextlib.contextmanager
def open_bed(folder: Path, sizes: Sizes, say: Say) -> Iterator[Bed]:
    """Engines below `folder`, which must be new; everything is ended afterwards. Main thread only."""
    with (
        EmbeddedPostgres(folder / "postgres", say) as postgres,
        EmbeddedBroker(folder / "nats", say) as broker,
    ):
        bed = Bed(folder, sizes, postgres, broker, say)
        with bed.ending:
            yield bed
            say("stopping")


async def make_database(url: str, count: int) -> Fleet:
    """A migrated database with one operator, `count` terminals and as many customers, statistics gathered."""
    await ensure_database(url)
    await migrate(url)
    pool = await open_pool(url)
    try:
        fleet = await _make_fleet(pool, count)
    finally:
        await pool.close()
    await vacuum(url)
    return fleet


async def vacuum(url: str) -> None:
    """VACUUM ANALYZE, as `pgbench -i` ends with: plans are those of a database that has been in use."""
    connection = await connect_login(url)
    try:
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def _make_fleet(pool: Pool, count: int) -> Fleet:
    async with pool.acquire() as connection:
        made = await create_operator(
            connection, name="Measured", currency="CNY", timezone="Asia/Shanghai", by=BY
        )
        own = made.operator_id
        tariff = await ensure_tariff(connection, own, "shower-litre")
        _, key = await create_api_key(connection, own, name="bench", by=BY)
        return Fleet(
            operator=own,
            api_key=key,
            terminals=await make_fleet(connection, own, terminals=count, tariff_id=tariff),
            customers=await make_paying_customers(
                connection,
                own,
                names=[f"Customer {number}" for number in range(count)],
                currency="CNY",
                amount_minor=_BALANCE_MINOR,
            ),
        )


def _fine(result: Result) -> Result:
    if result.trouble:
        raise Problem(
            "the load generator met trouble: " + "; ".join(result.trouble[:3]),
            "A figure of such a run would mean nothing. See the logs with --keep.",
        )
    return result
