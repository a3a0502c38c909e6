"""What a quote promises, as figures for a page: price for a unit people know, a typical total, hold, limits. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec import Struct

from coinslot import tariffs
from coinslot.fleet.rules import ApplianceKind
from coinslot.wire.messages import Limits
from coinslot.wire.registers import Register


class Step(Struct, frozen=True):
    """Up to this many register units (None: beyond), each at this exact amount in minor units."""

    up_to: int | None
    numerator: int
    denominator: int

    @property
    def amount(self) -> Fraction:
        """Minor units for one register unit, exact."""
        return Fraction(self.numerator, self.denominator)


class Price(Struct, frozen=True, kw_only=True):
    """What one register costs."""

    register: Register
    per: int
    """Register units the tariff names its price for."""
    whole: bool
    """Whether a started `per` counts as a whole one."""
    steps: tuple[Step, ...]
    free: int
    """Register units that cost nothing today."""

    @property
    def least(self) -> Step:
        """The cheapest step: with several of them, what "from" stands before."""
        return min(self.steps, key=lambda step: step.amount)


class Typical(Struct, frozen=True, kw_only=True):
    """What such an appliance is usually used for, and what that costs by this quote."""

    kind: ApplianceKind
    amount_minor: int


class Offer(Struct, frozen=True, kw_only=True):
    """A quote for people's eyes. Amounts are minor units of `currency`."""

    currency: str
    prices: tuple[Price, ...]
    start_fee_minor: int
    minimum_minor: int
    maximum_minor: int | None
    hold_minor: int
    """What would be held now: the tariff's hold, or what the wallet has of it."""
    minimum_start_minor: int
    idle_s: int
    limits: Limits | None
    """Where the appliance ends by itself; None when the hold is too small to start."""
    typical: Typical | None
    by_time: bool
    """Whether the price depends on the time at which one starts."""
    seal: str
    """Of all that is promised: another promise has another one."""


TYPICAL: Final[Mapping[ApplianceKind, Mapping[Register, int]]] = MappingProxyType(
    {
        ApplianceKind.DISPENSER: {Register.ML: 550, Register.S: 25},
        ApplianceKind.SHOWER: {Register.ML: 40_000, Register.S: 480},
        ApplianceKind.DRYER: {Register.S: 300, Register.WH: 120},
        ApplianceKind.WASHER: {Register.COUNT: 1, Register.S: 2_400, Register.ML: 50_000, Register.WH: 600},
        ApplianceKind.PURIFIER: {Register.S: 3_600, Register.WH: 50},
        ApplianceKind.DIFFUSER: {Register.S: 3_600, Register.WH: 20},
    }
)
"""One usual use, in register units."""


def offer_of(
    quote: tariffs.Quote, kind: str, *, balance_minor: int | None = None, by_time: bool = False
) -> Offer:
    """The offer that a quote is, for somebody with this balance; None: nobody is known yet."""
    hold_minor = quote.hold_minor if balance_minor is None else min(balance_minor, quote.hold_minor)
    return Offer(
        currency=quote.currency,
        prices=tuple(_price(rate) for rate in quote.rates),
        start_fee_minor=quote.start_fee_minor,
        minimum_minor=quote.minimum_minor,
        maximum_minor=quote.maximum_minor,
        hold_minor=hold_minor,
        minimum_start_minor=quote.minimum_start_minor,
        idle_s=quote.idle_s,
        limits=_limits(quote, hold_minor),
        typical=_typical(quote, kind),
        by_time=by_time,
        seal=seal_of(quote),
    )


def depends_on_time(tariff: tariffs.Tariff) -> bool:
    """Whether another moment may have another price."""
    return any(rate.bands or rate.seasons for rate in tariff.rates)


def seal_of(quote: tariffs.Quote) -> str:
    """A short hash of what is promised; a new version with the same prices promises the same."""
    promise = msgspec.structs.replace(quote, tariff_id="", version=0, day="")
    return hashlib.sha256(tariffs.encode_quote(promise)).hexdigest()[:16]


def _price(rate: tariffs.QuoteRate) -> Price:
    # Tiers count from the first unit that is not free; people count from the first.
    steps = tuple(
        Step(None if tier.up_to is None else tier.up_to + rate.free, tier.numerator, tier.denominator)
        for tier in rate.tiers
    )
    return Price(
        register=rate.register,
        per=rate.per,
        whole=rate.counting is tariffs.Counting.STARTED and rate.per > 1,
        steps=steps,
        free=rate.free,
    )


def _limits(quote: tariffs.Quote, hold_minor: int) -> Limits | None:
    if hold_minor < quote.minimum_start_minor:
        return None
    try:
        return tariffs.limits(quote, hold_minor)
    except tariffs.HoldTooSmall:
        return None


def _typical(quote: tariffs.Quote, kind: str) -> Typical | None:
    known = ApplianceKind(kind)
    usage = TYPICAL.get(known)
    if usage is None or any(rate.register not in usage for rate in quote.rates):
        return None
    return Typical(kind=known, amount_minor=tariffs.rate(quote, usage).amount_minor)
