"""One database for all tests here; each test has an operator of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from coinslot.engines.connect import KEYED, Pool, open_pool
from tests.support.bath import Bath
from tests.support.engines import create_database, drop_database, run_apart


@pytest.fixture(scope="session")
def offline_url(admin_url: str, template_name: str) -> Iterator[str]:
    url = run_apart(create_database(admin_url, template_name))
    yield url
    run_apart(drop_database(admin_url, url))


@pytest.fixture
async def pool(offline_url: str) -> AsyncIterator[Pool]:
    """Connections as the server opens them."""
    opened = await open_pool(offline_url, min_size=1, max_size=12, planning=KEYED)
    yield opened
    opened.terminate()


@pytest.fixture
async def bath(pool: Pool) -> Bath:
    """Its terminal holds terms, and has no link."""
    return await Bath(pool).open()
