"""A terminal that uses and settles one session after the other, without water and without a disk.

It says what an agent says: hello, then for each start a `started` record, and when that is acknowledged a
`stopped` record for a minute's shower of five litres, with sensors and a curve. It draws its own conclusions
from the answers only: settled is a session whose last record the server has acknowledged.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from coinslot.sandbox.load.doors import OK, Door
from coinslot.sandbox.load.mqtt import MqttConnection
from coinslot.wire import codec
from coinslot.wire.ids import TerminalId, new_id
from coinslot.wire.messages import Ack, Gone, Hello, Ping, Records, Start, Welcome
from coinslot.wire.records import CurvePoint, Started, Stopped, StopReason, Summary
from coinslot.wire.registers import Register, Registers
from coinslot.wire.topics import Channel, topic

SHOWER_MS = 60_000
SHOWER_ML = 5_000
_SENSORS = {
    "tds_ppm": Summary(210, 212, 208, 213, 210),
    "water_decic": Summary(391, 396, 388, 399, 395),
}
_CURVE = [CurvePoint(at_s, at_s * SHOWER_ML // 60) for at_s in range(0, 61, 6)]


class Showers:
    """The records of one terminal's showers, one after the other, and the messages that carry them."""

    def __init__(self, link: int, epoch: str) -> None:
        self.link = link
        self.epoch = epoch
        self._seq = 0
        self._ticks_ms = 0
        self._sessions = 20  # a meter that has seen use before

    def started(self, session: str, command: str) -> bytes:
        """The next shower begins, a second after the last."""
        self._ticks_ms += 1_000
        return codec.encode(
            Started(
                boot=1,
                ticks_ms=self._ticks_ms,
                session=session,
                command=command,
                outlet=0,
                registers=self._registers(),
            )
        )

    def stopped(self, session: str) -> bytes:
        """It ends after a minute and five litres, by the stop key."""
        before = self._registers()
        self._ticks_ms += SHOWER_MS
        self._sessions += 1
        return codec.encode(
            Stopped(
                boot=1,
                ticks_ms=self._ticks_ms,
                session=session,
                outlet=0,
                reason=StopReason.KEY,
                start=before,
                registers=self._registers(),
                sensors=_SENSORS,
                curve=_CURVE,
            )
        )

    def message(self, records: Sequence[bytes]) -> bytes:
        """The next `records` message of the journal."""
        first = self._seq + 1
        self._seq += len(records)
        raw = [msgspec.Raw(record) for record in records]
        return codec.encode(Records(link=self.link, epoch=self.epoch, first_seq=first, records=raw))

    def _registers(self) -> Registers:
        return {Register.ML: self._sessions * SHOWER_ML, Register.S: self._sessions * SHOWER_MS // 1000}


class LoadError(Exception):
    """The server did not do what a terminal may expect of it."""


@dataclass
class Tally:
    """What a fleet of these has seen; times in seconds."""

    settled: int = 0
    said_again: int = 0
    sessions_s: list[float] = field(default_factory=list)
    """From asking for the start to the last acknowledgement."""
    trouble: list[str] = field(default_factory=list)


class LoadTerminal:
    """One terminal, its journal in memory, and the customer who stands before it."""

    def __init__(self, terminal: TerminalId, secret: str, door: Door, tally: Tally, link: int) -> None:
        self.terminal = terminal
        self.tally = tally
        self._door = door
        self._showers = Showers(link, new_id("ep"))
        self._acked = 0
        self._start: Start | None = None
        self._asked_at = 0.0
        self._answered = True
        self._open = False
        self._more = False
        self._flying: bytes | None = None
        self._said_at = 0.0
        self._welcomed = asyncio.get_running_loop().create_future()
        self._idle: Callable[[], None] | None = None
        self.connection = MqttConnection(
            terminal,
            secret,
            down=topic(terminal, Channel.DOWN),
            up=topic(terminal, Channel.UP),
            will=(topic(terminal, Channel.GONE), codec.encode(Gone(link=link))),
            listener=self,
        )

    async def connect(self, host: str, port: int) -> None:
        """Connect and be welcomed. LoadError, OSError or TimeoutError when that fails."""
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self.connection, host, port)
        await asyncio.wait_for(self._welcomed, 30)

    def use(self, door: Door) -> None:
        """Let the customer ask here from now on; only while resting."""
        self._door = door

    def go(self) -> None:
        """Begin a session, and another after each."""
        self._more = True
        self._finish()

    def rest(self, idle: Callable[[], None]) -> None:
        """Begin no other; `idle` is called when the present session is settled."""
        self._more = False
        self._idle = idle
        self._finish()

    def look(self, patience_s: float) -> None:
        """Say the message in flight again when its answer is overdue, as an agent does."""
        if self._flying is not None and time.monotonic() - self._said_at > patience_s:
            self.tally.said_again += 1
            self._say(self._flying)

    # ------------------------------------------------------------ the connection's listener

    def ready(self) -> None:
        """See `Listener`."""
        hello = Hello(
            link=self._showers.link,
            epoch=self._showers.epoch,
            next_seq=1,
            oldest_seq=1,
            boot=1,
            open_sessions=[],
        )
        self.connection.publish(codec.encode(hello))

    def ended(self, error: Exception | None) -> None:
        """See `Listener`."""
        if not self._welcomed.done():
            self._welcomed.set_exception(LoadError(f"{self.terminal} was not let in: {error}"))
        elif self._more:
            self._trouble(f"the connection ended: {error}")

    def said(self, payload: bytes) -> None:
        """See `Listener`."""
        message = codec.decode_down(payload)
        match message:
            case Ack():
                self._acknowledged(message)
            case Start():
                self._begin(message)
            case Welcome():
                if not self._welcomed.done():
                    self._welcomed.set_result(None)
            case Ping():
                self.ready()
            case _:
                self._trouble(f"an unexpected {type(message).__name__}")

    # ------------------------------------------------------------ one session

    def _ask(self) -> None:
        self._answered = False
        self._open = True
        self._asked_at = time.monotonic()
        self._door.ask(new_id("req"), self._on_answer)

    def _on_answer(self, answer: str) -> None:
        self._answered = True
        if answer != OK:
            self._open = self._more = False
            self._trouble(f"a start was refused: {answer}")
        self._finish()

    def _begin(self, start: Start) -> None:
        if self._start is not None or not self._open:
            return  # sent again by the server's sweep
        self._start = start
        self._say(self._showers.message([self._showers.started(start.session, start.command)]))

    def _acknowledged(self, ack: Ack) -> None:
        if ack.epoch != self._showers.epoch or ack.seq <= self._acked or self._start is None:
            return
        self._acked = ack.seq
        self._flying = None
        if ack.seq % 2:
            self._say(self._showers.message([self._showers.stopped(self._start.session)]))
            return
        self.tally.settled += 1
        self.tally.sessions_s.append(time.monotonic() - self._asked_at)
        self._start = None
        self._open = False
        self._finish()

    def _finish(self) -> None:
        """Go on or rest, once the session is settled and its request answered."""
        if self._open or not self._answered:
            return
        if self._more:
            self._ask()
        elif self._idle is not None:
            idle, self._idle = self._idle, None
            idle()

    def _say(self, data: bytes) -> None:
        self._flying = data
        self._said_at = time.monotonic()
        self.connection.publish(data)

    def _trouble(self, what: str) -> None:
        self.tally.trouble.append(f"{self.terminal}: {what}")
