"""Records: what happened at a terminal, kept in its journal until the server has it.

A record's `seq` is its place in the terminal's epoch (1, 2, 3 …, no gap). On the wire it is not
repeated: a `records` message carries `first_seq` and the rest follow in order.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from coinslot.wire.ids import Id
from coinslot.wire.registers import Count, Registers

Outlet: TypeAlias = Annotated[int, Meta(ge=0, le=255)]
"""Which tap, shower or socket of the terminal; counted from 0."""
Milliseconds: TypeAlias = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Measure: TypeAlias = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
"""One sensor value; the unit is in the sensor's name (`tds_ppm`, `water_decic`)."""
SensorName: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$(?!\n)")]


class StopReason(StrEnum):
    """Why a session ended at the terminal."""

    KEY = "key"
    """The stop key on the appliance."""
    COMMAND = "command"
    """The server's `stop`."""
    LIMIT = "limit"
    """A limit of the start command was reached."""
    IDLE = "idle"
    """Nothing was metered for `idle_s`."""
    POWER_LOSS = "power_loss"
    """The terminal restarted in mid-session; the registers are the last certain ones."""
    FAULT = "fault"
    """The terminal stopped it to be safe (flow while shut, no meter, a leak, no load, an overload)."""


class DeclineReason(StrEnum):
    """Why a terminal refused a start."""

    EXPIRED = "expired"
    """Link time was past `expires_at_ms`."""
    WRONG_LINK = "wrong_link"
    """The command was made for an earlier or later link."""
    STOPPED = "stopped"
    """A `stop` for this session came first, or the stop key while its code was checked."""
    BUSY = "busy"
    """The outlet is already in use."""
    NO_OUTLET = "no_outlet"
    """The terminal has no such outlet."""
    JOURNAL_FULL = "journal_full"
    """There is no room for one whole session's records."""
    FAULT = "fault"
    """The outlet is out of order."""
    LIMITS = "limits"
    """A limit is missing, zero, or not one the outlet can keep."""
    CLOSED = "closed"
    """The terminal is shutting down."""


class FaultCode(StrEnum):
    """What is wrong at an outlet."""

    FLOW_WHILE_SHUT = "flow_while_shut"
    """Water passes though the valve is shut, or power though the relay is off."""
    VALVE_STUCK = "valve_stuck"
    """The valve or relay did not follow its order."""
    METER_STUCK = "meter_stuck"
    """The valve is open and the meter does not move though it should; or power is drawn and not counted."""
    METER_BACKWARDS = "meter_backwards"
    """A register went down."""
    LEAK = "leak"
    """The leak sensor is wet."""
    JOURNAL = "journal"
    """The journal cannot be written."""
    SENSOR = "sensor"
    """A sensor does not answer."""
    NO_LOAD = "no_load"
    """The relay is on and nothing is drawn: no plug, no fuse, no appliance. The start has failed."""
    OVERLOAD = "overload"
    """More is drawn than may be, for longer than a motor takes to start."""
    STALL = "stall"
    """A power that only a blocked motor draws, for too long."""


class Summary(Struct, frozen=True):
    """One sensor over one session."""

    start: Measure
    end: Measure
    min: Measure
    max: Measure
    mean: Measure


class CurvePoint(Struct, frozen=True, array_like=True):
    """One point of a session's flow curve."""

    at_s: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    """Seconds since the session started."""
    value: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    """What the main register gained up to here since the session started."""


class _Stamp(Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    boot: Count
    """Which start of the terminal this was; rising."""
    ticks_ms: Milliseconds
    """Milliseconds since that start: durations come from here, never from the wall clock."""
    wall_ms: Annotated[int, Meta(ge=0, le=2**53 - 1)] | None = None
    """Unix milliseconds by the terminal's clock, when it believes it knows."""


class Started(_Stamp, frozen=True, kw_only=True, tag="started"):
    """On disk before the valve opens."""

    session: Id
    command: Id
    outlet: Outlet
    registers: Registers


class Checkpoint(_Stamp, frozen=True, kw_only=True, tag="checkpoint"):
    """The registers every 10 s of use; a later one of the same session supersedes it."""

    session: Id
    outlet: Outlet
    registers: Registers


class Stopped(_Stamp, frozen=True, kw_only=True, tag="stopped"):
    """The end of a session, after the valve has shut."""

    session: Id
    outlet: Outlet
    reason: StopReason
    start: Registers
    """The registers of this session's `started`, repeated so that a lost one can be reviewed."""
    registers: Registers
    sensors: Annotated[dict[SensorName, Summary], Meta(max_length=16)] = {}
    curve: Annotated[list[CurvePoint], Meta(max_length=60)] = []


class Declined(_Stamp, frozen=True, kw_only=True, tag="declined"):
    """A start that will not happen."""

    command: Id
    session: Id
    outlet: Outlet
    reason: DeclineReason


class OfflineCredit(_Stamp, frozen=True, kw_only=True, tag="offline_credit"):
    """A token accepted while the link was down: on disk before the `started` of its session, its count burnt with it."""

    session: Id
    outlet: Outlet
    token_count: Count
    limits_minor: Count
    """The credit the token granted, in minor units of the site's currency."""


class Burnt(_Stamp, frozen=True, kw_only=True, tag="burnt"):
    """The answer to `burn` for an offline code that was not used: it never will be."""

    session: Id
    outlet: Outlet
    token_count: Count


class Fault(_Stamp, frozen=True, kw_only=True, tag="fault"):
    """A fault came (`active`) or went."""

    outlet: Outlet
    code: FaultCode
    active: bool
    session: Id | None = None
    registers: Registers = {}


Record: TypeAlias = Started | Checkpoint | Stopped | Declined | OfflineCredit | Burnt | Fault
