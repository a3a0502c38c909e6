"""Tariffs by name, for demonstrations, tests and the first day of a new site.

The prices are ones that public pages name for such appliances.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from coinslot.tariffs.model import Counting, Rate, Tariff
from coinslot.wire.registers import Register

SHOWER_IDLE_S: Final = 150
"""Recorded showers pause up to 120 s between two samples with flow: people soap themselves. At the
usual 90 s the water would be cut on somebody covered in soap."""


def _per_litre(price: str, *, minimum_start: str, idle_s: int, max_ml: int) -> Tariff:
    return Tariff(
        currency="CNY",
        hold="5.00",
        minimum_start=minimum_start,
        rates=(Rate(register=Register.ML, per=1000, price=price),),
        max_ml=max_ml,
        idle_s=idle_s,
    )


_NAMED: dict[str, Tariff] = {
    "shower-litre": _per_litre("0.045", minimum_start="1.00", idle_s=SHOWER_IDLE_S, max_ml=1_000_000),
    "shower-30s": Tariff(
        currency="CNY",
        hold="5.00",
        minimum_start="1.00",
        rates=(Rate(register=Register.S, per=30, counting=Counting.STARTED, price="0.08"),),
        idle_s=SHOWER_IDLE_S,
    ),
    "dispenser-litre": _per_litre("0.21", minimum_start="0.50", idle_s=90, max_ml=50_000),
    "dispenser-cold": _per_litre("0.21", minimum_start="0.50", idle_s=90, max_ml=50_000),
    "dispenser-boiling": _per_litre("0.26", minimum_start="0.50", idle_s=90, max_ml=10_000),
    "hot-water-5s": Tariff(
        currency="CNY",
        hold="5.00",
        minimum_start="0.50",
        rates=(Rate(register=Register.S, per=5, counting=Counting.STARTED, price="0.02"),),
        free_daily={Register.S: 180},
        idle_s=SHOWER_IDLE_S,
    ),
    "wash-load": Tariff(
        currency="CNY",
        hold="4.00",
        rates=(Rate(register=Register.COUNT, price="4.00"),),
        max_count=1,
        max_s=10_800,
        idle_s=1_800,
    ),
    "hair-dryer-10min": Tariff(
        currency="CNY",
        hold="3.00",
        minimum_start="1.00",
        rates=(Rate(register=Register.S, per=600, counting=Counting.STARTED, price="1.00"),),
        max_s=1_800,
        idle_s=300,
    ),
}
NAMED: Final = MappingProxyType(_NAMED)
"""The tariffs of this module by name."""
