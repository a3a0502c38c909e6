"""How long a customer waits: from posting a start to the valve's opening, one start at a time.

The whole way is real: HTTP, hold and commit, broker, an agent with its journal forced to disk and a simulated
shower. Customer, agent and observer share this process, and so one clock. The limit is the sum of what no
design could leave out, measured between the starts: a POST that does nothing, one insert and commit of as
much write-ahead log, one round trip over the broker, one append with fdatasync.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from statistics import median
from urllib.parse import urlsplit

import nats
from nats.aio.msg import Msg

from coinslot.app.benches.bed import Bed
from coinslot.app.benches.figures import Figure, Side, Target, percentile
from coinslot.app.benches.machine import appends_s
from coinslot.app.errors import Problem
from coinslot.engines.connect import Connection, connect_login
from coinslot.sandbox.load.doors import OK, HttpDoor
from coinslot.sandbox.load.mqtt import MqttConnection
from coinslot.terminal.agent import Agent
from coinslot.terminal.clock import RealClock
from coinslot.terminal.events import StopKey
from coinslot.terminal.journal import FileJournal
from coinslot.terminal.mqtt import Account
from coinslot.terminal.mqtt import MqttConnection as AgentConnection
from coinslot.terminal.ports import Outlet, Pressed, Valve
from coinslot.terminal.rating import QuoteRater
from coinslot.terminal.simulated import Model, SimulatedAppliance, settings_for, simulate
from coinslot.wire import codec
from coinslot.wire.ids import new_id
from coinslot.wire.messages import Ack, Alive, Gone
from coinslot.wire.topics import Channel, subject, topic

PART = "c"
TITLE = "a start: POST to open valve, one at a time"
LIMIT = "limit: the sum of the four medians"
_P50 = Target(Side.AT_MOST, 2.0)
_P99 = Target(Side.AT_MOST, 5.0)
_WARM = 10
_PATIENCE_S = 20.0
_LOOK_S = 0.01
_ROW_BYTES = 200
"""Of a commit's write-ahead log, what is not the inserted value."""


