"""MQTT 3.1.1 by hand: what a terminal that does not keep the rules would send."""

from __future__ import annotations

import asyncio
import struct
from types import TracebackType
from typing import Self

from coinslot.engines.broker import BrokerAccess
from coinslot.wire import codec
from coinslot.wire.messages import Gone

PATIENCE_S = 10.0


class RawMqtt:
    """One connection, closed after its block."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.code = -1
        """The broker's answer to the login: 0 is in, 5 is not authorised, -1 none at all."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drop()

    def drop(self) -> None:
        """Cut the connection without a word."""
        self._writer.transport.abort()

    async def packet(self, *, patiently: bool = False) -> tuple[int, bytes] | None:
        """The next packet's first byte and body; None at the end of the connection."""
        async with asyncio.timeout(None if patiently else PATIENCE_S):
            try:
                head = (await self._reader.readexactly(1))[0]
                length = shift = 0
                while True:
                    digit = (await self._reader.readexactly(1))[0]
                    length |= (digit & 127) << shift
                    shift += 7
                    if digit < 128:
                        break
                return head, await self._reader.readexactly(length)
            except (asyncio.IncompleteReadError, ConnectionError):
                return None

    async def message(self, *, patiently: bool = False) -> bytes | None:
        """The next published payload; None at the end of the connection."""
        while (found := await self.packet(patiently=patiently)) is not None:
            head, body = found
            if head >> 4 == 3:
                return body[2 + int.from_bytes(body[:2], "big") :]
        return None

    async def subscribe(self, topic: str) -> int:
        """The broker's answer: 0 or 0x80; -1 when it cut the connection instead."""
        self._send(0x82, b"\x00\x01" + _text(topic) + b"\x00")
        found = await self.packet()
        return -1 if found is None or found[0] != 0x90 else found[1][2]

    def publish(self, topic: str, payload: bytes) -> None:
        """At QoS 0."""
        self._send(0x30, _text(topic) + payload)

    async def ping(self) -> bool:
        """Whether the broker has taken everything sent so far; False when it cut the connection."""
        self._send(0xC0, b"")
        while (found := await self.packet()) is not None:
            if found[0] == 0xD0:
                return True
        return False

    async def ended(self) -> None:
        """Wait until the broker cuts the connection."""
        while await self.packet() is not None:
            pass

    def _send(self, head: int, body: bytes) -> None:
        self._writer.write(_packet(head, body))


async def raw_mqtt(
    broker: BrokerAccess, user: str, secret: str, *, client_id: str | None = None, link: int = 1
) -> RawMqtt:
    """Log in with a will, and see what the broker says; `code` tells."""
    reader, writer = await asyncio.open_connection(broker.mqtt_host, broker.mqtt_port)
    client = RawMqtt(reader, writer)
    will = codec.encode(Gone(link=link))
    writer.write(
        _packet(
            0x10,
            _text("MQTT")
            + bytes((4, 0x02 | 0x04 | 0x40 | 0x80))
            + struct.pack(">H", 60)
            + _text(user if client_id is None else client_id)
            + _text(f"coinslot/1/{user}/gone")
            + struct.pack(">H", len(will))
            + will
            + _text(user)
            + _text(secret),
        )
    )
    answer = await client.packet()
    if answer is not None and answer[0] == 0x20:
        client.code = answer[1][1]
    return client


def _packet(head: int, body: bytes) -> bytes:
    digits = bytearray((head,))
    left = len(body)
    while True:
        digit, left = left & 127, left >> 7
        digits.append(digit | (128 if left else 0))
        if not left:
            return bytes(digits) + body


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data
