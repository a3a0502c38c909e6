"""A terminal's clock that stands until it is moved, one turn of its agent at a time."""

from __future__ import annotations

import asyncio


class StepClock:
    """The clock of one agent. Each step gives the agent one turn, and ends when that is over."""

    def __init__(self) -> None:
        self._now_ms = 0
        self._wake: asyncio.Event | None = None
        self._turned: set[asyncio.Future[None]] = set()

    def ticks_ms(self) -> int:
        """Milliseconds since this clock was made."""
        return self._now_ms

    def wall_ms(self) -> int | None:
        """Unknown: the server's welcome tells it, as on a board without a battery."""
        return None

    async def wait(self, event: asyncio.Event, ms: int) -> None:
        """Until the event or the next step, however short: whoever steps knows when something happens."""
        self._wake = event
        self.release()
        await event.wait()

    def release(self) -> None:
        """The agent's turn is over, or there will be none any more."""
        for waiting in self._turned:
            if not waiting.done():
                waiting.set_result(None)
        self._turned.clear()

    def turn(self) -> asyncio.Future[None]:
        """Done when the agent's next turn is over."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turned.add(waiting)
        return waiting

    async def step(self, to_ms: int) -> None:
        """Move to a moment, never back, and let the agent see it."""
        self._now_ms = max(self._now_ms, to_ms)
        if self._wake is not None:
            self._wake.set()
        await self.turn()
