"""Watching the children from the main thread's event loop, and starting again what died by itself."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence

from coinslot.engines.engine import Engine
from coinslot.engines.errors import EngineError, StartFailed

MOST_DEATHS = 5
WITHIN_S = 60.0
"""An engine that dies more often than that in this time is broken, not unlucky: a restart would not help."""


async def supervise(
    engines: Sequence[Engine], *, restarted: Callable[[Engine], None] = lambda engine: None
) -> None:
    """Keep the engines running until cancelled; `restarted` is told of each one that had to be started again.

    Run it as a task of the main thread's loop, and cancel it before stopping an engine on purpose.
    StartFailed when one cannot be kept alive.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for engine in engines:
                group.create_task(_keep(engine, restarted), name=f"supervise {engine.name}")
    except* EngineError as failed:
        # One is enough to end with, and whoever started us has words for it.
        raise failed.exceptions[0] from None


async def _keep(engine: Engine, restarted: Callable[[Engine], None]) -> None:
    loop = asyncio.get_running_loop()
    deaths: list[float] = []
    while True:
        await _ended(engine.pid)
        if engine.running:
            continue
        deaths = [at for at in deaths if loop.time() - at < WITHIN_S] + [loop.time()]
        if len(deaths) > MOST_DEATHS:
            raise StartFailed(
                f"{engine.name} died {len(deaths)} times within {WITHIN_S:.0f} s",
                f"See its log: {engine.log}.",
            )
        deadline = time.monotonic() + engine.ready_s
        engine.launch()  # forks, so it has to be this thread; the wait that follows need not
        while not await asyncio.to_thread(engine.wait_ready, deadline):
            engine.launch()
        restarted(engine)


async def _ended(pid: int) -> None:
    """Return when the process has ended, told by the kernel, without polling."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
