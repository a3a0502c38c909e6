"""The quote: a tariff's promise to one customer at one moment, complete in itself.

Band, season, free allowance and what was used before are all resolved here, so that the terminal's
display and the server's bill work from the same few integers and need neither calendar nor counters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from coinslot.money import exponent, parse_amount
from coinslot.tariffs.local_time import (
    Scope,
    ScopeKind,
    band_at,
    day_key,
    season_at,
    season_key,
    year_key,
)
from coinslot.tariffs.model import Counting, Cumulative, Rate, Tariff, TariffError, Tier, Units
from coinslot.wire.registers import Count, Register


class QuoteError(ValueError):
    """The bytes are not a quote; the message names the field and the reason."""


class QuoteTier(Struct, frozen=True, array_like=True):
    """Units up to and including `up_to`, each at `numerator / denominator` minor units.

    Counted from the first unit that is not free.
    """

    up_to: Units | None
    numerator: Count
    denominator: Units


class QuoteRate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one register costs in this session."""

    register: Register
    per: Units = 1
    counting: Counting = Counting.EXACT
    free: Count = 0
    """Units of the daily allowance reserved for this session."""
    weight: Units = 1
    tiers: Annotated[tuple[QuoteTier, ...], Meta(min_length=1, max_length=12)]
    scope: Annotated[str, Meta(max_length=24)] = ""
    """The key of the year's or season's counter, when tiers count over sessions."""


class QuotePackage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody without an account has bought.

    Its price is the quote's start fee and maximum, and the quote has no rates: whoever does not know of packages
    charges it whole all the same.
    """

    id: Annotated[str, Meta(max_length=40)]
    units: Annotated[tuple[tuple[Register, Units], ...], Meta(max_length=len(Register))] = ()
    """What the price includes; empty where the use is paid by the rates, out of a deposit."""


class Quote(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A promise: rated against it, the same usage always gives the same charge."""

    tariff_id: str
    version: int
    currency: str
    hold_minor: Count
    minimum_start_minor: Count
    start_fee_minor: Count = 0
    minimum_minor: Count = 0
    maximum_minor: Count | None = None
    rates: Annotated[tuple[QuoteRate, ...], Meta(max_length=len(Register))] = ()
    day: Annotated[str, Meta(max_length=10)] = ""
    """The local day whose allowance is reserved; empty when the tariff has none."""
    max_ml: Units
    max_s: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    max_wh: Units
    max_count: Units
    idle_s: Annotated[int, Meta(ge=1, le=86_400)]
    package: QuotePackage | None = None
    """What was bought on the appliance; None where a wallet pays."""

    @property
    def priced(self) -> tuple[Register, ...]:
        """The registers on which the charge depends."""
        bought = () if self.package is None else self.package.units
        return (*(rate.register for rate in self.rates), *(register for register, _ in bought))

    @property
    def free(self) -> dict[Register, int]:
        """Units reserved from the daily allowance, by register; none at zero."""
        return {rate.register: rate.free for rate in self.rates if rate.free}


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """When a session starts, and where the customer's counters stand."""

    started_local: datetime
    """Wall time at the site, without a zone."""
    used_today: Mapping[Register, int] = field(default_factory=dict)
    """Allowance units used or reserved on the scope's day."""
    used_in_year: Mapping[Register, int] = field(default_factory=dict)
    """Units metered in the scope's year or season, free ones included."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Quote)


def scopes(tariff: Tariff, started_local: datetime) -> tuple[Scope, ...]:
    """The counters a quote at this moment reads.

    DAY: add `quote.free` when the hold is made, and at settlement take back what `free_used` does not
    need. YEAR: add the session's whole usage at settlement.
    """
    day = [Scope(ScopeKind.DAY, register, day_key(started_local)) for register in tariff.free_daily]
    keyed = [(rate.register, _tier_scope(rate, started_local)) for rate in tariff.rates]
    return (*day, *(Scope(ScopeKind.YEAR, register, key) for register, key in keyed if key))


def is_timeless(tariff: Tariff) -> bool:
    """Whether its quote is the same for everybody at every moment: no bands, seasons, counters or allowance."""
    return not tariff.free_daily and all(
        rate.cumulative is Cumulative.SESSION and not rate.bands and not rate.seasons for rate in tariff.rates
    )


def make_quote(tariff: Tariff, *, tariff_id: str, version: int, context: Context) -> Quote:
    """The promise for a session that starts in `context`. ValueError on a negative counter."""
    if any(count < 0 for counts in (context.used_today, context.used_in_year) for count in counts.values()):
        raise ValueError("a counter of used units may not be negative")
    currency = tariff.currency
    hold_minor = parse_amount(tariff.hold, currency)
    return Quote(
        tariff_id=tariff_id,
        version=version,
        currency=currency,
        hold_minor=hold_minor,
        minimum_start_minor=(
            hold_minor if tariff.minimum_start is None else parse_amount(tariff.minimum_start, currency)
        ),
        start_fee_minor=parse_amount(tariff.start_fee, currency),
        minimum_minor=parse_amount(tariff.minimum, currency),
        maximum_minor=None if tariff.maximum is None else parse_amount(tariff.maximum, currency),
        rates=tuple(_quote_rate(tariff, rate, context) for rate in tariff.rates),
        day=day_key(context.started_local) if tariff.free_daily else "",
        max_ml=tariff.max_ml,
        max_s=tariff.max_s,
        max_wh=tariff.max_wh,
        max_count=tariff.max_count,
        idle_s=tariff.idle_s,
    )


def encode_quote(quote: Quote) -> bytes:
    """The quote as compact JSON, for the `start` message and the session's row."""
    return _encoder.encode(quote)


