"""One real agent with a simulated shower and a journal on disk, in this process, watched by the clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from coinslot.app.benches.bed import Bed
from coinslot.app.benches.posting import Poster
from coinslot.app.errors import Problem
from coinslot.engines.connect import Connection, connect_login
from coinslot.sandbox.load.doors import OK
from coinslot.terminal.agent import Agent
from coinslot.terminal.clock import RealClock
from coinslot.terminal.events import StopKey
from coinslot.terminal.journal import FileJournal
from coinslot.terminal.mqtt import Account
from coinslot.terminal.mqtt import MqttConnection as AgentConnection
from coinslot.terminal.ports import Outlet, Pressed, Valve
from coinslot.terminal.rating import QuoteRater
from coinslot.terminal.simulated import Model, SimulatedAppliance, settings_for, simulate
from coinslot.terminal.views import View
from coinslot.wire import codec
from coinslot.wire.messages import Ack

PATIENCE_S = 20.0
"""For one step of a session."""
_LOOK_S = 0.01


class TimedValve:
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


class TimedAppliance:
    """A simulated appliance of one outlet behind a timed valve."""

    def __init__(self, appliance: SimulatedAppliance) -> None:
        self._appliance = appliance
        one = appliance.outlets[0]
        self.valve = TimedValve(one.valve)
        self._outlets = {0: Outlet(self.valve, one.meter, one.screen, one.sensors, one.touch)}

    @property
    def outlets(self) -> Mapping[int, Outlet]:
        """What the agent is wired to."""
        return self._outlets

    @property
    def view(self) -> View | None:
        """What its display shows now, where it has one."""
        socket = self._appliance.sockets.get(0)
        return None if socket is None else socket.view

    def listen(self, pressed: Callable[[Pressed], None]) -> None:
        """Whom to tell of keys."""
        self._appliance.listen(pressed)


class WatchedAgent(Agent):
    """An agent that tells when the server has everything it recorded."""

    all_acknowledged: asyncio.Event

    def received(self, data: bytes) -> None:
        """A message came: an `ack` of the last record, with nothing in use, ends a session."""
        super().received(data)
        message = codec.decode_down(data)
        kept = self.core.kept
        if isinstance(message, Ack) and message.seq == kept.next_seq - 1 and not self.core.in_use:
            self.all_acknowledged.set()


class Shower:
    """An agent with its shower, ready for customers."""

    def __init__(self, agent: WatchedAgent, valve: TimedValve) -> None:
        self._agent = agent
        self._valve = valve

    async def start(self, poster: Poster) -> float:
        """One session; milliseconds from the request to the open valve."""
        took_ms = await self.begin(poster)
        await self.end()
        return took_ms

    async def begin(self, poster: Poster) -> float:
        """Its start; milliseconds from the request to the open valve."""
        self._valve.opened_at = asyncio.get_running_loop().create_future()
        self._agent.all_acknowledged.clear()
        began = time.perf_counter()
        answered = poster.post()
        async with asyncio.timeout(PATIENCE_S):
            answer = await answered
            if answer != OK:
                raise Problem(f"a start was refused: {answer}", "This is a mistake of the measurement.")
            return (await self._valve.opened_at - began) * 1000

    async def end(self) -> None:
        """The stop key, and the session's settlement."""
        self._agent.pressed(StopKey(0))
        async with asyncio.timeout(PATIENCE_S):
            await self._agent.all_acknowledged.wait()


@asynccontextmanager
async def open_shower(bed: Bed, at: int) -> AsyncIterator[Shower]:
    """The fleet's terminal `at` with a real agent; the same journal each time."""
    credentials, access = bed.fleet.terminals[at], bed.broker.access
    clock = RealClock()
    appliance = TimedAppliance(simulate(Model.SHOWER, clock))
    account = Account(
        terminal=credentials.terminal_id,
        secret=credentials.secret,
        host=access.mqtt_host,
        port=access.mqtt_port,
    )
    agent = WatchedAgent(
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
        await online(bed, credentials.terminal_id)
        yield Shower(agent, appliance.valve)
    finally:
        agent.stop()
        await running


async def online(bed: Bed, terminal: str) -> None:
    """Wait until the server knows that the terminal is there. Problem when it never does."""
    connection = await connect_login(bed.database_url)
    try:
        query = "SELECT online FROM terminal_link WHERE terminal_id = $1"
        for _ in range(round(PATIENCE_S / _LOOK_S)):
            if await connection.fetchval(query, terminal):
                return
            await asyncio.sleep(_LOOK_S)
        raise Problem("the agent never came online", "Look at the server's log with --keep.")
    finally:
        await connection.close()


async def wal_of_a_start(connection: Connection, shower: Shower, poster: Poster, times: int) -> int:
    """Bytes of write-ahead log of one start's commit: the least of some.

    From before the request to the open valve: the `started` record comes to the server only after that. The
    others hold whole pages after a checkpoint, or a seal of the sweep.
    """
    grown: list[int] = []
    query = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
    for _ in range(times):
        before = await connection.fetchval(query)
        await shower.begin(poster)
        grown.append(await connection.fetchval(query) - before)
        await shower.end()
    return min(grown)
