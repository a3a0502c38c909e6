"""The gate: a TCP port between any firmware and a broker, where the suite hears everything and says its part.

The broker is a real one, and its answers to CONNECT, SUBSCRIBE and PINGREQ pass through; what the suite says as
the server goes into the same connection as a PUBLISH on the terminal's `down`. So the wire can be seen to the byte,
broken without a farewell, and held down.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import Protocol

from coinslot.sandbox.conformance.packets import (
    Framer,
    Kind,
    Packet,
    PacketError,
    login,
    publish,
    published,
    subscriptions,
)
from coinslot.sandbox.conformance.rule import Need
from coinslot.sandbox.conformance.stand import Listener
from coinslot.wire.ids import TerminalId
from coinslot.wire.topics import Channel, topic

log = logging.getLogger(__name__)


class Hands(Protocol):
    """Who pulls the plug and presses the keys."""

    @property
    def can(self) -> frozenset[Need]:
        """What of it can be had."""

    async def power_cut(self) -> None:
        """Away without a farewell, and back."""

    async def press(self, outlet: int, key: str) -> None:
        """One key."""

    async def tap(self, outlet: int, *, is_open: bool) -> None:
        """The tap behind the valve."""


class Gate:
    """A `stand.Stand` over TCP."""

    def __init__(self, terminal: TerminalId, upstream: tuple[str, int], hands: Hands) -> None:
        self._down = topic(terminal, Channel.DOWN)
        self._upstream = upstream
        self._hands = hands
        self._listener: Listener | None = None
        self._server: asyncio.Server | None = None
        self._passage: _Passage | None = None
        self._held = False

    async def open(self, host: str, port: int = 0, tls: ssl.SSLContext | None = None) -> int:
        """Listen; the port it became. OSError where that is impossible."""
        self._server = await asyncio.start_server(self._pass, host, port, ssl=tls)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """No connection any more."""
        self.cut(hold=True)
        if self._server is not None:
            self._server.close()
            self._server = None

    # ------------------------------------------------------------ the stand

    @property
    def can(self) -> frozenset[Need]:
        """What the hands can do."""
        return self._hands.can

    def listen(self, listener: Listener) -> None:
        """Whom to tell."""
        self._listener = listener

    def say(self, data: bytes) -> None:
        """On the terminal's `down`, once it has subscribed there."""
        if self._passage is not None:
            self._passage.say(publish(self._down, data))

    def cut(self, *, hold: bool = False) -> None:
        """Abort what passes."""
        self._held = hold
        if self._passage is not None:
            self._passage.abort()

    def mend(self) -> None:
        """Let connections through again."""
        self._held = False

    async def power_cut(self) -> None:
        """By the hands."""
        await self._hands.power_cut()

    async def press(self, outlet: int, key: str) -> None:
        """By the hands."""
        await self._hands.press(outlet, key)

    async def tap(self, outlet: int, *, is_open: bool) -> None:
        """By the hands."""
        await self._hands.tap(outlet, is_open=is_open)

    # ------------------------------------------------------------ one connection

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._held or self._listener is None:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._upstream)
        except OSError as error:
            log.error("the broker at %s:%d does not answer: %s", *self._upstream, error)
            writer.transport.abort()
            return
        passage = _Passage(writer, far_writer, self._listener)
        if self._passage is not None:
            self._passage.abort()
        self._passage = passage
        ways = [
            asyncio.create_task(passage.up(reader)),
            asyncio.create_task(passage.back(far_reader)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            passage.abort()
            if self._passage is passage:
                self._passage = None


class _Passage:
    """One connection of the firmware, and the one to the broker behind it."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter, listener: Listener) -> None:
        self._near = near
        self._far = far
        self._listener = listener
        self._connect: Packet | None = None
        self._opened = False
        self._subscribed = False
        self._waiting: list[bytes] = []
        self._over = False
        self._farewell = False

    def say(self, data: bytes) -> None:
        """To the firmware; kept until the broker has granted a subscription."""
        if self._subscribed:
            self._near.write(data)
        else:
            self._waiting.append(data)

    def abort(self) -> None:
        """Both ends, without a word."""
        self._near.transport.abort()
        self._far.transport.abort()
        if not self._over:
            self._over = True
            if self._opened:
                self._listener.closed(
                    "the terminal said farewell" if self._farewell else "the connection is over"
                )

    async def up(self, reader: asyncio.StreamReader) -> None:
        """What the firmware sends."""
        framer = Framer()
        try:
            while data := await reader.read(65_536):
                for packet in framer.feed(data):
                    self._from_terminal(packet)
                    self._far.write(packet.data)
        except PacketError as error:
            if self._opened:
                self._listener.heard("", str(error).encode(), 0, False)
        except ConnectionError as error:
            log.debug("the terminal's connection broke: %s", error)

    async def back(self, reader: asyncio.StreamReader) -> None:
        """What the broker answers."""
        framer = Framer()
        try:
            while data := await reader.read(65_536):
                for packet in framer.feed(data):
                    self._near.write(packet.data)
                    self._from_broker(packet)
        except (ConnectionError, PacketError) as error:
            log.debug("the broker's connection broke: %s", error)

    def _from_terminal(self, packet: Packet) -> None:
        if self._over:
            return
        match packet.kind:
            case Kind.CONNECT:
                self._connect = packet
            case Kind.SUBSCRIBE:
                for name, qos in subscriptions(packet):
                    self._listener.subscribed(name, qos)
            case Kind.PUBLISH:
                said = published(packet)
                self._listener.heard(said.topic, said.payload, said.qos, said.retained)
            case Kind.DISCONNECT:
                self._farewell = True
            case _:
                pass  # pings and acknowledgements are between firmware and broker

    def _from_broker(self, packet: Packet) -> None:
        if packet.kind == Kind.CONNACK and self._connect is not None:
            if packet.body[1:2] == b"\x00":
                self._opened = True
                self._listener.opened(login(self._connect))
            else:
                log.warning("the broker refused a connection with code %d", packet.body[1])
        elif packet.kind == Kind.SUBACK and not self._subscribed:
            self._subscribed = True
            for data in self._waiting:
                self._near.write(data)
            self._waiting.clear()
