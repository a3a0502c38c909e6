"""Runs that process, and hears it."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Final, Protocol

import msgspec

from coinslot.terminal.updating.job import Job, Said

LIFE_S: Final = 3_600.0
"""Of one process: a server that drips would hold it for ever. What was loaded by then stays."""


class Worker(Protocol):
    """Does jobs."""

    async def run(self, job: Job) -> Said:
        """How it ended. Cancelled, it leaves nothing running."""


class ChildWorker:
    """A process for each job."""

    async def run(self, job: Job) -> Said:
        """As `Worker` says."""
        environment = {key: value for key, value in os.environ.items() if key != "NOTIFY_SOCKET"}
        try:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "coinslot.terminal.updating.work",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=environment,
            )
        except OSError as error:
            return Said(later=f"no process could be started: {error.strerror}")
        try:
            async with asyncio.timeout(LIFE_S):
                output, _ = await child.communicate(msgspec.json.encode(job))
            return msgspec.json.decode(output, type=Said)
        except TimeoutError:
            return Said(later="it took too long")
        except msgspec.MsgspecError:
            return Said(later="its process died")
        finally:
            if child.returncode is None:
                child.kill()
            await child.wait()
