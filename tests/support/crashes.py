"""One customer's session with the server killed at a chosen point, and what must be true of it afterwards.

The long form: `python -m tests.support.crashes --repeat 100` prints points, repetitions and violations.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import signal
import sys
import tempfile
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple

from coinslot.app.seed import ensure_tariff, make_fleet, make_paying_customers
from coinslot.engines.broker import BrokerAccess, EmbeddedBroker
from coinslot.engines.connect import Pool, open_pool
from coinslot.engines.migrate import migrate
from coinslot.engines.postgres import EmbeddedPostgres
from coinslot.fleet.api_keys import create_api_key
from coinslot.fleet.bulk import TerminalCredentials
from coinslot.fleet.store import create_operator
from coinslot.keyring import Keyring
from coinslot.ledger import store as ledger
from coinslot.ledger.accounts import customer_principal, hold_principal
from coinslot.ledger.events import cash_topup
from coinslot.ledger.verify import verify
from coinslot.settlement.codes.issuing import CodeView, issue
from coinslot.settlement.points import ENVIRONMENT
from coinslot.terminal.actions import Action, OpenValve
from coinslot.terminal.agent import Agent
from coinslot.terminal.events import KeyPressed, StopKey
from coinslot.terminal.journal import FileJournal
from coinslot.terminal.mqtt import Account, MqttConnection
from coinslot.terminal.rating import QuoteRater
from coinslot.terminal.simulated import Model, settings_for, simulate
from coinslot.web.reading import find_session, points_balance, points_of_session
from coinslot.webhooks.destinations import networks
from coinslot.webhooks.endpoints import add_endpoint
from coinslot.wire import codec
from coinslot.wire.ids import CustomerId, OperatorId, SessionId
from coinslot.wire.messages import Start
from tests.support.engines import UNSAFE_BUT_QUICK, create_database, drop_database, engine_folder
from tests.support.kept import KeptServer, a_moment, becomes, engines_environment
from tests.support.quick import QuickClock

BALANCE_MINOR = 20_00
POINTS_PER_MAJOR = 1_000
"""Enough points that a session for a few fen earns some."""
WATER_UL = 250_000
"""Enough to cost something: a session for nothing would prove little."""
SECRET = "a secret for tests alone, 32 letters"
_MOMENTS_UNTIL_TYPED_AGAIN = 300
"""Somebody who sees nothing happen types once more after some three seconds."""


class Way(Enum):
    """How the session goes, so that it passes the point."""

    KEY = auto()
    """Started over HTTP, ended by the stop key."""
    STOP = auto()
    """Ended over HTTP."""
    LOST = auto()
    """The first start command is lost and sent again by the sweep."""
    SILENT = auto()
    """Every start command is lost: silence, a ping, a hello that proves it, the hold released."""
    CODE = auto()
    """Somebody types a wrong code first, which is answered on the display."""
    TYPED = auto()
    """Started by a code that its customer types, and types again while nothing happens."""
    ASIDE = auto()
    """The ledger refuses the capture, so that the final record is kept for a person."""


class Crash(NamedTuple):
    """Where the server dies, and on which way; nowhere if the point is empty."""

    point: str
    way: Way
    nth: int = 1
    pace: int = 4
    """How many times as fast as the world the terminal's clock runs."""


def _both(name: str, way: Way, nth: int = 1, pace: int = 4) -> list[Crash]:
    return [Crash(f"{name}.{when}", way, nth, pace) for when in ("before", "after")]


CRASHES: list[Crash] = [
    *_both("commit.start", Way.KEY, pace=1),
    *_both("commit.words", Way.KEY),  # the hello
    *_both("commit.words", Way.KEY, nth=2),  # `started`
    *_both("commit.words", Way.KEY, nth=3),  # `stopped`, or a checkpoint before it
    *_both("commit.aside", Way.ASIDE),
    *_both("commit.stop", Way.STOP),
    *_both("commit.sweep", Way.SILENT, pace=20),
    *_both("commit.sweep", Way.LOST, pace=1),
    *_both("commit.seal", Way.KEY),
    *_both("commit.tell", Way.KEY),
    *_both("commit.tell", Way.SILENT, pace=20),
    Crash("send.start.before", Way.KEY, pace=1),
    Crash("send.start.after", Way.KEY),
    *_both("send.start", Way.LOST, nth=2, pace=1),
    *_both("send.stop", Way.STOP),
    *_both("send.ack", Way.KEY),
    *_both("send.ack", Way.KEY, nth=2),
    *_both("send.welcome", Way.KEY),
    *_both("send.ping", Way.SILENT, pace=20),
    *_both("send.show", Way.CODE),
    *_both("commit.code", Way.TYPED, pace=1),
]


