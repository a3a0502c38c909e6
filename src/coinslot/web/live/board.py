"""Which sessions are watched, and what their watchers are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import asyncpg
from nats.aio.client import Client

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]


class LiveBoard:
    """The watched sessions of this process, from `start` to `stop`."""

    def __init__(self, pool: Pool, client: Client) -> None:
        self._pool = pool
        self._client = client

    async def start(self) -> None:
        """Begin to follow."""

    async def stop(self) -> None:
        """Let go of the link."""
