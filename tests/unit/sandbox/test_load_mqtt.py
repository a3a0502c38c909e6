"""The lean MQTT client: packets that arrive in any pieces, and a broker that says no."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from coinslot.sandbox.load.mqtt import MqttConnection, MqttError

CONNACK, SUBACK = b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x00"


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.aborted = False

    def write(self, data: object) -> None:
        self.written.append(bytes(cast(bytes, data)))

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.aborted = True


class Ears:
    """Keeps what is told."""

    def __init__(self) -> None:
        self.is_ready = False
        self.heard: list[bytes] = []
        self.error: Exception | None = None

    def ready(self) -> None:
        self.is_ready = True

    def said(self, payload: bytes) -> None:
        self.heard.append(payload)

    def ended(self, error: Exception | None) -> None:
        self.error = error


def _connected() -> tuple[MqttConnection, Transport, Ears]:
    ears, transport = Ears(), Transport()
    connection = MqttConnection(
        "trm_1", "secret", down="c/down", up="c/up", will=("c/gone", b"gone"), listener=ears
    )
    connection.connection_made(transport)
    return connection, transport, ears


def _publish(payload: bytes) -> bytes:
    body = b"\x00\x06c/down" + payload
    left = len(body)
    digits = bytes((left,)) if left < 128 else bytes((left & 127 | 128, left >> 7))
    return b"\x30" + digits + body


async def test_a_connection_introduces_itself_with_its_will_and_login() -> None:
    _, transport, _ = _connected()
    assert transport.written == [
        b"\x10\x2e\x00\x04MQTT\x04\xc6\x00\x3c\x00\x05trm_1\x00\x06c/gone\x00\x04gone\x00\x05trm_1\x00\x06secret"
    ]


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000])
async def test_packets_are_taken_in_whatever_pieces_they_come(piece: int) -> None:
    connection, transport, ears = _connected()
    stream = CONNACK + SUBACK + _publish(b"a" * 300) + b"\xd0\x00" + _publish(b"b")
    for at in range(0, len(stream), piece):
        connection.data_received(stream[at : at + piece])
    assert ears.is_ready
    assert ears.heard == [b"a" * 300, b"b"]
    assert transport.written[1] == b"\x82\x0b\x00\x01\x00\x06c/down\x00"
    connection.connection_lost(None)


async def test_what_is_published_is_one_packet() -> None:
    connection, transport, _ = _connected()
    connection.publish(b"x" * 200)
    assert transport.written[-1] == b"\x30\xce\x01\x00\x04c/up" + b"x" * 200


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"\x20\x02\x00\x05", "refused the connection with code 5"),
        (CONNACK + b"\x90\x03\x00\x01\x80", "refused the subscription"),
        (b"\x32\x03\x00\x01a", "unexpected packet"),
        (b"\x30\xff\xff\xff\xff\x01", "more than four bytes"),
    ],
)
async def test_a_broker_that_says_no_ends_the_connection(answer: bytes, words: str) -> None:
    connection, transport, ears = _connected()
    connection.data_received(answer)
    assert transport.aborted
    connection.connection_lost(None)
    assert isinstance(ears.error, MqttError)
    assert words in str(ears.error)
