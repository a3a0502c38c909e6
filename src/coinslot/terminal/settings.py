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


class Language(StrEnum):
    """The language of the display."""

    ZH = "zh"
    EN = "en"


class OutletSettings(Struct, frozen=True, kw_only=True):
    """One tap, shower or socket."""

    outlet: Outlet = 0
    name: Annotated[str, Meta(max_length=16)] = ""
    """Shown before the text on the display, where an appliance has several outlets."""
    meters: tuple[Register, ...] = (Register.ML,)
    """What is metered besides time. Empty: an outlet that is sold by time alone."""
    meter: MeterKind = MeterKind.VOLATILE
    on_power: OnPower = OnPower.STOP
    flow_within_s: Annotated[int, Meta(ge=1, le=3600)] | None = None
    """An open valve must move the meter within this time; None where a closed shower head is normal."""
    seep: Annotated[int, Meta(ge=0, le=100_000)] = 20
    """What may pass a shut valve in 10 s, in the main register's unit, before it is a fault."""

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
