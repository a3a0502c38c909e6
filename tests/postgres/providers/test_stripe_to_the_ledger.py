"""From a card to the ledger: the payments core with the real adapter, over the wire of a made-up Stripe."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from coinslot.engines.connect import Pool
from coinslot.payments.model import Attempt, Intent, Merchant
from coinslot.payments.port import Channel, Headers, HttpReply
from coinslot.payments.states import AttemptState, RefundState
from coinslot.sandbox.providers.stripe.bodies import SessionBody
from coinslot.sandbox.providers.switches import Failure
from coinslot.settlement.payments.attempts import BeginAttempt, OrderDetails, begin_attempt
from coinslot.settlement.payments.collecting import create
from coinslot.settlement.payments.inbox import take_notification
from coinslot.settlement.payments.merchants import add_merchant
from coinslot.settlement.payments.worker import Cashier
from coinslot.wire.ids import CustomerId
from tests.support.stripe import QUICK, World, stripe_world
from tests.support.till import _SHIFT, Till


@dataclass
class Shop:
    """An operator whose one account is with the sandbox."""

    world: World
    till: Till
    merchant: Merchant
    cashier: Cashier
    customer: CustomerId

    async def offered(self, intent: Intent) -> Attempt:
        """An attempt, made at the provider, whatever came of it."""
        details = OrderDetails(subject="Top-up", notify_url=self.world.door.url)
        wanted = BeginAttempt(
            operator=self.till.operator,
            key=f"key:{intent.intent_id}:{len(self.world.sandbox.book.sessions())}",
            intent=intent.intent_id,
            merchant=self.merchant.merchant_id,
            channel=Channel.BROWSER,
        )
        attempt = await begin_attempt(self.till.pool, wanted)
        return await create(self.till.pool, self.world.stripe, attempt, details)

    async def hears(self, headers: Headers, body: bytes) -> HttpReply:
        """What the product's HTTP side does with an event."""
        return await take_notification(
            self.till.pool, self.merchant, self.world.stripe, headers, body, datetime.now(UTC)
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
    async with stripe_world(deadlines=QUICK) as world:
        till = await Till(pool).open(merchants=())
        async with pool.acquire() as connection:
            merchant = await add_merchant(
                connection,
                till.operator,
                provider="stripe",
                account=world.account.id,
                name="Cards",
                by="test",
            )
        cashier = Cashier(pool, lambda _: world.stripe)
        made = Shop(world, till, merchant, cashier, await till.customer())
        world.account.endpoints[0].events = ("*",)
        world.door.handler = made.hears
        yield made
        await till.in_order(exactly=False)


async def test_a_payment_told_five_times_at_once_is_credited_once_and_others_business_never(
    shop: Shop,
) -> None:
    attempt = await shop.offered(await shop.till.topup(shop.customer))
    assert attempt.state is AttemptState.PENDING
    shop.world.switches.turn_on(Failure.NOTIFY_AT_ONCE, on="notify_payment", times=1)
    shop.world.switches.turn_on(Failure.NOTIFY_TWICE, on="notify_payment", times=1)
    shop.world.sandbox.pay(attempt.number)
    foreign = SessionBody(
        mode="payment",
        line_items=shop.world.session(attempt.number).body.line_items,
        success_url="https://shop.example.org",
    )
    shop.world.sandbox.pay_session(shop.world.sandbox.book.make(foreign, 1))
    await shop.works()
    await shop.works(every_s=2)
    assert {each.status for each in shop.world.sandbox.retries.tries} == {200}
    assert await shop.principal() == 10_00
    assert await shop.till.inbox() == [("applied", "")]


async def test_paid_before_the_answer_that_never_came_and_nobody_told_of_it(shop: Shop) -> None:
    shop.world.switches.turn_on(Failure.PAID_BEFORE_ANSWER, on="create", times=1)
    shop.world.switches.turn_on(Failure.SILENT_AFTER, on="create", times=1)
    shop.world.switches.turn_on(Failure.NOTIFY_NEVER)
    attempt = await shop.offered(await shop.till.topup(shop.customer))
    assert attempt.state is AttemptState.CREATE_UNKNOWN
    await shop.works(rounds=3, every_s=30)
    assert (await shop.till.attempt(attempt)).state is AttemptState.SUCCEEDED
    assert await shop.principal() == 10_00


async def test_something_wrong_under_a_right_signature_is_put_aside(shop: Shop) -> None:
    for failure in (Failure.WRONG_AMOUNT, Failure.WRONG_MERCHANT, Failure.WRONG_NUMBER):
        attempt = await shop.offered(await shop.till.topup(shop.customer))
        shop.world.switches.turn_on(failure, on="notify_payment", times=1)
        shop.world.sandbox.pay(attempt.number)
        await shop.works()
    assert [state for state, _ in await shop.till.inbox()] == ["quarantined"] * 3
    assert await shop.principal() == 0


async def test_its_end_is_kept_by_closing_it_and_who_pays_later_has_the_money_back(shop: Shop) -> None:
    intent = await shop.till.topup(shop.customer)
    attempt = await shop.offered(intent)
    await shop.works(rounds=4, every_s=400)
    assert (await shop.till.attempt(attempt)).state is AttemptState.CLOSED
    assert shop.world.session(attempt.number).status == "expired"
    shop.world.switches.turn_on(Failure.SERVER_ERROR_AFTER, on="refund", times=1)
    shop.world.sandbox.pay(attempt.number, although_closed=True)
    await shop.works(rounds=6, every_s=120)
    assert (await shop.till.attempt(attempt)).state is AttemptState.SUCCEEDED
    [refund] = await shop.till.refunds()
    assert refund.state is RefundState.SUCCEEDED
    charge = shop.world.session(attempt.number).charge
    assert charge is not None
    assert len(charge.refunds) == 1
    assert await shop.principal() == 0


async def test_two_attempts_paid_one_goes_back_though_its_refund_fails_once(shop: Shop) -> None:
    intent = await shop.till.topup(shop.customer)
    first, second = await shop.offered(intent), await shop.offered(intent)
    for failure in (Failure.SILENT_AFTER, Failure.RATE_LIMIT, Failure.TAMPERED):
        shop.world.switches.turn_on(failure, on="refund", times=1)
    shop.world.sandbox.pay(first.number)
    shop.world.sandbox.pay(second.number)
    await shop.works(rounds=12, every_s=120)
    [refund] = await shop.till.refunds()
    assert (refund.state, refund.amount_minor) == (RefundState.SUCCEEDED, 10_00)
    given_back = [len(each.charge.refunds) for each in shop.world.sandbox.book.sessions() if each.charge]
    assert sorted(given_back) == [0, 1]
    assert await shop.principal() == 10_00
    assert await shop.till.clearing(shop.merchant) == 10_00
