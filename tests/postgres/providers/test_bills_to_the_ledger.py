"""Daily bills of made-up providers, by their real wires, held against the books on real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from coinslot.engines.connect import Pool
from coinslot.payments.model import Attempt, Merchant
from coinslot.payments.port import Provider
from coinslot.payments.states import IntentState
from coinslot.providers.wechat import WechatPay
from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.switches import Failure, Switches
from coinslot.settlement.payments.attempts import OrderDetails
from coinslot.settlement.payments.bill_reports import bill_day_of
from coinslot.settlement.payments.bills import BillChecked, check_bill
from coinslot.settlement.payments.collecting import create
from coinslot.settlement.payments.merchants import add_merchant
from coinslot.wire.ids import CustomerId
from tests.support.alipay import alipay_world
from tests.support.till import Till
from tests.support.wechat import SHORT, keys_of, wechat_world

BEIJING = ZoneInfo("Asia/Shanghai")


@dataclass
class Shop:
    """An operator with one account; nothing but the bill tells of payments."""

    till: Till
    merchant: Merchant
    provider: Provider
    switches: Switches
    clock: SandboxClock
    pays: Callable[[str], None]
    notify_url: str
    customer: CustomerId
    day: date

    async def topup(self) -> Attempt:
        """Paid, and nobody tells."""
        attempt = await self.till.begin(await self.till.topup(self.customer), self.merchant)
        details = OrderDetails(subject="Top-up", notify_url=self.notify_url)
        made = await create(self.till.pool, self.provider, attempt, details)
        self.pays(made.number)
        return made

    async def until_ten(self) -> None:
        """The providers' clock is at ten of the morning after."""
        ten = datetime.combine(self.day + timedelta(days=1), time(10, 0, 1), BEIJING)
        await self.clock.advance((ten - self.clock.now()).total_seconds())

    async def checked(self) -> BillChecked:
        """The day's bill, now."""
        return await check_bill(self.till.pool, self.provider, self.merchant, self.day)


async def _opened(
    pool: Pool, provider: Provider, app: str, switches: Switches, clock: SandboxClock
) -> tuple[Till, Merchant, CustomerId, date]:
    till = await Till(pool).open(merchants=())
    async with pool.acquire() as connection:
        merchant = await add_merchant(
            connection,
            till.operator,
            provider=provider.name,
            account=provider.merchant,
            app=app,
            name=provider.name,
            by="test",
        )
    switches.turn_on(Failure.NOTIFY_NEVER)
    return till, merchant, await till.customer(), clock.now().astimezone(BEIJING).date()


@pytest.fixture(params=["wechat", "alipay"])
async def shop(request: pytest.FixtureRequest, pool: Pool) -> AsyncIterator[Shop]:
    if request.param == "wechat":
        async with wechat_world() as world:
            wechat = WechatPay(keys_of(world), deadlines=SHORT, now=world.clock.now)
            opened = await _opened(pool, wechat, world.account.appid, world.switches, world.clock)
            till, merchant, customer, day = opened
            pays: Callable[[str], None] = world.wechat.pay
            yield Shop(
                till, merchant, wechat, world.switches, world.clock, pays, world.door.url, customer, day
            )
            await till.in_order(exactly=False)
            wechat.close_connections()
        return
    async with alipay_world(begin=datetime.now(UTC)) as other:
        opened = await _opened(pool, other.alipay, other.account.app_id, other.switches, other.clock)
        till, merchant, customer, day = opened
        sandbox, url = other.sandbox, other.door.url
        yield Shop(till, merchant, other.alipay, other.switches, other.clock, sandbox.pay, url, customer, day)
        await till.in_order(exactly=False)


async def test_the_bill_finds_what_nobody_told_of_and_keeps_apart_what_nobody_asked_for(shop: Shop) -> None:
    attempt = await shop.topup()
    assert (await shop.checked()).error, "the day is not over"
    await shop.until_ten()
    shop.switches.turn_on(Failure.BILL_NOT_READY, times=1)
    assert (await shop.checked()).error
    shop.switches.turn_on(Failure.BILL_REORDERED, times=1)
    shop.switches.turn_on(Failure.BILL_UNKNOWN_LINE)
    done = await shop.checked()
    assert done.agrees, done
    assert done.lines == 2
    assert await shop.till.principal(shop.customer) == 10_00
    assert (await shop.till.intent(attempt)).state is IntentState.PAID
    stray_minor = await shop.till.pool.fetchval(
        "SELECT amount_minor FROM provider_payment WHERE number IS NULL AND operator_id = $1",
        shop.till.operator,
    )
    assert await shop.till.reviews() == ["payment_suspense"]
    (total,) = done.totals
    assert total.paid_minor == total.our_paid_minor == 10_00 + stray_minor
    assert 0 < total.fees_minor < total.paid_minor
    paid = await shop.till.attempt(attempt)
    found = await bill_day_of(
        shop.till.pool, shop.till.operator, shop.merchant.provider, paid.provider_id or ""
    )
    assert found == shop.day
    kept = await shop.till.pool.fetch("SELECT raw FROM provider_bill_line")
    payer = "oUpF8" if shop.merchant.provider == "wechat" else "137****2600"
    assert not any(payer in row[0] for row in kept)


async def test_a_bill_that_cannot_be_relied_upon_changes_nothing(shop: Shop) -> None:
    await shop.topup()
    await shop.until_ten()
    broken: list[tuple[Failure, int]] = [(Failure.BILL_WRONG_HASH, 2), (Failure.BILL_LINK_EXPIRED, 2)]
    for failure, times in broken:
        shop.switches.turn_on(failure, times=times)
        assert (await shop.checked()).error, failure
        assert await shop.till.principal(shop.customer) == 0
    assert await shop.till.reviews() == []
    await _agrees(shop.checked)
    assert await shop.till.principal(shop.customer) == 10_00


async def _agrees(checked: Callable[[], Awaitable[BillChecked]]) -> None:
    done = await checked()
    assert done.agrees, done


async def test_a_line_that_is_missing_with_them_is_told_until_it_comes(shop: Shop) -> None:
    attempt = await shop.topup()
    await shop.clock.advance(1)
    await shop.topup()
    await shop.until_ten()
    await _agrees(shop.checked)
    shop.switches.turn_on(Failure.BILL_MISSING_LINE, times=1)
    # As our books have it, the payment was taken in today; what is due of the day is looked for by that.
    shop_day_of_books = (datetime.now(UTC) + timedelta(hours=8, minutes=10)).date()
    done = await shop.checked()
    paid = await shop.till.attempt(attempt)
    wanted = [("missing_with_them", paid.provider_id)] if shop_day_of_books == shop.day else []
    assert [(each.what.value, each.ref) for each in done.differences] == wanted
    await _agrees(shop.checked)
    assert await shop.till.pool.fetchval("SELECT count(*) FROM review WHERE closed_at IS NULL") == 0
