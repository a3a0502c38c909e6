"""Each ring wakes one."""

from __future__ import annotations

import asyncio

from coinslot.settlement.payments.bell import Bell


async def test_a_ring_wakes_one_of_those_who_wait() -> None:
    bell = Bell()
    waiting = [asyncio.create_task(bell.heard()) for _ in range(3)]
    await asyncio.sleep(0)
    bell.ring()
    bell.ring()
    done, left = await asyncio.wait(waiting, timeout=0.01)
    assert (len(done), len(left)) == (2, 1)
    bell.ring()
    await asyncio.gather(*left)


async def test_a_ring_that_nobody_waits_for_is_heard_by_the_next() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    await bell.heard()
    late = asyncio.create_task(bell.heard())
    _, left = await asyncio.wait([late], timeout=0.01)
    assert left
    bell.ring()
    await late


async def test_whoever_gave_up_is_not_woken_in_place_of_another() -> None:
    bell = Bell()
    gone, stays = asyncio.create_task(bell.heard()), asyncio.create_task(bell.heard())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    bell.ring()
    async with asyncio.timeout(1):
        await stays
