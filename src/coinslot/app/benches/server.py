"""The measured server process: `python -m coinslot.app.benches.server`.

It runs the very stack that `coinslot serve` runs, all roles, and has two doors more. A Unix socket on which a
line is a start, so that link and settlement can be measured without HTTP; and, on a port of its own, a POST and
a GET that do nothing, for what HTTP alone costs in this process. The first line of standard input is a `Setup`;
the process ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import cast

import asyncpg
import msgspec
import uvloop
from litestar import Litestar, get, post
from litestar.params import JSONBody
from msgspec import Struct

from coinslot.app.garbage import calm
from coinslot.app.http import HttpOptions, HttpServer
from coinslot.app.merchants import Merchants, meet
from coinslot.app.merchants_file import read_merchants
from coinslot.app.stack import PaymentOptions, Stack, StackOptions
from coinslot.engines.broker import BrokerAccess
from coinslot.keyring import Keyring
from coinslot.ledger.errors import LedgerError
from coinslot.settlement.batching import Closed
from coinslot.settlement.ports import Conflict
from coinslot.settlement.requests import Refused, StartRequest
from coinslot.settlement.starter import Starter
from coinslot.web.api.bodies import StartBody
from coinslot.wire.ids import CustomerId, OperatorId, TerminalId


class Setup(Struct, frozen=True, kw_only=True):
    """Where the engines are, and where to open the door. Contains secrets: passed by pipe only."""

    database_url: str
    broker: BrokerAccess
    socket: str
    operator: str
    secret: str
    """The installation's: whoever measures pages signs stickers with it."""
    merchants: str | None
    """The merchants file; None: it takes no money."""


class Serving(Struct, frozen=True, kw_only=True):
    """The answer: where HTTP listens."""

    http_url: str
    nothing_url: str
    """POST gives a start's body back; GET answers with nothing at all."""


class DoorServer(asyncio.Protocol):
    """Starts by line: `number customer terminal outlet key`, answered `number ok` or `number reason`."""

    def __init__(self, starter: Starter, operator: OperatorId) -> None:
        self._starter = starter
        self._operator = operator
        self._buffer = b""
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's: nobody is left to answer."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """asyncio's: each line is a start."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            task = asyncio.create_task(self._start(line.decode()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _start(self, line: str) -> None:
        number, customer, terminal, outlet, key = line.split(" ")
        request = StartRequest(
            operator=self._operator,
            customer=CustomerId(customer),
            terminal=TerminalId(terminal),
            outlet=int(outlet),
            key=key,
        )
        try:
            answer = await self._starter.start(request)
        except (Conflict, LedgerError, Closed, OSError, asyncpg.PostgresError) as error:
            words = f"{type(error).__name__}: {error}".replace("\n", " ")
        else:
            words = answer.reason.value if isinstance(answer, Refused) else "ok"
        if self._transport is not None:
            self._transport.write(f"{number} {words}\n".encode())


@post("/nothing", status_code=201)
async def nothing(data: JSONBody[StartBody]) -> StartBody:
    """Parse the body of a start, and give it back."""
    return data


@get("/nothing", media_type="text/html")
async def empty() -> bytes:
    """Nothing."""
    return b""


async def serve(setup: Setup, stopped: asyncio.Event) -> None:
    """Serve until `stopped`."""
    idle = HttpServer(Litestar([nothing, empty]), HttpOptions())
    merchants = await _merchants(setup)
    payments = None if setup.merchants is None else PaymentOptions(find=merchants.find)
    options = StackOptions(keyring=Keyring(setup.secret), payments=payments)
    async with Stack(setup.database_url, setup.broker, options=options) as stack:
        await idle.start()
        loop = asyncio.get_running_loop()
        door = await loop.create_unix_server(
            lambda: DoorServer(stack.starter, OperatorId(setup.operator)), setup.socket
        )
        calm()
        serving = Serving(http_url=stack.http_url, nothing_url=f"{idle.url}/nothing")
        print(msgspec.json.encode(serving).decode(), flush=True)
        waiting = asyncio.create_task(stopped.wait())
        ending = asyncio.create_task(stack.wait())
        await asyncio.wait((waiting, ending), return_when=asyncio.FIRST_COMPLETED)
        door.close()
        await idle.stop()
        if ending.done():
            ending.result()
        ending.cancel()
    merchants.close()


async def _merchants(setup: Setup) -> Merchants:
    if setup.merchants is None:
        return Merchants()
    merchants = Merchants(read_merchants(Path(setup.merchants)).entries)
    await meet(merchants, setup.database_url)
    return merchants


async def main() -> None:
    """Read the setup, then serve until the input ends."""
    reader = asyncio.StreamReader(limit=1 << 20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    setup = msgspec.json.decode(await reader.readline(), type=Setup)
    stopped = asyncio.Event()
    serving = asyncio.create_task(serve(setup, stopped))
    ended = asyncio.create_task(reader.read())
    await asyncio.wait((serving, ended), return_when=asyncio.FIRST_COMPLETED)
    stopped.set()
    await serving


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    uvloop.run(main())
