"""The daily bill of the made-up WeChat Pay, fetched by our adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta, timezone

import pytest

from coinslot.payments.port import BillLine, BillLineKind, ProviderError, Rejected, RetrySameKey, Unknown
from coinslot.providers.wechat import WechatPay
from coinslot.providers.wechat.bill import parse, render
from coinslot.sandbox.providers.switches import Failure
from coinslot.sandbox.providers.wechat.bill_file import bill_file
from tests.support.wechat import SHORT, World, keys_of, payment, refund, wechat_world

BEIJING = timezone(timedelta(hours=8))
NUMBER = "Attempt0000000000000000000000001"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with wechat_world() as made:
        yield made


@pytest.fixture
async def provider(world: World) -> AsyncIterator[WechatPay]:
    made = WechatPay(keys_of(world), deadlines=SHORT, now=world.clock.now)
    yield made
    made.close_connections()


def today(world: World) -> date:
    """In Beijing, by the sandbox's clock."""
    return world.clock.now().astimezone(BEIJING).date()


async def until(world: World, day: date, hour: int, minute: int = 0, second: int = 0) -> None:
    """Let time pass until then, in Beijing."""
    moment = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=BEIJING)
    await world.clock.advance((moment - world.clock.now()).total_seconds())


async def a_day_of_business(world: World, provider: WechatPay) -> date:
    """Two payments and a refund on one day; then the next day's morning, after ten."""
    await until(world, today(world) + timedelta(days=1), 9)
    day = today(world)
    for number, amount_minor in ((NUMBER, 300), ("Attempt2", 50)):
        soon = world.clock.now() + timedelta(minutes=5)
        await provider.create(payment(number, world.door, amount_minor=amount_minor, expires_at=soon))
        world.wechat.pay(number)
    await world.clock.advance(60)
    await provider.refund(refund("R1", NUMBER, world.door))
    await until(world, day + timedelta(days=1), 10, 0, 1)
    return day


def numbers(lines: tuple[BillLine, ...]) -> list[tuple[str, str, int]]:
    """What, whose, how much."""
    return [(line.kind.value, line.number, line.amount_minor) for line in lines]


BUSINESS = [("payment", NUMBER, 300), ("payment", "Attempt2", 50), ("refund", "R1", 100)]


async def test_a_days_bill(world: World, provider: WechatPay) -> None:
    day = await a_day_of_business(world, provider)
    lines = await provider.download_bill(day)
    assert numbers(lines) == BUSINESS
    assert lines[0].provider_id == world.wechat.book.find(NUMBER).transaction_id
    assert {line.at.astimezone(BEIJING).date() for line in lines} == {day}
    assert sum(line.fee_minor for line in lines) == 2 + 0 - 1


async def test_the_sandboxs_file_is_of_the_real_form(world: World, provider: WechatPay) -> None:
    day = await a_day_of_business(world, provider)
    content = bill_file(world.wechat.bills.lines(day), reordered=False)
    assert render(parse(content)) == content


# Failure 14.
async def test_a_bill_is_not_ready_before_ten(world: World, provider: WechatPay) -> None:
    day = await a_day_of_business(world, provider)
    for early in (day + timedelta(days=1), day + timedelta(days=2)):
        with pytest.raises(RetrySameKey, match="STATEMENT_CREATING"):
            await provider.download_bill(early)
    world.switches.turn_on(Failure.BILL_NOT_READY, times=1)
    with pytest.raises(RetrySameKey, match="STATEMENT_CREATING"):
        await provider.download_bill(day)
    assert numbers(await provider.download_bill(day)) == BUSINESS


async def test_a_day_without_business_has_an_empty_bill(world: World, provider: WechatPay) -> None:
    day = today(world)
    await until(world, day + timedelta(days=2), 11)
    assert await provider.download_bill(day + timedelta(days=1)) == ()


async def test_no_bill_is_no_empty_day_before_it_is_due(world: World) -> None:
    real_time = WechatPay(keys_of(world), deadlines=SHORT)
    day = today(world)
    await until(world, day + timedelta(days=1), 11)
    with pytest.raises(RetrySameKey, match="not due yet"):
        await real_time.download_bill(day)
    real_time.close_connections()


async def test_midnight_in_beijing_parts_the_days(world: World, provider: WechatPay) -> None:
    day = today(world) + timedelta(days=1)
    await until(world, day, 23, 59)
    for number, after_s in (("Before1", 59.9), ("After01", 0.2)):
        soon = world.clock.now() + timedelta(minutes=5)
        await provider.create(payment(number, world.door, expires_at=soon))
        await world.clock.advance(after_s)
        world.wechat.pay(number)
    await until(world, day + timedelta(days=2), 10)
    assert [line.number for line in await provider.download_bill(day)] == ["Before1"]
    assert [line.number for line in await provider.download_bill(day + timedelta(days=1))] == ["After01"]


@pytest.mark.parametrize("failure", [Failure.BILL_LINK_EXPIRED, Failure.BILL_WRONG_HASH])
async def test_a_link_or_a_file_that_does_not_do_is_asked_for_once_more(
    world: World, provider: WechatPay, failure: Failure
) -> None:
    day = await a_day_of_business(world, provider)
    world.switches.turn_on(failure, times=1)
    assert numbers(await provider.download_bill(day)) == BUSINESS
    world.switches.turn_on(failure)
    expected = RetrySameKey if failure is Failure.BILL_LINK_EXPIRED else Unknown
    with pytest.raises(expected):
        await provider.download_bill(day)


@pytest.mark.parametrize(
    ("failure", "on", "expected"),
    [
        (Failure.TAMPERED, "bill", Unknown),
        (Failure.UNSIGNED, "bill", Unknown),
        (Failure.SERVER_ERROR, "bill", Unknown),
        (Failure.RATE_LIMIT, "bill", RetrySameKey),
        (Failure.SILENT_BEFORE, "bill", Unknown),
        (Failure.SILENT_BEFORE, "bill_file", Unknown),
        (Failure.CUT_AFTER, "bill_file", Unknown),
        (Failure.REFUSED, "bill", Rejected),
    ],
)
async def test_a_bill_that_cannot_be_had(
    world: World, provider: WechatPay, failure: Failure, on: str, expected: type[ProviderError]
) -> None:
    day = await a_day_of_business(world, provider)
    world.switches.turn_on(failure, on=on)
    with pytest.raises(ProviderError) as caught:
        await provider.download_bill(day)
    assert type(caught.value) is expected


async def test_an_unsigned_no_bill_is_no_empty_day(world: World, provider: WechatPay) -> None:
    day = today(world)
    await until(world, day + timedelta(days=2), 11)
    world.switches.turn_on(Failure.UNSIGNED, on="bill", times=1)
    with pytest.raises(Unknown):
        await provider.download_bill(day + timedelta(days=1))


async def test_reordered_columns_and_lines_that_we_do_not_know(world: World, provider: WechatPay) -> None:
    day = await a_day_of_business(world, provider)
    for failure in (Failure.BILL_REORDERED, Failure.BILL_UNKNOWN_LINE, Failure.BILL_MISSING_LINE):
        world.switches.turn_on(failure, times=1)
    told = numbers(await provider.download_bill(day))
    assert told[:2] == BUSINESS[1:]
    kind, number, amount_minor = told[2]
    assert (kind, amount_minor) == (BillLineKind.PAYMENT.value, 700)
    assert number not in {NUMBER, "Attempt2"}
