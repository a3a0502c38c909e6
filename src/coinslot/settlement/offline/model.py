"""What a customer is shown of codes for the time without a link."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from coinslot.sessions.decide import PROMISE_LIFE
from coinslot.wire.ids import ApplianceId, CustomerId, OperatorId, SessionId, SiteId, TerminalId


class OfflineOffer(Struct, frozen=True, kw_only=True):
    """That an outlet takes codes without its link, and at what price; minor units."""

    operator: OperatorId
    appliance: ApplianceId
    terminal: TerminalId
    outlet: int
    credit_minor: int
    """What is held for a code, and the most that it can cost."""
    currency: str
    quote: str
    """The frozen quote, for `tariffs.decode_quote`: the tariff at its dearest, without free allowances."""
    limits: str
    """How far the credit goes: a wire `Limits` as JSON."""
    link_down: bool
    """Only then can one be had."""
    life: timedelta = PROMISE_LIFE
    """For how long a code is offered."""


class OfflineState(StrEnum):
    """Where a code stands."""

    LIVE = "live"
    """It can be typed; the money is held."""
    ENDING = "ending"
    """Its time is over, or it was taken back. The money is held until the terminal has confirmed that it was not used."""
    USED = "used"
    """It has opened the appliance; what its session came to stands there."""
    RETURNED = "returned"
    """It was not used, and the money is back."""


class OfflineCode(Struct, frozen=True, kw_only=True):
    """One code. Its digits are for its customer alone: they stand in no log and no message."""

    session: SessionId
    """The session that it promises, and its id for the pages."""
    digits: str
    """Nine; empty once it cannot be typed any more."""
    state: OfflineState
    operator: OperatorId
    customer: CustomerId
    appliance: ApplianceId
    terminal: TerminalId
    outlet: int
    site: SiteId
    credit_minor: int
    """What is, or was, held for it."""
    currency: str
    link_down: bool
    """Whether its terminal has no link now; with one it can be typed as well."""
    made_at: datetime
    expires_at: datetime
    """Until then it is offered."""
    taken_back: bool = False
    """Its customer did not want it any more, before its time was over."""

    def __repr__(self) -> str:
        return f"OfflineCode({self.session}, {self.state.value})"


class OfflineRefusal(StrEnum):
    """Why no code was made. Nothing is held."""

    NO_SUCH_PLACE = "no_such_place"
    """The operator has no such outlet."""
    NO_SUCH_CUSTOMER = "no_such_customer"
    """The operator has no such customer, or has blocked them."""
    LINKED = "linked"
    """The terminal has its link: an ordinary start, or an ordinary code, works."""
    NOT_HERE = "not_here"
    """The outlet takes no codes without its link, or its terminal does not know of the terms yet."""
    CLOSED = "closed"
    """The operator has closed the appliance."""
    OUT_OF_HOURS = "out_of_hours"
    """It is shut at this hour; `again_at` says when it opens."""
    FAULT = "fault"
    """The outlet is out of order."""
    REAL_NAME = "real_name"
    """The operator wants to know who uses its appliances, and has approved no real name of the customer."""
    ARREARS = "arrears"
    """The customer owes for earlier use."""
    QUOTA = "quota"
    """What is left of the customer's quota is less than a code may be used for; `again_at` says when there is more."""
    NO_BALANCE = "no_balance"
    """The balance is below the credit."""
    ALREADY_LIVE = "already_live"
    """The customer has one that can still be typed: it must be used or taken back first."""
    TOO_MANY = "too_many"
    """As many codes of this outlet as it can take are not accounted for yet."""
    KEY_CONFLICT = "key_conflict"
    """The key was used for something else."""


class OfflineRefused(Struct, frozen=True, kw_only=True):
    """The answer no, with the figures that explain it; minor units."""

    reason: OfflineRefusal
    needed_minor: int | None = None
    balance_minor: int | None = None
    arrears_minor: int | None = None
    again_at: datetime | None = None
    """From when on it may be asked for again, where only time stands in the way."""
    session: SessionId | None = None
    """The code that stands in the way, for `ALREADY_LIVE`."""
