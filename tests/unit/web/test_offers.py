"""What a page promises before a start, in figures."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinslot import tariffs
from coinslot.tariffs import Counting, Rate, Tariff, Tier
from coinslot.tariffs.named import NAMED
from coinslot.web.customer.offers import TYPICAL, depends_on_time, offer_of, seal_of
from coinslot.wire.registers import Register

NOON = datetime(2026, 3, 1, 12)


def quote_of(tariff: Tariff, **context: dict[Register, int]) -> tariffs.Quote:
    return tariffs.make_quote(
        tariff, tariff_id="tar_1", version=1, context=tariffs.Context(started_local=NOON, **context)
    )


def litre(price: str = "0.21", **changes: object) -> Tariff:
    return msgspec.structs.replace(
        Tariff(currency="CNY", hold="5.00", rates=(Rate(register=Register.ML, per=1000, price=price),)),
        **changes,
    )


@pytest.mark.parametrize(
    ("tariff", "kind", "amount_minor"),
    [
        ("dispenser-cold", "dispenser", 12),
        ("dispenser-boiling", "dispenser", 14),
        ("shower-litre", "shower", 180),
        ("hair-dryer-10min", "dryer", 100),
        ("wash-load", "washer", 400),
    ],
)
def test_a_typical_use_is_rated_like_a_bill(tariff: str, kind: str, amount_minor: int) -> None:
    offer = offer_of(quote_of(NAMED[tariff]), kind)
    assert offer.typical is not None
    assert offer.typical.amount_minor == amount_minor


def test_no_typical_use_is_invented_where_a_priced_register_is_unknown_to_it() -> None:
    assert offer_of(quote_of(NAMED["dispenser-cold"]), "vending").typical is None
    assert offer_of(quote_of(NAMED["wash-load"]), "dispenser").typical is None


def test_the_hold_is_what_the_wallet_has_of_the_tariffs() -> None:
    quote = quote_of(litre(minimum_start="0.50"))
    assert offer_of(quote, "dispenser").hold_minor == 500
    assert offer_of(quote, "dispenser", balance_minor=2_000).hold_minor == 500
    small = offer_of(quote, "dispenser", balance_minor=120)
    assert small.hold_minor == 120
    assert small.limits is not None
    assert tariffs.rate(quote, {Register.ML: small.limits.ml}).amount_minor <= 120


def test_below_the_least_start_there_are_no_limits() -> None:
    assert offer_of(quote_of(litre(minimum_start="0.50")), "dispenser", balance_minor=49).limits is None
    assert (
        offer_of(quote_of(litre("9.00", minimum_start="0.01")), "dispenser", balance_minor=0).limits is None
    )


@given(st.integers(50, 500))
def test_what_is_shown_as_the_most_never_costs_more_than_the_hold(balance_minor: int) -> None:
    quote = quote_of(litre(minimum_start="0.50"))
    offer = offer_of(quote, "dispenser", balance_minor=balance_minor)
    assert offer.limits is not None
    assert tariffs.rate(quote, {Register.ML: offer.limits.ml}).amount_minor <= offer.hold_minor


def test_tiers_are_told_from_the_first_unit_people_draw() -> None:
    tariff = Tariff(
        currency="CNY",
        hold="5.00",
        free_daily={Register.ML: 2_000},
        rates=(
            Rate(
                register=Register.ML,
                per=1000,
                tiers=(Tier(price="0.30", up_to=5_000), Tier(price="0.20")),
            ),
        ),
    )
    price = offer_of(quote_of(tariff), "dispenser").prices[0]
    assert price.free == 2_000
    assert [step.up_to for step in price.steps] == [5_000, None]
    assert price.least.amount * 1000 == 20
    used = offer_of(quote_of(tariff, used_today={Register.ML: 2_000}), "dispenser").prices[0]
    assert used.free == 0


def test_only_blocks_of_several_units_count_whole() -> None:
    assert offer_of(quote_of(NAMED["shower-30s"]), "shower").prices[0].whole
    assert not offer_of(quote_of(NAMED["shower-litre"]), "shower").prices[0].whole
    single = Tariff(
        currency="CNY",
        hold="4.00",
        rates=(Rate(register=Register.COUNT, price="4.00", counting=Counting.STARTED),),
    )
    assert not offer_of(quote_of(single), "washer").prices[0].whole


def test_the_seal_follows_what_is_promised_and_nothing_else() -> None:
    quote = quote_of(litre())
    assert seal_of(quote) == seal_of(msgspec.structs.replace(quote, version=7, tariff_id="tar_2"))
    for changed in (litre("0.22"), litre(hold="6.00"), litre(idle_s=60), litre(start_fee="0.10")):
        assert seal_of(quote_of(changed)) != seal_of(quote)


def test_bands_and_seasons_depend_on_the_time() -> None:
    bands = (
        tariffs.Band(starts="08:00", ends="22:00", price="0.30"),
        tariffs.Band(starts="22:00", ends="08:00", price="0.20"),
    )
    rate = Rate(register=Register.ML, per=1000, bands=bands)
    assert depends_on_time(Tariff(currency="CNY", hold="5.00", rates=(rate,)))
    assert not depends_on_time(litre())


def test_every_named_tariff_makes_an_offer_for_every_kind() -> None:
    for tariff in NAMED.values():
        for kind in TYPICAL:
            offer = offer_of(quote_of(tariff), kind.value)
            assert offer.prices
            assert offer.limits is not None
