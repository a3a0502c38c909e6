"""Usage to charge, with every step of the working kept for the bill."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction
from typing import Final

from msgspec import Struct

from coinslot.money import MAX_MINOR
from coinslot.tariffs.curve import billable, scale_of
from coinslot.tariffs.quoting import Quote, QuotePackage, QuoteRate
from coinslot.wire.registers import Register

STANDBY_WH: Final = 1
"""What an appliance may draw without doing anything for anybody: its electronics need no more than 2 W, for half an
hour. Hotel hair dryers draw this much within three seconds."""


class LineKind(StrEnum):
    """What a line of a bill is for."""

    START_FEE = "start_fee"
    """Once per session."""
    PACKAGE = "package"
    """The price of what was bought."""
    UNUSED = "unused"
    """Of a package that a fault cut short, what its price has for the part not used; negative. Used were `quantity`
    units of `register` out of `per`."""
    USE = "use"
    """`quantity` units of `register` in one tier."""
    FREE = "free"
    """`quantity` units out of the daily allowance; costs nothing."""
    MINIMUM = "minimum"
    """What was missing to the minimum charge."""
    MAXIMUM = "maximum"
    """What was above the maximum charge; negative."""
    ROUNDING = "rounding"
    """To the whole minor unit, half up; less than one either way."""


class ChargeLine(Struct, frozen=True, omit_defaults=True):
    """One step of the working: `numerator / denominator` minor units, exact."""

    kind: LineKind
    numerator: int
    denominator: int = 1
    register: Register | None = None
    quantity: int = 0
    """Register units, started blocks counted whole."""
    per: int = 1
    """Register units of one block or price."""

    @property
    def amount(self) -> Fraction:
        """The exact amount in minor units."""
        return Fraction(self.numerator, self.denominator)


class Charge(Struct, frozen=True):
    """The rated amount of a session. The lines' exact amounts sum to `amount_minor`."""

    amount_minor: int
    lines: tuple[ChargeLine, ...] = ()


def rate(quote: Quote, usage: Mapping[Register, int], *, cut_short: bool = False) -> Charge:
    """What `usage` costs by `quote`: monotone in every register, rounded once, half up.

    No use of any priced register costs nothing, nor does use within the free allowance: no start fee
    and no minimum. A quote that prices no register (a package) is charged as soon as any register
    moved. ValueError on negative usage.

    `cut_short`: the use ended by a fault, a power cut or the operator, not as its user wanted. What was bought on the
    appliance then costs only the part of its price that was used, and nothing where nothing was drawn. A wallet pays
    by use anyway.
    """
    if usage and min(usage.values()) < 0:
        raise ValueError(f"usage may not be negative: {dict(usage)}")
    if cut_short and quote.package is not None:
        if nothing_drawn(usage):
            return Charge(0)
        if quote.package.units:
            return _part(quote, quote.package, usage)
    scale = scale_of(quote)
    lines: list[ChargeLine] = []
    total = 0
    charged = not quote.rates and any(usage.values())
    for item in quote.rates:
        used = usage.get(item.register, 0)
        if not used:
            continue
        if item.free:
            free = min(used, item.free)
            lines.append(ChargeLine(LineKind.FREE, 0, 1, item.register, free, item.per))
        units = billable(item, used)
        if units:
            charged = True
            total += _use(item, units, scale, lines)
    if not charged:
        return Charge(0, tuple(lines))
    if quote.start_fee_minor:
        bought = quote.package is not None and quote.package.units
        lines.insert(0, ChargeLine(LineKind.PACKAGE if bought else LineKind.START_FEE, quote.start_fee_minor))
        total += quote.start_fee_minor * scale
    return _finish(quote, total, scale, lines)


def nothing_drawn(usage: Mapping[Register, int]) -> bool:
    """Whether an appliance did nothing, whatever time passed: no power where that is metered, else no register moved."""
    if Register.WH in usage:
        return (
            usage[Register.WH] <= STANDBY_WH and not usage.get(Register.ML) and not usage.get(Register.COUNT)
        )
    return not any(usage.values())


def _part(quote: Quote, package: QuotePackage, usage: Mapping[Register, int]) -> Charge:
    """The part of a price that was used, by the register of which the most was."""
    price = quote.start_fee_minor
    register, included = max(
        package.units, key=lambda bought: Fraction(min(usage.get(bought[0], 0), bought[1]), bought[1])
    )
    used = min(usage.get(register, 0), included)
    if not used:
        return Charge(0)
    lines = [ChargeLine(LineKind.PACKAGE, price)]
    if used < included:
        lines.append(
            ChargeLine(LineKind.UNUSED, price * (used - included), included, register, used, included)
        )
    return _finish(quote, price * used, included, lines)


def free_used(quote: Quote, usage: Mapping[Register, int]) -> dict[Register, int]:
    """How much of each reserved allowance the session used; the rest goes back to the day."""
    return {item.register: min(item.free, usage.get(item.register, 0)) for item in quote.rates if item.free}


def _use(item: QuoteRate, units: int, scale: int, lines: list[ChargeLine]) -> int:
    total = begin = 0
    for tier in item.tiers:
        end = units if tier.up_to is None else min(units, tier.up_to)
        if end <= begin:
            break
        numerator = (end - begin) * tier.numerator
        lines.append(
            ChargeLine(LineKind.USE, numerator, tier.denominator, item.register, end - begin, item.per)
        )
        total += numerator * (scale // tier.denominator)
        begin = end
    return total


def _finish(quote: Quote, total: int, scale: int, lines: list[ChargeLine]) -> Charge:
    least = quote.minimum_minor
    # Without a maximum of its own a charge still has to fit the ledger's 64 bits.
    most = MAX_MINOR if quote.maximum_minor is None else quote.maximum_minor
    if total < least * scale:
        lines.append(ChargeLine(LineKind.MINIMUM, least * scale - total, scale))
        return Charge(least, tuple(lines))
    if total > most * scale:
        lines.append(ChargeLine(LineKind.MAXIMUM, most * scale - total, scale))
        return Charge(most, tuple(lines))
    amount = (2 * total + scale) // (2 * scale)
    if amount * scale != total:
        lines.append(ChargeLine(LineKind.ROUNDING, amount * scale - total, scale))
    return Charge(amount, tuple(lines))
