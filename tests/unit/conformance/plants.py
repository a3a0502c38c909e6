"""Terminals with one thing wrong each: the reference agent, changed where it meets the wire or its disk."""

from __future__ import annotations

import msgspec
from msgspec import Raw, structs

from coinslot.sandbox.conformance.history import Login
from coinslot.sandbox.conformance.using import NO_OUTLET, WIDE
from coinslot.terminal.memory import MemoryJournal
from coinslot.wire.codec import WireError, decode_down, encode
from coinslot.wire.messages import (
    MAX_MESSAGE_BYTES,
    Ack,
    Down,
    Hello,
    Readings,
    Records,
    Start,
    Stop,
    Up,
    Welcome,
)
from tests.support.conformance import Plant


class Hearing(Plant):
    """Changes the messages that it understands on their way in."""

    def obeys(self, message: Down) -> list[Down]:
        return [message]

    def hears(self, data: bytes) -> list[bytes]:
        try:
            message = decode_down(data)
        except WireError:
            return [data]
        return [encode(one) for one in self.obeys(message)]


class Renumbered(Hearing):
    """Tells another link number than the one it has."""

    def __init__(self) -> None:
        self.real = 0
        self.boots = 1
        self.first = 0

    def told(self) -> int:
        """The number it tells."""
        return self.real

    def says(self, message: Up) -> list[Up | bytes]:
        self.real = message.link
        self.first = self.first or message.link
        return [structs.replace(message, link=self.told())]

    def obeys(self, message: Down) -> list[Down]:
        return [structs.replace(message, link=max(1, self.real + message.link - self.told()))]

    def login(self, link: int) -> Login:
        self.real = link
        self.first = self.first or link
        return super().login(self.told())

    def loses_power(self, journal: MemoryJournal) -> None:
        self.boots += 1
        self.first = 0


class OneNumberEachBoot(Renumbered):
    """Counts its boots where it should count its connections."""

    def told(self) -> int:
        return self.boots


class NumbersInMemory(Renumbered):
    """Its link's number is not on disk: after a power cut it begins at 1."""

    def told(self) -> int:
        return self.real - self.first + 1


class SkipsANumber(Hearing):
    """Leaves a number out in the middle of its first epoch."""

    def __init__(self) -> None:
        self.epoch = ""
        self.gap = 0

    def _out(self, seq: int) -> int:
        return seq + 1 if self.gap and seq >= self.gap else seq

    def _in(self, seq: int) -> int:
        return seq - 1 if self.gap and seq > self.gap else seq

    def says(self, message: Up) -> list[Up | bytes]:
        if isinstance(message, Hello):
            self.epoch = self.epoch or message.epoch
            if message.epoch == self.epoch:
                return [structs.replace(message, next_seq=self._out(message.next_seq))]
        if not isinstance(message, Records) or message.epoch != self.epoch:
            return [message]
        if not self.gap and message.first_seq > 4:
            self.gap = message.first_seq
        before = max(0, min(len(message.records), self.gap - message.first_seq))
        parts = (
            (message.first_seq, message.records[:before]),
            (message.first_seq + before, message.records[before:]),
        )
        return [
            structs.replace(message, first_seq=self._out(first), records=records)
            for first, records in parts
            if records
        ]

    def obeys(self, message: Down) -> list[Down]:
        if isinstance(message, Ack) and message.epoch == self.epoch:
            want = None if message.want is None else self._in(message.want)
            return [structs.replace(message, seq=self._in(message.seq), want=want)]
        if isinstance(message, Welcome) and message.epoch == self.epoch:
            return [structs.replace(message, acked=self._in(message.acked))]
        return [message]


class AnswersAgain(Hearing):
    """Forgets that a command had its answer; what it opened, or what it declined."""

    def __init__(self, *, opened: bool) -> None:
        self.opened = opened
        self.heard: dict[str, int] = {}

    def obeys(self, message: Down) -> list[Down]:
        if isinstance(message, Start) and (message.outlet != NO_OUTLET) is self.opened:
            self.heard[message.command] = count = self.heard.get(message.command, 0) + 1
            if count > 1:
                return [structs.replace(message, command=f"{message.command}-{count}")]
        return [message]

    def says(self, message: Up) -> list[Up | bytes]:
        if not isinstance(message, Records):
            return [message]
        return [structs.replace(message, records=[self._as_first(one) for one in message.records])]

    def _as_first(self, record: Raw) -> Raw:
        fields = msgspec.json.decode(record)
        if "command" in fields:
            fields["command"] = fields["command"].partition("-")[0]
        return Raw(msgspec.json.encode(fields))


