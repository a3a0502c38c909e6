"""MQTT 3.1.1 packets as the gate must read them: framing, CONNECT, SUBSCRIBE, PUBLISH."""

from __future__ import annotations

import struct
from enum import IntEnum

from msgspec import Struct

from coinslot.sandbox.conformance.history import Login

MOST_BYTES = 256 * 1024
"""Of one packet: a message is at most 4 KiB, so anything like this is none of ours."""


class PacketError(ValueError):
    """The bytes are no MQTT 3.1.1 packet; the text says which part."""


class Kind(IntEnum):
    """Packets by their first four bits."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    SUBSCRIBE = 8
    SUBACK = 9
    DISCONNECT = 14


class Packet(Struct, frozen=True):
    """One packet, whole."""

    head: int
    body: bytes
    data: bytes
    """All of it, as it came."""

    @property
    def kind(self) -> int:
        """Its first four bits."""
        return self.head >> 4


class Published(Struct, frozen=True):
    """What a PUBLISH carries."""

    topic: str
    payload: bytes
    qos: int
    retained: bool


class Framer:
    """Bytes in, whole packets out."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Packet]:
        """Every packet that is whole now. PacketError on what is no packet."""
        self._buffer += data
        found: list[Packet] = []
        while (packet := self._next()) is not None:
            found.append(packet)
        return found

    def _next(self) -> Packet | None:
        buffer, value = self._buffer, 0
        for place in range(4):
            if len(buffer) < place + 2:
                return None
            digit = buffer[place + 1]
            value |= (digit & 127) << 7 * place
            if digit < 128:
                begin, end = place + 2, place + 2 + value
                break
        else:
            raise PacketError("a remaining length of more than four bytes")
        if value > MOST_BYTES:
            raise PacketError(f"a packet of {value} bytes")
        if len(buffer) < end:
            return None
        self._buffer = buffer[end:]
        return Packet(buffer[0], buffer[begin:end], buffer[:end])


class _Reader:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def take(self, count: int) -> bytes:
        data = self._body[self._at : self._at + count]
        if len(data) < count:
            raise PacketError("a packet that ends too early")
        self._at += count
        return data

    def number(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def block(self) -> bytes:
        return self.take(self.number())

    def text(self) -> str:
        try:
            return self.block().decode()
        except UnicodeDecodeError as error:
            raise PacketError(f"a string that is not UTF-8: {error}") from None

    @property
    def rest(self) -> bytes:
        return self._body[self._at :]


def login(packet: Packet) -> Login:
    """What a CONNECT says; the password is left out."""
    read = _Reader(packet.body)
    read.text()
    protocol, flags = read.take(2)
    keep_alive_s = read.number()
    client_id = read.text()
    will_topic, will = (read.text(), read.block()) if flags & 0x04 else ("", b"")
    user = read.text() if flags & 0x80 else ""
    return Login(
        client_id=client_id,
        user=user,
        clean_session=bool(flags & 0x02),
        keep_alive_s=keep_alive_s,
        will_topic=will_topic,
        will=will,
        will_qos=flags >> 3 & 3,
        will_retained=bool(flags & 0x20),
        protocol=protocol,
    )


def subscriptions(packet: Packet) -> list[tuple[str, int]]:
    """(topic, QoS) of each part of a SUBSCRIBE."""
    read = _Reader(packet.body)
    read.take(2)
    found: list[tuple[str, int]] = []
    while read.rest:
        topic = read.text()
        found.append((topic, read.take(1)[0]))
    return found


def published(packet: Packet) -> Published:
    """What a PUBLISH carries."""
    read = _Reader(packet.body)
    topic = read.text()
    qos = packet.head >> 1 & 3
    if qos:
        read.take(2)
    return Published(topic, read.rest, qos, bool(packet.head & 1))


def publish(topic: str, payload: bytes) -> bytes:
    """A PUBLISH at QoS 0."""
    name = topic.encode()
    body = struct.pack(">H", len(name)) + name + payload
    head, left = bytearray((0x30,)), len(body)
    while True:
        digit, left = left & 127, left >> 7
        head.append(digit | (128 if left else 0))
        if not left:
            return bytes(head) + body
