"""The appliance as the agent sees it: one small protocol per thing it is wired to.

Calls come from the event loop and must return within a few milliseconds; a slow bus wants a thread of its
own that keeps the latest value. OSError is the one way to say that a thing does not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from msgspec import Struct

from coinslot.terminal.events import Cancelled, KeyPressed, PackageChosen, StopKey
from coinslot.terminal.views import View
from coinslot.wire.registers import Registers

Pressed = StopKey | KeyPressed | PackageChosen | Cancelled


class Valve(Protocol):
    """A valve that is shut, or a relay that is open, whenever it has no power. Of a relay, "open" lets it run."""

    def open(self) -> None:
        """Let it run."""

    def shut(self) -> None:
        """Stop it; shutting a shut valve does nothing."""

    def state(self) -> bool | None:
        """Open or not by its own feedback; None where it has none."""


class Credits(Protocol):
    """An appliance that is paid through its own coin input."""

    def pay(self, credits: int) -> None:
        """Give so many, after `open`; returns at once, and what was given is never given again."""


class Meter(Protocol):
    """What counts."""

    def read(self) -> Registers:
        """The counts now."""


class Screen(Protocol):
    """Rows of text, and a QR code where there is room."""

    def show(self, lines: tuple[str, ...], qr: str | None) -> None:
        """Show this until the next call: as many rows as `OutletSettings.display` says, none wider."""


class Touch(Protocol):
    """A display that draws buttons, prices and codes."""

    def draw(self, view: View) -> None:
        """Draw this until the next call; at most twice a second while in use, else once a second."""


class Sensors(Protocol):
    """Anything measured for the bill or the alarms."""

    def read(self) -> Mapping[str, int]:
        """Values by name with unit: `tds_ppm`, `water_decic`, `tank_decic`, `tank_level_permille`,
        `filter_age_h`; `leak` above 0 is an alarm. Where an outlet's settings look at power: `power_w`, watts
        at this moment."""


class Outlet(Struct, frozen=True):
    """What one outlet is wired to."""

    valve: Valve
    meter: Meter | None
    screen: Screen
    sensors: Sensors | None = None
    touch: Touch | None = None
    """Beside or instead of the rows of text."""
    credits: Credits | None = None
    """Where "open" alone lets nothing run."""


class Hardware(Protocol):
    """One appliance."""

    @property
    def outlets(self) -> Mapping[int, Outlet]:
        """By number, the same numbers as in the settings."""

    def listen(self, pressed: Callable[[Pressed], None]) -> None:
        """Have every key press handed over, on the event loop's thread."""


@runtime_checkable
class Closing(Protocol):
    """Hardware that has something to let go of."""

    def close(self) -> None:
        """Every valve shut, orders on slow buses carried out, every line given back. OSError when a part failed."""
