"""What the suite plays against: something that carries bytes to and from one terminal."""

from __future__ import annotations

from typing import Protocol

from coinslot.sandbox.conformance.history import Login
from coinslot.sandbox.conformance.rule import Need

STOP_KEY = "stop"
"""The key that ends a use; digits, `*` and `#` go by their own signs."""


class Listener(Protocol):
    """Who is told what the terminal does."""

    def opened(self, login: Login | None) -> None:
        """A terminal has connected; `login` as its MQTT said it, None where it came another way."""

    def subscribed(self, topic: str, qos: int) -> None:
        """It subscribed."""

    def heard(self, topic: str, data: bytes, qos: int, retained: bool) -> None:
        """It published."""

    def closed(self, why: str) -> None:
        """The connection is over."""


class Stand(Protocol):
    """One terminal, its line and its plug."""

    @property
    def can(self) -> frozenset[Need]:
        """What can be done here besides the wire."""

    def listen(self, listener: Listener) -> None:
        """Tell this one, on the event loop's thread."""

    def say(self, data: bytes) -> None:
        """Publish on the terminal's `down`; nothing happens without a connection."""

    def cut(self, *, hold: bool = False) -> None:
        """Break the connection without a farewell. `hold`: no other comes through until `mend`."""

    def mend(self) -> None:
        """Let connections through again."""

    async def power_cut(self) -> None:
        """Take the power away and give it back; returns once it is back."""

    async def press(self, outlet: int, key: str) -> None:
        """Press one key: a digit, `*`, `#`, or `STOP_KEY`."""

    async def tap(self, outlet: int, *, is_open: bool) -> None:
        """Close the tap behind an outlet's valve, so that nothing is metered, or open it."""
