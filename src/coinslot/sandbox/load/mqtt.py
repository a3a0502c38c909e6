"""As much MQTT 3.1.1 as a measured terminal needs: connect, subscribe, publish at QoS 0, ping.

The agent's own client, gmqtt, takes about 100 µs for a message, so a load generator built on it would use up
the machine that it is to measure. This one takes about 10. It does not reconnect, and a connection that ends
is told to whoever owns it.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Protocol, cast

KEEP_ALIVE_S = 60
_PING_EVERY_S = 30.0
_CONNACK, _PUBLISH, _SUBACK, _PINGRESP = 2, 3, 9, 13
_PING = b"\xc0\x00"


class MqttError(Exception):
    """The broker refused something, or said something that is not MQTT 3.1.1 at QoS 0."""


class Listener(Protocol):
    """Who is told what happens on a connection."""

    def ready(self) -> None:
        """Connected and subscribed."""

    def said(self, payload: bytes) -> None:
        """A message came."""

    def ended(self, error: Exception | None) -> None:
        """The connection is over."""


class MqttConnection(asyncio.Protocol):
    """One connection: subscribes to one topic, publishes to another."""

    def __init__(
        self, client_id: str, secret: str, *, down: str, up: str, will: tuple[str, bytes], listener: Listener
    ) -> None:
        self._connect = _connect_packet(client_id, secret, will)
        self._subscribe = _packet(0x82, b"\x00\x01" + _text(down) + b"\x00")
        self._up = _text(up)
        self._listener = listener
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._ping: asyncio.TimerHandle | None = None
        self._error: Exception | None = None

    def publish(self, payload: bytes) -> None:
        """Send one message at QoS 0. RuntimeError when there is no connection."""
        if self._transport is None:
            raise RuntimeError("not connected")
        self._transport.write(_packet(0x30, self._up + payload))

    def close(self) -> None:
        """Say goodbye, so that the broker keeps the will to itself, and drop the connection."""
        if self._transport is not None:
            self._transport.write(b"\xe0\x00")
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's: introduce ourselves."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._transport.write(self._connect)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's: tell the listener."""
        self._transport = None
        if self._ping is not None:
            self._ping.cancel()
        self._listener.ended(self._error or exc)

    def data_received(self, data: bytes) -> None:
        """asyncio's: take every whole packet."""
        data = self._buffer + data if self._buffer else data
        at, size = 0, len(data)
        try:
            while size - at >= 2:
                length, body = _length(data, at + 1)
                if body < 0 or body + length > size:
                    break
                self._packet(data[at], data[body : body + length])
                at = body + length
        except MqttError as error:
            self._error = error
            if self._transport is not None:
                self._transport.abort()
            return
        self._buffer = data[at:]

    def _packet(self, head: int, body: bytes) -> None:
        kind = head >> 4
        if kind == _PUBLISH and not head & 0x06:
            self._listener.said(body[2 + int.from_bytes(body[:2], "big") :])
        elif kind == _CONNACK and len(body) == 2:
            if body[1]:
                raise MqttError(f"the broker refused the connection with code {body[1]}")
            assert self._transport is not None
            self._transport.write(self._subscribe)
            self._ping_later()
        elif kind == _SUBACK and len(body) == 3:
            if body[2] & 0x80:
                raise MqttError("the broker refused the subscription")
            self._listener.ready()
        elif kind != _PINGRESP:
            raise MqttError(f"an unexpected packet, first byte {head:#x}")

    def _ping_later(self) -> None:
        if self._transport is None:
            return
        if self._ping is not None:
            self._transport.write(_PING)
        self._ping = asyncio.get_running_loop().call_later(_PING_EVERY_S, self._ping_later)


def _connect_packet(client_id: str, secret: str, will: tuple[str, bytes]) -> bytes:
    flags = 0x02 | 0x04 | 0x40 | 0x80  # clean session, will at QoS 0, password, user name
    topic, message = will
    return _packet(
        0x10,
        _text("MQTT")
        + bytes((4, flags))
        + struct.pack(">H", KEEP_ALIVE_S)
        + _text(client_id)
        + _text(topic)
        + struct.pack(">H", len(message))
        + message
        + _text(client_id)
        + _text(secret),
    )


def _packet(head: int, body: bytes) -> bytes:
    left = len(body)
    if left < 128:
        return bytes((head, left)) + body
    digits = bytearray((head,))
    while left > 127:
        digits.append(left & 127 | 128)
        left >>= 7
    digits.append(left)
    return bytes(digits) + body


def _length(data: bytes, at: int) -> tuple[int, int]:
    """(remaining length, where the body begins); the second is -1 while bytes are missing."""
    value = 0
    for place in range(4):
        if at + place >= len(data):
            return 0, -1
        digit = data[at + place]
        value |= (digit & 127) << 7 * place
        if digit < 128:
            return value, at + place + 1
    raise MqttError("a remaining length of more than four bytes")


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data
