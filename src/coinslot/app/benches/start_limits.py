"""What no design of a start could leave out, measured by itself; milliseconds."""

from __future__ import annotations

import asyncio
import os
import time

import nats
from nats.aio.msg import Msg

from coinslot.app.benches.bed import Bed
from coinslot.app.benches.posting import open_poster
from coinslot.app.errors import Problem
from coinslot.engines.connect import Connection
from coinslot.sandbox.load.doors import OK
from coinslot.sandbox.load.mqtt import MqttConnection
from coinslot.wire import codec
from coinslot.wire.messages import Alive, Gone
from coinslot.wire.topics import Channel, subject, topic

_PATIENCE_S = 20.0
_ROW_BYTES = 200
"""Of a commit's write-ahead log, what is not the inserted value."""


async def nothing_ms(bed: Bed, at: int, times: int) -> list[float]:
    """A POST that does nothing, in the same server process."""
    async with open_poster(bed, bed.serving.nothing_url, at) as poster:
        took = []
        for _ in range(times):
            began = time.perf_counter()
            if (answer := await poster.post()) != OK:
                raise Problem(f"a POST that does nothing failed: {answer}", "Look at the server's log.")
            took.append((time.perf_counter() - began) * 1000)
        return took


async def commits_ms(connection: Connection, wal_bytes: int, times: int) -> list[float]:
    """One insert and its commit, of about so much write-ahead log."""
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


async def round_trips_ms(bed: Bed, at: int, times: int) -> list[float]:
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
