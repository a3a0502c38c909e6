"""A code as it is stored, and as its customer sees it."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from coinslot.access.odds import RULES, Kind
from coinslot.wire.ids import ApplianceId, CustomerId, OperatorId, SessionId, SiteId, TerminalId

LIFE: Final = timedelta(minutes=10)
LONG_LIFE: Final = timedelta(minutes=5)
"""Of a long code: a keypad that is locked takes one each 3 s all day."""


class Scope(StrEnum):
    """What a code opens."""

    OUTLET = "outlet"
    """One outlet; 8 digits."""
    ROOM = "room"
    """Any free outlet of a room; 9 digits."""
    LONG = "long"
    """The same, where the keypad is locked by somebody's guessing; 12 digits."""

    @property
    def kind(self) -> Kind:
        """Its arithmetic."""
        return Kind(self.value)

    @property
    def digits(self) -> int:
        """How many it has."""
        return RULES[self.kind].digits

    @property
    def life(self) -> timedelta:
        """For how long it can be typed."""
        return LONG_LIFE if self is Scope.LONG else LIFE


class CodeState(StrEnum):
    """Where a code stands."""

    LIVE = "live"
    """It can be typed."""
    USED = "used"
    """It has opened an appliance."""
    CANCELLED = "cancelled"
    """Its customer took it back, or has a newer one."""
    EXPIRED = "expired"
    """Nobody typed it in time."""


class CodeRefusal(StrEnum):
    """Why no code can be had."""

    NO_SUCH_PLACE = "no_such_place"
    """There is no such appliance, outlet or room at this operator; or the name of a room stands for several."""
    NO_SUCH_CUSTOMER = "no_such_customer"
    """The operator has no such customer, or has blocked them."""
    CLOSED = "closed"
    """The operator has closed the appliance."""
    OUT_OF_HOURS = "out_of_hours"
    """It is closed at this hour."""
    OFFLINE = "offline"
    """Its terminal is not connected."""
    FAULT = "fault"
    """It is out of order."""
    NO_TARIFF = "no_tariff"
    """It has no price, so it cannot be started."""
    NO_BALANCE = "no_balance"
    """The balance, or the cap, is below what a start takes."""
    ARREARS = "arrears"
    """The customer owes for earlier use."""
    REAL_NAME = "real_name"
    """No real name of the customer was approved."""
    QUOTA = "quota"
    """The customer has used up what one may."""
    TOO_MANY_LIVE = "too_many_live"
    """As many codes are live there as guessing allows: one becomes free within minutes."""
    ALREADY_LIVE = "already_live"
    """The customer has a live code: it can be shown, cancelled or renewed."""


class CodeRefused(Struct, frozen=True, kw_only=True):
    """No code, with the figures that explain it; minor units."""

    reason: CodeRefusal
    needed_minor: int | None = None
    balance_minor: int | None = None
    """What the customer has; where they owe, how much."""
    again_at: datetime | None = None
    """From when on it may be asked for again, where only hours or a quota stand in the way."""


class KeypadState(Struct, frozen=True, kw_only=True):
    """How a keypad stands against guessing."""

    tries: int
    """Wrong codes of the last 24 hours."""
    locked_until: datetime | None
    """Until then it takes long codes only."""


class CodeRow(Struct, frozen=True, kw_only=True):
    """One row of `keypad_code`, with the moment at which it was read."""

    operator_id: OperatorId
    code_id: str
    customer_id: CustomerId
    scope: Scope
    site_id: SiteId
    room: str
    appliance_id: ApplianceId | None
    terminal_id: TerminalId | None
    outlet: int | None
    for_friend: bool
    cap_minor: int | None
    draw: int
    mac: bytes
    earlier_mac: bytes | None
    made_at: datetime
    expires_at: datetime
    how: CodeState | None
    session_id: SessionId | None
    now: datetime

    @property
    def state(self) -> CodeState:
        """Where it stands; nobody has to note that one has expired."""
        if self.how is not None:
            return self.how
        return CodeState.LIVE if self.now < self.expires_at else CodeState.EXPIRED


class CodeView(Struct, frozen=True, kw_only=True):
    """A code with its digits, for its customer alone."""

    code_id: str
    digits: str
    scope: Scope
    operator: OperatorId
    customer: CustomerId
    terminal: TerminalId | None
    """None, like outlet and appliance, for a code that is a room's."""
    outlet: int | None
    appliance: ApplianceId | None
    room: str
    site: SiteId
    for_friend: bool
    cap_minor: int | None
    """What a friend's use may cost at most."""
    created_at: datetime
    expires_at: datetime
    state: CodeState
    session: SessionId | None
    """What it has opened."""

    def __repr__(self) -> str:
        """Without the digits: this ends up in logs."""
        return f"CodeView({self.code_id!r}, {self.state.value})"
