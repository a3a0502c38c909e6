"""The quote of a code that may be used at any hour: no other quote of its tariff ever asks more for the same use."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from coinslot import tariffs
from coinslot.wire.registers import Register

TARIFF = tariffs.parse_tariff(
    """{"currency": "CNY", "hold": "9.00", "start_fee": "0.10", "free_daily": {"ml": 5000},
    "rates": [
      {"register": "ml", "per": 1000, "seasons": [
        {"name": "summer", "from": "05-01", "to": "09-30", "price": "0.02"},
        {"name": "winter", "from": "10-01", "to": "04-30", "bands": [
          {"from": "06:00", "to": "22:00", "tiers": [{"up_to": 20000, "price": "0.03"}, {"price": "0.05"}]},
          {"from": "22:00", "to": "06:00", "price": "0.01"}]}]},
      {"register": "s", "per": 60, "cumulative": "year", "tiers": [{"up_to": 600, "price": "0.05"}, {"price": "0.20"}]}],
    "max_s": 3600, "max_ml": 100000}"""
)
CREDIT_MINOR = 3_00
DEAREST = tariffs.dearest_quote(TARIFF, tariff_id="tar", version=1, credit_minor=CREDIT_MINOR)


def test_it_has_no_allowance_no_counter_and_holds_the_credit() -> None:
    assert DEAREST.free == {}
    assert not any(rate.scope for rate in DEAREST.rates)
    assert (DEAREST.hold_minor, DEAREST.minimum_start_minor, DEAREST.day) == (CREDIT_MINOR, CREDIT_MINOR, "")
    assert tariffs.decode_quote(tariffs.encode_quote(DEAREST)) == DEAREST


@settings(max_examples=150, deadline=None)
@given(
    at=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),
    used_s=st.integers(0, 2_000),
    ml=st.integers(0, 60_000),
    s=st.integers(0, 3_600),
)
def test_nobody_would_have_paid_more_at_any_hour(at: datetime, used_s: int, ml: int, s: int) -> None:
    context = tariffs.Context(started_local=at, used_in_year={Register.S: used_s})
    other = tariffs.make_quote(TARIFF, tariff_id="tar", version=1, context=context)
    usage = {Register.ML: ml, Register.S: s}
    assert tariffs.rate(other, usage).amount_minor <= tariffs.rate(DEAREST, usage).amount_minor


def test_at_its_limits_it_costs_no_more_than_the_credit() -> None:
    limits = tariffs.limits(DEAREST, CREDIT_MINOR)
    usage = {Register.ML: limits.ml, Register.S: limits.s}
    assert 0 < tariffs.rate(DEAREST, usage).amount_minor <= CREDIT_MINOR
