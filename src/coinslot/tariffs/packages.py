"""What can be bought on the appliance: the quote of one package, and what a tariff's packages may be."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from coinslot.money import MoneyError, format_amount, parse_amount
from coinslot.tariffs.limiting import HoldTooSmall, limits
from coinslot.tariffs.model import Cumulative, Package, Tariff, TariffError
from coinslot.tariffs.quoting import Context, Quote, QuotePackage, make_quote
from coinslot.wire.registers import MAX_COUNT, Register

_MOST_IDLE_S: Final = 86_400


def find_package(tariff: Tariff, package: str) -> Package | None:
    """The tariff's package of this id."""
    return next((each for each in tariff.packages if each.id == package), None)


def package_minor(package: Package, currency: str) -> int:
    """What is paid for it on the appliance, in minor units: its price or its deposit."""
    text = package.deposit if package.price is None else package.price
    return parse_amount(text or "0", currency)


def package_quote(
    tariff: Tariff, package: Package, *, tariff_id: str, version: int, started_local: datetime
) -> Quote:
    """The promise to whoever pays for this package now, complete in itself.

    A price includes what the package says and ends there; nobody's pause ends it earlier where time was bought.
    A deposit is held for use at the tariff's rates, of the time of day when the code was shown.
    """
    context = Context(started_local=started_local)
    quote = make_quote(tariff, tariff_id=tariff_id, version=version, context=context)
    paid_minor = package_minor(package, tariff.currency)
    quote = replace(quote, hold_minor=paid_minor, minimum_start_minor=paid_minor)
    bought = tuple(package.units.items())
    if package.price is None:
        return replace(quote, package=QuotePackage(id=package.id))
    included = package.units
    return replace(
        quote,
        start_fee_minor=paid_minor,
        minimum_minor=0,
        maximum_minor=paid_minor,
        rates=(),
        day="",
        max_ml=included.get(Register.ML, quote.max_ml),
        max_s=included.get(Register.S, quote.max_s),
        max_wh=included.get(Register.WH, quote.max_wh),
        max_count=included.get(Register.COUNT, quote.max_count),
        idle_s=min(max(quote.idle_s, included.get(Register.S, 0)), _MOST_IDLE_S),
        package=QuotePackage(id=package.id, units=bought),
    )


def check_packages(tariff: Tariff, starts: Iterable[Context]) -> None:
    """TariffError unless each package has a price for something, or a deposit that covers the smallest use at `starts`."""
    contexts = list(starts)
    for index, package in enumerate(tariff.packages):
        where = f"packages[{index}]"
        if any(package.id == other.id for other in tariff.packages[:index]):
            raise TariffError(f"{where}.id", f"{package.id} names two packages")
        if (package.price is None) is (package.deposit is None):
            raise TariffError(where, "needs either a price or a deposit")
        _check_amount(tariff, package, where)
        if package.price is not None:
            if not package.units:
                raise TariffError(where, "needs at least one of s, ml, wh or count: what the price includes")
        else:
            _check_deposit(tariff, package, where, contexts)


def _check_amount(tariff: Tariff, package: Package, where: str) -> None:
    name = "deposit" if package.price is None else "price"
    try:
        paid_minor = package_minor(package, tariff.currency)
    except MoneyError as error:
        raise TariffError(f"{where}.{name}", str(error)) from None
    if not 0 < paid_minor <= MAX_COUNT:
        raise TariffError(f"{where}.{name}", "must be above zero" if not paid_minor else "is too large")


def _check_deposit(tariff: Tariff, package: Package, where: str, contexts: list[Context]) -> None:
    """Guests have no days and no years: nobody knows whether the same one comes twice."""
    if package.units:
        raise TariffError(where, "with a deposit takes no s, ml, wh or count: the deposit is the limit")
    if not tariff.rates:
        raise TariffError(f"{where}.deposit", "needs rates to be used up by; the tariff has none")
    if tariff.free_daily:
        reason = "the tariff has free units a day (free_daily), which only known customers can have"
        raise TariffError(f"{where}.deposit", f"{reason}; sell for a price, or leave them out")
    for rate_index, rate in enumerate(tariff.rates):
        if rate.cumulative is not Cumulative.SESSION:
            reason = f"rates[{rate_index}].cumulative counts over a customer's sessions, and who pays here is unknown"
            raise TariffError(f"{where}.deposit", f"{reason}; sell for a price, or count by session")
    paid_minor = package_minor(package, tariff.currency)
    for context in contexts:
        quote = package_quote(
            tariff, package, tariff_id="check", version=0, started_local=context.started_local
        )
        try:
            limits(quote, paid_minor)
        except HoldTooSmall:
            least = format_amount(paid_minor, tariff.currency)
            raise TariffError(f"{where}.deposit", f"{least} does not cover the smallest use") from None
