"""Tariffs and quotes for tests, written as operators write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from coinslot.tariffs import Context, Quote, Tariff, make_quote, parse_tariff
from coinslot.wire.registers import Register

NOON = datetime(2026, 11, 22, 12, 0)


def tariff_of(*rates: object, **fields: object) -> Tariff:
    """A tariff in yuan with a hold of 5.00 unless said otherwise."""
    return parse_tariff(json.dumps({"currency": "CNY", "hold": "5.00", "rates": rates, **fields}))


def quote_of(
    tariff: Tariff,
    at: datetime = NOON,
    used_today: Mapping[Register, int] | None = None,
    used_in_year: Mapping[Register, int] | None = None,
) -> Quote:
    """The tariff's quote at a moment."""
    context = Context(started_local=at, used_today=used_today or {}, used_in_year=used_in_year or {})
    return make_quote(tariff, tariff_id="tar_1", version=1, context=context)


def litres(price: str, **fields: object) -> dict[str, object]:
    """A rate per litre."""
    return {"register": "ml", "per": 1000, "price": price, **fields}


def started(register: str, per: int, price: str, **fields: object) -> dict[str, object]:
    """A rate per started block."""
    return {"register": register, "per": per, "counting": "started", "price": price, **fields}
