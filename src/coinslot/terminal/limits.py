"""The limits of a session, kept here whatever the link does."""

from __future__ import annotations

from collections.abc import Mapping

from coinslot.wire.messages import Limits
from coinslot.wire.registers import Register

LONGEST_S = 7 * 86_400
MOST = 10**9
"""A thousand cubic metres, a gigawatt-hour: nothing anybody pays for at a coin slot."""


def limit_of(limits: Limits, register: Register) -> int:
    """The limit on one register, in its unit."""
    match register:
        case Register.ML:
            return limits.ml
        case Register.S:
            return limits.s
        case Register.WH:
            return limits.wh
        case Register.COUNT:
            return limits.count


def can_keep(limits: Limits, meters: tuple[Register, ...]) -> bool:
    """Whether some limit on a register this outlet has really ends a session."""
    return limits.s <= LONGEST_S or any(limit_of(limits, register) <= MOST for register in meters)


def reached(limits: Limits, usage: Mapping[Register, int]) -> Register | None:
    """The first register whose usage has come to its limit; time is judged in milliseconds elsewhere."""
    for register, used in usage.items():
        if register is not Register.S and used >= limit_of(limits, register):
            return register
    return None
