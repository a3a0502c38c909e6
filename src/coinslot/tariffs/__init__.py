"""Tariffs: what use costs, promised before it starts and worked out exactly after it ends.

Owns: the tariff file with the packages it sells, the quote frozen at authorization, the charge and how it
came about, and the limits that keep the charge within a hold.
Does not decide: who may start, whose money it is, which usage is believed, or where counters live.
Invariants: no I/O, no clock, never a float; a charge is rounded once, half up, at its end; a charge
never falls when usage grows; at all limits together the charge is within the hold; no metered use,
no charge.
"""

from coinslot.tariffs.dearest import dearest_quote
from coinslot.tariffs.free import free_quote
from coinslot.tariffs.limiting import HoldTooSmall, limits
from coinslot.tariffs.local_time import Scope, ScopeKind
from coinslot.tariffs.model import (
    Band,
    Counting,
    Cumulative,
    Package,
    Rate,
    Season,
    Tariff,
    TariffError,
    Tier,
)
from coinslot.tariffs.packages import find_package, package_minor, package_quote
from coinslot.tariffs.parsing import dump_tariff, parse_tariff
from coinslot.tariffs.quoting import (
    Context,
    Quote,
    QuoteError,
    QuotePackage,
    QuoteRate,
    QuoteTier,
    decode_quote,
    encode_quote,
    is_timeless,
    make_quote,
    scopes,
)
from coinslot.tariffs.rating import STANDBY_WH, Charge, ChargeLine, LineKind, free_used, nothing_drawn, rate

__all__ = [
    "STANDBY_WH",
    "Band",
    "Charge",
    "ChargeLine",
    "Context",
    "Counting",
    "Cumulative",
    "HoldTooSmall",
    "LineKind",
    "Package",
    "Quote",
    "QuoteError",
    "QuotePackage",
    "QuoteRate",
    "QuoteTier",
    "Rate",
    "Scope",
    "ScopeKind",
    "Season",
    "Tariff",
    "TariffError",
    "Tier",
    "dearest_quote",
    "decode_quote",
    "dump_tariff",
    "encode_quote",
    "find_package",
    "free_quote",
    "free_used",
    "is_timeless",
    "limits",
    "make_quote",
    "nothing_drawn",
    "package_minor",
    "package_quote",
    "parse_tariff",
    "rate",
    "scopes",
]
