"""A hold to limits: how far a terminal may go alone so that the charge stays within the hold.

One register: exactly the greatest use that the hold covers. Several: each is first given what its
first unit costs, the rest of the hold is shared by the rates' weights, and then, the last rate first,
each is grown to the greatest that still fits, so that no limit could be one unit higher.
"""

from __future__ import annotations

from collections.abc import Mapping

from coinslot.money import MAX_MINOR
from coinslot.tariffs.curve import cost, greatest, scale_of
from coinslot.tariffs.quoting import Quote
from coinslot.wire.messages import Limits
from coinslot.wire.registers import Register


class HoldTooSmall(ValueError):
    """Not one unit of every priced register fits into the hold."""

    def __init__(self, hold_minor: int) -> None:
        super().__init__(f"a hold of {hold_minor} does not cover the smallest use")
        self.hold_minor = hold_minor


def limits(quote: Quote, hold_minor: int) -> Limits:
    """Limits at which, all reached together, `rate` is at most `hold_minor`.

    Registers without a price, and all of them where the maximum charge fits, get the tariff's own
    limits. HoldTooSmall when some priced register would not get even one unit.
    """
    most = {
        Register.ML: quote.max_ml,
        Register.S: quote.max_s,
        Register.WH: quote.max_wh,
        Register.COUNT: quote.max_count,
    }
    maximum = MAX_MINOR if quote.maximum_minor is None else quote.maximum_minor
    if maximum <= hold_minor:
        found: Mapping[Register, int] = {}
    elif max(quote.start_fee_minor, quote.minimum_minor) > hold_minor:
        # Nothing that costs can be covered, but what is free may still run.
        found = {rate.register: rate.free for rate in quote.rates}
        if not found:
            raise HoldTooSmall(hold_minor)
    else:
        found = _within(quote, hold_minor, most)
    if not all(found.values()):
        raise HoldTooSmall(hold_minor)
    most.update((register, min(most[register], limit)) for register, limit in found.items())
    return Limits(
        ml=most[Register.ML],
        s=most[Register.S],
        wh=most[Register.WH],
        count=most[Register.COUNT],
        idle_s=quote.idle_s,
    )


def _within(quote: Quote, hold_minor: int, most: Mapping[Register, int]) -> dict[Register, int]:
    scale = 2 * scale_of(quote)
    # Half up: whatever is below hold + ½ rounds to the hold at most. Twice the scale keeps the half an
    # integer, and on integers "below" is "at most one less".
    budget = (hold_minor - quote.start_fee_minor) * scale + scale // 2 - 1
    rates = quote.rates
    if len(rates) == 1:
        return {rates[0].register: greatest(rates[0], budget, scale)}
    first = [cost(rate, 1, scale) for rate in rates]
    spare = budget - sum(first)
    if spare < 0:
        raise HoldTooSmall(hold_minor)
    weights = sum(rate.weight for rate in rates)
    found: dict[Register, int] = {}
    spent: list[int] = []
    for rate, least in zip(rates, first, strict=True):
        share = least + spare * rate.weight // weights
        found[rate.register] = limit = min(most[rate.register], greatest(rate, share, scale))
        spent.append(cost(rate, limit, scale))
    for index in reversed(range(len(rates))):
        rate = rates[index]
        left = budget - sum(spent) + spent[index]
        found[rate.register] = limit = min(most[rate.register], greatest(rate, left, scale))
        spent[index] = cost(rate, limit, scale)
    return found
