"""Group commit: while transactions run, the next batch gathers. No timer, no added delay.

An item that comes alone is handled at once; under load the batch grows by itself to what arrived during
one commit, and the cost of the commit is shared. Two batches may be under way at a time, so that this
process works while the database does; items of one key never are, so that their order is kept.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
R = TypeVar("R")

LANES = 2
"""Batches under way at once. One left half of two cores idle; with three the batches became smaller and
each session dearer."""


class Closed(Exception):
    """The batcher takes nothing more."""


class Full(Exception):
    """Too much of one key waits already; this was not taken."""


class _Waiting(NamedTuple, Generic[T, R]):
    item: T
    key: Hashable
    future: asyncio.Future[R]


class Batcher(Generic[T, R]):
    """Hands items to `work` in batches of at most `at_most`; items of one `key` in order, one batch at a time."""

    def __init__(
        self,
        work: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        at_most: int,
        key: Callable[[T], Hashable],
        lanes: int = LANES,
        most_of_one: int | None = None,
    ) -> None:
        """`most_of_one`: items of one key that may wait; None for no end, where somebody awaits each."""
        self._work = work
        self._at_most = at_most
        self._key = key
        self._lanes = lanes
        self._waiting: list[_Waiting[T, R]] = []
        self._waiting_of: Counter[Hashable] = Counter()
        self._most_of_one = most_of_one
        self._begins = False
        """Whether `_begin` is about to be called."""
        self._busy: set[Hashable] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False
        self.sizes: Counter[int] = Counter()
        """How many batches of each size there were."""

    def put(self, item: T) -> asyncio.Future[R]:
        """Queue an item; its result comes with its batch. Closed after `close`; Full."""
        if self._closed:
            raise Closed("stopping: nothing more is taken")
        key = self._key(item)
        if self._most_of_one is not None and self._waiting_of[key] >= self._most_of_one:
            raise Full(f"{self._most_of_one} wait already")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._waiting.append(_Waiting(item, key, future))
        self._waiting_of[key] += 1
        if not self._begins and len(self._running) < self._lanes:
            # After this turn of the loop, so that what arrived together goes together.
            self._begins = True
            loop.call_soon(self._begin)
        return future

    async def close(self) -> None:
        """Take nothing more, and finish what was taken."""
        self._closed = True
        self._begin()
        while self._running:
            await asyncio.wait(set(self._running))

    def _begin(self) -> None:
        """Start batches while there is a free lane and something that may go."""
        self._begins = False
        while len(self._running) < self._lanes and (batch := self._take()):
            task = asyncio.create_task(self._run(batch))
            self._running.add(task)

    def _take(self) -> list[_Waiting[T, R]]:
        """The next batch: the oldest items whose keys are not under way."""
        batch: list[_Waiting[T, R]] = []
        left: list[_Waiting[T, R]] = []
        for waiting in self._waiting:
            free = waiting.key not in self._busy and len(batch) < self._at_most
            (batch if free else left).append(waiting)
        self._waiting = left
        if batch:
            self.sizes[len(batch)] += 1
        self._busy.update(waiting.key for waiting in batch)
        self._waiting_of -= Counter(waiting.key for waiting in batch)
        return batch

    async def _run(self, batch: list[_Waiting[T, R]]) -> None:
        try:
            results = await self._work([waiting.item for waiting in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"{len(results)} results for {len(batch)} items")
        except Exception as error:
            # Whoever waits is told; the next batch is tried all the same.
            for waiting in batch:
                if not waiting.future.done():
                    waiting.future.set_exception(error)
        else:
            for waiting, result in zip(batch, results, strict=True):
                if not waiting.future.done():
                    waiting.future.set_result(result)
        finally:
            self._busy.difference_update(waiting.key for waiting in batch)
            task = asyncio.current_task()
            if task is not None:
                self._running.discard(task)
            self._begin()
