"""An inn for each test, in this worker's one database for such: to copy one costs half a second."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from coinslot.engines.connect import Pool, connect_owner, open_pool
from tests.support.engines import create_database, drop_database, run_apart
from tests.support.inn import Inn

# What workers look for without asking whose it is.
_EMPTY = (
    "TRUNCATE payment_intent, payment_attempt, payment_inbox, refund, direct_order, session, review CASCADE"
)


@pytest.fixture(scope="session")
def direct_url(admin_url: str, template_name: str) -> Iterator[str]:
    """A database for all tests here."""
    url = run_apart(create_database(admin_url, template_name))
    yield url
    run_apart(drop_database(admin_url, url))


@pytest.fixture
async def pool(direct_url: str) -> AsyncIterator[Pool]:
    """Connections to it, with no payment and no session there yet."""
    owner = await connect_owner(direct_url)
    await owner.execute(_EMPTY)
    await owner.close()
    opened = await open_pool(direct_url, min_size=1, max_size=10)
    yield opened
    opened.terminate()


@pytest.fixture
async def inn(pool: Pool, direct_url: str, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Inn]:
    """One hotel; its books are looked over after the test."""
    opened = await Inn(pool, direct_url).open()
    with caplog.at_level(logging.INFO):
        yield opened
    broken = [record.getMessage() for record in caplog.records if record.exc_info]
    assert broken == []
    await opened.till.in_order(exactly=False)
