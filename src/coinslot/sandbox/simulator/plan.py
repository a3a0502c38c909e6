"""How large a run is to be, and what it came to."""

from __future__ import annotations

from msgspec import Struct

from coinslot.sandbox.simulator.chance import FaultKind
from coinslot.sessions.states import State


class Plan(Struct, frozen=True, kw_only=True):
    """How large a run is."""

    sessions: int = 20
    terminals: int = 4


class Outcome(Struct, frozen=True, kw_only=True):
    """What a run that kept all rules came to."""

    seed: int
    steps: int
    virtual_ms: int
    states: dict[State, int]
    refused: int
    reviews: dict[str, int]
    faults: dict[FaultKind, int]