class Latency:
    """Part (c)."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._starts_ms: list[list[float]] = []
        self._parts_ms: dict[str, list[float]] = defaultdict(list)
        self._limit_ms: list[float] = []
        self._wal_bytes = 0

    def round(self) -> None:
        """Some starts, then as many of each part of the limit."""
        self._bed.say(f"{self._bed.sizes.starts} single starts, and their limit")
        self._bed.runner.run(self._round())

    def figures(self) -> list[Figure]:
        """The limit with its parts, and both percentiles against it."""
        everything = [one for some in self._starts_ms for one in some]
        count = f"of {len(everything)} starts"
        return [
            *(
                Figure(part=PART, name=name, unit="ms", values=values)
                for name, values in self._parts_ms.items()
            ),
            Figure(part=PART, name=LIMIT, unit="ms", values=self._limit_ms),
            *(
                Figure(
                    part=PART,
                    name=name,
                    unit="ms",
                    values=[percentile(some, percent) for some in self._starts_ms],
                    pooled=percentile(everything, percent),
                    limit=LIMIT,
                    target=target,
                    note=count,
                )
                for name, percent, target in (("p50", 50, _P50), ("p99", 99, _P99))
            ),
        ]

    async def _round(self) -> None:
        bed = self._bed
        at = len(bed.fleet.terminals) - 1
        connection = await connect_login(bed.database_url)
        try:
            async with _shower(bed, at) as shower, _post(bed, bed.sessions_url, at) as post:
                if not self._wal_bytes:
                    self._wal_bytes = await _wal_of_a_start(connection, shower, post)
                for _ in range(_WARM):
                    await shower.start(post)
                self._starts_ms.append([await shower.start(post) for _ in range(bed.sizes.starts)])
            await self._limit(connection, at)
        finally:
            await connection.close()

    async def _limit(self, connection: Connection, at: int) -> None:
        times = self._bed.sizes.starts
        parts = {
            "a POST that does nothing": await _nothing_ms(self._bed, at, times),
            f"an insert of {self._wal_bytes:,} bytes and its commit": await _commits_ms(
                connection, self._wal_bytes, times
            ),
            "a round trip over the broker": await _round_trips_ms(self._bed, at - 1, times),
            "an append with fdatasync": [one * 1000 for one in appends_s(self._bed.folder / "append", times)],
        }
        for name, values in parts.items():
            self._parts_ms[name].append(median(values))
        self._limit_ms.append(sum(median(values) for values in parts.values()))


class _TimedValve:
    """A valve that notes when it is opened."""

    def __init__(self, valve: Valve) -> None:
        self._valve = valve
        self.opened_at: asyncio.Future[float] | None = None

    def open(self) -> None:
        """Note the moment, then open."""
        if self.opened_at is not None and not self.opened_at.done():
            self.opened_at.set_result(time.perf_counter())
        self._valve.open()

    def shut(self) -> None:
        """Shut."""
        self._valve.shut()

    def state(self) -> bool | None:
        """Its own."""
        return self._valve.state()


class _TimedAppliance:
    """A simulated appliance of one outlet behind a timed valve."""

    def __init__(self, appliance: SimulatedAppliance) -> None:
        self._appliance = appliance
        one = appliance.outlets[0]
        self.valve = _TimedValve(one.valve)
        self._outlets = {0: Outlet(self.valve, one.meter, one.screen, one.sensors)}

    @property
    def outlets(self) -> Mapping[int, Outlet]:
        """What the agent is wired to."""
        return self._outlets

    def listen(self, pressed: Callable[[Pressed], None]) -> None:
        """Whom to tell of keys."""
        self._appliance.listen(pressed)


class _WatchedAgent(Agent):
    """An agent that tells when the server has everything it recorded."""

    all_acknowledged: asyncio.Event

    def received(self, data: bytes) -> None:
        """A message came: an `ack` of the last record, with nothing in use, ends a session."""
        super().received(data)
        message = codec.decode_down(data)
        kept = self.core.kept
        if isinstance(message, Ack) and message.seq == kept.next_seq - 1 and not self.core.in_use:
            self.all_acknowledged.set()


class _Poster:
    """Posts starts on one connection."""

    def __init__(self, door: HttpDoor) -> None:
        self._door = door

    def post(self) -> asyncio.Future[str]:
        """Post one under a new key; its answer."""
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._door.ask(new_id("req"), answer.set_result)
        return answer


class _Shower:
    """An agent with its shower, ready for customers."""

    def __init__(self, agent: _WatchedAgent, valve: _TimedValve) -> None:
        self._agent = agent
        self._valve = valve

    async def start(self, poster: _Poster) -> float:
        """One session; milliseconds from the request to the open valve."""
        took_ms = await self.begin(poster)
        await self.end()
        return took_ms

    async def begin(self, poster: _Poster) -> float:
        """Its start; milliseconds from the request to the open valve."""
        self._valve.opened_at = asyncio.get_running_loop().create_future()
        self._agent.all_acknowledged.clear()
        began = time.perf_counter()
        answered = poster.post()
        async with asyncio.timeout(_PATIENCE_S):
            answer = await answered
            if answer != OK:
                raise Problem(f"a start was refused: {answer}", "This is a mistake of the measurement.")
            return (await self._valve.opened_at - began) * 1000

    async def end(self) -> None:
        """The stop key, and the session's settlement."""
        self._agent.pressed(StopKey(0))
        async with asyncio.timeout(_PATIENCE_S):
            await self._agent.all_acknowledged.wait()


@asynccontextmanager
async def _shower(bed: Bed, at: int) -> AsyncIterator[_Shower]:
    """The fleet's terminal `at` with a real agent; the same journal each time."""
    credentials, access = bed.fleet.terminals[at], bed.broker.access
    clock = RealClock()
    appliance = _TimedAppliance(simulate(Model.SHOWER, clock))
    account = Account(
        terminal=credentials.terminal_id,
        secret=credentials.secret,
        host=access.mqtt_host,
        port=access.mqtt_port,
    )
    agent = _WatchedAgent(
        settings_for(Model.SHOWER, credentials.terminal_id),
        appliance,
        FileJournal(bed.folder / "journal"),
        AgentConnection(account),
        clock,
        QuoteRater(),
    )
    agent.all_acknowledged = asyncio.Event()
    running = asyncio.create_task(agent.run())
    try:
        await _online(bed, credentials.terminal_id)
        yield _Shower(agent, appliance.valve)
    finally:
        agent.stop()
        await running


