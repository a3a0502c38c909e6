"""Posting starts one at a time, on a connection that stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from coinslot.app.benches.bed import Bed
from coinslot.sandbox.load.doors import HttpDoor
from coinslot.wire.ids import new_id


class Poster:
    """Posts starts on one connection."""

    def __init__(self, door: HttpDoor) -> None:
        self._door = door

    def post(self) -> asyncio.Future[str]:
        """Post one under a new key; its answer."""
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._door.ask(new_id("req"), answer.set_result)
        return answer


@asynccontextmanager
async def open_poster(bed: Bed, url: str, at: int) -> AsyncIterator[Poster]:
    """A connection for the customer of the fleet's terminal `at`."""
    door = HttpDoor(bed.http_head(url), bed.http_body(at))
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: door, "127.0.0.1", urlsplit(url).port or 80)
    try:
        yield Poster(door)
    finally:
        door.close()
