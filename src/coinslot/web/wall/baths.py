"""What the wall needs of the demo's showers: stalls with a display and a keypad, and a kiosk for who has no phone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

from coinslot.people.notices import Language
from coinslot.wire.ids import TerminalId

if TYPE_CHECKING:
    from coinslot.web.wall.port import Trouble

KEYS: Final = frozenset("0123456789*#")
"""What a keypad has."""
MOST_KEYS: Final = 32
"""Pressed at once: more than the longest code, with as many taken back."""


class StallShown(Struct, frozen=True, kw_only=True):
    """One stall as it stands there."""

    terminal: TerminalId
    outlet: int
    name: str
    """The appliance's, in both languages."""
    site: str
    room: str
    code: str
    """As on its sticker."""
    path: str
    """Of its page: what its QR leads to, from the first slash on."""
    columns: int
    """Of its display."""
    lines: tuple[str, ...]
    """The rows of its display; empty texts without power."""
    beside: tuple[str, ...]
    """The stalls that the same board drives: whatever befalls it befalls them, too."""
    online: bool
    """Whether the server hears it."""
    powered: bool
    troubles: tuple[Trouble, ...]
    valve_open: bool
    flow_ml_per_min: int
    """Out of the shower head at this moment; 0 when nothing flows."""
    poured_ml: int
    """Since the latest use began, metered or not."""
    in_use: bool
    paused: bool
    out_of_order: bool


class BathsPort(Protocol):
    """The part of the wall's port that is about showers."""

    def stalls(self, language: Language) -> tuple[StallShown, ...]:
        """Every stall as it stands now, its display in this language."""

    async def press_keys(self, terminal: TerminalId, outlet: int, keys: str) -> bool:
        """Press keys of a keypad, one after the other; whether anything there could feel them. KeyError when there is no
        such keypad."""

    @property
    def card(self) -> tuple[str, str]:
        """The number and the PIN of a card with money on it; empty where others than this machine see the wall."""

    async def kiosk_path(self) -> str:
        """Where one browser becomes the kiosk in the bathroom's hall; whichever was it before is none any more."""
