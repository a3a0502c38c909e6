"""From the payer's phone to the ledger: the payments core with the real adapter, over the wire of a made-up WeChat Pay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from coinslot.engines.connect import Pool
from coinslot.payments.model import Attempt, Intent, Merchant
from coinslot.payments.port import Headers, HttpReply
from coinslot.payments.states import AttemptState, RefundState
from coinslot.providers.wechat import WechatPay
from coinslot.sandbox.providers.switches import Failure
from coinslot.settlement.payments.attempts import OrderDetails
from coinslot.settlement.payments.collecting import create
from coinslot.settlement.payments.inbox import take_notification
from coinslot.settlement.payments.merchants import add_merchant
from coinslot.settlement.payments.worker import Cashier
from coinslot.wire.ids import CustomerId
from tests.support.till import _SHIFT, Till
from tests.support.wechat import SHORT, World, keys_of, wechat_world


@dataclass
class Shop:
    """An operator whose one account is with the sandbox."""

    world: World
    till: Till
    provider: WechatPay
    merchant: Merchant
    cashier: Cashier
    customer: CustomerId

    async def offered(self, intent: Intent) -> Attempt:
        """An attempt, made at the provider, whatever came of it."""
        details = OrderDetails(subject="Top-up", notify_url=self.world.door.url)
        return await create(
            self.till.pool, self.provider, await self.till.begin(intent, self.merchant), details
        )

    async def hears(self, headers: Headers, body: bytes) -> HttpReply:
        """What the product's HTTP side does with a notification."""
        return await take_notification(
            self.till.pool, self.merchant, self.provider, headers, body, datetime.now(UTC)
        )

    async def works(self, rounds: int = 1, every_s: float = 0) -> None:
        """Time passes, for us and for the sandbox; what is due is done."""
        for _ in range(rounds):
            await self.till.pool.execute(_SHIFT, timedelta(seconds=every_s))
            await self.world.clock.advance(every_s)
            await self.cashier.once()

    async def principal(self) -> int:
        """What the customer's wallet holds."""
        return await self.till.principal(self.customer)


@pytest.fixture
async def shop(pool: Pool) -> AsyncIterator[Shop]:
    async with wechat_world() as world:
        provider = WechatPay(keys_of(world), deadlines=SHORT)
        till = await Till(pool).open(merchants=())
        async with pool.acquire() as connection:
            merchant = await add_merchant(
                connection,
                till.operator,
                provider=provider.name,
                account=provider.merchant,
                app=world.account.appid,
                name="WeChat Pay",
                by="test",
            )
        cashier = Cashier(pool, lambda _: provider)
        made = Shop(world, till, provider, merchant, cashier, await till.customer())
        world.door.handler = made.hears
        yield made
        await till.in_order(exactly=False)
        provider.close_connections()


async def test_a_payment_told_five_times_at_once_is_credited_once(shop: Shop) -> None:
    attempt = await shop.offered(await shop.till.topup(shop.customer))
    assert attempt.state is AttemptState.PENDING
    shop.world.switches.turn_on(Failure.NOTIFY_AT_ONCE, times=1)
    shop.world.switches.turn_on(Failure.NOTIFY_TWICE, times=1)
    shop.world.wechat.pay(attempt.number)
    await shop.works()
    await shop.works(every_s=2)
    assert [each.status for each in shop.world.wechat.retries.tries] == [200] * 6
    assert await shop.principal() == 10_00
    assert len(await shop.till.inbox()) == 1


async def test_paid_and_told_before_the_answer(shop: Shop) -> None:
    shop.world.switches.turn_on(Failure.PAID_BEFORE_ANSWER, on="create", times=1)
    attempt = await shop.offered(await shop.till.topup(shop.customer))
    await shop.works()
    assert (await shop.till.attempt(attempt)).state is AttemptState.SUCCEEDED
    assert await shop.principal() == 10_00


async def test_a_create_that_nobody_heard_of_and_a_payment_that_nobody_told_of(shop: Shop) -> None:
    shop.world.switches.turn_on(Failure.SILENT_AFTER, on="create", times=1)
    shop.world.switches.turn_on(Failure.NOTIFY_NEVER)
    attempt = await shop.offered(await shop.till.topup(shop.customer))
    assert attempt.state is AttemptState.CREATE_UNKNOWN
    shop.world.wechat.pay(attempt.number)
    await shop.works(rounds=3, every_s=30)
    assert (await shop.till.attempt(attempt)).state is AttemptState.SUCCEEDED
    assert await shop.principal() == 10_00


@pytest.mark.parametrize(
    "failure", [Failure.WRONG_AMOUNT, Failure.WRONG_APP, Failure.WRONG_MERCHANT, Failure.WRONG_NUMBER]
)
async def test_something_wrong_under_a_right_signature_is_put_aside(shop: Shop, failure: Failure) -> None:
    attempt = await shop.offered(await shop.till.topup(shop.customer))
    shop.world.switches.turn_on(failure, on="notify_payment")
    shop.world.wechat.pay(attempt.number)
    await shop.works()
    assert [state for state, _ in await shop.till.inbox()] == ["quarantined"]
    assert await shop.principal() == 0


async def test_two_attempts_paid_one_goes_back_though_its_refund_times_out(shop: Shop) -> None:
    intent = await shop.till.topup(shop.customer)
    first, second = await shop.offered(intent), await shop.offered(intent)
    for failure in (Failure.SILENT_AFTER, Failure.SERVER_ERROR_AFTER, Failure.RATE_LIMIT, Failure.TAMPERED):
        shop.world.switches.turn_on(failure, on="refund", times=1)
    shop.world.wechat.pay(first.number)
    shop.world.wechat.pay(second.number)
    await shop.works()
    assert await shop.principal() == 10_00
    await shop.works(rounds=12, every_s=120)
    [refund] = await shop.till.refunds()
    assert (refund.state, refund.amount_minor) == (RefundState.SUCCEEDED, 10_00)
    given_back = [len(order.refunds) for order in shop.world.wechat.book.orders()]
    assert sorted(given_back) == [0, 1]
    assert await shop.principal() == 10_00
    assert await shop.till.clearing(shop.merchant) == 10_00


async def test_the_payer_pays_although_it_was_closed(shop: Shop) -> None:
    intent = await shop.till.topup(shop.customer)
    attempt = await shop.offered(intent)
    await shop.works(rounds=4, every_s=400)
    assert (await shop.till.attempt(attempt)).state is AttemptState.CLOSED
    shop.world.wechat.pay(attempt.number, although_closed=True)
    await shop.works(rounds=6, every_s=120)
    assert (await shop.till.attempt(attempt)).state is AttemptState.SUCCEEDED
    [refund] = await shop.till.refunds()
    assert refund.state is RefundState.SUCCEEDED
    assert await shop.principal() == 0
