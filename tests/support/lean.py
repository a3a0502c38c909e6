"""Terminals without water, hundreds in one process: each remembers what it has to say until it is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from coinslot.engines.broker import BrokerAccess
from coinslot.fleet.bulk import TerminalCredentials
from coinslot.wire import codec
from coinslot.wire.ids import CommandId
from coinslot.wire.messages import Ack, Hello, Ping, Records, Start, Welcome
from coinslot.wire.records import Record, Started, Stopped, StopReason
from coinslot.wire.registers import Register
from tests.support.raw_mqtt import RawMqtt, raw_mqtt

PATIENCE_S = 40.0
_AGAIN_S = 1.0


class Lean:
    """One terminal. It opens nothing twice: a start is looked at once."""

    def __init__(self, credentials: TerminalCredentials) -> None:
        self.credentials = credentials
        self.start: Start | None = None
        self.records: list[Record] = []
        self.acked = 0
        self.link = 0
        self._welcomed = 0
        self._client: RawMqtt | None = None
        self._listener: asyncio.Task[None] | None = None
        self._heard = asyncio.Event()

    async def connect(self, broker: BrokerAccess) -> None:
        """A new link, and hello until welcomed."""
        self.leave()
        self.link += 1
        name, secret = self.credentials.terminal_id, self.credentials.secret
        client = await raw_mqtt(broker, name, secret, link=self.link)
        while client.code != 0:
            client.drop()
            client = await raw_mqtt(broker, name, secret, link=self.link)
        assert await client.subscribe(f"coinslot/1/{name}/down") == 0
        self._client = client
        self._listener = asyncio.create_task(self._listen(client))
        await self._insist(self._hello(), lambda: self._welcomed == self.link)

    async def begun(self) -> None:
        """Wait for the start, write down that it opens, and be acknowledged."""
        await self._until(lambda: self.start is not None)
        self.open()
        await self.tell()

    def open(self) -> None:
        """Write down that it opens."""
        assert self.start is not None
        self.records.append(
            Started(
                boot=1,
                ticks_ms=1_000,
                session=self.start.session,
                command=CommandId(self.start.command),
                outlet=0,
                registers={Register.ML: 0, Register.S: 0},
            )
        )

    async def ended(self) -> None:
        """Write down that it has shut after five litres and a minute, and be acknowledged."""
        assert self.start is not None
        self.records.append(
            Stopped(
                boot=1,
                ticks_ms=61_000,
                session=self.start.session,
                outlet=0,
                reason=StopReason.KEY,
                start={Register.ML: 0, Register.S: 0},
                registers={Register.ML: 5_000, Register.S: 60},
            )
        )
        await self.tell()

    async def heard_start(self) -> None:
        """Wait for the start."""
        await self._until(lambda: self.start is not None)

    async def tell(self) -> None:
        """Send what is not acknowledged, again and again until it is."""
        bodies = [msgspec.Raw(codec.encode(record)) for record in self.records[self.acked :]]
        message = Records(link=self.link, epoch="ep_1", first_seq=self.acked + 1, records=bodies)
        await self._insist(codec.encode(message), lambda: self.acked >= len(self.records))

    def leave(self) -> None:
        """Cut the connection."""
        if self._listener is not None:
            self._listener.cancel()
        if self._client is not None:
            self._client.drop()

    def _hello(self) -> bytes:
        return codec.encode(
            Hello(
                link=self.link,
                epoch="ep_1",
                next_seq=len(self.records) + 1,
                oldest_seq=1,
                boot=1,
                open_sessions=[self.start.session] if self.start else [],
            )
        )

    async def _insist(self, data: bytes, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._say(data)
                try:
                    await asyncio.wait_for(self._until(condition), _AGAIN_S)
                except TimeoutError:
                    continue

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._heard.clear()
                await self._heard.wait()

    def _say(self, data: bytes) -> None:
        assert self._client is not None
        self._client.publish(f"coinslot/1/{self.credentials.terminal_id}/up", data)

    async def _listen(self, client: RawMqtt) -> None:
        while (data := await client.message(patiently=True)) is not None:
            message = codec.decode_down(data)
            if isinstance(message, Start) and self.start is None:
                self.start = message
            elif isinstance(message, Ack):
                self.acked = max(self.acked, message.seq)
            elif isinstance(message, Welcome):
                self._welcomed = message.link
            elif isinstance(message, Ping):
                self._say(self._hello())
            self._heard.set()
