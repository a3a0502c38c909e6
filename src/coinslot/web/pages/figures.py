"""How figures are written for people: money, litres, durations, times. Integers in, text out."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from coinslot.money import exponent
from coinslot.people.rules import masked_phone
from coinslot.web.pages.languages import Language

_SIGNS = {"CNY": "¥", "EUR": "€", "USD": "$", "GBP": "£", "JPY": "JP¥"}


def money(amount_minor: int, currency: str) -> str:
    """Such as ¥0.93 or −¥0.12; the code stands before the figure where there is no sign."""
    digits = exponent(currency)
    whole, part = divmod(abs(amount_minor), 10**digits)
    sign = _SIGNS.get(currency, f"{currency} ")
    figure = f"{whole}.{part:0{digits}d}" if digits else str(whole)
    return f"{'−' if amount_minor < 0 else ''}{sign}{figure}"


def exact_money(numerator: int, denominator: int, currency: str, *, places: int = 6) -> str:
    """An exact fraction of minor units as money, with as many places as it needs, at most `places`."""
    digits = exponent(currency)
    scaled, rest = divmod(abs(numerator) * 10**places, denominator * 10**digits)
    scaled += 2 * rest >= denominator * 10**digits
    whole, part = divmod(scaled, 10**places)
    shown = f"{part:0{places}d}".rstrip("0").ljust(digits, "0")
    sign = _SIGNS.get(currency, f"{currency} ")
    figure = f"{whole}.{shown}" if shown else str(whole)
    return f"{'−' if numerator < 0 else ''}{sign}{figure}"


def litres(ml: int, *, places: int = 1) -> str:
    """Litres without their unit, rounded down so that a display never runs ahead of the meter: 18.5."""
    step = 10 ** (3 - places)
    whole, part = divmod(ml // step, 10**places)
    return f"{whole}.{part:0{places}d}" if places else str(whole)


def duration(ms: int) -> str:
    """Minutes and seconds, such as 2:23; hours before them where there are any."""
    minutes, seconds = divmod(max(0, ms) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def moment(at: datetime, zone: str, language: Language) -> str:
    """Date and time by the clock on the wall where the appliance stands."""
    local = at.astimezone(ZoneInfo(zone))
    if language is Language.ZH:
        return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}"
    return f"{local:%Y-%m-%d %H:%M}"


def degrees(decic: int) -> str:
    """Tenths of a degree Celsius, such as 40.6 °C."""
    whole, part = divmod(abs(decic), 10)
    return f"{'−' if decic < 0 else ''}{whole}.{part} °C"


def phone(number: str) -> str:
    """A stored number as its owner knows it, masked: without the +86 that nobody types in China."""
    return masked_phone(number).removeprefix("+86")
