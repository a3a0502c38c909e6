"""From the payer's phone to the ledger: the payments core with the real adapter, over the wire of a made-up Alipay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from coinslot.engines.connect import Pool
from coinslot.payments.model import Attempt, Intent, Merchant
from coinslot.payments.port import Headers, HttpReply
from coinslot.payments.states import AttemptState, IntentState, RefundState
from coinslot.sandbox.providers.switches import Failure
from coinslot.settlement.payments.attempts import OrderDetails
from coinslot.settlement.payments.collecting import close_attempt, create
from coinslot.settlement.payments.inbox import take_notification
from coinslot.settlement.payments.merchants import add_merchant
from coinslot.settlement.payments.worker import Cashier
from coinslot.wire.ids import CustomerId
from tests.support.alipay import QUICK, World, alipay_world
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
        details = OrderDetails(subject="Top-up {10}", notify_url=self.world.door.url)
        attempt = await self.till.begin(intent, self.merchant)
        return await create(self.till.pool, self.world.alipay, attempt, details)

    async def hears(self, headers: Headers, body: bytes) -> HttpReply:
        """What the product's HTTP side does with a notification."""
        return await take_notification(
            self.till.pool, self.merchant, self.world.alipay, headers, body, datetime.now(UTC)
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

    async def refund_states(self) -> list[RefundState]:
        """How refunds stand."""
        return [refund.state for refund in await self.till.refunds()]


@pytest.fixture
async def shop(pool: Pool) -> AsyncIterator[Shop]:
    async with alipay_world(deadlines=QUICK) as world:
        till = await Till(pool).open(merchants=())
        async with pool.acquire() as connection:
            merchant = await add_merchant(
                connection,
                till.operator,
                provider=world.alipay.name,
                account=world.alipay.merchant,
                app=world.account.app_id,
                name="Alipay",
                by="test",
            )
        cashier = Cashier(pool, lambda _: world.alipay)
        made = Shop(world, till, merchant, cashier, await till.customer())
        world.door.handler = made.hears
        yield made
        assert world.sandbox.book.cancelled == []
        await till.in_order(exactly=False)


async def test_polled_before_it_is_scanned_and_told_five_times_at_once_it_is_credited_once(
    shop: Shop,
) -> None:
    attempt = await shop.offered(await shop.till.topup(shop.customer))
    assert attempt.state is AttemptState.PENDING
    await shop.works(rounds=3, every_s=10)
    assert (await shop.till.attempt(attempt)).state is AttemptState.PENDING
    shop.world.switches.turn_on(Failure.NOTIFY_AT_ONCE, times=1)
    shop.world.switches.turn_on(Failure.NOTIFY_TWICE, times=1)
    shop.world.sandbox.pay(attempt.number)
    await shop.works()
    await shop.works(every_s=2)
    assert [each.taken for each in shop.world.sandbox.retries.tries] == [True] * 6
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
    shop.world.sandbox.pay(attempt.number)
    await shop.works(rounds=3, every_s=30)
    assert (await shop.till.attempt(attempt)).state is AttemptState.SUCCEEDED
    assert await shop.principal() == 10_00


async def test_something_wrong_under_a_right_signature_is_put_aside(shop: Shop) -> None:
    wrong = (Failure.WRONG_AMOUNT, Failure.WRONG_APP, Failure.WRONG_MERCHANT, Failure.WRONG_NUMBER)
    for failure in wrong:
        attempt = await shop.offered(await shop.till.topup(shop.customer))
        shop.world.switches.turn_on(failure, on="notify_payment", times=1)
        shop.world.sandbox.pay(attempt.number)
        await shop.world.clock.settled()
        await shop.cashier.apply()
    assert [state for state, _ in await shop.till.inbox()] == ["quarantined"] * len(wrong)
    assert await shop.principal() == 0


async def test_forged_notifications_fill_nothing_and_the_true_one_still_counts(shop: Shop) -> None:
    attempt = await shop.offered(await shop.till.topup(shop.customer))
    for failure in (Failure.NOTIFY_TAMPERED, Failure.NOTIFY_UNKNOWN_SIGNER, Failure.NOTIFY_STALE):
        shop.world.switches.turn_on(failure, times=1)
    shop.world.sandbox.pay(attempt.number)
    await shop.world.clock.settled()
    assert await shop.till.inbox() == []
    await shop.world.clock.advance(240)
    await shop.works()
    assert await shop.principal() == 10_00


async def test_two_attempts_paid_one_goes_back_though_its_refund_times_out(shop: Shop) -> None:
    intent = await shop.till.topup(shop.customer)
    first, second = await shop.offered(intent), await shop.offered(intent)
    for failure in (Failure.SILENT_AFTER, Failure.SERVER_ERROR_AFTER, Failure.RATE_LIMIT, Failure.TAMPERED):
        shop.world.switches.turn_on(failure, on="refund", times=1)
    shop.world.sandbox.pay(first.number)
    shop.world.sandbox.pay(second.number)
    await shop.works()
    assert await shop.principal() == 10_00
    await shop.works(rounds=12, every_s=120)
    [refund] = await shop.till.refunds()
    assert (refund.state, refund.amount_minor) == (RefundState.SUCCEEDED, 10_00)
    assert sorted(len(order.refunds) for order in shop.world.sandbox.book.orders()) == [0, 1]
    assert await shop.principal() == 10_00
    assert await shop.till.clearing(shop.merchant) == 10_00
    # The refund told of itself as a trade that closed: no second payment, and no review.
    assert {state for state, _ in await shop.till.inbox()} == {"applied"}


async def test_a_code_that_nobody_scanned_is_over_when_its_life_is(shop: Shop) -> None:
    intent = await shop.till.topup(shop.customer)
    attempt = await shop.offered(intent)
    await shop.works(rounds=4, every_s=400)
    assert (await shop.till.attempt(attempt)).state is AttemptState.CLOSED
    await shop.works(rounds=2, every_s=1800)
    assert (await shop.till.intent(intent)).state is IntentState.EXPIRED


async def test_the_payer_pays_although_it_was_closed(shop: Shop) -> None:
    attempt = await shop.offered(await shop.till.topup(shop.customer))
    await shop.works(rounds=4, every_s=400)
    shop.world.sandbox.pay(attempt.number, although_closed=True)
    await shop.works(rounds=6, every_s=120)
    assert (await shop.till.attempt(attempt)).state is AttemptState.SUCCEEDED
    assert await shop.refund_states() == [RefundState.SUCCEEDED]
    assert await shop.principal() == 0


async def test_closing_what_was_just_paid_credits_it(shop: Shop) -> None:
    shop.world.switches.turn_on(Failure.NOTIFY_NEVER)
    attempt = await shop.offered(await shop.till.topup(shop.customer))
    shop.world.sandbox.pay(attempt.number)
    closed = await close_attempt(shop.till.pool, shop.world.alipay, shop.merchant, attempt)
    assert closed.state is AttemptState.SUCCEEDED
    assert await shop.principal() == 10_00


async def test_a_refund_that_is_taken_but_not_there_yet_is_asked_for_again(shop: Shop) -> None:
    intent = await shop.till.topup(shop.customer)
    first, second = await shop.offered(intent), await shop.offered(intent)
    shop.world.switches.turn_on(Failure.REFUND_STAYS, on="refund", times=2)
    shop.world.sandbox.pay(first.number)
    shop.world.sandbox.pay(second.number)
    await shop.works(rounds=2, every_s=61)
    assert await shop.refund_states() == [RefundState.REQUESTED]
    await shop.works(rounds=4, every_s=120)
    assert await shop.refund_states() == [RefundState.SUCCEEDED]
    assert await shop.till.clearing(shop.merchant) == 10_00
