"""The tariffs of a run: every way of pricing that a session alone can decide, at random prices."""

from __future__ import annotations

from collections.abc import Callable

from coinslot.sandbox.simulator.chance import Chance
from coinslot.tariffs import Counting, Rate, Tariff, Tier, dump_tariff
from coinslot.wire.registers import Register


def any_tariff(chance: Chance) -> str:
    """One version, as it is stored."""
    return dump_tariff(chance.one_of(_MAKERS)(chance))


def _per_litre(chance: Chance) -> Tariff:
    return _tariff(chance, Rate(register=Register.ML, per=1000, price=_price(chance, 1, 60)))


def _per_started_time(chance: Chance) -> Tariff:
    per = chance.one_of((5, 30, 60))
    return _tariff(
        chance, Rate(register=Register.S, per=per, counting=Counting.STARTED, price=_price(chance, 1, 30))
    )


def _tiers(chance: Chance) -> Tariff:
    tiers = (
        Tier(price=_price(chance, 1, 20), up_to=chance.between(500, 3_000)),
        Tier(price=_price(chance, 1, 40), up_to=chance.between(3_001, 9_000)),
        Tier(price=_price(chance, 1, 60)),
    )
    return _tariff(chance, Rate(register=Register.ML, per=1000, tiers=tiers))


def _both(chance: Chance) -> Tariff:
    return _tariff(
        chance,
        Rate(register=Register.ML, per=1000, price=_price(chance, 1, 30)),
        Rate(register=Register.S, per=60, price=_price(chance, 1, 30)),
    )


def _free_then_paid(chance: Chance) -> Tariff:
    rate = Rate(register=Register.S, per=5, counting=Counting.STARTED, price=_price(chance, 1, 10))
    return _tariff(chance, rate, free_daily={Register.S: chance.between(5, 90)})


_MAKERS: tuple[Callable[[Chance], Tariff], ...] = (
    _per_litre,
    _per_started_time,
    _tiers,
    _both,
    _free_then_paid,
)


def _tariff(chance: Chance, *rates: Rate, free_daily: dict[Register, int] | None = None) -> Tariff:
    return Tariff(
        currency="CNY",
        hold=chance.one_of(("1.00", "3.00", "5.00")),
        minimum_start="0.50",
        start_fee=chance.one_of(("0", "0", "0.10")),
        minimum=chance.one_of(("0", "0", "0.20")),
        maximum=chance.one_of((None, None, "2.00")),
        rates=rates,
        free_daily=free_daily or {},
        max_ml=20_000,
        max_s=chance.one_of((120, 300)),
        idle_s=chance.one_of((30, 90)),
    )


def _price(chance: Chance, low: int, high: int) -> str:
    cents = chance.between(low, high)
    return f"0.{cents:02d}{chance.one_of(('', '5', '333'))}"
