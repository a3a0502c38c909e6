"""Engines of a test's own, for tests that kill them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from coinslot.engines.broker import EmbeddedBroker
from coinslot.engines.connect import Pool
from coinslot.link.sweeper import Sweeper
from tests.support.engines import engine_folder
from tests.support.plant import Plant


@pytest.fixture
def mortal_broker() -> Iterator[EmbeddedBroker]:
    """A NATS server that a test may kill; started again on the same ports by `ensure_running`."""
    with engine_folder() as folder, EmbeddedBroker(folder / "nats") as server:
        yield server


@pytest.fixture
async def swept_plant(pool: Pool, mortal_broker: EmbeddedBroker, tmp_path: Path) -> AsyncIterator[Plant]:
    """A plant on the mortal broker, with the sweep running."""
    async with Plant(pool, mortal_broker.access, tmp_path) as plant:
        sweeping = asyncio.create_task(Sweeper(pool, plant.books, plant.outgoing).run())
        yield plant
        sweeping.cancel()
        await asyncio.wait([sweeping])
