"""Metering: register readings to usage that may be charged, or to doubt.

Owns: which step of a register is believed, what a session has used so far, and every reason to doubt it.
Does not decide: what usage costs, whether a session ends, or what a review concludes.
Invariants: no I/O, no clock; usage is never negative and never falls; what is doubted is not counted, so
the usage of a doubted session is at most what was last plausible; time comes from ticks, not clocks.
"""

from coinslot.metering.metering import advance, begin, finish
from coinslot.metering.spec import DEFAULT_SPEC, MeterSpec, RegisterSpec
from coinslot.metering.state import (
    Doubt,
    DoubtAt,
    Jump,
    MeterState,
    MeterStateError,
    Reading,
    Track,
    decode_state,
    encode_state,
)

__all__ = [
    "DEFAULT_SPEC",
    "Doubt",
    "DoubtAt",
    "Jump",
    "MeterSpec",
    "MeterState",
    "MeterStateError",
    "Reading",
    "RegisterSpec",
    "Track",
    "advance",
    "begin",
    "decode_state",
    "encode_state",
    "finish",
]
