"""How sessions end, for the display."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from coinslot.wire.messages import DisplayLanguage
from coinslot.wire.records import StopReason
from coinslot.wire.registers import Register


class Ending(Struct, frozen=True):
    """One end, as the terminal knows it before the server's bill."""

    session: str
    reason: StopReason
    usage: Mapping[Register, int]
    quote: bytes
    language: DisplayLanguage | None = None
    """Its customer's; None: the terminal's own."""
