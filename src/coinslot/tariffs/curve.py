"""One register's cost as a function of its use, and that function's inverse; integers throughout.

Costs are in `1/scale` minor units, where `scale` is a multiple of every tier's denominator.
"""

from __future__ import annotations

from math import lcm

from coinslot.tariffs.model import Counting
from coinslot.tariffs.quoting import Quote, QuoteRate
from coinslot.wire.registers import MAX_COUNT


def scale_of(quote: Quote) -> int:
    """The smallest scale at which every price of the quote is an integer."""
    return lcm(*(tier.denominator for rate in quote.rates for tier in rate.tiers))


def billable(rate: QuoteRate, used: int) -> int:
    """Units that cost something: beyond the allowance, started blocks counted whole."""
    units = used - rate.free
    if units <= 0:
        return 0
    if rate.counting is Counting.STARTED:
        return -(-units // rate.per) * rate.per
    return units


def cost(rate: QuoteRate, used: int, scale: int) -> int:
    """What `used` metered units cost, scaled."""
    units = billable(rate, used)
    total = begin = 0
    for tier in rate.tiers:
        end = units if tier.up_to is None else min(units, tier.up_to)
        if end <= begin:
            break
        total += (end - begin) * tier.numerator * (scale // tier.denominator)
        begin = end
    return total


def greatest(rate: QuoteRate, budget: int, scale: int) -> int:
    """The most metered units whose scaled cost is at most `budget` (not negative)."""
    units = 0
    for tier in rate.tiers:
        price = tier.numerator * (scale // tier.denominator)
        affordable = budget // price if price else MAX_COUNT
        if tier.up_to is None or units + affordable < tier.up_to:
            units += affordable
            break
        budget -= price * (tier.up_to - units)
        units = tier.up_to
    if rate.counting is Counting.STARTED:
        units -= units % rate.per
    return rate.free + units