class LossyConnection(MqttConnection):
    """Loses so many start commands on their way in."""

    starts_to_lose = 0

    def listen(self, listener: Agent) -> None:
        """Between the connection and the agent."""
        super().listen(listener)
        hear = listener.received

        def received(data: bytes) -> None:
            if self.starts_to_lose and isinstance(codec.decode_down(data), Start):
                self.starts_to_lose -= 1
                return
            hear(data)

        listener.received = received  # type: ignore[method-assign]


@dataclass
class Scene:
    """One operator, customer and terminal, made before the server runs."""

    pool: Pool
    operator: OperatorId
    key: str
    customer: CustomerId
    terminal: TerminalCredentials


async def make_scene(pool: Pool) -> Scene:
    """Everything that a session needs but the server."""
    async with pool.acquire() as connection:
        made = await create_operator(
            connection, name="Campus", currency="CNY", timezone="Asia/Shanghai", by="test"
        )
        own = made.operator_id
        tariff = await ensure_tariff(connection, own, "shower-litre")
        fleet = await make_fleet(connection, own, terminals=1, tariff_id=tariff)
        customers = await make_paying_customers(
            connection, own, names=["Lin"], currency="CNY", amount_minor=BALANCE_MINOR
        )
        _, key = await create_api_key(connection, own, name="till", by="test")
        await connection.execute("UPDATE operator SET points_per_major = $1", POINTS_PER_MAJOR)
        # Nobody is called: the server has not been told of networks of its own.
        await add_endpoint(
            connection,
            own,
            name="PMS",
            url="https://127.0.0.1:9/",
            private=networks(["127.0.0.0/8"]),
            by="test",
        )
    return Scene(pool, own, key, customers[0], fleet[0])


class Life:
    """The scene while the server lives, dies and lives again."""

    def __init__(self, crash: Crash, scene: Scene, broker: BrokerAccess, folder: Path) -> None:
        self._crash = crash
        self._scene = scene
        clock = QuickClock(crash.pace)
        self.appliance = simulate(Model.SHOWER, clock)
        terminal = scene.terminal
        connection = LossyConnection(
            Account(
                terminal=terminal.terminal_id,
                secret=terminal.secret,
                host=broker.mqtt_host,
                port=broker.mqtt_port,
            )
        )
        connection.starts_to_lose = {Way.LOST: 1, Way.SILENT: 1_000}.get(crash.way, 0)
        self.agent = Agent(
            settings_for(Model.SHOWER, terminal.terminal_id),
            self.appliance,
            FileJournal(folder / "journal"),
            connection,
            clock,
            QuoteRater(),
        )
        self.openings = 0
        self.agent.observe(self._count)

    def _count(self, action: Action) -> None:
        self.openings += isinstance(action, OpenValve)

    async def go(self, server: KeptServer) -> SessionId:
        """The whole session; returns when nothing is left to happen."""
        way = self._crash.way
        await becomes(lambda: self.agent.core.link.is_up, "the terminal's welcome")
        if way is Way.CODE:
            await self._type_a_code(server)
        session = await (self._typed() if way is Way.TYPED else self._start(server))
        if way is Way.SILENT:
            await self._fall_silent(session)
        else:
            await self._until(
                lambda: self.appliance.simulated[0].poured_ul >= WATER_UL,
                session,
                "SELECT settled_at IS NOT NULL",
            )
        if way is Way.ASIDE:
            await self._forge(session)
        if way is Way.STOP:
            answer = await server.post(f"/api/v1/sessions/{session}/stop", self._scene.key)
            assert answer.status_code == 200, answer.text
        else:
            self.appliance.press(StopKey(0))
        over = (
            "SELECT EXISTS (SELECT FROM review r WHERE (r.operator_id, r.session_id) = (s.operator_id, s.session_id)"
            " OR r.seq IS NOT NULL)"
            if way is Way.ASIDE
            else "SELECT s.told_at IS NOT DISTINCT FROM s.settled_at AND s.settled_at IS NOT NULL"
        )
        await self._until(lambda: False, session, over)
        if self._crash.point:
            await becomes(lambda: bool(server.deaths), f"the kill at {self._crash.point}")
        await server.url()
        kept = self.agent.core.kept
        await becomes(lambda: kept.acked == kept.next_seq - 1, "the last acknowledgement")
        return session

    async def _type_a_code(self, server: KeptServer) -> None:
        for digit in "12345678#":
            self.appliance.press(KeyPressed(0, digit))
        await becomes(lambda: bool(server.deaths), f"the kill at {self._crash.point}")

    async def _typed(self) -> SessionId:
        scene = self._scene
        code = await issue(
            scene.pool,
            Keyring(SECRET),
            operator=scene.operator,
            customer=scene.customer,
            appliance=scene.terminal.appliance_id,
            key="only-one",
        )
        assert isinstance(code, CodeView), code
        began = "SELECT session_id FROM session WHERE operator_id = $1"
        async with asyncio.timeout(25):
            for again in itertools.count():
                if again % _MOMENTS_UNTIL_TYPED_AGAIN == 0:
                    for key in f"{code.digits}#":
                        self.appliance.press(KeyPressed(0, key))
                if (session := await scene.pool.fetchval(began, scene.operator)) is not None:
                    return SessionId(session)
                await a_moment()
        raise AssertionError

    async def _start(self, server: KeptServer) -> SessionId:
        scene = self._scene
        answer = await server.post(
            "/api/v1/sessions",
            scene.key,
            headers={"Idempotency-Key": "only-one"},
            json={"customer": scene.customer, "terminal": scene.terminal.terminal_id, "outlet": 0},
        )
        assert answer.status_code == 201, answer.text
        return SessionId(answer.json()["id"])

    async def _fall_silent(self, session: SessionId) -> None:
        found = await find_session(self._scene.pool, self._scene.operator, session)
        assert found is not None
        # The terminal's clock decides what a hello proves; the server's may then as well be past the expiry.
        await becomes(lambda: self.agent.core.link.link_ms > found.expires_at_ms, "the start's expiry")
        await self._scene.pool.execute(
            "UPDATE session SET expired_at = now(), wake_at = now() WHERE session_id = $1", session
        )

    async def _forge(self, session: SessionId) -> None:
        scene = self._scene
        forged = cash_topup(
            scene.operator, f"session:{session}:capture", scene.customer, "CNY", amount_minor=1
        )
        async with scene.pool.acquire() as connection, connection.transaction():
            await ledger.post(connection, [forged])

    async def _until(self, condition: object, session: SessionId, query: str) -> None:
        """Until a condition here, or one of the session's row, holds."""
        assert callable(condition)
        asked = f"{query} FROM session s WHERE session_id = $1"
        try:
            async with asyncio.timeout(25):
                while not condition() and not await self._scene.pool.fetchval(asked, session):
                    await a_moment()
        except TimeoutError:
            raise TimeoutError(f"never came: {asked}") from None


