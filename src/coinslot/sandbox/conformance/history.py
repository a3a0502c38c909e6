"""Everything that crossed the wire in one run, in order."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from coinslot.wire.codec import WireError, decode_record
from coinslot.wire.messages import Down, Hello, Records, Up
from coinslot.wire.records import Record

SHOWN_BYTES = 300
"""Of one message, for a person."""


class Way(StrEnum):
    """Who said it."""

    UP = "→"
    """The terminal."""
    DOWN = "←"
    """The suite, as the server."""
    EVENT = "·"
    """Something happened to the connection."""


class Login(Struct, frozen=True, kw_only=True):
    """What a terminal's CONNECT said."""

    client_id: str
    user: str
    clean_session: bool
    keep_alive_s: int
    will_topic: str = ""
    will: bytes = b""
    will_qos: int = 0
    will_retained: bool = False
    protocol: int = 4
    """MQTT's: 4 is 3.1.1."""


class Line(Struct, frozen=True, kw_only=True):
    """One message, or one thing that happened."""

    at_s: float
    """Since the run began."""
    connection: int
    """The suite's own count of connections, from 1."""
    way: Way
    data: bytes = b""
    text: str = ""
    message: Up | Down | None = None
    problem: str = ""
    """Why the bytes are no message; empty if they are."""
    topic: str = ""
    qos: int = 0
    retained: bool = False

    def __str__(self) -> str:
        said = self.text or self.data[:SHOWN_BYTES].decode("utf-8", "backslashreplace")
        more = " …" if len(self.data) > SHOWN_BYTES else ""
        why = f"   ({self.problem})" if self.problem else ""
        return f"{self.at_s:8.3f} s  {self.way} {said}{more}{why}"


class Recorded(Struct, frozen=True, kw_only=True):
    """One record as it came for the first time."""

    epoch: str
    seq: int
    record: Record | None
    """None where it could not be parsed."""
    data: bytes
    line: int
    """Which line brought it."""


class History:
    """Lines, and the records in them."""

    def __init__(self, terminal: str = "") -> None:
        self.terminal = terminal
        self.lines: list[Line] = []
        self.records: list[Recorded] = []
        self.logins: dict[int, Login] = {}
        """By connection; empty where the terminal does not come over MQTT."""
        self.subscriptions: dict[int, list[tuple[str, int]]] = {}
        self._known: dict[tuple[str, int], bytes] = {}

    @property
    def mark(self) -> int:
        """The place of the next line."""
        return len(self.lines)

    def add(self, line: Line) -> None:
        """One more line; the records in it, where they are new."""
        self.lines.append(line)
        if line.way is Way.UP and isinstance(line.message, Records):
            self._take(line.message, len(self.lines) - 1)

    def _take(self, message: Records, line: int) -> None:
        for seq, raw in enumerate(message.records, message.first_seq):
            data = bytes(raw)
            if (message.epoch, seq) in self._known:
                continue
            self._known[message.epoch, seq] = data
            try:
                record: Record | None = decode_record(data)
            except WireError:
                record = None
            self.records.append(Recorded(epoch=message.epoch, seq=seq, record=record, data=data, line=line))

    def known(self, epoch: str, seq: int) -> bytes | None:
        """The record as it came first."""
        return self._known.get((epoch, seq))

    def said(self, since: int = 0) -> Iterator[tuple[int, Line]]:
        """What the terminal published, with its place."""
        for place in range(since, len(self.lines)):
            if self.lines[place].way is Way.UP:
                yield place, self.lines[place]

    def hellos(self, since: int = 0) -> list[tuple[int, Line, Hello]]:
        """Every hello, with its place."""
        return [
            (place, line, line.message) for place, line in self.said(since) if isinstance(line.message, Hello)
        ]
