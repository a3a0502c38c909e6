"""What the wall needs of the demo's hotel: appliances with a plug, a touch display, and guests who pay there."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from coinslot.people.notices import Language
from coinslot.terminal.views import View
from coinslot.wire.ids import TerminalId


class RoomTrouble(StrEnum):
    """What can be broken on an appliance with a plug, and mended again."""

    UNPLUGGED = "unplugged"
    """The network cable is out."""
    POWER_CUT = "power_cut"
    """The room has no power, or somebody pulled the plug in the wall."""
    NO_LOAD = "no_load"
    """Nothing is drawn: the appliance is not plugged into its controller, or its thermal cut-out has tripped."""
    BLOCKED = "blocked"
    """Its drum or fan is held fast."""
    SHORTED = "shorted"
    """Far more is drawn than may be."""
    METER_STUCK = "meter_stuck"
    """Power is drawn and the meter stands."""
    RELAY_STUCK = "relay_stuck"
    """The relay stays as it is, whatever it is told."""


class RoomShown(Struct, frozen=True, kw_only=True):
    """One appliance in a room as it stands there."""

    terminal: TerminalId
    outlet: int
    model: str
    """One of `terminal.simulated.Model`."""
    name: str
    site: str
    room: str
    code: str
    online: bool
    """Whether the server hears it."""
    powered: bool
    troubles: tuple[RoomTrouble, ...]
    running: bool
    """The relay is closed."""
    power_w: int
    in_use: bool
    out_of_order: bool
    view: View | None
    """What its touch display is to show; None without power."""


class ToldShown(Struct, frozen=True, kw_only=True):
    """A message that the hotel's own system has got."""

    number: int
    """From 1 on, rising."""
    at_ms: int
    right: bool
    """Its signature is right; of any other message nothing is believed."""
    kind: str
    """One of `webhooks.model.EventKind`; empty when it is not believed."""
    room: str
    amount_minor: int | None
    """The charge, what was paid, or what went back."""
    currency: str
    again: bool
    """It had come before: for a receiver it is the same message."""


class RoomsPort(Protocol):
    """The part of the wall's port that is about the hotel."""

    @property
    def payers_at(self) -> str:
        """Where payers' phones find the payment sandbox: its origin. Empty where none runs."""

    @property
    def console_logins(self) -> tuple[tuple[str, str], ...]:
        """Logins of the console with their passwords; none where others than this machine see the wall."""

    def told(self) -> tuple[ToldShown, ...]:
        """What the hotel's own system was told, the newest last."""

    async def desk_path(self) -> str:
        """Where one browser becomes a front desk; whichever was the wall's before is none any more."""

    def rooms(self, language: Language) -> tuple[RoomShown, ...]:
        """Every appliance as it stands now, its display in this language."""

    async def choose(self, terminal: TerminalId, outlet: int, package: str, provider: str) -> bool:
        """Press a package and a way to pay; whether anything there could feel it. KeyError when there is none."""

    async def back(self, terminal: TerminalId, outlet: int) -> bool:
        """Press "back", or "again" when it is over. KeyError when there is none."""

    async def break_room(self, terminal: TerminalId, trouble: RoomTrouble, *, on: bool) -> None:
        """Break or mend something. KeyError when there is no such terminal."""
