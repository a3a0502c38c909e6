"""The process that runs the terminals: `python -m coinslot.sandbox.load.generator`.

Its first line of standard input is a `Plan`; every further line an order, each answered with one line of
JSON on standard output. It ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import sys
import time
from functools import partial
from typing import TypeAlias

import msgspec
import uvloop
from msgspec import Struct

from coinslot.sandbox.load.doors import Door, HttpDoor, SocketDoor
from coinslot.sandbox.load.terminal import LoadError, LoadTerminal, Tally
from coinslot.wire.ids import TerminalId

_AT_ONCE = 32
"""Connections being opened at a time: the broker asks for each whether it may come in."""
_PATIENCE_S = 5.0
_REST_S = 30.0


class Place(Struct, frozen=True):
    """One terminal, its customer, and how the customer asks by HTTP."""

    terminal: str
    secret: str
    customer: str
    http_head: str = ""
    http_body: str = ""


class Plan(Struct, frozen=True, kw_only=True):
    """Whom to be and where to go."""

    mqtt_host: str
    mqtt_port: int
    socket: str
    http_port: int = 0
    places: list[Place]


class ConnectOrder(Struct, frozen=True, tag="connect"):
    """Connect all terminals."""

    link: int = 1


class RunOrder(Struct, frozen=True, tag="run"):
    """Use the first `terminals` of them for so long, after a warming up that is not counted."""

    terminals: int
    seconds: float
    warm_s: float = 0.5
    http: bool = False


class LeaveOrder(Struct, frozen=True, tag="leave"):
    """Disconnect all terminals."""


Order: TypeAlias = ConnectOrder | RunOrder | LeaveOrder


class Result(Struct, frozen=True, kw_only=True):
    """What a run came to. `busy` is this process's share of one core."""

    settled: int = 0
    settled_in_all: int = 0
    """With those of the warming up, and those that were finished after the end."""
    seconds: float = 0.0
    busy: float = 0.0
    said_again: int = 0
    sessions_ms: list[float] = []
    """Each session's time from asking to the last acknowledgement."""
    trouble: list[str] = []


class Generator:
    """The terminals of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._tally = Tally()
        self._terminals: list[LoadTerminal] = []
        self._socket: SocketDoor | None = None
        self._doors: list[Door] = []

    async def connect(self, order: ConnectOrder) -> Result:
        """Connect everybody."""
        began = time.monotonic()
        gate = asyncio.Semaphore(_AT_ONCE)
        doors = await self._socket_doors()
        self._terminals = [
            LoadTerminal(TerminalId(place.terminal), place.secret, door, self._tally, order.link)
            for place, door in zip(self._plan.places, doors, strict=True)
        ]

        async def one(terminal: LoadTerminal) -> None:
            async with gate:
                await terminal.connect(self._plan.mqtt_host, self._plan.mqtt_port)

        await asyncio.gather(*map(one, self._terminals))
        return Result(seconds=time.monotonic() - began)

    async def run(self, order: RunOrder) -> Result:
        """One measured run."""
        chosen = self._terminals[: order.terminals]
        self._renew(chosen)
        doors = await (self._http_doors(order.terminals) if order.http else self._socket_doors())
        for terminal, door in zip(chosen, doors, strict=False):
            terminal.use(door)
            terminal.go()
        watch = asyncio.create_task(_watch(chosen))
        try:
            await asyncio.sleep(order.warm_s)
            warm = self._tally.settled
            tally = self._renew(chosen)
            began, cpu = time.monotonic(), time.process_time()
            await asyncio.sleep(order.seconds)
            seconds, busy = time.monotonic() - began, time.process_time() - cpu
            settled, times = tally.settled, list(tally.sessions_s)
            await _rest(chosen)
        finally:
            watch.cancel()
            if order.http:  # the server ends idle connections before the next run
                for door in doors:
                    door.close()
        return Result(
            settled=settled,
            settled_in_all=warm + tally.settled,
            seconds=seconds,
            busy=busy / seconds,
            said_again=tally.said_again,
            sessions_ms=[round(one * 1000, 3) for one in times],
            trouble=[*tally.trouble[:10]],
        )

    async def leave(self) -> Result:
        """Disconnect everybody."""
        for terminal in self._terminals:
            terminal.connection.close()
        self._terminals = []
        if self._socket is not None:
            self._socket.close()
        self._socket, self._doors = None, []
        return Result()

    def _renew(self, chosen: list[LoadTerminal]) -> Tally:
        tally = Tally(trouble=self._tally.trouble)
        self._tally = tally
        for terminal in chosen:
            terminal.tally = tally
        return tally

    async def _socket_doors(self) -> list[Door]:
        if not self._doors:
            loop = asyncio.get_running_loop()
            _, self._socket = await loop.create_unix_connection(SocketDoor, self._plan.socket)
            self._doors = [self._socket.of(place.customer, place.terminal) for place in self._plan.places]
        return self._doors

    async def _http_doors(self, count: int) -> list[Door]:
        loop = asyncio.get_running_loop()
        doors: list[Door] = []
        for place in self._plan.places[:count]:
            make = partial(HttpDoor, place.http_head.encode(), place.http_body.encode())
            _, made = await loop.create_connection(make, "127.0.0.1", self._plan.http_port)
            doors.append(made)
        return doors


async def _watch(terminals: list[LoadTerminal]) -> None:
    while True:
        await asyncio.sleep(1.0)
        for terminal in terminals:
            terminal.look(_PATIENCE_S)


async def _rest(terminals: list[LoadTerminal]) -> None:
    """Let every session end. LoadError when one does not."""
    loop = asyncio.get_running_loop()
    resting = []
    for terminal in terminals:
        future: asyncio.Future[None] = loop.create_future()
        terminal.rest(partial(future.set_result, None))
        resting.append(future)
    _, left = await asyncio.wait(resting, timeout=_REST_S)
    if left:
        raise LoadError(f"{len(left)} sessions did not end within {_REST_S:.0f} s")


async def main() -> None:
    """Read orders until there are no more."""
    reader = asyncio.StreamReader(limit=1 << 24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    generator = Generator(msgspec.json.decode(await reader.readline(), type=Plan))
    orders = msgspec.json.Decoder(Order)
    while line := await reader.readline():
        order = orders.decode(line)
        try:
            match order:
                case ConnectOrder():
                    result = await generator.connect(order)
                case RunOrder():
                    result = await generator.run(order)
                case LeaveOrder():
                    result = await generator.leave()
        except (LoadError, OSError, TimeoutError) as error:
            result = Result(trouble=[f"{type(error).__name__}: {error}"])
        print(msgspec.json.encode(result).decode(), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
