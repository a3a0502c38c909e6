"""Group commit: while one transaction runs, the next batch gathers. No timer, no added delay.

An item that comes alone is handled at once; under load the batch grows by itself to what arrived during
one commit, and the cost of the commit is shared.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Closed(Exception):
    """The batcher takes nothing more."""


class Batcher(Generic[T, R]):
    """Hands items to `work` in batches of at most `at_most`, one batch at a time, in order."""

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[Sequence[R]]], *, at_most: int) -> None:
        self._work = work
        self._at_most = at_most
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._runner: asyncio.Task[None] | None = None
        self._closed = False

    def put(self, item: T) -> asyncio.Future[R]:
        """Queue an item; its result comes with its batch. Closed after `close`."""
        if self._closed:
            raise Closed("stopping: nothing more is taken")
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())
        return future

    async def close(self) -> None:
        """Take nothing more, and finish what was taken."""
        self._closed = True
        while self._runner is not None:
            await asyncio.wait([self._runner])

    async def _run(self) -> None:
        try:
            while self._waiting:
                count = min(len(self._waiting), self._at_most)
                batch = [self._waiting.popleft() for _ in range(count)]
                await self._run_batch(batch)
        finally:
            self._runner = None

    async def _run_batch(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._work([item for item, _ in batch])
        except Exception as error:
            # Whoever waits is told; the next batch is tried all the same.
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
