"""Who is woken when there is something to do."""

from __future__ import annotations

import asyncio


class Bell:
    """For several who do the same work until nothing is left of it: each ring wakes one of those who wait, so that a
    single notification is not looked for by all. While none waits, whoever is done first looks again."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []
        self._rung = False

    def ring(self) -> None:
        """There is something to do."""
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
                return
        self._rung = True

    async def heard(self) -> None:
        """Wait for a ring of one's own."""
        if self._rung:
            self._rung = False
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            await waiting
        finally:
            self._waiting.remove(waiting)
