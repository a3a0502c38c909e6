"""What must hold of everything a terminal ever says: looked for in the whole run, when all rules have been tried."""

from __future__ import annotations

from collections.abc import Mapping

from coinslot.sandbox.conformance.history import History, Line, Way
from coinslot.sandbox.conformance.rule import Broken, NotTried, Section
from coinslot.sandbox.conformance.rules.connection import own
from coinslot.wire.messages import MAX_MESSAGE_BYTES, MAX_RECORDS, Gone, Hello, Lost, Records
from coinslot.wire.records import Checkpoint, Fault, Record, Started, Stopped
from coinslot.wire.registers import Register
from coinslot.wire.topics import Channel

SECTION = Section(11, "In everything it says", "messages")


def _at(line: Line, why: str) -> Broken:
    return Broken(f"{why}: {line}")


@SECTION.judged(
    "valid",
    "Every message is one of the link's: JSON of a known type, whole numbers, every field in its bounds.",
)
def _valid(history: History) -> None:
    for _, line in history.said():
        if line.problem and len(line.data) <= MAX_MESSAGE_BYTES:
            raise _at(line, "not a message")
        if isinstance(line.message, Records):
            for one in history.records:
                if one.record is None:
                    raise Broken(f"record {one.seq} is none: {one.data[:200]!r}")


@SECTION.judged("size", f"No message is over {MAX_MESSAGE_BYTES} bytes.")
def _size(history: History) -> None:
    for _, line in history.said():
        if len(line.data) > MAX_MESSAGE_BYTES:
            raise _at(line, f"{len(line.data)} bytes")


@SECTION.judged(
    "own-topics",
    "It publishes on its own `up` (and farewells on its own `gone`), at QoS 0, nothing retained.",
    anchor="connection",
)
def _topics(history: History) -> None:
    if not history.logins:
        raise NotTried("this terminal is not reached over MQTT; use its MQTT side")
    for _, line in history.said():
        channel = Channel.GONE if isinstance(line.message, Gone) else Channel.UP
        if line.topic != own(history.terminal, channel):
            raise _at(line, f"published on {line.topic!r}; expected {own(history.terminal, channel)!r}")
        if line.qos or line.retained:
            raise _at(line, f"published with QoS {line.qos}, retained {line.retained}")


@SECTION.judged(
    "own-link", "Every message carries the number of the link it travels on.", anchor="the-number-of-the-link"
)
def _link(history: History) -> None:
    numbers: dict[int, int] = {}
    for _, line in history.said():
        if line.message is None:
            continue
        number = line.message.link
        if isinstance(line.message, Hello):
            numbers.setdefault(line.connection, number)
        if number != numbers.get(line.connection, number):
            raise _at(line, f"link {number} on the connection of link {numbers[line.connection]}")


@SECTION.judged(
    "no-gap",
    "Records of an epoch are numbered 1, 2, 3 … without a gap, and one number is one record.",
    anchor="records",
)
def _no_gap(history: History) -> None:
    last: dict[str, int] = {}
    for one in history.records:
        before = last.get(one.epoch, one.seq - 1 if not last else 0)
        if one.seq > before + 1 and not _lost(history, one.epoch, before + 1):
            raise Broken(f"record {one.seq} follows record {before} in epoch {one.epoch}")
        last[one.epoch] = max(before, one.seq)
    for _, line in history.said():
        if isinstance(line.message, Records):
            _unchanged(history, line, line.message)


def _unchanged(history: History, line: Line, message: Records) -> None:
    for seq, data in enumerate(message.records, message.first_seq):
        if (known := history.known(message.epoch, seq)) is not None and known != bytes(data):
            raise _at(line, f"record {seq} came before as {known[:160]!r}")


def _lost(history: History, epoch: str, seq: int) -> bool:
    return any(
        isinstance(line.message, Lost)
        and line.message.epoch == epoch
        and line.message.from_seq <= seq <= line.message.to_seq
        for _, line in history.said()
    )


@SECTION.judged(
    "started-before-stopped",
    "`started` comes before whatever else is recorded of its session, once.",
    anchor="records",
)
def _order(history: History) -> None:
    begun: set[str] = set()
    over: set[str] = set()
    for epoch in dict.fromkeys(one.epoch for one in history.records):
        for one in sorted((one for one in history.records if one.epoch == epoch), key=lambda one: one.seq):
            record = one.record
            if isinstance(record, Started):
                begun.add(record.session)
            elif isinstance(record, Checkpoint | Stopped):
                if record.session not in begun:
                    raise Broken(
                        f"record {one.seq} is of session {record.session}, whose `started` did not come before"
                    )
                if record.session in over and isinstance(record, Checkpoint):
                    raise Broken(f"record {one.seq}: a checkpoint of session {record.session} after its end")
                if isinstance(record, Stopped):
                    over.add(record.session)


@SECTION.judged(
    "registers-never-fall",
    "No register of an outlet ever goes down, in records or readings.",
    anchor="records",
)
def _registers(history: History) -> None:
    highest: dict[tuple[int, Register], int] = {}
    for one in history.records:
        if isinstance(one.record, Started | Checkpoint | Stopped | Fault):
            _rise(highest, one.record.outlet, one.record.registers, f"record {one.seq}")


def _rise(
    highest: dict[tuple[int, Register], int], outlet: int, registers: Mapping[Register, int], where: str
) -> None:
    for register, value in registers.items():
        before = highest.get((outlet, register), 0)
        if value < before:
            raise Broken(f"{where}: {register} of outlet {outlet} is {value}, and was {before} before")
        highest[outlet, register] = value


@SECTION.judged(
    "ticks",
    "`boot` never falls from record to record, and in one boot neither does `ticks_ms`.",
    anchor="records",
)
def _ticks(history: History) -> None:
    last: tuple[int, int] = (0, 0)
    for one in history.records:
        record: Record | None = one.record
        if record is None:
            continue
        now = (record.boot, record.ticks_ms)
        if now < last:
            raise Broken(
                f"record {one.seq} has boot {now[0]}, ticks {now[1]} ms after boot {last[0]}, ticks {last[1]} ms"
            )
        last = now


@SECTION.judged(
    "at-most-16-each", f"No `records` message has more than {MAX_RECORDS} records.", anchor="records"
)
def _most(history: History) -> None:
    for _, line in history.said():
        if b'"records"' in line.data[:40] and line.data.count(b'"ticks_ms"') > MAX_RECORDS:
            raise _at(line, "more than 16 records")


@SECTION.judged(
    "renumbered-only-by-order", "An epoch changes only when the server orders it.", anchor="records"
)
def _epochs(history: History) -> None:
    known = ""
    ordered = False
    for line in history.lines:
        if line.way is Way.DOWN and b'"new_epoch":true' in line.data:
            ordered = True
        elif isinstance(line.message, Hello) and line.way is Way.UP:
            if known and line.message.epoch != known and not ordered:
                raise _at(line, f"epoch {line.message.epoch} after {known}, and no welcome had ordered it")
            if line.message.epoch != known:
                known, ordered = line.message.epoch, False
