"""Time, as the shell sees it; the core is only ever given ticks."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

BUILD_MS = 1_735_689_600_000
"""January 2025: a board's clock before this release was made is not to be believed."""


class Clock(Protocol):
    """Ticks since this boot, the wall clock if known, and waiting."""

    def ticks_ms(self) -> int:
        """Milliseconds since this clock was made: never back, whatever the wall clock does."""

    def wall_ms(self) -> int | None:
        """Unix milliseconds, None when the board cannot know."""

    async def wait(self, event: asyncio.Event, ms: int) -> None:
        """Until the event is set, or so many ticks have passed."""


class RealClock:
    """`time.monotonic`, and the system's clock where it is later than this release."""

    def __init__(self) -> None:
        self._start_ns = time.monotonic_ns()

    def ticks_ms(self) -> int:
        return (time.monotonic_ns() - self._start_ns) // 1_000_000

    def wall_ms(self) -> int | None:
        now_ms = time.time_ns() // 1_000_000
        return now_ms if now_ms >= BUILD_MS else None

    async def wait(self, event: asyncio.Event, ms: int) -> None:
        try:
            async with asyncio.timeout(ms / 1000):
                await event.wait()
        except TimeoutError:
            return


class VirtualClock:
    """A clock that whoever replays or simulates moves on by hand."""

    def __init__(self, wall_ms: int | None = None) -> None:
        self._now = 0
        self._wall_ms = wall_ms
        self._moved = asyncio.Event()

    def advance(self, ms: int) -> None:
        """Let so many ticks pass at once; wakes everything that waits for them."""
        self._now += ms
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def ticks_ms(self) -> int:
        return self._now

    def wall_ms(self) -> int | None:
        return None if self._wall_ms is None else self._wall_ms + self._now

    async def wait(self, event: asyncio.Event, ms: int) -> None:
        until = self._now + ms
        woken = asyncio.ensure_future(event.wait())
        try:
            while self._now < until and not event.is_set():
                moved = asyncio.ensure_future(self._moved.wait())
                try:
                    await asyncio.wait((woken, moved), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    moved.cancel()
        finally:
            woken.cancel()
