"""Lines of the journal: records, and the little else a terminal must not forget."""

from __future__ import annotations

from typing import TypeAlias

import msgspec
from msgspec import Raw, Struct

from coinslot.access.guarding import Guard
from coinslot.wire.ids import Id
from coinslot.wire.messages import DisplayLanguage, Limits, Link, Offline, Seq
from coinslot.wire.records import FaultCode, Milliseconds, Outlet
from coinslot.wire.registers import Count, Registers

NO_QUOTE = Raw(b"null")


class EntryError(ValueError):
    """The bytes are not a line of the journal."""


class _Entry(Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    pass


class OpenSession(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A session without its `stopped`: enough to close it or to resume it."""

    session: Id
    command: Id
    outlet: Outlet
    start: Registers
    limits: Limits
    quote: Raw
    resumes: int = 0
    """How often it was resumed after a loss of power."""
    language: DisplayLanguage | None = None
    """Its customer's, for the display."""
    paused: bool = False
    """Shut by its user. Known only where a session outlives a loss of power: such a one does not."""
    pause_ms: Count = 0
    """What its pauses have taken so far, likewise."""


class RecordKept(_Entry, frozen=True, kw_only=True, tag="record"):
    """A record with its place; a `started` carries what is needed to run it to its end."""

    seq: Seq
    record: Raw
    limits: Limits | None = None
    quote: Raw = NO_QUOTE
    """Never `Raw | None`: msgspec reads that as "null or nothing", and refuses every real quote."""
    language: DisplayLanguage | None = None


class LinkUsed(_Entry, frozen=True, kw_only=True, tag="link"):
    """A link number, on disk before it is used."""

    link: Link


class Booted(_Entry, frozen=True, kw_only=True, tag="boot"):
    """The program started once more."""

    boot: Count


class Acked(_Entry, frozen=True, kw_only=True, tag="acked"):
    """The server has the records up to here. May go down: a restored server asks again."""

    seq: Seq


class StopKept(_Entry, frozen=True, kw_only=True, tag="stop"):
    """A `stop` for a session that is not running here: its start will be declined."""

    session: Id


class Resumed(_Entry, frozen=True, kw_only=True, tag="resumed"):
    """An open session goes on after a loss of power; on disk before the valve opens again."""

    session: Id


class Paused(_Entry, frozen=True, kw_only=True, tag="paused"):
    """A session that outlives a loss of power was paused, or goes on: on disk before it is open again."""

    session: Id
    paused: bool
    pause_ms: Count
    """What its pauses before this moment have taken."""


class Metered(_Entry, frozen=True, kw_only=True, tag="metered"):
    """Registers that moved while nobody used the outlet."""

    outlet: Outlet
    registers: Registers


class TimeKnown(_Entry, frozen=True, kw_only=True, tag="time"):
    """The server's time: a certificate's validity is never checked against an earlier moment."""

    wall_ms: Milliseconds


class GuardKept(_Entry, frozen=True, kw_only=True, tag="guard"):
    """How a keypad stands against guessing, after each wrong code."""

    outlet: Outlet
    guard: Guard
    at_ms: Milliseconds
    """The keypads' own time, which stands still while nobody knows how much of it has passed."""
    wall_ms: Milliseconds | None = None
    """The server's time at that moment, where it has told it in this boot."""


class TermsKept(_Entry, frozen=True, kw_only=True, tag="terms"):
    """On which terms an outlet takes codes without a link; without a key: on none."""

    terms: Offline


class Credited(Struct, frozen=True, kw_only=True):
    """An offline code that was accepted, and whose session has not started."""

    session: Id
    outlet: Outlet


class Snapshot(_Entry, frozen=True, kw_only=True, tag="snapshot"):
    """The first line: all that the lines before it said, but for the records that follow it."""

    epoch: Id
    next_seq: Seq = 1
    acked: Seq = 0
    link: Seq = 0
    boot: Count = 0
    wall_ms: Milliseconds = 0
    registers: dict[Outlet, Registers] = {}
    open: list[OpenSession] = []
    answered: dict[Id, Seq] = {}
    """Commands that have their answer, with the link on which they got it."""
    over: dict[Id, Seq] = {}
    """Sessions that ended or were stopped, likewise."""
    faults: list[tuple[Outlet, FaultCode]] = []
    guards: list[GuardKept] = []
    terms: list[Offline] = []
    used: dict[Id, list[Count]] = {}
    """Counts of offline codes that opened, by their terms."""
    burnt: dict[Id, list[Count]] = {}
    """Counts that never will, likewise."""
    credited: list[Credited] = []


Entry: TypeAlias = (
    RecordKept
    | LinkUsed
    | Booted
    | Acked
    | StopKept
    | Resumed
    | Paused
    | Metered
    | TimeKnown
    | GuardKept
    | TermsKept
    | Snapshot
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


def encode_entry(entry: Entry) -> bytes:
    """One line, without its frame."""
    return _encoder.encode(entry)


def decode_entry(line: bytes) -> Entry:
    """The line back. EntryError when it is none."""
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EntryError(str(error)) from None