async def live_through(
    crash: Crash, database_url: str, pool: Pool, broker: BrokerAccess, folder: Path
) -> list[str]:
    """One session with this crash; what was violated."""
    scene = await make_scene(pool)
    life = Life(crash, scene, broker, folder)
    first = {ENVIRONMENT: f"{crash.point}:{crash.nth}"} if crash.point else {}
    environment = {**engines_environment(database_url, broker), "COINSLOT_SECRET_KEY": SECRET}
    async with KeptServer(folder, environment, first) as server:
        await server.url()  # nobody lets a terminal in before, and it would wait longer each time
        running = asyncio.create_task(life.agent.run())
        try:
            session = await life.go(server)
        finally:
            life.agent.stop()
            await asyncio.wait([running])
    running.result()
    return [
        *_violations_of_crash(crash, server),
        *_violations_of_terminal(life),
        *await _violations_of_books(crash, scene, life, session),
    ]


def _violations_of_crash(crash: Crash, server: KeptServer) -> list[str]:
    if server.deaths != ([-signal.SIGKILL] if crash.point else []):
        return [f"{crash.point}: the server was to be killed once at most, and ended with {server.deaths}"]
    return [f"a server complained: {said}" for said in server.said if "Traceback" in said]


def _violations_of_terminal(life: Life) -> list[str]:
    found = []
    if life.appliance.simulated[0].is_open:
        found.append("the valve is open")
    if life.openings > 1:
        found.append(f"one start opened the valve {life.openings} times")
    if life.agent.core.kept.open:
        found.append(f"the terminal holds {list(life.agent.core.kept.open)} open")
    return found


