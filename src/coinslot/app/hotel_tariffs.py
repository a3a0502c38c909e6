"""What a hotel's appliances cost: by time for a price, or by use with a deposit that gives back what is left."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from coinslot.tariffs.model import Package, Rate, Tariff
from coinslot.wire.registers import Register

_PAUSE_S: Final = 900
"""An appliance that draws nothing for so long has been left behind. Of 81 recorded cycles of washers and dryers the
longest pause is 580 s."""


def _minutes(minutes: int, price: str) -> Package:
    return Package(id=f"min-{minutes}", title=f"{minutes} 分钟 · {minutes} min", price=price, s=minutes * 60)


def _hours(hours: int, price: str) -> Package:
    return Package(id=f"h-{hours}", title=f"{hours} 小时 · {hours} h", price=price, s=hours * 3600)


def _tariff(*, deposit: str, kwh: str, fee: str, packages: tuple[Package, ...], max_s: int) -> Tariff:
    return Tariff(
        currency="CNY",
        hold=deposit,
        start_fee=fee,
        rates=(Rate(register=Register.WH, per=1000, price=kwh),),
        max_s=max_s,
        idle_s=_PAUSE_S,
        packages=(
            *packages,
            Package(id="by-use", title="按用量，多退 · By use, rest back", deposit=deposit),
        ),
    )


_HOTEL: dict[str, Tariff] = {
    "hotel-dryer": _tariff(
        deposit="10.00",
        kwh="2.00",
        fee="1.00",
        packages=(_minutes(2, "0.50"), _minutes(30, "5.00"), _minutes(60, "9.00")),
        max_s=14_400,
    ),
    "hotel-air": _tariff(
        deposit="5.00",
        kwh="10.00",
        fee="0.50",
        packages=(_minutes(2, "0.20"), _hours(1, "2.00"), _hours(8, "8.00")),
        max_s=86_400,
    ),
    "hotel-water": _tariff(
        deposit="5.00",
        kwh="10.00",
        fee="0.50",
        packages=(_minutes(2, "0.20"), _minutes(30, "1.50"), _hours(2, "4.00")),
        max_s=28_800,
    ),
    "hotel-diffuser": _tariff(
        deposit="3.00",
        kwh="20.00",
        fee="0.50",
        packages=(_minutes(2, "0.20"), _minutes(30, "2.00"), _hours(2, "6.00")),
        max_s=28_800,
    ),
}
HOTEL: Final = MappingProxyType(_HOTEL)
"""By name. The first package of each is short enough to be waited for before a wall."""
