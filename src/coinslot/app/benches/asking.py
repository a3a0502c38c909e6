"""HTTP as plain as it can be, so that what is measured is the server: pages one after the other, and live views."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from coinslot.app.errors import Problem

_ADDRESSES = 200
_PER_ADDRESS = 40
"""Live views to one address: it may have 50."""


class Answer(Struct, frozen=True):
    """What came back, as it came over the wire."""

    status: int
    head: bytes
    body: bytes


class Asker:
    """One connection that stays, from an address of its own on this machine."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host

    @classmethod
    async def to(cls, url: str, number: int) -> Asker:
        """A connection to the server at `url`, from the loopback address of this number."""
        parts = urlsplit(url)
        local = (f"127.{1 + number // _ADDRESSES}.0.{1 + number % _ADDRESSES}", 0)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, local_addr=local)
        return cls(reader, writer, parts.netloc)

    async def get(self, path: str, headers: Mapping[str, str]) -> Answer:
        """GET it, and read all of the answer."""
        head = await self.begin(path, headers)
        found = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        size = int(found[0].split(b":")[1]) if found else 0
        return Answer(int(head.split(b" ", 2)[1]), head, await self._reader.readexactly(size))

    async def begin(self, path: str, headers: Mapping[str, str]) -> bytes:
        """GET it, and read the head of the answer."""
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\n{more}\r\n".encode())
        return await self._reader.readuntil(b"\r\n\r\n")

    async def line(self) -> bytes:
        """The next line of a body without end."""
        return await self._reader.readline()

    def close(self) -> None:
        """Drop the connection."""
        self._writer.close()


async def fetch(url: str, path: str, headers: Mapping[str, str], number: int) -> Answer:
    """One page. Problem when it is none."""
    asker = await Asker.to(url, number)
    try:
        answer = await asker.get(path, headers)
    finally:
        asker.close()
    if answer.status != 200:
        raise Problem(f"a page answered {answer.status}", "This is a mistake of the measurement.")
    return answer


async def per_second(
    url: str, paths: Sequence[str], headers: Mapping[str, str], clients: int, first: int
) -> float:
    """How many of these are answered in a second, with so many asking at once, from the address `first` on."""
    askers = [await Asker.to(url, first + number) for number in range(clients)]
    waiting = iter(paths)

    async def ask(asker: Asker) -> None:
        for path in waiting:
            answer = await asker.get(path, headers)
            if answer.status != 200:
                raise Problem(f"a page answered {answer.status}", "This is a mistake of the measurement.")

    try:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for asker in askers:
                group.create_task(ask(asker))
        return len(paths) / (time.perf_counter() - began)
    finally:
        for asker in askers:
            asker.close()


class _Figures(Struct):
    main: str


_figures = msgspec.json.Decoder(_Figures)


class LiveView:
    """A watched session: notes when each figure came."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self.seen: dict[str, float] = {}
        """When each figure of litres came first, by the clock."""
        self.task: asyncio.Task[None]

    @classmethod
    async def open(cls, url: str, session: str, token: str, number: int) -> LiveView:
        """Begin to watch. Problem when the server will not have it."""
        asker = await Asker.to(url, number // _PER_ADDRESS)
        headers = {"Cookie": f"cs={token}", "Accept": "text/event-stream", "Accept-Language": "zh"}
        head = await asker.begin(f"/s/{session}/events", headers)
        if b" 200 " not in head[:20]:
            raise Problem("a live view was refused", "This is a mistake of the measurement.")
        view = cls(asker)
        view.task = asyncio.create_task(view._follow())
        return view

    async def _follow(self) -> None:
        while line := await self._asker.line():
            if line.startswith(b"data: "):
                self.seen.setdefault(_figures.decode(line[6:]).main, time.perf_counter())

    async def close(self) -> None:
        """Leave."""
        self.task.cancel()
        await asyncio.wait([self.task])
        self._asker.close()
