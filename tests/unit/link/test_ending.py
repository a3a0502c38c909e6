"""Tasks end, also those that miss a cancellation."""

from __future__ import annotations

import asyncio

from coinslot.link.ending import end


async def test_a_task_that_misses_its_first_cancellation_ends_at_the_next() -> None:
    missed: list[str] = []

    async def deaf_once() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            missed.append("once")
        await asyncio.Event().wait()

    task = asyncio.create_task(deaf_once())
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await end([task])
    assert missed == ["once"]
    assert task.cancelled()


async def test_what_has_ended_is_left_alone() -> None:
    async def fails() -> None:
        raise ValueError("of no interest any more")

    task = asyncio.create_task(fails())
    await asyncio.wait([task])
    await end([task])
    assert isinstance(task.exception(), ValueError)
