"""The player: a server that says what a rule wants said, and sees what comes of it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec
from msgspec import Struct

from coinslot.sandbox.conformance.clerk import Clerk
from coinslot.sandbox.conformance.history import History, Line, Login, Recorded, Way
from coinslot.sandbox.conformance.rule import Broken
from coinslot.sandbox.conformance.stand import Stand
from coinslot.wire.codec import WireError, decode_up, encode
from coinslot.wire.messages import Down, Gone, Hello, Ping, Up
from coinslot.wire.topics import Channel, topic

T = TypeVar("T")


class Manner(Struct, frozen=True, kw_only=True):
    """How the terminal under test is treated."""

    patience_s: float = 10.0
    """For an answer; a 2G modem takes seconds."""
    return_s: float = 90.0
    """For a terminal whose connection broke or whose power was cut to be back: 60 s of back-off, and connecting."""
    pulse: int = 50
    """One pulse of its meter, in the register's unit: so much it may pass a limit."""
    outlet: int = 0
    """The outlet that is used."""
    terminal: str


class Player:
    """One run against one terminal."""

    def __init__(self, stand: Stand, manner: Manner) -> None:
        self.stand = stand
        self.manner = manner
        self.clerk = Clerk()
        self.history = History(manner.terminal)
        self.connection = 0
        self.connected = False
        self.hello_s = 0.0
        """When the first hello of the present link came."""
        self._down = topic(manner.terminal, Channel.DOWN)  # type: ignore[arg-type]
        self._began = asyncio.get_running_loop().time()
        self._changed = asyncio.Event()
        self._greeted = False
        stand.listen(self)

    # ------------------------------------------------------------ the stand's news

    def opened(self, login: Login | None) -> None:
        """A connection: what came before it is over."""
        self.connection += 1
        self.connected, self._greeted = True, False
        if login is not None:
            self.history.logins[self.connection] = login
        self._note("connected")

    def subscribed(self, topic: str, qos: int) -> None:
        """It listens somewhere."""
        self.history.subscriptions.setdefault(self.connection, []).append((topic, qos))
        self._note(f"subscribed to {topic} at QoS {qos}")

    def heard(self, topic: str, data: bytes, qos: int, retained: bool) -> None:
        """It said something: noted, and answered as a server would."""
        message: Up | None = None
        problem = ""
        try:
            message = decode_up(data)
        except WireError as error:
            problem = str(error)
        self._add(
            Line(
                at_s=self.now_s,
                connection=self.connection,
                way=Way.UP,
                data=data,
                message=message,
                problem=problem,
                topic=topic,
                qos=qos,
                retained=retained,
            )
        )
        if message is None or isinstance(message, Gone):
            return
        if isinstance(message, Hello) and not self._greeted:
            self._greeted, self.hello_s = True, self.now_s
        for answer in self.clerk.hear(message, time.time_ns() // 1_000_000):
            self.say(answer)

    def closed(self, why: str) -> None:
        """The connection is over."""
        self.connected = False
        self._note(why)

    # ------------------------------------------------------------ saying

    @property
    def now_s(self) -> float:
        """Since the run began."""
        return asyncio.get_running_loop().time() - self._began

    @property
    def link(self) -> int:
        """The number of the present link, as the terminal said it."""
        return self.clerk.link

    @property
    def link_ms(self) -> int:
        """Link time as a server counts it: since the first hello of this link came."""
        return int((self.now_s - self.hello_s) * 1000)

    def say(self, message: Down) -> None:
        """Send a message."""
        self.say_bytes(encode(message), message)

    def say_bytes(self, data: bytes, message: Down | None = None) -> None:
        """Send bytes, a message or not."""
        self._add(Line(at_s=self.now_s, connection=self.connection, way=Way.DOWN, data=data, message=message))
        self.stand.say(data)

    @contextlib.contextmanager
    def holding(self, *, acks: bool = True, welcomes: bool = True) -> Iterator[None]:
        """Be silent about records, or hellos, for a while; afterwards everything is as before."""
        self.clerk.acks, self.clerk.welcomes = acks, welcomes
        try:
            yield
        finally:
            self.clerk.acks = self.clerk.welcomes = True

    # ------------------------------------------------------------ waiting

    @property
    def mark(self) -> int:
        """The place in the history that whatever follows comes after."""
        return self.history.mark

    async def until(self, found: Callable[[], T | None], what: str, within_s: float | None = None) -> T:
        """Wait for something. Broken, naming what, when it does not come in time."""
        patience_s = self.manner.patience_s if within_s is None else within_s
        ends_s = self.now_s + patience_s
        while (value := found()) is None:
            left_s = ends_s - self.now_s
            if left_s <= 0:
                raise Broken(f"expected {what} within {patience_s:g} s; it did not come")
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._changed.wait()
        return value

    async def pass_s(self, seconds: float) -> None:
        """Let time pass; what comes meanwhile is answered as ever."""
        await asyncio.sleep(seconds)

    async def message(
        self,
        kind: type[T],
        what: str,
        since: int,
        where: Callable[[T], bool] = lambda _message: True,
        within_s: float | None = None,
    ) -> T:
        """The first message of a kind after a place."""

        def find() -> T | None:
            for _place, line in self.history.said(since):
                if isinstance(line.message, kind) and where(line.message):
                    return line.message
            return None

        return await self.until(find, what, within_s)

    async def record(
        self,
        what: str,
        where: Callable[[Recorded], bool],
        within_s: float | None = None,
    ) -> Recorded:
        """The first record of the whole run that this holds of, if it has not come, for as long as it takes."""
        return await self.until(
            lambda: next((one for one in self.history.records if where(one)), None), what, within_s
        )

    async def new_link(self, since: int, within_s: float | None = None) -> Hello:
        """The first hello on a connection that was made after a place."""
        connections = {
            line.connection
            for line in self.history.lines[since:]
            if line.way is Way.EVENT and line.text == "connected"
        }

        def find() -> Hello | None:
            connections.update(
                line.connection
                for line in self.history.lines[since:]
                if line.way is Way.EVENT and line.text == "connected"
            )
            for _place, line, hello in self.history.hellos(since):
                if line.connection in connections:
                    return hello
            return None

        return await self.until(find, "a hello on a new connection", within_s or self.manner.return_s)

    # ------------------------------------------------------------ fences

    async def fence(self) -> Hello:
        """Everything said so far has been dealt with, and every record of it is here: the answer to a ping tells
        which records exist, and they are waited for."""
        hello = await self.ping()
        if self.clerk.acks:
            await self.have(hello.epoch, hello.next_seq)
        return hello

    async def ping(self) -> Hello:
        """Ask for a hello on this link."""
        since = self.mark
        self.say(Ping(link=self.link))
        return await self.message(Hello, "a hello in answer to `ping`", since)

    async def have(self, epoch: str, next_seq: int) -> None:
        """Wait for every record below this one."""
        if next_seq > 1:
            last = next_seq - 1
            await self.until(
                lambda: (
                    True
                    if self.clerk.acked.get(epoch, 0) >= last or self.history.known(epoch, last) is not None
                    else None
                ),
                f"record {last} of epoch {epoch}, which the hello says exists",
            )

    # ------------------------------------------------------------ the world around it

    async def cut(self) -> Hello:
        """Break the connection and wait for the next link's hello."""
        since = self.mark
        self._note("the connection is cut")
        self.stand.cut()
        return await self.new_link(since)

    async def power_cut(self) -> Hello:
        """Cut the power, give it back, and wait for the next link's hello."""
        since = self.mark
        self._note("the power is cut")
        await self.stand.power_cut()
        self._note("the power is back")
        return await self.new_link(since)

    async def type(self, outlet: int, keys: str) -> None:
        """Press keys, one after the other."""
        self._note(f"keys at outlet {outlet}: {keys}")
        for key in keys:
            await self.stand.press(outlet, key)

    def note(self, text: str) -> None:
        """Write something between the lines."""
        self._note(text)

    def id(self, prefix: str) -> str:
        """A new id of the link's form."""
        return f"{prefix}_{secrets.token_hex(8)}"

    def _note(self, text: str) -> None:
        self._add(Line(at_s=self.now_s, connection=self.connection, way=Way.EVENT, text=text))

    def _add(self, line: Line) -> None:
        self.history.add(line)
        self._changed.set()


def raw(value: object) -> bytes:
    """JSON, in the order given: for what no message of ours would say."""
    return msgspec.json.encode(value)
