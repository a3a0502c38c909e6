"""The made-up Alipay's bill through our adapter: fetched within its half minute, and whole or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta

import pytest
from msgspec.structs import replace

from coinslot.payments.port import BillLineKind, PaymentOrder, ProviderError, RetrySameKey, Unknown
from coinslot.providers.alipay import Alipay
from coinslot.providers.alipay.library import BEIJING
from coinslot.sandbox.providers.switches import Failure
from tests.support.alipay import BUYER, QUICK, World, alipay_world, refund_of

DAY = date(2026, 2, 28)
NOON = datetime.combine(DAY, time(12, 0), BEIJING)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with alipay_world(begin=NOON, deadlines=QUICK) as made:
        yield made


async def used(world: World) -> tuple[PaymentOrder, PaymentOrder]:
    """Two payments, of which one was given back in part."""
    first, second = world.order(500, subject='水, "热" {5}'), world.order(700)
    trade_no = await world.paid(first)
    await world.clock.advance(60)
    await world.paid(second)
    await world.clock.advance(60)
    await world.alipay.refund(refund_of(first, trade_no, 200))
    return first, second


async def refused_by(alipay: Alipay, day: date = DAY) -> ProviderError:
    """What asking for the bill ends with."""
    with pytest.raises(ProviderError) as caught:
        await alipay.download_bill(day)
    return caught.value


async def test_the_days_lines_are_read_without_who_paid(world: World) -> None:
    first, second = await used(world)
    await world.clock.advance(22 * 3600)
    lines = await world.alipay.download_bill(DAY)
    assert [(line.kind, line.amount_minor, line.fee_minor, line.currency) for line in lines] == [
        (BillLineKind.PAYMENT, 500, 3, "CNY"),
        (BillLineKind.PAYMENT, 700, 4, "CNY"),
        (BillLineKind.REFUND, 200, -1, "CNY"),
    ]
    made = world.sandbox.book.order(first.number)
    assert made is not None
    assert [line.number for line in lines] == [
        first.number,
        second.number,
        made.refunds[0].body.out_request_no,
    ]
    assert lines[0].provider_id == lines[2].provider_id == made.trade_no
    assert lines[0].at == NOON
    assert first.number in lines[0].raw
    assert [each for each in BUYER if each in repr(lines)] == []


async def test_midnight_is_beijings(world: World) -> None:
    await world.clock.advance(12 * 3600 - 1)
    before = world.order()
    await world.paid(before)
    await world.clock.advance(1)
    after = world.order(lives=timedelta(days=2))
    await world.paid(after)
    await world.clock.advance(34 * 3600)
    assert [line.number for line in await world.alipay.download_bill(DAY)] == [before.number]
    next_day = await world.alipay.download_bill(DAY + timedelta(days=1))
    assert [line.number for line in next_day] == [after.number]


async def test_a_bill_that_is_not_there_is_awaited_for_a_day_and_then_empty(world: World) -> None:
    assert isinstance(await refused_by(world.alipay), RetrySameKey)
    await used(world)
    await world.clock.advance(20 * 3600)
    assert isinstance(await refused_by(world.alipay), RetrySameKey)
    await world.clock.advance(2 * 3600)
    world.switches.turn_on(Failure.BILL_NOT_READY, on="bill", times=1)
    assert isinstance(await refused_by(world.alipay), RetrySameKey)
    assert len(await world.alipay.download_bill(DAY)) == 3
    empty = DAY + timedelta(days=1)
    assert isinstance(await refused_by(world.alipay, empty), RetrySameKey)
    await world.clock.advance(40 * 3600)
    assert await world.alipay.download_bill(empty) == ()


async def test_a_link_that_has_expired_is_asked_for_anew_once(world: World) -> None:
    await used(world)
    await world.clock.advance(22 * 3600)
    world.switches.turn_on(Failure.BILL_LINK_EXPIRED, on="bill_file", times=1)
    assert len(await world.alipay.download_bill(DAY)) == 3
    world.switches.turn_on(Failure.BILL_LINK_EXPIRED, on="bill_file", times=2)
    assert isinstance(await refused_by(world.alipay), RetrySameKey)
    world.switches.turn_on(Failure.SERVER_ERROR, on="bill_file", times=1)
    assert isinstance(await refused_by(world.alipay), Unknown)
    world.switches.turn_on(Failure.SILENT_BEFORE, on="bill_file", times=1)
    assert isinstance(await refused_by(world.alipay), Unknown)


@pytest.mark.parametrize("value", ["", "crc"])
async def test_a_bill_that_does_not_add_up_is_not_believed(world: World, value: str) -> None:
    await used(world)
    await world.clock.advance(22 * 3600)
    world.switches.turn_on(Failure.BILL_WRONG_HASH, on="bill", times=1, value=value)
    assert len(await world.alipay.download_bill(DAY)) == 3
    world.switches.turn_on(Failure.BILL_WRONG_HASH, on="bill", value=value)
    error = await refused_by(world.alipay)
    assert (type(error), error.code) == (Unknown, "BILL_NOT_WHOLE")


async def test_columns_may_change_places_and_lines_may_be_missing_or_strange(world: World) -> None:
    await used(world)
    await world.clock.advance(22 * 3600)
    usual = await world.alipay.download_bill(DAY)
    world.switches.turn_on(Failure.BILL_REORDERED, on="bill", times=1)
    reordered = await world.alipay.download_bill(DAY)
    assert [replace(line, raw="") for line in reordered] == [replace(line, raw="") for line in usual]
    assert [each for each in BUYER if each in repr(reordered)] == []
    world.switches.turn_on(Failure.BILL_MISSING_LINE, on="bill", times=1)
    world.switches.turn_on(Failure.BILL_UNKNOWN_LINE, on="bill", times=1)
    other = await world.alipay.download_bill(DAY)
    assert other[:2] == usual[1:]
    assert (other[2].kind, other[2].amount_minor) == (BillLineKind.PAYMENT, 700)


async def test_a_bill_whose_link_nobody_signed_is_not_fetched(world: World) -> None:
    await used(world)
    await world.clock.advance(22 * 3600)
    world.switches.turn_on(Failure.UNSIGNED, on="bill")
    assert isinstance(await refused_by(world.alipay), Unknown)
