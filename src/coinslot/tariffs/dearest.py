"""The quote for a use of which nobody knows when it will be, nor what its customer will have used by then.

Each register at the dearest price that the tariff ever has for it, without free allowances, and without counting over
sessions: what is asked for it by this quote is at least what any other quote of the tariff would have asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from coinslot.money import exponent, parse_amount
from coinslot.tariffs.curve import greatest
from coinslot.tariffs.model import Cumulative, Rate, Tariff, Tier
from coinslot.tariffs.quoting import Quote, QuoteRate, QuoteTier


def dearest_quote(tariff: Tariff, *, tariff_id: str, version: int, credit_minor: int) -> Quote:
    """The promise for one use that is paid out of a credit, at whatever moment. What a unit costs is compared by how
    much the credit would buy."""
    currency = tariff.currency
    return Quote(
        tariff_id=tariff_id,
        version=version,
        currency=currency,
        hold_minor=credit_minor,
        minimum_start_minor=credit_minor,
        start_fee_minor=parse_amount(tariff.start_fee, currency),
        minimum_minor=parse_amount(tariff.minimum, currency),
        maximum_minor=None if tariff.maximum is None else parse_amount(tariff.maximum, currency),
        rates=tuple(_dearest(rate, currency, credit_minor) for rate in tariff.rates),
        max_ml=tariff.max_ml,
        max_s=tariff.max_s,
        max_wh=tariff.max_wh,
        max_count=tariff.max_count,
        idle_s=tariff.idle_s,
    )


def _dearest(rate: Rate, currency: str, credit_minor: int) -> QuoteRate:
    priced = [_quote_rate(rate, tiers, currency) for tiers in _ever(rate)]

    def bought(one: QuoteRate) -> tuple[int, Fraction]:
        scale = 1
        for tier in one.tiers:
            scale *= tier.denominator
        first = Fraction(one.tiers[0].numerator, one.tiers[0].denominator)
        return greatest(one, credit_minor * scale, scale), -first

    return min(priced, key=bought)


def _ever(rate: Rate) -> Iterator[tuple[Tier, ...]]:
    """All the tiers that can hold for one session."""
    for part in rate.seasons or (rate,):
        for chosen in part.bands or (part,):
            if chosen.tiers:
                tiers = chosen.tiers
            else:
                assert chosen.price is not None, "a tariff that was parsed has a price for every moment"
                tiers = (Tier(price=chosen.price),)
            if rate.cumulative is Cumulative.SESSION:
                yield tiers
            else:
                # Which tier a customer has reached is not known: each could be the one.
                yield from ((Tier(price=tier.price),) for tier in tiers)


def _quote_rate(rate: Rate, tiers: tuple[Tier, ...], currency: str) -> QuoteRate:
    scale = Fraction(10 ** exponent(currency), rate.per)
    prices = [(tier.up_to, Fraction(tier.price) * scale) for tier in tiers]
    return QuoteRate(
        register=rate.register,
        per=rate.per,
        counting=rate.counting,
        weight=rate.weight,
        tiers=tuple(QuoteTier(up_to, price.numerator, price.denominator) for up_to, price in prices),
    )
