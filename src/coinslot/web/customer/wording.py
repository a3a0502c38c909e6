"""Quantities and prices in words, alike on the meter, the bill and the history."""

from __future__ import annotations

from typing import Final

from coinslot.web.pages import figures
from coinslot.web.pages.page import Page
from coinslot.web.views import PriceLine, QuoteView
from coinslot.wire.registers import Register

_KILO: Final = 1000


def quantity(page: Page, register: Register, amount: int, *, exact: bool = False) -> str:
    """A register's units as people read them: 1.2 L, or exact: 1.234 L."""
    match register:
        case Register.ML:
            shown = thousandths(amount) if exact else figures.litres(amount)
            return page.say("%(litres)s L", litres=shown)
        case Register.S:
            return page.say("%(seconds)s s", seconds=amount) if exact else figures.duration(amount * _KILO)
        case Register.WH:
            return page.say("%(kwh)s kWh", kwh=thousandths(amount))
        case Register.COUNT:
            return page.say("%(count)s ×", count=amount)


def price(page: Page, register: Register, numerator: int, denominator: int, per: int, currency: str) -> str:
    """A price of `numerator / denominator` minor units for one register unit, such as ¥0.21 / L.

    Time is priced by the tariff's own block, `per` units; the other registers by what people buy them in.
    """
    match register:
        case Register.ML:
            return page.say("%(price)s / L", price=_exact(numerator * _KILO, denominator, currency))
        case Register.S:
            of = _exact(numerator * per, denominator, currency)
            return page.say("%(price)s / %(per)s s", price=of, per=per)
        case Register.WH:
            return page.say("%(price)s / kWh", price=_exact(numerator * _KILO, denominator, currency))
        case Register.COUNT:
            return page.say("%(price)s each", price=_exact(numerator, denominator, currency))


def unit_prices(page: Page, quote: QuoteView, currency: str) -> list[str]:
    """What each register costs from the first unit that is not free; of several tiers, the first."""
    return [_from(page, line, currency) for line in quote.lines]


def thousandths(amount: int) -> str:
    """A thousandth part without rounding: 1.234, 0.5."""
    whole, part = divmod(amount, _KILO)
    return f"{whole}.{f'{part:03d}'.rstrip('0') or '0'}"


def _from(page: Page, line: PriceLine, currency: str) -> str:
    first = line.tiers[0]
    text = price(page, line.register, first.minor, first.per, line.per, currency)
    return text if len(line.tiers) == 1 else page.say("from %(price)s", price=text)


def _exact(numerator: int, denominator: int, currency: str) -> str:
    return figures.exact_money(numerator, denominator, currency)
