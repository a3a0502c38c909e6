"""Waiting for a provider as long as somebody in front of a screen does; what takes longer goes on without them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Final, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)

PATIENCE_S: Final = 5.0
"""Providers answer within a second. One that hangs is given up after 20 s, by when nobody stands there any more."""
_going_on: set[asyncio.Task[object]] = set()


async def with_patience(work: Coroutine[None, None, T], patience_s: float) -> T | None:
    """What the work returns or raises; None when it takes longer. It is then finished all the same, for whoever asks
    next, and what it had committed is looked after by the cashier should this process end before."""
    task = asyncio.create_task(work)
    _going_on.add(task)
    try:
        await asyncio.wait({task}, timeout=patience_s)
    finally:
        task.add_done_callback(_ended)
    return task.result() if task.done() else None


def _ended(task: asyncio.Task[object]) -> None:
    _going_on.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("a provider's late answer could not be noted: %s", type(error).__name__)
