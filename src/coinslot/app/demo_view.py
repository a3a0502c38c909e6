"""One moment of the demo, as the picture and the plain lines show it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

BILLS = 12
"""As many of the latest bills are read and shown at most."""


class Condition(StrEnum):
    """What an outlet is doing, in one word."""

    FREE = "free"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    UNKNOWN = "unknown"
    """The start was not answered in time; the hold stays."""
    OFFLINE = "offline"
    DARK = "no power"
    FAULT = "fault"


class Row(Struct, frozen=True, kw_only=True):
    """One outlet now."""

    appliance: str
    outlet: str
    code: str
    condition: Condition
    customer: str = ""
    """Masked."""
    ml: int | None = None
    cost_minor: int | None = None
    running_s: int | None = None


class Bill(Struct, frozen=True, kw_only=True):
    """One session that has ended."""

    session: str
    ended_at: datetime
    appliance: str
    outlet: str
    customer: str
    ml: int | None
    charge_minor: int | None
    hold_minor: int
    captured_minor: int
    how: str
    """In words: by key, by phone, idle, limit, power loss …"""

    @property
    def released_minor(self) -> int:
        """What went back."""
        return self.hold_minor - self.captured_minor


class Books(Struct, frozen=True, kw_only=True):
    """What recomputing the ledger has found."""

    sound: bool
    entries: int
    sealed_to: int
    checked_s: float
    """Monotonic time of the check."""


class View(Struct, frozen=True, kw_only=True):
    """Everything that is shown at one moment; amounts in minor units of `currency`."""

    currency: str
    uptime_s: int
    rows: tuple[Row, ...]
    bills: tuple[Bill, ...]
    settled: int
    """Since this start."""
    earlier: int
    wallets_minor: int
    held_minor: int
    revenue_minor: int
    books: Books | None
    books_age_s: int
    received: int
    sent: int
    refused: int
    topped_up: int
    faults: tuple[str, ...]