class ObeysExpired(Hearing):
    """Never looks at the time."""

    def obeys(self, message: Down) -> list[Down]:
        return [structs.replace(message, expires_at_ms=2**50) if isinstance(message, Start) else message]


class CountsFromWelcome(Hearing):
    """Begins link time when the server answers."""

    late_ms = 0

    def obeys(self, message: Down) -> list[Down]:
        if isinstance(message, Welcome):
            self.late_ms = max(self.late_ms, self.stand.link_ms if self.stand.greeting else 0)
        if isinstance(message, Start):
            return [structs.replace(message, expires_at_ms=message.expires_at_ms + self.late_ms)]
        return [message]

    def broke(self) -> None:
        self.late_ms = 0


class ForgetsStops(Hearing):
    """Obeys a stop for what runs, and forgets any other."""

    def obeys(self, message: Down) -> list[Down]:
        running = self.stand.open_sessions
        return [] if isinstance(message, Stop) and message.session not in running else [message]


class ForgetsStopsInTheDark(ForgetsStops):
    """Keeps them in memory: a power cut ends them."""

    def __init__(self) -> None:
        self.held: set[str] = set()

    def obeys(self, message: Down) -> list[Down]:
        if isinstance(message, Stop):
            self.held.add(message.session)
            return super().obeys(message)
        if isinstance(message, Start) and message.session in self.held:
            return [Stop(link=message.link, session=message.session), message]
        return [message]

    def loses_power(self, journal: MemoryJournal) -> None:
        self.held.clear()


class AnyLink(Hearing):
    """Takes a start for whichever link it was made."""

    def obeys(self, message: Down) -> list[Down]:
        return [structs.replace(message, link=self.stand.link) if isinstance(message, Start) else message]


class NoLimits(Plant):
    """Fills missing limits in by itself."""

    def hears(self, data: bytes) -> list[bytes]:
        try:
            fields = msgspec.json.decode(data)
            decode_down(data)
        except WireError:
            if isinstance(fields, dict) and fields.get("type") == "start" and "command" in fields:
                return [msgspec.json.encode(fields | {"limits": structs.asdict(WIDE)})]
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        return [data]


class DiesOfTomorrow(Plant):
    """A message that it does not know is too much for it."""

    def hears(self, data: bytes) -> list[bytes]:
        if b'"type":"of_tomorrow"' in data:
            self.stand.cut()
        return [data]


class TakesOversized(Plant):
    """Does not look how long a message is."""

    def hears(self, data: bytes) -> list[bytes]:
        return [data.rstrip() if len(data) > MAX_MESSAGE_BYTES else data]


class GivesUpWithTheLink(Plant):
    """Ends the use when the link is lost, though it is held for."""

    def broke(self) -> None:
        self.stand.press_stop()


class FirstHelloLate(Plant):
    """Its first hello of a link has a time."""

    def says(self, message: Up) -> list[Up | bytes]:
        first = isinstance(message, Hello) and message.at_ms == 0
        return [structs.replace(message, at_ms=7) if first and isinstance(message, Hello) else message]


class HalfMillilitres(Plant):
    """Idle, it counts more finely than whole numbers."""

    def says(self, message: Up) -> list[Up | bytes]:
        if isinstance(message, Readings) and message.session is None:
            return [encode(message).replace(b'"ticks_ms":', b'"ticks_ms":0.5,"ticks":', 1)]
        return [message]


class StaleSession(Plant):
    """Asks the broker to keep its session."""

    def login(self, link: int) -> Login:
        return structs.replace(super().login(link), clean_session=False)


class OldWill(Plant):
    """Its will has the number of its first link for ever."""

    def login(self, link: int) -> Login:
        return super().login(1)


class LosesJournal(Plant):
    """Its journal is in memory."""

    def loses_power(self, journal: MemoryJournal) -> None:
        journal.durable.clear()
