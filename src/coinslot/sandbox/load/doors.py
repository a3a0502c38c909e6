"""The ways to ask for a start: a socket into the measured process, or the HTTP API itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

Answered = Callable[[str], None]
"""Told `ok`, or why not."""
OK = "ok"


class Door(Protocol):
    """Where one terminal's customer asks."""

    def ask(self, key: str, answered: Answered) -> None:
        """Ask for a start under this idempotency key."""

    def close(self) -> None:
        """Leave."""


class SocketDoor(asyncio.Protocol):
    """One Unix socket for all terminals: a line for a question, a line for its answer.

    Question `number customer terminal outlet key`, answer `number ok` or `number reason`. What it leaves out
    of a start is HTTP: parsing a request, looking up a key, building a response.
    """

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[int, Answered] = {}
        self._number = 0
        self._buffer = b""

    def ask(self, customer: str, terminal: str, key: str, answered: Answered) -> None:
        """Ask for a start of outlet 0."""
        assert self._transport is not None
        self._number += 1
        self._waiting[self._number] = answered
        self._transport.write(f"{self._number} {customer} {terminal} 0 {key}\n".encode())

    def of(self, customer: str, terminal: str) -> Door:
        """The door of one terminal and its customer."""
        return _Place(self, customer, terminal)

    def close(self) -> None:
        """Drop the socket."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's: everybody who waits is told."""
        self._transport = None
        waiting, self._waiting = self._waiting, {}
        for answered in waiting.values():
            answered("the door is closed")

    def data_received(self, data: bytes) -> None:
        """asyncio's: hand out the answers."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            number, _, answer = line.decode().partition(" ")
            self._waiting.pop(int(number))(answer)


class _Place:
    """One terminal's place at the shared socket."""

    def __init__(self, door: SocketDoor, customer: str, terminal: str) -> None:
        self._door = door
        self._customer = customer
        self._terminal = terminal

    def ask(self, key: str, answered: Answered) -> None:
        self._door.ask(self._customer, self._terminal, key, answered)

    def close(self) -> None:
        """The socket is shared and stays."""


class HttpDoor(asyncio.Protocol):
    """One keep-alive connection, one request at a time: a customer's own.

    `head` is the request's first lines without Content-Length and Idempotency-Key, `body` what is posted.
    """

    def __init__(self, head: bytes, body: bytes) -> None:
        self._head = head + b"Content-Length: %d\r\nIdempotency-Key: " % len(body)
        self._tail = b"\r\n\r\n" + body
        self._transport: asyncio.Transport | None = None
        self._answered: Answered | None = None
        self._buffer = b""

    def ask(self, key: str, answered: Answered) -> None:
        """Post under this key; any status of 2xx is `ok`."""
        assert self._answered is None
        if self._transport is None:
            answered("the connection is closed")
            return
        self._answered = answered
        self._transport.write(self._head + key.encode() + self._tail)

    def close(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's: whoever waits is told."""
        self._transport = None
        self._answer("the connection was closed")

    def data_received(self, data: bytes) -> None:
        """asyncio's: answer when the whole response is here."""
        data = self._buffer + data
        end = data.find(b"\r\n\r\n")
        size = _content_length(data[:end]) if end >= 0 else -1
        if end < 0 or len(data) < end + 4 + size:
            self._buffer = data
            return
        self._buffer = data[end + 4 + size :]
        status = data[9:12]
        self._answer(OK if status[:1] == b"2" else f"{status.decode()} {data[end + 4 :].decode()}"[:300])

    def _answer(self, text: str) -> None:
        answered, self._answered = self._answered, None
        if answered is not None:
            answered(text)


def _content_length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"content-length:")
    if at < 0:
        raise ValueError("a response without Content-Length")
    return int(lower[at + 15 :].split(b"\r\n", 1)[0])
