"""Many at once: limits hold, nobody waits for ever, nothing is lost."""

from __future__ import annotations

import asyncio
import random

import pytest

from coinslot.engines.connect import Pool, open_pool
from coinslot.ledger import events, store
from coinslot.ledger.entries import Entry
from coinslot.ledger.errors import InsufficientFunds, KeyConflict, LedgerError
from coinslot.ledger.seals import seal
from coinslot.ledger.verify import verify
from tests.postgres.ledger.books import CNY, MINE, OP, capture, cash, hold, raw


async def attempt(pool: Pool, *entries: Entry) -> LedgerError | None:
    """The refusal, if any."""
    try:
        await store.post(pool, entries)
    except LedgerError as refusal:
        return refusal
    return None


async def assert_sound(pool: Pool) -> None:
    """Recompute the books."""
    async with pool.acquire() as connection:
        assert (await verify(connection)).faults == ()


async def test_of_two_hundred_holds_on_a_balance_for_one_exactly_one_succeeds(database_url: str) -> None:
    pool = await open_pool(database_url, min_size=50, max_size=50)
    try:
        await store.post(pool, [cash("k", 500)])
        outcomes = await asyncio.gather(*(attempt(pool, hold(f"s{n}", 500)) for n in range(200)))
        assert outcomes.count(None) == 1
        assert sum(isinstance(outcome, InsufficientFunds) for outcome in outcomes) == 199
        assert await store.balance(pool, OP, MINE, CNY) == 0
        await assert_sound(pool)
    finally:
        await pool.close()


async def test_one_key_posted_by_many_at_once_lands_once(pool: Pool) -> None:
    same = await asyncio.gather(*(store.post(pool, [cash("k", 100)]) for _ in range(50)))
    assert sum(answer[0].fresh for answer in same) == 1
    assert len({answer[0].entry_id for answer in same}) == 1
    other = await asyncio.gather(*(attempt(pool, cash("j", amount)) for amount in range(1, 41)))
    assert other.count(None) == 1
    assert sum(isinstance(refusal, KeyConflict) for refusal in other) == 39
    await assert_sound(pool)


async def test_withdrawal_capture_and_release_at_once_never_pass_the_limit(pool: Pool) -> None:
    for turn in range(20):
        session = f"s{turn}"
        await store.post(pool, [cash(f"k{turn}", 500), hold(session, 500)])
        out = raw(f"out{turn}", (MINE, CNY, 300), ("operator/withdrawals_due", CNY, -300))
        back = events.release(OP, session, "c1", CNY, principal_minor=500)
        outcomes = await asyncio.gather(
            attempt(pool, out), attempt(pool, capture(session, 500, 321)), attempt(pool, back)
        )
        assert (outcomes[1] is None) != (outcomes[2] is None), "the hold is resolved exactly once"
        assert await store.balance(pool, OP, MINE, CNY) >= 0
        assert await store.balance(pool, OP, f"hold/{session}/principal", CNY) == 0
    await assert_sound(pool)


async def test_batches_over_the_same_wallets_in_any_order_do_not_deadlock(pool: Pool) -> None:
    customers = [f"c{n}" for n in range(12)]
    await store.post(pool, [cash(f"k{c}", 10_000, c) for c in customers])

    async def worker(number: int) -> None:
        rng = random.Random(number)
        for turn in range(15):
            chosen = rng.sample(customers, 8)
            await store.post(pool, [hold(f"s{number}x{turn}x{c}", 1, c) for c in chosen])

    await asyncio.gather(*(worker(number) for number in range(8)))
    await assert_sound(pool)


async def test_sealing_while_others_post_seals_each_entry_once(pool: Pool) -> None:
    posting = True

    async def poster(number: int) -> None:
        for turn in range(30):
            name = f"{number}x{turn}"
            await store.post(pool, [cash(f"k{name}", 10), hold(f"s{name}", 5), capture(f"s{name}", 5, 3)])

    async def sealer() -> None:
        while posting:
            async with pool.acquire() as connection:
                await seal(connection, OP, at_most=7)

    sealers = [asyncio.create_task(sealer()) for _ in range(2)]
    await asyncio.gather(*(poster(number) for number in range(6)))
    posting = False
    await asyncio.gather(*sealers)
    async with pool.acquire() as connection:
        while await seal(connection, OP) is not None:
            pass
        report = await verify(connection)
    assert report.faults == ()
    assert (report.entries, report.pending) == (540, 0)
    assert await store.balance(pool, OP, "operator/revenue", CNY) == 540
    assert await store.balance(pool, OP, "operator/cash", CNY) == 1800
    assert await pool.fetchval("SELECT count(*) FROM ledger_balance WHERE account LIKE 'hold/%'") == 0


async def test_a_lock_held_while_deciding_makes_the_next_decision_see_the_outcome(pool: Pool) -> None:
    await store.post(pool, [cash("k", 500)])

    async def start(session: str) -> bool:
        async with pool.acquire() as connection, connection.transaction():
            held = await store.lock_balances(connection, [(OP, MINE, CNY)])
            if held[OP, MINE, CNY] < 200:
                return False
            await store.post(connection, [hold(session, 200)])
            return True

    started = await asyncio.gather(*(start(f"s{n}") for n in range(10)))
    assert started.count(True) == 2


@pytest.mark.parametrize("size", [300])
async def test_a_batch_of_hundreds_is_one_call(pool: Pool, size: int) -> None:
    answers = await store.post(pool, [cash(f"k{n}", 1, f"c{n}") for n in range(size)])
    assert len(answers) == size
