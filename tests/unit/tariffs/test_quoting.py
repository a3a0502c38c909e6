"""The quote: complete in itself, small, and refused when it is broken."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest

from coinslot.tariffs import (
    QuoteError,
    Scope,
    ScopeKind,
    decode_quote,
    encode_quote,
    rate,
    scopes,
)
from coinslot.tariffs.named import NAMED
from coinslot.wire.codec import decode_down, encode
from coinslot.wire.messages import Limits, Start
from coinslot.wire.registers import Register
from tests.unit.tariffs.build import NOON, litres, quote_of, started, tariff_of
from tests.unit.tariffs.test_rating import GAS, SEASONS

DAY, YEAR = ScopeKind.DAY, ScopeKind.YEAR


def test_the_wildest_tariff_s_quote_fits_a_start_message_and_comes_back_equal() -> None:
    ends: list[int | None] = [10**9 + 7 * step for step in range(11)]
    steps = [{"up_to": end, "price": "999.333333"} for end in [*ends, None]]
    rates = [{"register": name, "per": 999_999_937, "tiers": steps} for name in ("ml", "s", "wh", "count")]
    quote = quote_of(tariff_of(*rates, free_daily={"ml": 5}))
    data = encode_quote(quote)
    limit = 2**31 - 1
    start = Start(
        link=2**53 - 1,
        command="c" * 40,
        session="s" * 40,
        outlet=255,
        limits=Limits(ml=limit, s=limit, wh=limit, count=limit, idle_s=86_400),
        expires_at_ms=2**53 - 1,
        quote=msgspec.Raw(data),
    )
    read = decode_down(encode(start))
    assert isinstance(read, Start)
    assert decode_quote(read.quote) == quote


@pytest.mark.parametrize("name", sorted(NAMED))
def test_a_usual_quote_is_small(name: str) -> None:
    assert len(encode_quote(quote_of(NAMED[name]))) < 400


def test_a_quote_carries_what_the_customer_was_promised() -> None:
    tariff = tariff_of(started("s", 5, "0.02"), free_daily={"s": 180}, minimum_start="1.00")
    quote = quote_of(tariff, used_today={Register.S: 100})
    assert (quote.tariff_id, quote.version, quote.currency) == ("tar_1", 1, "CNY")
    assert (quote.hold_minor, quote.minimum_start_minor) == (500, 100)
    assert (quote.day, quote.free) == ("2026-11-22", {Register.S: 80})


def test_without_a_word_the_whole_hold_is_needed_to_start() -> None:
    assert quote_of(tariff_of(litres("1"))).minimum_start_minor == 500


@pytest.mark.parametrize(
    ("at", "key"),
    [
        (datetime(2026, 11, 1), "2026/heating"),
        (datetime(2026, 12, 31, 23, 59), "2026/heating"),
        (datetime(2027, 1, 1), "2026/heating"),
        (datetime(2027, 3, 31), "2026/heating"),
        (datetime(2027, 4, 1), "2027/summer"),
        (datetime(2028, 2, 29), "2027/heating"),
    ],
)
def test_new_year_does_not_cut_a_season(at: datetime, key: str) -> None:
    tariff = tariff_of(SEASONS)
    assert scopes(tariff, at) == (Scope(YEAR, Register.COUNT, key),)
    assert quote_of(tariff, at).rates[0].scope == key


def test_the_counters_a_caller_must_keep_are_named() -> None:
    tariff = tariff_of(GAS, litres("1"), free_daily={"ml": 100}, hold="9.00")
    assert scopes(tariff, NOON) == (
        Scope(DAY, Register.ML, "2026-11-22"),
        Scope(YEAR, Register.COUNT, "2026"),
    )
    assert scopes(tariff_of(litres("1")), NOON) == ()


def test_a_quote_outlives_its_tariff_s_next_version() -> None:
    quote = decode_quote(encode_quote(quote_of(tariff_of(litres("0.045")))))
    quote_of(tariff_of(litres("9.00")))
    assert rate(quote, {Register.ML: 1000}).amount_minor == 5


def test_a_negative_counter_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        quote_of(tariff_of(litres("1")), used_today={Register.ML: -1})


GOOD = encode_quote(
    quote_of(tariff_of({"register": "ml", "tiers": [{"up_to": 5, "price": "1"}, {"price": "2"}]}))
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"[5,100,1]", b"[0,100,1]"),
        (b"[5,100,1]", b"[null,100,1]"),
        (b"[5,100,1]", b"[5,-100,1]"),
        (b"[5,100,1]", b"[5,100,0]"),
        (b"[5,100,1]", b"[5,1.5,1]"),
        (b"[null,200,1]", b"[9,200,1]"),
        (b'"tiers":[[5,100,1],[null,200,1]]', b'"tiers":[]'),
        (b'"ml"', b'"cl"'),
        (b'"hold_minor":500', b'"hold_minor":-500'),
        (b'"max_s":14400', b'"max_s":0'),
        (b"}", b""),
        (GOOD, b"null"),
        (GOOD, b"[" * 100_000),
    ],
)
def test_a_broken_quote_is_refused(old: bytes, new: bytes) -> None:
    assert old in GOOD
    with pytest.raises(QuoteError):
        decode_quote(GOOD.replace(old, new))


def test_a_register_priced_twice_is_refused() -> None:
    body = msgspec.json.decode(GOOD)
    body["rates"] *= 2
    with pytest.raises(QuoteError, match="twice"):
        decode_quote(msgspec.json.encode(body))
