"""What the wall needs of the demo that runs the simulated appliances."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from coinslot.people.notices import Language
from coinslot.web.wall.baths import BathsPort
from coinslot.web.wall.rooms import RoomsPort
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
    lines: tuple[str, ...]
    """The rows of its display; empty without power."""
    valve_open: bool
    flow_ml_per_min: int
    """Out of the tap at this moment; 0 when nothing flows."""
    glass_ml: int
    """What has run into the vessel below since the latest use began, metered or not."""
    tank_permille: int | None
    """How full the tank above it is; None where there is none."""
    in_use: bool
    out_of_order: bool


class ApplianceShown(Struct, frozen=True, kw_only=True):
    """One simulated appliance as it stands there."""

    terminal: TerminalId
    kind: str
    """One of `fleet.rules.ApplianceKind`."""
    name: str
    site: str
    code: str
    """As on its sticker."""
    path: str
    """Of its page: what its QR leads to, from the first slash on."""
    online: bool
    """Whether the server hears it."""
    powered: bool
    troubles: tuple[Trouble, ...]
    taps: tuple[TapShown, ...]


class TextShown(Struct, frozen=True, kw_only=True):
    """A message to a customer, as a phone would show it."""

    number: int
    """From 1 on, rising."""
    at_ms: int
    to: str
    """The phone, masked."""
    text: str
    code: str = ""
    """The login code in it."""
    path: str = ""
    """Of the bill it speaks of."""


class LinkLine(Struct, frozen=True, kw_only=True):
    """One message of the link as it passed."""

    number: int
    """From 1 on, rising."""
    at_ms: int
    name: str
    """The appliance's."""
    up: bool
    """From the terminal to the server."""
    kind: str
    text: str
    """The message as JSON, cut to what a line can hold; codes that somebody typed are not in it."""
    skipped: int = 0
    """How many that came just before were left out, because more came than anybody reads."""


class Facts(Struct, frozen=True, kw_only=True):
    """What has happened since this demo began, by people with a phone: the guided tours tick by it."""

    run: str
    """Another one after each start of the demo."""
    codes: int = 0
    logins: int = 0
    payments: int = 0
    starts: int = 0
    ends: int = 0
    orders: int = 0
    """Codes shown on appliances."""
    guest_starts: int = 0
    """Uses that guests paid for on an appliance, and that ran."""
    guest_payments: int = 0
    cut_short: int = 0
    """Of those, ended by a fault or a loss of power."""
    refunds: int = 0
    """Payments of guests of which something went back."""
    keypad_codes: int = 0
    """Codes for keypads that people with a phone or a card got."""
    typed: int = 0
    """Uses that such codes began."""
    pauses: int = 0
    """Of those, paused at the keypad."""
    offline_codes: int = 0
    """Codes that work without the link."""
    offline_uses: int = 0
    """Of those, with water while there was no link."""
    offline_bills: int = 0
    """Of those, with a bill since the link is back."""


class Paid(Struct, frozen=True, kw_only=True):
    """Cash that was put on a customer's wallet. Minor units."""

    amount_minor: int
    balance_minor: int
    """What the wallet holds now, bonus included."""
    repaid_minor: int = 0
    """What of it went to arrears."""
    again: bool = False
    """The same payment had been posted before; nothing was posted now."""


class CounterRefusal(StrEnum):
    """Why the counter takes no money."""

    NO_PHONE = "no_phone"
    """That is no phone number."""
    UNKNOWN_PHONE = "unknown_phone"
    """Nobody has registered with it."""
    AMOUNT = "amount"
    """Not between one minor unit and what one person brings."""
    OTHER_PAYMENT = "other_payment"
    """The key belongs to a payment with another amount."""
    SHUT = "shut"
    """The books cannot be written at this moment; nothing was posted."""


class CounterRefused(Exception):
    """The counter did not take it; nothing was posted."""

    def __init__(self, reason: CounterRefusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


class WallPort(RoomsPort, BathsPort, Protocol):
    """The demo behind the wall. What it shows is read from memory: looking costs nothing."""

    @property
    def currency(self) -> str:
        """Of the counter and the displays."""

    @property
    def reachable(self) -> bool:
        """Whether a phone in the same network can open what the QR leads to."""

    def look(self, language: Language) -> tuple[ApplianceShown, ...]:
        """Every appliance but the showers as it stands now, its displays in this language."""

    def texts(self) -> tuple[TextShown, ...]:
        """The latest messages to customers, the newest last."""

    def link_lines(self) -> tuple[LinkLine, ...]:
        """The latest messages of the link, the newest last."""

    def facts(self) -> Facts:
        """What has happened so far."""

    async def press_stop(self, terminal: TerminalId, outlet: int) -> bool:
        """Press a tap's stop button; whether anything there could feel it. KeyError when there is none."""

    async def trouble(self, terminal: TerminalId, trouble: Trouble, *, on: bool) -> None:
        """Break or mend something. KeyError when there is no such terminal."""

    async def pay_at_counter(self, phone: str, amount_minor: int, key: str) -> Paid:
        """Cash onto a customer's wallet; the same key twice is one payment. CounterRefused."""