def decode_quote(data: bytes | msgspec.Raw) -> Quote:
    """A quote from its JSON. QuoteError names the field and the reason."""
    try:
        quote = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise QuoteError(str(error)) from None
    seen: set[Register] = set()
    for rate in quote.rates:
        if rate.register in seen:
            raise QuoteError(f"rates: {rate.register} is priced twice")
        seen.add(rate.register)
        last = 0
        for tier in rate.tiers[:-1]:
            if tier.up_to is None or tier.up_to <= last:
                raise QuoteError(f"rates: the tiers of {rate.register} do not rise")
            last = tier.up_to
        if rate.tiers[-1].up_to is not None:
            raise QuoteError(f"rates: the last tier of {rate.register} must have no end")
    _check_package(quote)
    return quote


def _check_package(quote: Quote) -> None:
    bought = () if quote.package is None else quote.package.units
    if len({register for register, _ in bought}) < len(bought):
        raise QuoteError("package: a register is included twice")
    if bought and quote.rates:
        raise QuoteError("package: what is bought for a price has no rates beside it")


def _tier_scope(rate: Rate, at: datetime) -> str:
    match rate.cumulative:
        case Cumulative.SESSION:
            return ""
        case Cumulative.YEAR:
            return year_key(at)
        case Cumulative.SEASON:
            return season_key(season_at(rate.seasons, at), at)


def _quote_rate(tariff: Tariff, rate: Rate, context: Context) -> QuoteRate:
    allowance = tariff.free_daily.get(rate.register, 0)
    free = max(0, allowance - context.used_today.get(rate.register, 0))
    # Tiers count every metered unit, free ones too: the first unit that costs anything stands here.
    origin = free
    if rate.cumulative is not Cumulative.SESSION:
        origin += context.used_in_year.get(rate.register, 0)
    scale = Fraction(10 ** exponent(tariff.currency), rate.per)
    tiers = []
    for tier in tiers_at(rate, context.started_local):
        if tier.up_to is not None and tier.up_to <= origin:
            continue
        price = Fraction(tier.price) * scale
        up_to = None if tier.up_to is None else tier.up_to - origin
        tiers.append(QuoteTier(up_to, price.numerator, price.denominator))
    return QuoteRate(
        register=rate.register,
        per=rate.per,
        counting=rate.counting,
        free=free,
        weight=rate.weight,
        tiers=tuple(tiers),
        scope=_tier_scope(rate, context.started_local),
    )


def tiers_at(rate: Rate, at: datetime) -> tuple[Tier, ...]:
    """The tiers that hold for a session starting at `at`; a flat price is one tier without end."""
    season = season_at(rate.seasons, at) if rate.seasons else None
    bands = season.bands if season is not None else rate.bands
    chosen = band_at(bands, at) if bands else season if season is not None else rate
    if chosen.tiers:
        return chosen.tiers
    if chosen.price is None:
        raise TariffError("rates", f"{rate.register} has no price at {at:%m-%d %H:%M}")
    return (Tier(price=chosen.price),)
