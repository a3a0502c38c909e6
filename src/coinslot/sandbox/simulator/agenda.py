"""Virtual time: what happens next, and when. No step takes any time by itself."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import TypeVar

T = TypeVar("T")
BEGIN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""The moment at which every run begins, by the server's clock."""


class Agenda:
    """A heap of things to do; equal moments keep the order in which they were asked for."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.steps = 0
        self._count = 0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []

    def now(self) -> datetime:
        """The server's clock."""
        return BEGIN + timedelta(milliseconds=self.now_ms)

    def after(self, ms: int, what: Callable[[], None]) -> None:
        """Do this so many milliseconds from now."""
        self._count += 1
        heapq.heappush(self._heap, (self.now_ms + max(0, ms), self._count, what))

    def step(self, until_ms: int) -> bool:
        """Do the next thing, if it comes before then; else let the time pass. False at the end."""
        if not self._heap or self._heap[0][0] > until_ms:
            self.now_ms = max(self.now_ms, until_ms)
            return False
        at, _, what = heapq.heappop(self._heap)
        self.now_ms = at
        self.steps += 1
        what()
        return True


def drive(coroutine: Coroutine[object, None, T]) -> T:
    """Run a coroutine that never has to wait, without an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("something waited in a run that has no event loop")