async def _violations_of_books(crash: Crash, scene: Scene, life: Life, session: SessionId) -> list[str]:
    found = await find_session(scene.pool, scene.operator, session)
    assert found is not None
    violations = []
    count = await scene.pool.fetchval("SELECT count(*) FROM session")
    if count != 1:
        violations.append(f"one start made {count} sessions")
    async with scene.pool.acquire() as connection:
        left = await ledger.balance(connection, scene.operator, customer_principal(scene.customer), "CNY")
        held = await ledger.balance(connection, scene.operator, hold_principal(session), "CNY")
        report = await verify(connection)
    if not report.sound:
        violations.append(f"the ledger is not sound: {report.faults}")
    acked = await scene.pool.fetchval("SELECT acked_seq FROM terminal_link")
    if acked != life.agent.core.kept.next_seq - 1:
        violations.append(f"{acked} of {life.agent.core.kept.next_seq - 1} records are acknowledged")
    if crash.way is Way.ASIDE:
        return [*violations, *await _violations_aside(scene, found.live, held, found.hold_minor)]
    reviews = await scene.pool.fetch("SELECT reason, detail FROM review")
    if reviews:
        violations.append(f"in review: {reviews}")
    captured, charge = found.captured_minor or 0, found.charge_minor or 0
    if found.live or held:
        violations.append(f"{found.state.value}, with {held} held")
    if found.state.value == "settled" and not captured:
        violations.append("nothing was captured")
    if captured != charge or captured > found.hold_minor:
        violations.append(f"captured {captured} of a charge of {charge}, {found.hold_minor} held")
    if left != BALANCE_MINOR - captured:
        violations.append(f"{left} left after a capture of {captured}")
    if (life.openings == 1) is not (found.state.value == "settled"):
        violations.append(f"{life.openings} openings, and the session is {found.state.value}")
    if crash.way is Way.SILENT and found.state.value != "released":
        violations.append(f"never started, and {found.state.value}")
    return [*violations, *await _violations_of_telling(scene, session, captured)]


async def _violations_of_telling(scene: Scene, session: SessionId, captured: int) -> list[str]:
    wanted = captured * POINTS_PER_MAJOR // 100
    earned = await points_of_session(scene.pool, scene.operator, session) or 0
    balance = await points_balance(scene.pool, scene.operator, scene.customer)
    told = await scene.pool.fetchval("SELECT count(*) FROM message")
    violations = []
    if (earned, balance) != (wanted, wanted):
        violations.append(f"{captured} captured earned {earned} points, {balance} in all, and not {wanted}")
    events = await scene.pool.fetch(
        "SELECT about FROM webhook_delivery JOIN webhook_event USING (operator_id, event_id)"
    )
    if [row["about"] for row in events] != [session]:
        violations.append(f"webhooks for {events}")
    if told != bool(captured):
        violations.append(f"{captured} captured made {told} messages")
    return violations


async def _violations_aside(scene: Scene, live: bool, held: int, hold_minor: int) -> list[str]:
    kept = await scene.pool.fetchval("SELECT count(*) FROM review WHERE reason = 'not_rated'")
    if kept == 1 and live and held == hold_minor:
        return []
    return [f"the refused record is kept {kept} times; live: {live}, held {held} of {hold_minor}"]


async def _repeat(times: int, seed: int, points: list[str]) -> int:
    crashes = [crash for crash in CRASHES if not points or crash.point in points]
    random.Random(seed).shuffle(crashes)
    bad = 0
    with (
        engine_folder() as folder,
        EmbeddedPostgres(folder / "postgres", settings=UNSAFE_BUT_QUICK) as postgres,
        EmbeddedBroker(folder / "nats") as broker,
    ):
        admin = postgres.url("postgres")
        template = await create_database(admin)
        await migrate(template)
        name = template.split("?", 1)[0].rsplit("/", 1)[1]
        for crash in crashes:
            found: list[str] = []
            for _ in range(times):
                found += await _once(crash, admin, name, broker.access)
            bad += len(found)
            print(
                f"{crash.point}:{crash.nth} {crash.way.name.lower()}: {times} times, {len(found)} violations"
            )
            for violation in found:
                print(f"    {violation}")
            sys.stdout.flush()
    print(f"{len(crashes)} points x {times}: {bad} violations (seed {seed})")
    return bad


async def _once(crash: Crash, admin: str, template: str, broker: BrokerAccess) -> list[str]:
    url = await create_database(admin, template)
    pool = await open_pool(url, max_size=4)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return await live_through(crash, url, pool, broker, Path(folder))
    except (AssertionError, TimeoutError) as error:
        return [f"{type(error).__name__}: {error}"]
    finally:
        pool.terminate()
        await drop_database(admin, url)


def main() -> int:
    """The long form."""
    parser = argparse.ArgumentParser(description="Kill the server at every point of a session, many times.")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="Of the order.")
    parser.add_argument("points", nargs="*", help="Only these.")
    arguments = parser.parse_args()
    return min(1, asyncio.run(_repeat(arguments.repeat, arguments.seed, arguments.points)))


if __name__ == "__main__":
    sys.exit(main())
