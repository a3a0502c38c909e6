"""A second way to work out a charge: from the tariff as written, in fractions, sharing no code with the
rating that it judges. It knows flat prices, tiers within a session, started blocks, start fee, minimum,
maximum and free units; the simulator uses no other tariffs.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from coinslot.tariffs import Counting, parse_tariff
from coinslot.tariffs.model import Rate
from coinslot.wire.registers import Register

_MINOR = 100
"""Minor units of one major unit, in every currency the simulator uses."""


def charge_minor(body: str, free: Mapping[Register, int], usage: Mapping[Register, int]) -> int:
    """What `usage` costs by the tariff's own text, `free` units of each register being a gift."""
    tariff = parse_tariff(body)
    major = Fraction(0)
    paid = False
    for rate in tariff.rates:
        gift = free.get(rate.register, 0)
        units = max(0, usage.get(rate.register, 0) - gift)
        paid = paid or units > 0
        major += _major(rate, gift, units)
    if not paid:
        return 0
    major += Fraction(tariff.start_fee)
    major = max(major, Fraction(tariff.minimum))
    if tariff.maximum is not None:
        major = min(major, Fraction(tariff.maximum))
    return _half_up(major * _MINOR)


def _major(rate: Rate, gift: int, units: int) -> Fraction:
    if rate.counting is Counting.STARTED:
        units = (units + rate.per - 1) // rate.per * rate.per
    if rate.price is not None:
        return Fraction(rate.price) * units / rate.per
    total = Fraction(0)
    for unit_from, unit_to, price in _steps(rate):
        end = gift + units if unit_to is None else min(gift + units, unit_to)
        total += Fraction(price) * max(0, end - max(gift, unit_from)) / rate.per
    return total


def _steps(rate: Rate) -> list[tuple[int, int | None, str]]:
    steps: list[tuple[int, int | None, str]] = []
    begin = 0
    for tier in rate.tiers:
        steps.append((begin, tier.up_to, tier.price))
        begin = tier.up_to or begin
    return steps


def _half_up(amount: Fraction) -> int:
    return int((2 * amount + 1) // 2)
