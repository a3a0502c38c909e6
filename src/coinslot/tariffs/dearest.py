"""The quote for a use of which nobody knows when it will be, nor what its customer will have used by then.

Each register at the dearest price that the tariff ever has for it, without free allowances, and without counting over
sessions: what is asked for it by this quote is at least what any other quote of the tariff would have asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from coinslot.money import exponent, parse_amount
from coinslot.tariffs.model import Cumulative, Rate, Tariff, Tier
from coinslot.tariffs.quoting import Quote, QuoteRate, QuoteTier

MOST_TIERS: Final = 12
"""As many as a quote's rate has; of more, the dearest price of all stands for each."""


def dearest_quote(tariff: Tariff, *, tariff_id: str, version: int, credit_minor: int) -> Quote:
    """The promise for one use that is paid out of a credit, at whatever moment."""
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
        rates=tuple(_dearest(rate, currency) for rate in tariff.rates),
        max_ml=tariff.max_ml,
        max_s=tariff.max_s,
        max_wh=tariff.max_wh,
        max_count=tariff.max_count,
        idle_s=tariff.idle_s,
    )


def _dearest(rate: Rate, currency: str) -> QuoteRate:
    """At each unit the dearest of all that it can ever cost there, so that no other quote ever asks more in all."""
    scale = Fraction(10 ** exponent(currency), rate.per)
    ever = [[(tier.up_to, Fraction(tier.price) * scale) for tier in tiers] for tiers in _ever(rate)]
    ends: list[int | None] = [
        *sorted({up_to for tiers in ever for up_to, _ in tiers if up_to is not None}),
        None,
    ]
    if len(ends) > MOST_TIERS:
        ends = [None]
    priced: list[QuoteTier] = []
    begin = 0
    for end in ends:
        price = max(price for tiers in ever for price in _within(tiers, begin, end))
        priced.append(QuoteTier(end, price.numerator, price.denominator))
        begin = end or 0
    return QuoteRate(
        register=rate.register, per=rate.per, counting=rate.counting, weight=rate.weight, tiers=tuple(priced)
    )


def _within(tiers: list[tuple[int | None, Fraction]], begin: int, end: int | None) -> Iterator[Fraction]:
    """The prices of the units after `begin`, up to `end`."""
    first = 0
    for up_to, price in tiers:
        if (end is None or first < end) and (up_to is None or up_to > begin):
            yield price
        first = up_to or 0


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
