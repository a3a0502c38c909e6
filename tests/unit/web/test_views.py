"""Prices in quotes as whole numbers."""

from __future__ import annotations

from datetime import datetime

from coinslot.tariffs import Context, make_quote, rate
from coinslot.tariffs.named import NAMED
from coinslot.web.views import quote_view


def test_every_named_tariffs_prices_are_the_tariffs_own() -> None:
    for name, tariff in NAMED.items():
        context = Context(started_local=datetime(2026, 3, 1, 12))
        quote = make_quote(tariff, tariff_id=name, version=1, context=context)
        view = quote_view(quote)
        assert len(view.lines) == len(quote.rates)
        for line, item in zip(view.lines, quote.rates, strict=True):
            assert line.free == item.free
            for shown, tier in zip(line.tiers, item.tiers, strict=True):
                assert shown.minor * tier.denominator == tier.numerator * shown.per
                assert shown.up_to == tier.up_to
        assert rate(quote, {}).amount_minor == 0
