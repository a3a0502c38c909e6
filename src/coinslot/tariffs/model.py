"""The tariff as operators write it: one JSON object.

Amounts (`hold`, `start_fee`, …) are decimal strings in major units, exact to the minor unit: "5.00".
Prices are decimal strings in major units **per `per` units of the register**, up to six decimals:
0.045 yuan per litre is `{"register": "ml", "per": 1000, "price": "0.045"}`.

A rate states exactly one of `price`, `tiers`, `bands` or `seasons`. Bands are chosen by the local time
at which the session starts and seasons by its local date; both must cover the whole day or year, once.

`packages` are what somebody without an account can buy on the appliance, each for a fixed price or for a deposit
against the tariff's rates. A tariff may consist of packages alone; then no wallet can be used with it.
"""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct, field

from coinslot.wire.registers import MAX_COUNT, Count, Register

Price: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9]{1,6}(\.[0-9]{1,6})?$")]
Amount: TypeAlias = Annotated[str, Meta(max_length=24)]
Units: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_COUNT)]
TimeOfDay: TypeAlias = Annotated[str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
DayOfYear: TypeAlias = Annotated[str, Meta(pattern=r"^[0-1][0-9]-[0-3][0-9]$")]
Name: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,15}$")]
PackageId: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,23}$(?!\n)")]
Title: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]


class TariffError(ValueError):
    """A tariff that must not be used. `field` is where, `reason` is why, for the operator."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class Counting(StrEnum):
    """How much of a `per` is charged when it is begun but not used up."""

    EXACT = "exact"
    """In proportion, to the register's single unit."""
    STARTED = "started"
    """Every started block of `per` units counts as a whole one."""


class Cumulative(StrEnum):
    """From where the units of a tier are counted."""

    SESSION = "session"
    """From the start of each session."""
    YEAR = "year"
    """From the start of the local calendar year, over all of the customer's sessions."""
    SEASON = "season"
    """From the start of the rate's current season."""


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Tier(_Part, frozen=True, kw_only=True):
    """A price for the units up to and including `up_to` register units; the last tier has no end."""

    price: Price
    up_to: Units | None = None


class Band(_Part, frozen=True, kw_only=True):
    """A part of the day, from `from` to just before `to`; over midnight when `to` is not later."""

    starts: TimeOfDay = field(name="from")
    ends: TimeOfDay = field(name="to")
    price: Price | None = None
    tiers: Annotated[tuple[Tier, ...], Meta(max_length=12)] = ()


class Season(_Part, frozen=True, kw_only=True):
    """A part of the year as "MM-DD", both days included; over New Year when `to` is earlier."""

    name: Name
    starts: DayOfYear = field(name="from")
    ends: DayOfYear = field(name="to")
    price: Price | None = None
    tiers: Annotated[tuple[Tier, ...], Meta(max_length=12)] = ()
    bands: Annotated[tuple[Band, ...], Meta(max_length=24)] = ()


class Rate(_Part, frozen=True, kw_only=True):
    """What one register costs."""

    register: Register
    per: Annotated[int, Meta(ge=1, le=10**9)] = 1
    """Register units that a price is for, and the size of a block when `counting` is `started`."""
    counting: Counting = Counting.EXACT
    cumulative: Cumulative = Cumulative.SESSION
    weight: Annotated[int, Meta(ge=1, le=1000)] = 1
    """This register's part of the hold when several registers share it."""
    price: Price | None = None
    tiers: Annotated[tuple[Tier, ...], Meta(max_length=12)] = ()
    bands: Annotated[tuple[Band, ...], Meta(max_length=24)] = ()
    seasons: Annotated[tuple[Season, ...], Meta(max_length=12)] = ()


class Package(_Part, frozen=True, kw_only=True):
    """What can be bought on the appliance without an account: so much for a price, or a deposit for use by the rates.

    A price includes `s`, `ml`, `wh` or `count`, at least one of them; whichever is reached first ends the use.
    """

    id: PackageId
    title: Title
    """In every language that is to be read: `30 分钟 · 30 min`."""
    price: Amount | None = None
    deposit: Amount | None = None
    """Held for use at the tariff's rates; what the charge leaves goes back to the payer."""
    s: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    ml: Units | None = None
    wh: Units | None = None
    count: Units | None = None

    @property
    def units(self) -> dict[Register, int]:
        """What the price includes, by register."""
        found = {Register.S: self.s, Register.ML: self.ml, Register.WH: self.wh, Register.COUNT: self.count}
        return {register: units for register, units in found.items() if units is not None}


MAX_PACKAGES = 8
"""As many as one `menu` message of the link carries."""


class Tariff(_Part, frozen=True, kw_only=True):
    """A pricing rule. Its id and version belong to whoever stores it."""

    currency: str
    hold: Amount = "0"
    """What is reserved of a wallet for a session at this tariff; only one that sells nothing but packages has none."""
    minimum_start: Amount | None = None
    """A start with less money than this is refused; the hold when absent."""
    start_fee: Amount = "0"
    rates: Annotated[tuple[Rate, ...], Meta(max_length=len(Register))] = ()
    minimum: Amount = "0"
    """The least a charge can be, once anything beyond the free allowance was used."""
    maximum: Amount | None = None
    """The most a charge can be, whatever is used."""
    free_daily: dict[Register, Count] = {}
    """Units a customer has free each local day, start fee and minimum included."""
    max_ml: Units = 1_000_000
    """1 m³: twelve times the longest of 289 recorded showers (83.2 L)."""
    max_s: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 14_400
    """4 h: more than twice the longest recorded washer cycle's quartile (104 min)."""
    max_wh: Units = 20_000
    max_count: Units = 100
    idle_s: Annotated[int, Meta(ge=1, le=86_400)] = 90
    """Seconds without metered use after which the terminal ends the session."""
    packages: Annotated[tuple[Package, ...], Meta(max_length=MAX_PACKAGES)] = ()
    """What is offered on the appliance, in this order."""

    @property
    def for_wallets(self) -> bool:
        """Whether use is priced by itself, so that a customer's wallet can pay for it."""
        return bool(self.rates) or any(Fraction(text) for text in (self.start_fee, self.minimum))
