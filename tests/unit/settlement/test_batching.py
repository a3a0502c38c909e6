"""Group commit: items of one key in order, every waiter answered, nobody in another's way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from coinslot.settlement.batching import Batcher, Closed, Full

Item = tuple[str, int]


class Worker:
    """Notes what it is given, and works on a batch until the test lets it go."""

    def __init__(self, *, most_of_one: int | None = None, at_most: int = 3) -> None:
        self.batches: list[list[Item]] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.error: Exception | None = None
        self.short = False
        self.batcher: Batcher[Item, int] = Batcher(
            self.work, at_most=at_most, key=lambda item: item[0], most_of_one=most_of_one
        )

    async def work(self, items: Sequence[Item]) -> list[int]:
        self.batches.append(list(items))
        for key, _ in items:
            if key in self.gates:
                await self.gates[key].wait()
        if self.error is not None:
            raise self.error
        return [] if self.short else [number for _, number in items]


async def test_what_comes_together_goes_together_and_one_key_keeps_its_order() -> None:
    worker = Worker()
    futures = [worker.batcher.put(("a", number)) for number in range(8)]
    assert await asyncio.gather(*futures) == list(range(8))
    assert worker.batches == [[("a", n) for n in part] for part in (range(3), range(3, 6), range(6, 8))]


async def test_an_item_that_waits_for_its_key_keeps_no_other_from_a_free_lane() -> None:
    worker = Worker()
    gate = worker.gates["slow"] = asyncio.Event()
    first = worker.batcher.put(("slow", 1))
    await asyncio.wait([first], timeout=0)
    second = worker.batcher.put(("slow", 2))
    assert await asyncio.wait_for(worker.batcher.put(("quick", 3)), 5) == 3
    assert not first.done()
    gate.set()
    assert [await first, await second] == [1, 2]


@pytest.mark.parametrize("fault", ["error", "short"])
async def test_a_batch_that_fails_tells_every_waiter_and_the_next_one_is_tried(fault: str) -> None:
    worker = Worker()
    worker.error = ValueError("no") if fault == "error" else None
    worker.short = fault == "short"
    results = await asyncio.gather(*(worker.batcher.put(("a", n)) for n in range(4)), return_exceptions=True)
    assert all(isinstance(result, ValueError | RuntimeError) for result in results)
    worker.error, worker.short = None, False
    assert await worker.batcher.put(("a", 9)) == 9


async def test_a_waiter_that_has_left_keeps_nobody_from_an_answer() -> None:
    worker = Worker()
    gone, there = worker.batcher.put(("a", 1)), worker.batcher.put(("a", 2))
    gone.cancel()
    assert await there == 2


async def test_too_much_of_one_key_is_refused_and_another_key_is_not() -> None:
    worker = Worker(most_of_one=2)
    kept = [worker.batcher.put(("a", n)) for n in range(2)]
    with pytest.raises(Full):
        worker.batcher.put(("a", 2))
    kept.append(worker.batcher.put(("b", 3)))
    assert await asyncio.gather(*kept) == [0, 1, 3]
    assert await worker.batcher.put(("a", 4)) == 4


async def test_closing_finishes_what_was_taken_and_takes_nothing_more() -> None:
    worker = Worker(at_most=1)
    futures = [worker.batcher.put(("a", number)) for number in range(4)]
    await worker.batcher.close()
    assert [future.result() for future in futures] == [0, 1, 2, 3]
    with pytest.raises(Closed):
        worker.batcher.put(("a", 5))
