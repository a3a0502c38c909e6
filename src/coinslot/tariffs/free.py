"""A quote that promises that nothing is charged, for use that nobody pays."""

from __future__ import annotations

from typing import Final

from coinslot.tariffs.quoting import Quote

_IDLE_S: Final = 300
_MAX_WH: Final = 20_000
_MAX_COUNT: Final = 100


def free_quote(currency: str, *, limit_ml: int, limit_s: int) -> Quote:
    """Whatever is used up to these limits costs nothing, and it ends at the first of them."""
    return Quote(
        tariff_id="free",
        version=1,
        currency=currency,
        hold_minor=0,
        minimum_start_minor=0,
        maximum_minor=0,
        max_ml=limit_ml,
        max_s=limit_s,
        max_wh=_MAX_WH,
        max_count=_MAX_COUNT,
        idle_s=_IDLE_S,
    )
