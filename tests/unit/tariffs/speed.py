"""How long the hot path takes: `python -m tests.unit.tariffs.speed` prints machine, versions and medians."""

from __future__ import annotations

import platform
import statistics
import timeit
from collections.abc import Callable

import msgspec

from coinslot.metering import DEFAULT_SPEC, Reading, advance, begin
from coinslot.tariffs import decode_quote, encode_quote, limits, rate
from coinslot.tariffs.named import NAMED
from coinslot.wire.registers import Register
from tests.unit.tariffs.build import litres, quote_of, started, tariff_of
from tests.unit.tariffs.test_rating import TIERS

CALLS = 5_000


def median_us(call: Callable[[], object]) -> float:
    """Microseconds per call: the median of nine runs."""
    return statistics.median(timeit.repeat(call, number=CALLS, repeat=9)) / CALLS * 1e6


def main() -> None:
    """Print one line per quote: rate, limits, decode_quote; then one reading of two registers."""
    quotes = {
        "one price": quote_of(NAMED["shower-litre"]),
        "started blocks, free minutes": quote_of(NAMED["hot-water-5s"]),
        "three tiers": quote_of(tariff_of(TIERS)),
        "litres and minutes": quote_of(tariff_of(litres("0.10"), started("s", 60, "0.25"))),
    }
    usage = {Register.ML: 17_700, Register.S: 230, Register.WH: 6_500}
    print(f"{platform.machine()}, Python {platform.python_version()}, msgspec {msgspec.__version__}; µs")
    print(f"{'':30}{'rate':>8}{'limits':>8}{'decode':>8}{'bytes':>8}")
    for name, quote in quotes.items():
        data = encode_quote(quote)
        figures = (
            median_us(lambda quote=quote: rate(quote, usage)),  # type: ignore[misc]
            median_us(lambda quote=quote: limits(quote, 500)),  # type: ignore[misc]
            median_us(lambda data=data: decode_quote(data)),  # type: ignore[misc]
        )
        print(f"{name:30}" + "".join(f"{figure:8.1f}" for figure in figures) + f"{len(data):8}")
    state = begin(Reading(registers={Register.ML: 500, Register.S: 5}, boot=1, ticks_ms=0))
    later = Reading(registers={Register.ML: 3_500, Register.S: 15}, boot=1, ticks_ms=10_000)
    print(f"{'metering.advance':30}{median_us(lambda: advance(state, later, DEFAULT_SPEC)):8.1f}")


if __name__ == "__main__":
    main()
