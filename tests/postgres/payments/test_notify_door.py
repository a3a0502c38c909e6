"""The door for notifications, on a database that is slow or gone: an answer in time, everything stored once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

import pytest

from coinslot.engines.connect import connect_owner
from coinslot.payments.port import Outcome
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.web.payments import notify
from coinslot.web.payments.known import FRESH_S, KnownMerchants
from coinslot.web.payments.notify import NotifyDoor
from tests.support.played_provider import PlayedProvider
from tests.support.till import Till

NOTHING: Mapping[str, str] = MappingProxyType({})
_WAIT_S = 10.0


@asynccontextmanager
async def locked(url: str, table: str) -> AsyncIterator[None]:
    """Whoever touches the table waits."""
    owner = await connect_owner(url)
    try:
        async with owner.transaction():
            await owner.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await owner.close()


def door_of(till: Till, nudged: asyncio.Event | None = None, within_s: float = _WAIT_S) -> NotifyDoor:
    nudge = (nudged or asyncio.Event()).set
    return NotifyDoor(PaymentDoor(pool=till.pool, find=till.find, nudge=nudge), within_s=within_s)


def outcome(body: bytes) -> Outcome:
    return Outcome(body.decode())


async def stored(till: Till) -> int:
    return int(await till.pool.fetchval("SELECT count(*) FROM payment_inbox"))


async def test_a_slow_database_has_it_said_again_and_what_was_begun_is_stored_once(
    till: Till, payments_url: str
) -> None:
    nudged = asyncio.Event()
    hasty, patient = door_of(till, nudged, 0.05), door_of(till)
    attempt = await till.offered(await till.topup(await till.customer()))
    till.provider.pays(attempt.number)
    said = till.provider.notice(attempt.number)
    async with locked(payments_url, "payment_inbox"):
        late = await hasty.take(till.merchant, till.provider, *said)
        assert outcome(late.body) is Outcome.AGAIN
        assert not nudged.is_set()
    async with asyncio.timeout(_WAIT_S):
        await nudged.wait()
    assert await stored(till) == 1
    again = await patient.take(till.merchant, till.provider, *said)
    assert outcome(again.body) is Outcome.TAKEN
    assert await stored(till) == 1


async def test_more_than_can_wait_are_put_off_at_once(
    till: Till, payments_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "MOST_AT_ONCE", 2)
    nudged = asyncio.Event()
    hasty, patient = door_of(till, within_s=0.02), door_of(till)
    attempt = await till.offered(await till.topup(await till.customer()))
    till.provider.pays(attempt.number)
    said = [till.provider.notice(attempt.number, f"n{number}") for number in range(3)]
    async with locked(payments_url, "payment_inbox"):
        for each in said[:2]:
            await hasty.take(till.merchant, till.provider, *each)
        crowded = await asyncio.wait_for(hasty.take(till.merchant, till.provider, *said[2]), 0.02)
        assert outcome(crowded.body) is Outcome.AGAIN
    for each in said:
        reply = await patient.take(till.merchant, till.provider, *each)
        assert outcome(reply.body) is Outcome.TAKEN
    assert await stored(till) == 3
    assert not nudged.is_set()


async def test_a_merchant_is_only_found_with_its_own_provider_and_with_keys(till: Till) -> None:
    door, known = door_of(till), till.merchant
    found = await door.provider_of(known.provider, known.merchant_id)
    assert found is not None
    assert found[0] == known
    assert await door.provider_of("wechat", known.merchant_id) is None
    assert await door.provider_of(known.provider, "mer_unknown") is None
    del till.providers[known.merchant_id]
    assert await door.provider_of(known.provider, known.merchant_id) is None


async def test_unknown_merchants_are_asked_for_once_a_second_however_many_are_named(till: Till) -> None:
    now_s = 100.0
    known = KnownMerchants(till.pool, lambda: now_s)
    assert await known.find("played", "mer_unknown") is None
    newcomer = await till.add_merchant(PlayedProvider("1901"))
    assert await known.find("played", newcomer.merchant_id) is None
    now_s += FRESH_S
    assert await known.find("played", newcomer.merchant_id) == newcomer


async def test_a_database_that_hangs_is_asked_one_question_by_all(till: Till, payments_url: str) -> None:
    door = door_of(till)
    async with locked(payments_url, "merchant"):
        asked = [door.provider_of("played", f"mer_{number}") for number in range(50)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(answer) for answer in answers} == {TimeoutError}
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%FROM merchant m ORDER%' AND state = 'active'"
        assert await till.pool.fetchval(waiting) <= 2  # that one, and perhaps this one
    assert await door.provider_of("played", till.merchant.merchant_id) is not None
