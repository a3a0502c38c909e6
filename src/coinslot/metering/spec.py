"""What is plausible of a meter."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from coinslot.wire.registers import MAX_COUNT, Register


class RegisterSpec(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one register may move."""

    max_per_s: Annotated[int, Meta(ge=1, le=10**9)]
    """The fastest that is believed, in register units per second."""
    pulse: Annotated[int, Meta(ge=1, le=10**9)] = 1
    """Units of one pulse: a reading may be late or early by one."""
    unclocked: Annotated[int, Meta(ge=0, le=MAX_COUNT)]
    """The greatest step believed when ticks cannot vouch for it: across a restart of the terminal, whose
    ticks begin anew, or from a first reading of 0, which may be a meter that had not yet answered."""
    modulus: Annotated[int, Meta(ge=2, le=MAX_COUNT)] | None = None
    """The register shows its count modulo this; None when it cannot roll over."""


class MeterSpec(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the registers of one outlet may move."""

    ml: RegisterSpec = RegisterSpec(max_per_s=1_000, unclocked=200_000)
    """The fastest recorded shower ran at 367 mL/s (22 L/min), the longest took 83 L."""
    s: RegisterSpec = RegisterSpec(max_per_s=1, unclocked=14_400)
    """A second of use per second; 4 h is the default limit of a session."""
    wh: RegisterSpec = RegisterSpec(max_per_s=10, unclocked=20_000)
    """10 Wh/s is 36 kW."""
    count: RegisterSpec = RegisterSpec(max_per_s=10, unclocked=100)
    """Ten pulses a second is the fastest of coin inputs."""
    frozen_after_s: Annotated[int, Meta(ge=1, le=86_400)] = 300
    """Seconds in use without any movement of a priced register that call for a look at the meter. Twice the
    longest idle time of a shower, which the terminal would have ended on its own."""

    def of(self, register: Register) -> RegisterSpec:
        """The part for one register."""
        match register:
            case Register.ML:
                return self.ml
            case Register.S:
                return self.s
            case Register.WH:
                return self.wh
            case Register.COUNT:
                return self.count


DEFAULT_SPEC = MeterSpec()
"""For a meter that nobody has described."""
