"""What a terminal knows about itself before it speaks to anybody."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from coinslot.wire.ids import Id
from coinslot.wire.records import Outlet
from coinslot.wire.registers import Register

MIB = 1024 * 1024


class OnPower(StrEnum):
    """What becomes of an open session when the power returns."""

    STOP = "stop"
    """It is closed with the last certain register: right for water."""
    RESUME = "resume"
    """It goes on to its limits: right for a wash of 100 minutes."""


class MeterKind(StrEnum):
    """Where a meter's count lives."""

    VOLATILE = "volatile"
    """A counter of pulses in this board: it may start anywhere, so only differences count."""
    LASTING = "lasting"
    """A meter with its own memory: its value is the register."""


class Seconds(StrEnum):
    """What the register `s` counts."""

    USE = "use"
    """From the first to the last metered use: right for water. An outlet with no meter counts from opening."""
    OPENING = "opening"
    """From opening to shutting, whatever the meter counts meanwhile: right where time itself is sold."""


class Band(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Powers above `above_w` up to and including `to_w`."""

    above_w: Annotated[int, Meta(ge=0, le=100_000)]
    to_w: Annotated[int, Meta(ge=1, le=100_000)]


class Language(StrEnum):
    """The language of the display."""

    ZH = "zh"
    EN = "en"


class DisplaySize(StrEnum):
    """Rows and columns of a character display."""

    SMALL = "2x16"
    TALL = "4x20"
    WIDE = "2x32"


class OutletSettings(Struct, frozen=True, kw_only=True):
    """One tap, shower or socket."""

    outlet: Outlet = 0
    name: Annotated[str, Meta(max_length=16)] = ""
    """Shown before the text on the display, where an appliance has several outlets and there is room for both."""
    display: DisplaySize = DisplaySize.WIDE
    one_language: bool = False
    """The display has no letters but for the terminal's own language: a customer's is not shown."""
    meters: tuple[Register, ...] = (Register.ML,)
    """What is metered besides time. Empty: an outlet that is sold by time alone."""
    meter: MeterKind = MeterKind.VOLATILE
    on_power: OnPower = OnPower.STOP
    flow_within_s: Annotated[int, Meta(ge=1, le=3600)] | None = None
    """An open valve must move the meter within this time; None where a closed shower head is normal."""
    seep: Annotated[int, Meta(ge=0, le=100_000)] = 20
    """What may pass a shut valve in 10 s, in the main register's unit, before it is a fault."""

    seconds: Seconds = Seconds.USE
    no_load_w: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    """An appliance that runs draws at least this. Less after opening, for `load_within_s`: it is not there. As much
    behind an open relay: its contacts are stuck. None, here and below: not looked at; else the sensors tell
    `power_w` at least every 5 s while in use."""
    load_within_s: Annotated[int, Meta(ge=1, le=3600)] = 60
    idle_w: Annotated[int, Meta(ge=0, le=100_000)] | None = None
    """What it draws on standby at most: that is no use, whatever the meter makes of it. None: the meter says."""
    overload_w: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    """More than this, for `inrush_s`, and it is shut."""
    inrush_s: Annotated[int, Meta(ge=1, le=60)] = 3
    stall: Annotated[tuple[Band, ...], Meta(max_length=4)] = ()
    """Powers that only a blocked motor draws, for `stall_s`. A rotor at rest takes some five times what it takes
    when it turns: so the band above the highest power of a sound appliance, and, where a heater comes and goes, the one
    between the motor alone and both together. In 15 recorded cycles of two tumble dryers no sound one stayed
    between 400 and 1,500 W for longer than 30 s."""
    stall_s: Annotated[int, Meta(ge=1, le=3600)] = 45

    @property
    def electric(self) -> bool:
        """Whether what it draws is looked at: it is a relay then, not a valve."""
        return bool(self.stall) or any(
            watts is not None for watts in (self.no_load_w, self.idle_w, self.overload_w)
        )

    @property
    def by_time(self) -> bool:
        """Whether every second from opening to shutting is use."""
        return self.seconds is Seconds.OPENING or not self.meters

    @property
    def main(self) -> Register:
        """The register that the flow curve and the fault rules look at."""
        return self.meters[0] if self.meters else Register.S


class Settings(Struct, frozen=True, kw_only=True):
    """One terminal."""

    terminal: Id
    outlets: Annotated[tuple[OutletSettings, ...], Meta(min_length=1, max_length=32)] = (OutletSettings(),)
    language: Language = Language.ZH
    journal_bytes: Annotated[int, Meta(ge=64 * 1024, le=1024 * MIB)] = 4 * MIB
    firmware: Annotated[str, Meta(max_length=64)] = ""
