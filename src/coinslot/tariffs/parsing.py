"""The tariff file: read, checked so that no mistake in it makes use free or unbounded, written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction

import msgspec

from coinslot.money import MoneyError, format_amount, parse_amount, parse_currency
from coinslot.tariffs.limiting import HoldTooSmall, limits
from coinslot.tariffs.local_time import check_bands, check_seasons
from coinslot.tariffs.model import Band, Cumulative, Rate, Season, Tariff, TariffError, Tier
from coinslot.tariffs.packages import check_packages
from coinslot.tariffs.quoting import Context, make_quote
from coinslot.wire.registers import MAX_COUNT, Register

MAX_TARIFF_BYTES = 65_536

_decoder = msgspec.json.Decoder(Tariff)
_encoder = msgspec.json.Encoder()
_PLACE = re.compile(r"(.*) - at `(?:key` in `)?\$\.?(.*)`", re.DOTALL)
_FORMS = {
    "price": 'must be a plain decimal text of at most six places, such as "0.045"',
    "from": 'must be a time such as "22:00" in a band, a day such as "11-15" in a season',
    "to": 'must be a time such as "22:00" in a band, a day such as "11-15" in a season',
    "id": 'must be a short name such as "30min": lower-case letters, digits, - and _',
    "title": "must be one line of at most 64 characters",
}
"""What to write instead, where the decoder would show an operator a regular expression."""


def parse_tariff(data: bytes | str) -> Tariff:
    """A tariff that is safe to charge by. TariffError names the field and the reason."""
    if len(data) > MAX_TARIFF_BYTES:
        raise TariffError("tariff", f"longer than {MAX_TARIFF_BYTES} bytes")
    try:
        tariff = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _explained(str(error)) from None
    check_tariff(tariff)
    return tariff


def dump_tariff(tariff: Tariff) -> str:
    """The file of a tariff, two spaces deep; `parse_tariff` reads it back to an equal one."""
    return msgspec.json.format(_encoder.encode(tariff), indent=2).decode() + "\n"


def check_tariff(tariff: Tariff) -> None:
    """TariffError unless every start at this tariff has a price, an end and a hold that covers it."""
    minor = _check_amounts(tariff)
    registers = [rate.register for rate in tariff.rates]
    for index, rate in enumerate(tariff.rates):
        if rate.register in registers[:index]:
            raise TariffError(f"rates[{index}].register", f"{rate.register} is priced twice")
        _check_rate(rate, f"rates[{index}]")
    for register in tariff.free_daily:
        if register not in registers:
            raise TariffError("free_daily", f"{register} has no rate, so nothing of it can be free")
    prices = [price for rate in tariff.rates for price in _prices(rate)]
    free = not minor["start_fee"] and not minor["minimum"] and not any(Fraction(price) for price in prices)
    if free and (tariff.rates or not tariff.packages):
        raise TariffError("rates", "use would be free: there is no price, no start fee and no minimum")
    if tariff.for_wallets:
        _check_holds(tariff, minor["minimum_start"])
    if tariff.packages:
        check_packages(tariff, _contexts(tariff))


def _explained(message: str) -> TariffError:
    match = _PLACE.fullmatch(message)
    if match is None:
        return TariffError("tariff", message)
    reason, place = match.groups()
    return TariffError(place or "tariff", _FORMS.get(place.rpartition(".")[2], reason))


def _check_amounts(tariff: Tariff) -> dict[str, int]:
    try:
        parse_currency(tariff.currency)
    except MoneyError as error:
        raise TariffError("currency", str(error)) from None
    texts = {
        "hold": tariff.hold,
        "minimum_start": tariff.hold if tariff.minimum_start is None else tariff.minimum_start,
        "start_fee": tariff.start_fee,
        "minimum": tariff.minimum,
    }
    if tariff.maximum is not None:
        texts["maximum"] = tariff.maximum
    minor = {}
    for name, text in texts.items():
        try:
            minor[name] = parse_amount(text, tariff.currency)
        except MoneyError as error:
            raise TariffError(name, str(error)) from None
        if minor[name] > MAX_COUNT:
            raise TariffError(name, f"{text} is too large")
    for name in ("hold", "minimum_start", "maximum"):
        if minor.get(name) == 0 and (tariff.for_wallets or name == "maximum"):
            raise TariffError(name, "must be above zero")
    if minor["minimum_start"] > minor["hold"]:
        raise TariffError("minimum_start", "is above the hold, so no start could ever be covered")
    if minor.get("maximum", MAX_COUNT) < max(minor["minimum"], minor["start_fee"]):
        raise TariffError("maximum", "is below the start fee or the minimum")
    return minor


def _check_rate(rate: Rate, where: str) -> None:
    _check_pricing(rate, where)
    for index, season in enumerate(rate.seasons):
        _check_pricing(season, f"{where}.seasons[{index}]")
    if rate.seasons:
        check_seasons(rate.seasons, f"{where}.seasons")
    if rate.cumulative is Cumulative.SEASON and not rate.seasons:
        raise TariffError(f"{where}.cumulative", "counts by season but the rate has no seasons")
    if rate.cumulative is not Cumulative.SESSION and not any(len(tiers) > 1 for tiers in _tierings(rate)):
        raise TariffError(f"{where}.cumulative", "counts over sessions but the rate has no tiers")


def _check_pricing(part: Rate | Season | Band, where: str) -> None:
    """Exactly one way of pricing, whole in itself."""
    bands = () if isinstance(part, Band) else part.bands
    seasons = part.seasons if isinstance(part, Rate) else ()
    ways = sum((part.price is not None, bool(part.tiers), bool(bands), bool(seasons)))
    if ways != 1:
        allowed = "price, tiers, bands or seasons" if isinstance(part, Rate) else "price, tiers or bands"
        raise TariffError(where, f"needs exactly one of {allowed}, this has {ways}")
    if part.tiers:
        _check_tiers(part.tiers, f"{where}.tiers")
    for index, band in enumerate(bands):
        _check_pricing(band, f"{where}.bands[{index}]")
    if bands:
        check_bands(bands, f"{where}.bands")


def _check_tiers(tiers: tuple[Tier, ...], where: str) -> None:
    last = 0
    for index, tier in enumerate(tiers):
        if (tier.up_to is None) != (index == len(tiers) - 1):
            raise TariffError(f"{where}[{index}].up_to", "every tier has an end but the last")
        if tier.up_to is not None and tier.up_to <= last:
            raise TariffError(f"{where}[{index}].up_to", f"{tier.up_to} is not above {last}: tiers must rise")
        last = tier.up_to or last


def _check_holds(tariff: Tariff, minimum_start_minor: int) -> None:
    """The least money that may start must cover the smallest use, at any time and in any tier."""
    for context in _contexts(tariff):
        quote = make_quote(tariff, tariff_id="check", version=0, context=context)
        try:
            limits(quote, minimum_start_minor)
        except HoldTooSmall:
            least = format_amount(minimum_start_minor, tariff.currency)
            where = "hold" if tariff.minimum_start is None else "minimum_start"
            raise TariffError(where, f"{least} does not cover the smallest use") from None


def _contexts(tariff: Tariff) -> Iterator[Context]:
    """A start in every combination of band and season, with the allowance spent, in every tier."""
    days, times, bounds = {"01-01"}, {"00:00"}, {(Register.ML, 0)}
    for rate in tariff.rates:
        days.update(season.starts for season in rate.seasons)
        for bands in (rate.bands, *(season.bands for season in rate.seasons)):
            times.update(band.starts for band in bands)
        if rate.cumulative is not Cumulative.SESSION:
            bounds.update((rate.register, tier.up_to or 0) for tiers in _tierings(rate) for tier in tiers)
    for day in sorted(days):
        for time in sorted(times):
            for register, used in sorted(bounds):
                yield Context(
                    started_local=datetime.fromisoformat(f"2024-{day}T{time}"),
                    used_today=tariff.free_daily,
                    used_in_year={register: used},
                )


def _tierings(rate: Rate) -> Iterator[tuple[Tier, ...]]:
    parts: list[Rate | Season | Band] = [rate, *rate.bands, *rate.seasons]
    parts.extend(band for season in rate.seasons for band in season.bands)
    return (part.tiers for part in parts)


def _prices(rate: Rate) -> Iterator[str]:
    parts: list[Rate | Season | Band] = [rate, *rate.bands, *rate.seasons]
    parts.extend(band for season in rate.seasons for band in season.bands)
    for part in parts:
        yield from (tier.price for tier in part.tiers)
        if part.price is not None:
            yield part.price
