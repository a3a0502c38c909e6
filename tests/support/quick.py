"""A terminal's clock that runs quicker than the world's, so that a resend after 4 s takes a moment.

To the terminal every start then expires early, never late: the safe side.
"""

from __future__ import annotations

import asyncio

from coinslot.terminal.clock import RealClock


class QuickClock:
    """`times` ticks for each real one."""

    def __init__(self, times: int) -> None:
        self._times = times
        self._real = RealClock()
        self._from_ms = 0
        self._ticks_ms = 0

    def hurry(self, times: int) -> None:
        """Another pace from now on; what has passed has passed."""
        self._ticks_ms, self._from_ms = self.ticks_ms(), self._real.ticks_ms()
        self._times = times

    def ticks_ms(self) -> int:
        """See `Clock`."""
        return self._ticks_ms + (self._real.ticks_ms() - self._from_ms) * self._times

    def wall_ms(self) -> int | None:
        """See `Clock`."""
        return self._real.wall_ms()

    async def wait(self, event: asyncio.Event, ms: int) -> None:
        """See `Clock`."""
        await self._real.wait(event, max(1, ms // self._times))
