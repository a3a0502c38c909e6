"""Parts of what the server says: limits, settings, bills, words."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from coinslot.wire.heads import Text
from coinslot.wire.ids import Id
from coinslot.wire.registers import Count


class DisplayLanguage(StrEnum):
    """In which language a display speaks to the person in front of it."""

    ZH = "zh"
    EN = "en"


class Limits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the terminal keeps by itself, link or no link. Every one is finite and above zero.

    A limit on a register the outlet does not have cannot be reached and does no harm.
    """

    ml: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    s: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    wh: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    count: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    idle_s: Annotated[int, Meta(ge=1, le=86_400)]
    """Seconds without any use after which the terminal ends the session: nothing metered, or no more power
    drawn than the appliance takes on standby."""
    pause_s: Annotated[int, Meta(ge=0, le=86_400)] = 0
    """Seconds that the session may spend paused, all its pauses together; 0: it cannot be paused. Paused is shut,
    nothing is counted, and no idleness; when they are used up the session ends as idle."""


class Config(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an operator may set on a terminal; times in seconds."""

    checkpoint_s: Annotated[int, Meta(ge=1, le=600)] = 10
    readings_s: Annotated[int, Meta(ge=1, le=600)] = 10
    """Between readings while in use."""
    idle_readings_s: Annotated[int, Meta(ge=10, le=86_400)] = 300
    """Between readings while idle; a SIM card pays for each byte."""
    watch_readings_s: Annotated[int, Meta(ge=1, le=600)] = 1
    """Between readings while somebody watches."""


class Bill(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a session came to, for the end display; minor units."""

    session: Id
    currency: Annotated[str, Meta(max_length=3)]
    charge_minor: Count
    balance_minor: int
    """What is left on the wallet; 0 where nobody's wallet paid."""
    refund_minor: Count = 0
    """What of a direct payment goes back to its payer."""


class Note(StrEnum):
    """What became of somebody's wish to pay here; the terminal says it in its own language."""

    SCANNED = "scanned"
    """Somebody has scanned the code and has not paid yet; the code stays."""
    PAID = "paid"
    """The provider has confirmed the payment; the start follows."""
    REFUNDED = "refunded"
    """No use could follow: the payment goes back, whole."""
    EXPIRED = "expired"
    """The code's time is over; it cannot be paid any more."""
    BUSY = "busy"
    """Somebody is using the outlet."""
    UNAVAILABLE = "unavailable"
    """What was chosen cannot be sold here at this moment."""
    TRY_AGAIN = "try_again"
    """The provider did not answer; another choice, or the same one again, may work."""
    WRONG_CODE = "wrong_code"
    """There is no such code. The one answer that counts as a try."""
    CODE_EXPIRED = "code_expired"
    """Whoever typed it had it in time once; a new one can be had."""
    CODE_USED = "code_used"
    """It has opened an appliance already."""
    OTHER_OUTLET = "other_outlet"
    """It is for another appliance; `lines` may name it."""
    NO_BALANCE = "no_balance"
    """The balance does not cover a start; `amount_minor` is what a start takes."""
    ARREARS = "arrears"
    """The customer owes for earlier use; `amount_minor` says how much."""
    NOT_ALLOWED = "not_allowed"
    """This customer may not use it now: a quota is used up, or a name is not yet approved."""
    OUT_OF_HOURS = "out_of_hours"
    """The appliance is closed at this hour; `lines` may say when it opens."""
    LOCKED = "locked"
    """Too many wrong codes: for `life_s` seconds only a long code is taken."""


class PackageOffered(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that can be bought at an outlet."""

    package: Id
    title: Text
    """In both languages where the operator wrote both: `30 分钟 · 30 min`."""
    price_minor: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    """Its price, or the deposit where it is sold by use."""
    by_use: bool = False
    """Paid by use: what the deposit leaves goes back."""


class UpdateKind(StrEnum):
    """What an update replaces."""

    SOFTWARE = "software"
    CONFIG = "config"
