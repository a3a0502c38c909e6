"""An operator whose one account is with a made-up provider, WeChat Pay or Alipay, reached by its real wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from coinslot.engines.connect import Pool
from coinslot.payments.model import Attempt, Merchant
from coinslot.payments.port import Provider
from coinslot.providers.wechat import WechatPay
from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.switches import Failure, Switches
from coinslot.settlement.payments.attempts import OrderDetails
from coinslot.settlement.payments.bills import BillChecked, check_bill
from coinslot.settlement.payments.collecting import create
from coinslot.settlement.payments.merchants import add_merchant
from coinslot.settlement.payments.worker import Cashier
from coinslot.wire.ids import CustomerId
from tests.support.alipay import alipay_world
from tests.support.till import _SHIFT, Till
from tests.support.wechat import SHORT, keys_of, wechat_world

BEIJING = ZoneInfo("Asia/Shanghai")


@dataclass
class WiredShop:
    """An operator with one account; no notification ever tells of payments."""

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

    async def direct(self) -> Attempt:
        """One use of an appliance, paid; the cashier has asked, since nobody tells."""
        attempt = await self.till.begin(await self.till.direct(), self.merchant)
        details = OrderDetails(subject="Shower", notify_url=self.notify_url)
        made = await create(self.till.pool, self.provider, attempt, details)
        self.pays(made.number)
        await self.works()
        return made

    async def works(self, *, rounds: int = 2, every_s: float = 70) -> None:
        """Time passes, for us and for the provider; what is due is done."""
        cashier = Cashier(self.till.pool, lambda _: self.provider)
        for _ in range(rounds):
            await self.till.pool.execute(_SHIFT, timedelta(seconds=every_s))
            await self.clock.advance(every_s)
            await cashier.once()

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
async def wired(request: pytest.FixtureRequest, pool: Pool) -> AsyncIterator[WiredShop]:
    if request.param == "wechat":
        async with wechat_world() as world:
            wechat = WechatPay(keys_of(world), deadlines=SHORT, now=world.clock.now)
            opened = await _opened(pool, wechat, world.account.appid, world.switches, world.clock)
            till, merchant, customer, day = opened
            pays: Callable[[str], None] = world.wechat.pay
            yield WiredShop(
                till, merchant, wechat, world.switches, world.clock, pays, world.door.url, customer, day
            )
            await till.in_order(exactly=False)
            wechat.close_connections()
        return
    async with alipay_world(begin=datetime.now(UTC)) as other:
        opened = await _opened(pool, other.alipay, other.account.app_id, other.switches, other.clock)
        till, merchant, customer, day = opened
        sandbox, url = other.sandbox, other.door.url
        yield WiredShop(
            till, merchant, other.alipay, other.switches, other.clock, sandbox.pay, url, customer, day
        )
        await till.in_order(exactly=False)