@asynccontextmanager
async def _post(bed: Bed, url: str, at: int) -> AsyncIterator[_Poster]:
    door = HttpDoor(bed.http_head(url), bed.http_body(at))
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: door, "127.0.0.1", urlsplit(url).port or 80)
    try:
        yield _Poster(door)
    finally:
        door.close()


async def _online(bed: Bed, terminal: str) -> None:
    """Wait until the server knows that the terminal is there. Problem when it never does."""
    connection = await connect_login(bed.database_url)
    try:
        query = "SELECT online FROM terminal_link WHERE terminal_id = $1"
        for _ in range(round(_PATIENCE_S / _LOOK_S)):
            if await connection.fetchval(query, terminal):
                return
            await asyncio.sleep(_LOOK_S)
        raise Problem("the agent never came online", "Look at the server's log with --keep.")
    finally:
        await connection.close()


async def _wal_of_a_start(connection: Connection, shower: _Shower, poster: _Poster) -> int:
    """Bytes of write-ahead log of one start's commit: the median of some.

    From before the request to the open valve: the `started` record comes to the server only after that.
    """
    grown = []
    query = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
    for _ in range(_WARM):
        before = await connection.fetchval(query)
        await shower.begin(poster)
        grown.append(await connection.fetchval(query) - before)
        await shower.end()
    return int(median(grown))


async def _nothing_ms(bed: Bed, at: int, times: int) -> list[float]:
    async with _post(bed, bed.serving.nothing_url, at) as poster:
        took = []
        for _ in range(times):
            began = time.perf_counter()
            if (answer := await poster.post()) != OK:
                raise Problem(f"a POST that does nothing failed: {answer}", "Look at the server's log.")
            took.append((time.perf_counter() - began) * 1000)
        return took


async def _commits_ms(connection: Connection, wal_bytes: int, times: int) -> list[float]:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS measured_commit (body bytea);"
        "ALTER TABLE measured_commit ALTER body SET STORAGE EXTERNAL"
    )
    took = []
    for _ in range(times):
        body = os.urandom(max(1, wal_bytes - _ROW_BYTES))
        began = time.perf_counter()
        await connection.execute("INSERT INTO measured_commit VALUES ($1)", body)
        took.append((time.perf_counter() - began) * 1000)
    return took


class _Echo:
    """A terminal that answers every message with `alive`."""

    def __init__(self) -> None:
        self.connection: MqttConnection
        self.up: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ready(self) -> None:
        """See `Listener`."""
        self.up.set_result(None)

    def said(self, payload: bytes) -> None:
        """See `Listener`."""
        self.connection.publish(payload)

    def ended(self, error: Exception | None) -> None:
        """See `Listener`."""
        if not self.up.done():
            self.up.set_exception(Problem(f"the broker refused a terminal: {error}", "Look at its log."))


async def _round_trips_ms(bed: Bed, at: int, times: int) -> list[float]:
    """From a NATS publish to an MQTT subscriber and its answer back to a NATS subscription."""
    one, access = bed.fleet.terminals[at], bed.broker.access
    terminal, loop = one.terminal_id, asyncio.get_running_loop()
    echo = _Echo()
    echo.connection = MqttConnection(
        terminal,
        one.secret,
        down=topic(terminal, Channel.DOWN),
        up=topic(terminal, Channel.UP),
        will=(topic(terminal, Channel.GONE), codec.encode(Gone(link=1))),
        listener=echo,
    )
    await loop.create_connection(lambda: echo.connection, access.mqtt_host, access.mqtt_port)
    client = await nats.connect(access.url, user=access.server_user, password=access.server_password)
    try:
        await asyncio.wait_for(echo.up, _PATIENCE_S)
        waiting: list[asyncio.Future[None]] = []

        async def heard(_message: Msg) -> None:
            waiting.pop().set_result(None)

        await client.subscribe(subject(terminal, Channel.UP), cb=heard)
        await client.flush()
        took = []
        alive = codec.encode(Alive(link=1))
        for _ in range(times):
            answer: asyncio.Future[None] = loop.create_future()
            waiting.append(answer)
            began = time.perf_counter()
            await client.publish(subject(terminal, Channel.DOWN), alive)
            await asyncio.wait_for(answer, _PATIENCE_S)
            took.append((time.perf_counter() - began) * 1000)
        return took
    finally:
        echo.connection.close()
        await client.close()
