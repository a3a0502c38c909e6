"""The cashier at work: woken, bounded, fair to every merchant, and stopped cleanly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from coinslot.payments.port import PaymentSeen
from coinslot.payments.states import AttemptState
from coinslot.settlement.payments.worker import Cashier
from tests.support.kept import a_moment
from tests.support.played_provider import PlayedProvider
from tests.support.till import Till


class SlowProvider(PlayedProvider):
    """Answers questions only once it is let."""

    def __init__(self, merchant: str) -> None:
        super().__init__(merchant)
        self.let = asyncio.Event()
        self.asked = asyncio.Event()
        self.most = 0
        self.waiting = 0

    async def query(self, number: str) -> PaymentSeen:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        self.asked.set()
        try:
            await self.let.wait()
        finally:
            self.waiting -= 1
        return await super().query(number)


@asynccontextmanager
async def working(cashier: Cashier) -> AsyncIterator[asyncio.Task[None]]:
    """While it runs."""
    task = asyncio.create_task(cashier.run())
    yield task
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def becomes(till: Till, query: str) -> None:
    """Until this of the database holds."""
    async with asyncio.timeout(10):
        while not await till.pool.fetchval(query):
            await a_moment()


async def test_it_acts_as_soon_as_it_is_woken_and_also_by_itself(till: Till) -> None:
    customer = await till.customer()
    attempt = await till.offered(await till.topup(customer))
    till.provider.pays(attempt.number)
    slow = Cashier(till.pool, till.find, every_s=3600)
    async with working(slow):
        await till.notified(attempt)
        slow.nudge()
        await becomes(till, "SELECT state = 'succeeded' FROM payment_attempt")
    second = await till.offered(await till.topup(customer))
    till.provider.pays(second.number)
    await till.passes(timedelta(seconds=10))
    async with working(till.cashier):
        await becomes(till, "SELECT bool_and(state = 'succeeded') FROM payment_attempt")
    assert await till.principal(customer) == 20_00
    await till.in_order()


async def test_a_provider_that_hangs_holds_up_no_other_and_no_notification(till: Till) -> None:
    hanging = SlowProvider("1901")
    stuck = await till.add_merchant(hanging)
    customer = await till.customer()
    waiting = [await till.offered(await till.topup(customer), stuck) for _ in range(10)]
    await till.passes(timedelta(seconds=10))
    async with working(till.cashier):
        await hanging.asked.wait()
        quick = await till.offered(await till.topup(customer))
        till.provider.pays(quick.number)
        await till.passes(timedelta(seconds=10))
        await becomes(till, "SELECT bool_or(state = 'succeeded') FROM payment_attempt")
        hanging.pays(waiting[9].number)
        await till.notified(waiting[9])
        till.cashier.nudge()
        await becomes(till, "SELECT count(*) = 2 FROM payment_attempt WHERE state = 'succeeded'")
        assert hanging.most == 4
        hanging.let.set()
    assert await till.principal(customer) == 20_00


async def test_what_is_under_way_is_noted_when_it_is_told_to_stop(till: Till) -> None:
    slow = SlowProvider("1901")
    merchant = await till.add_merchant(slow)
    customer = await till.customer()
    attempt = await till.offered(await till.topup(customer), merchant)
    slow.pays(attempt.number)
    await till.passes(timedelta(seconds=10))
    task = asyncio.create_task(till.cashier.run())
    await slow.asked.wait()
    task.cancel()
    asyncio.get_running_loop().call_later(0.05, slow.let.set)
    await asyncio.wait([task])
    assert (await till.attempt(attempt)).state is AttemptState.SUCCEEDED
    assert await till.principal(customer) == 10_00


async def test_what_never_answers_is_left_to_the_next_one(till: Till) -> None:
    slow = SlowProvider("1901")
    merchant = await till.add_merchant(slow)
    attempt = await till.offered(await till.topup(await till.customer()), merchant)
    slow.pays(attempt.number)
    await till.passes(timedelta(seconds=10))
    task = asyncio.create_task(till.cashier.run())
    await slow.asked.wait()
    task.cancel()
    async with asyncio.timeout(2):
        await asyncio.wait([task])
    slow.let.set()
    assert (await till.attempt(attempt)).state is AttemptState.PENDING
    await till.works(every=timedelta(seconds=61))
    assert (await till.attempt(attempt)).state is AttemptState.SUCCEEDED


async def test_a_merchant_without_keys_waits_and_is_complained_of(
    till: Till, caplog: pytest.LogCaptureFixture
) -> None:
    attempt = await till.offered(await till.topup(await till.customer()))
    provider = till.providers.pop(till.merchant.merchant_id)
    await till.works(every=timedelta(seconds=10))
    assert "no keys for merchant" in caplog.text
    till.providers[till.merchant.merchant_id] = provider
    provider.pays(attempt.number)
    await till.works(every=timedelta(minutes=1))
    assert (await till.attempt(attempt)).state is AttemptState.SUCCEEDED


async def test_a_database_that_goes_away_stops_nothing(till: Till, caplog: pytest.LogCaptureFixture) -> None:
    customer = await till.customer()
    attempt = await till.offered(await till.topup(customer))
    async with working(till.cashier):
        await till.pool.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user"
        )
        till.provider.pays(attempt.number)
        await till.notified(attempt)
        till.cashier.nudge()
        await becomes(till, "SELECT state = 'succeeded' FROM payment_attempt")
    assert await till.principal(customer) == 10_00
