"""What the wall needs of the demo that runs the simulated appliances."""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from coinslot.wire.ids import TerminalId


class Trouble(StrEnum):
    """What can be broken on a simulated appliance, and mended again."""

    UNPLUGGED = "unplugged"
    """The network cable is out."""
    POWER_CUT = "power_cut"
    """The mains are off."""
    METER_STUCK = "meter_stuck"
    """Water flows and the meter stands."""
    VALVE_STUCK = "valve_stuck"
    """The valve stays as it is, whatever it is told."""
    LEAK = "leak"
    """The leak sensor is wet."""


class TapShown(Struct, frozen=True, kw_only=True):
    """One outlet as it stands there."""

    outlet: int
    name: str
    lines: tuple[str, str]
    """The two lines of its display."""
    valve_open: bool
    flow_ml_per_min: int
    """Out of the tap at this moment; 0 when nothing flows."""
    poured_ml: int
    """Since the demo began."""
    in_use: bool


class ApplianceShown(Struct, frozen=True, kw_only=True):
    """One simulated appliance as it stands there."""

    terminal: TerminalId
    kind: str
    name: str
    site: str
    path: str
    """Of its page: what its QR leads to, from the first slash on."""
    online: bool
    """Whether the server hears it."""
    powered: bool
    troubles: tuple[Trouble, ...]
    taps: tuple[TapShown, ...]
    tank_permille: int | None
    """How full its tank is."""


class TextShown(Struct, frozen=True, kw_only=True):
    """A message to a customer, as a phone would show it."""

    at_ms: int
    to: str
    """The phone, masked."""
    text: str


class LinkLine(Struct, frozen=True, kw_only=True):
    """One message of the link as it passed."""

    at_ms: int
    terminal: TerminalId
    up: bool
    kind: str
    text: str
    """The message as JSON, cut to what a line can hold; the terminal's secrets are never in one."""


class WallPort(Protocol):
    """The demo behind the wall."""

    def look(self) -> tuple[ApplianceShown, ...]:
        """Every appliance as it stands now."""

    def texts(self) -> tuple[TextShown, ...]:
        """The latest messages to customers, the newest last."""

    def link_lines(self) -> AsyncIterator[LinkLine]:
        """The link's messages as they pass, from now on."""

    async def press_stop(self, terminal: TerminalId, outlet: int) -> None:
        """Press a tap's stop button. KeyError when there is none."""

    async def trouble(self, terminal: TerminalId, trouble: Trouble, *, on: bool) -> None:
        """Break or mend something. KeyError for another's terminal."""

    async def pay_at_counter(self, phone: str, amount_minor: int, key: str) -> str:
        """Cash onto a customer's wallet: what was done, in a line. FieldError for a phone nobody registered with
        or an amount that cannot be; the same key twice is one payment."""
