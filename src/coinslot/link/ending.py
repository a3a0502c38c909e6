"""Ending tasks for certain."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

_AGAIN_S = 0.5


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel these until they have ended; what they raise is nobody's business any more.

    Once is not enough: in Python 3.11 `asyncio.wait_for`, which the broker's client waits with, forgets a
    cancellation that meets the answer it waited for, and the task goes on for ever.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_S)
