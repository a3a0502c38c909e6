"""A cable between one terminal and the broker that can be pulled: a loopback port that passes bytes on."""

from __future__ import annotations

import asyncio
import contextlib
import logging

log = logging.getLogger(__name__)

_LOOPBACK = "127.0.0.1"


class Cable:
    """Passes TCP connections on to `host`:`port` while it is plugged in.

    Pulled, it breaks what passes through it without a farewell, as a dead uplink does: the broker finds
    out by itself and publishes the terminal's will.
    """

    def __init__(self, host: str, port: int, *, silent: bool = False) -> None:
        """`silent`: whoever connects while it is pulled hears nothing, as from a network that is gone, and gets through
        as soon as it is plugged in; else it is turned away at once."""
        self._silent = silent
        self._carries = asyncio.Event()
        self._carries.set()
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()

    @property
    def plugged(self) -> bool:
        """Whether anything passes."""
        return self._carries.is_set()

    @property
    def address(self) -> tuple[str, int]:
        """Where the terminal connects. RuntimeError before `open`."""
        if self._server is None:
            raise RuntimeError("the cable is not laid")
        host, port = self._server.sockets[0].getsockname()[:2]
        return str(host), int(port)

    async def open(self) -> None:
        """Lay it, on a free port of its own."""
        self._server = await asyncio.start_server(self._pass, _LOOPBACK, 0)

    async def close(self) -> None:
        """Take it away, with whatever passes through it."""
        self.pull()
        if self._server is not None:
            self._server.close()
            self._server = None

    def pull(self) -> None:
        """Nothing passes from now on; open connections are cut."""
        self._carries.clear()
        for end in tuple(self._ends):
            end.transport.abort()

    def plug(self) -> None:
        """Let new connections through again."""
        self._carries.set()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        try:
            if self._silent:
                await self._heard(writer)
            if self.plugged and not writer.is_closing():
                await self._join(reader, writer)
        except OSError as error:
            log.info("a cable carries nothing: %s", error)
        finally:
            self._ends.discard(writer)
            writer.transport.abort()

    async def _heard(self, writer: asyncio.StreamWriter) -> None:
        """Wait until it is plugged in, or whoever connected is gone."""
        ends = [asyncio.create_task(self._carries.wait()), asyncio.create_task(_closed(writer))]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._ends.add(far_writer)
        ways = [
            asyncio.create_task(_pump(reader, far_writer)),
            asyncio.create_task(_pump(far_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            self._ends.discard(far_writer)
            # Closed in order, so that a terminal's last words still arrive; a pulled cable has aborted it.
            far_writer.close()
            with contextlib.suppress(OSError):
                await far_writer.wait_closed()


async def _closed(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
