"""What is known of a session's meter so far; small, and stored with the session."""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec import Struct

from coinslot.wire.registers import Count, Register, Registers


class Doubt(StrEnum):
    """Why readings are not taken at their word. All but `ROLLED_OVER` send the session to review."""

    BACKWARDS = "backwards"
    """The register went down. It counts again from the last plausible reading, once it passes it."""
    IMPOSSIBLE_RATE = "impossible_rate"
    """The register rose faster than the meter can run. The step is not counted; what follows it is."""
    OUT_OF_RANGE = "out_of_range"
    """The register shows more than its modulus allows. The reading is ignored."""
    FROZEN = "frozen"
    """The outlet was long in use and a priced register never moved."""
    ROLLED_OVER = "rolled_over"
    """The register passed its modulus and began at 0 again. Counted; a remark, no doubt by itself."""
    MISSING_START = "missing_start"
    """There was no first reading, or a 0 in place of one. Counted from the first that can be believed."""
    ABSENT = "absent"
    """A register that had been there is missing from a later reading."""
    NO_CLOCK = "no_clock"
    """Ticks or the boot number went down: time since the last plausible reading is unknown."""

    @property
    def needs_review(self) -> bool:
        """Whether a person should look."""
        return self is not Doubt.ROLLED_OVER


class Reading(Struct, frozen=True, kw_only=True):
    """All registers of an outlet at one moment of one boot of its terminal."""

    registers: Registers
    boot: Count
    ticks_ms: Count


class DoubtAt(Struct, frozen=True, array_like=True, order=True):
    """A doubt and the register it is about."""

    doubt: Doubt
    register: Register


class Jump(Struct, frozen=True, array_like=True):
    """Where an impossible step led, and when."""

    value: Count
    boot: Count
    ticks_ms: Count


class Track(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One register's course through the session."""

    value: Count
    """The last plausible reading."""
    boot: Count
    ticks_ms: Count
    """When it was read."""
    usage: Count = 0
    """Units counted so far; never falls."""
    since_ms: Count
    """Ticks of the first plausible reading of this boot: the whole run since is held against time too."""
    since_usage: Count = 0
    """Units counted before that."""
    from_zero: bool = False
    """The first reading was 0 and nothing has been counted yet."""
    jump: Jump | None = None
    """Kept until it is known whether it was a glitch or the register's new place."""


class MeterState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A session's meter so far. `begin` makes it, `advance` moves it, `finish` closes it."""

    start: Reading
    tracks: dict[Register, Track]
    doubts: tuple[DoubtAt, ...] = ()
    """Each doubt once per register, sorted."""

    @property
    def usage(self) -> dict[Register, int]:
        """Units that may be charged, by register."""
        return {register: track.usage for register, track in self.tracks.items()}

    @property
    def needs_review(self) -> bool:
        """Whether any doubt asks for a person's look."""
        return any(at.doubt.needs_review for at in self.doubts)


class MeterStateError(ValueError):
    """The stored bytes are not a meter state; the message names the field and the reason."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(MeterState)


def encode_state(state: MeterState) -> bytes:
    """The state as compact JSON."""
    return _encoder.encode(state)


def decode_state(data: bytes | msgspec.Raw) -> MeterState:
    """A state from its JSON. MeterStateError names the field and the reason."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MeterStateError(str(error)) from None
