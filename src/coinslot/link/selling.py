"""The port to whoever sells on an appliance: what can be bought there, and a code to pay a choice with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import Note, PackageOffered, QrWanted


class Code(Protocol):
    """A code to be paid, made for one choice."""

    @property
    def qr(self) -> str:
        """What the code holds, at most 512 characters."""

    @property
    def amount_minor(self) -> int:
        """What it asks for, in minor units."""

    @property
    def currency(self) -> str:
        """Three letters."""

    @property
    def life_s(self) -> int:
        """Seconds for which it can be paid, from now."""


class Offer(Protocol):
    """What one outlet sells. A wire `Menu` is one; its link is not looked at."""

    @property
    def outlet(self) -> int:
        """Its number."""

    @property
    def currency(self) -> str:
        """Of all prices."""

    @property
    def packages(self) -> Sequence[PackageOffered]:
        """At most 8."""

    @property
    def providers(self) -> Sequence[str]:
        """At most 6."""


class Orders(Protocol):
    """Sells packages. All three may raise what a database or a provider out of reach raises."""

    async def place(self, terminal: TerminalId, wish: QrWanted) -> Code | Note:
        """A code for this choice, or why there is none. Closes the outlet's code before it; the same
        request again is the same choice."""

    async def cancel(self, terminal: TerminalId, outlet: int, request: str) -> None:
        """Have the code of this request not be payable any more; nothing for an unknown one. A payment that was
        faster stands."""

    async def menus(self, terminal: TerminalId) -> Sequence[Offer]:
        """What each of the terminal's outlets that sell packages offers now."""
