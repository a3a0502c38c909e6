"""The sandbox's time: as it is, hurried, or moved by hand; and what falls due in it."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

Due: TypeAlias = Callable[[], Awaitable[None]]

STILL: Final = 0.0
"""The speed of a clock that only `advance` moves."""


@dataclass(order=True)
class Appointment:
    """Something to be done at a moment; equal moments keep their order."""

    at: datetime
    turn: int
    what: Due = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """It need not be done any more."""
        self.cancelled = True


class SandboxClock:
    """`speed` seconds pass in one real second; with STILL nothing passes but by `advance`.

    What is due now is done at once whatever the speed, as long as `run` runs.
    """

    def __init__(self, *, speed: float = 1.0, begin: datetime | None = None) -> None:
        self._speed = speed
        self._begin = begin or datetime.now(UTC)
        self._since = time.monotonic()
        self._jumped = timedelta()
        self._turn = 0
        self._heap: list[Appointment] = []
        self._wake = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def speed(self) -> float:
        """How many of its seconds pass in one."""
        return self._speed

    def now(self) -> datetime:
        """The sandbox's moment, in UTC."""
        passed_s = (time.monotonic() - self._since) * self._speed
        return self._begin + self._jumped + timedelta(seconds=passed_s)

    def after(self, seconds: float, what: Due) -> Appointment:
        """Do this so many of the sandbox's seconds from now; 0 is at once, though not within this call."""
        self._turn += 1
        appointment = Appointment(self.now() + timedelta(seconds=seconds), self._turn, what)
        heapq.heappush(self._heap, appointment)
        self._wake.set()
        return appointment

    async def advance(self, seconds: float) -> None:
        """Let time pass; what falls due is done in its order, each moment's before the next comes."""
        until = self.now() + timedelta(seconds=seconds)
        while True:
            await self.settled()
            following = self._next()
            if following is None or following.at > until:
                break
            self._jump_to(following.at)
        self._jump_to(until)
        await self.settled()

    async def settled(self) -> None:
        """Return when nothing that is due now is left to do."""
        while self._is_due() or self._under_way:
            if self._under_way:
                await asyncio.wait(self._under_way)
            else:
                await asyncio.sleep(0)

    async def run(self) -> None:
        """Do what falls due, each beside the others, until cancelled. What fails ends this, loudly."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._wake.clear()
                while self._is_due():
                    task = group.create_task(_do(heapq.heappop(self._heap)))
                    self._under_way.add(task)
                    task.add_done_callback(self._under_way.discard)
                try:
                    await asyncio.wait_for(self._wake.wait(), self._until_next_s())
                except TimeoutError:
                    continue

    def _next(self) -> Appointment | None:
        while self._heap and self._heap[0].cancelled:
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else None

    def _is_due(self) -> bool:
        following = self._next()
        return following is not None and following.at <= self.now()

    def _until_next_s(self) -> float | None:
        following = self._next()
        if following is None or self._speed == STILL:
            return None
        return max(0.0, (following.at - self.now()).total_seconds() / self._speed)

    def _jump_to(self, moment: datetime) -> None:
        self._jumped += max(timedelta(), moment - self.now())
        self._wake.set()


async def _do(appointment: Appointment) -> None:
    if not appointment.cancelled:
        await appointment.what()
