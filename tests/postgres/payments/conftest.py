"""A till for each test: an operator of its own in this worker's one database, since to copy one costs half a second."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from coinslot.engines.connect import Pool, connect_owner, open_pool
from tests.support.engines import create_database, drop_database, run_apart
from tests.support.giving_back import Office
from tests.support.till import Till

_EMPTY = """
    TRUNCATE merchant, payment_intent, payment_attempt, provider_payment, payment_inbox, withdrawal, refund, payment_start,
        direct_order, refund_decision, counter_payment, counter_refund, counter_banked, provider_bill, provider_bill_line,
        provider_bill_total, provider_bill_difference, review;
    UPDATE operator SET name = operator_id
"""


@pytest.fixture(scope="session")
def payments_url(admin_url: str, template_name: str) -> Iterator[str]:
    """A database for all tests here."""
    url = run_apart(create_database(admin_url, template_name))
    yield url
    run_apart(drop_database(admin_url, url))


@pytest.fixture
async def pool(payments_url: str) -> AsyncIterator[Pool]:
    """Connections to it, with no payment there yet."""
    owner = await connect_owner(payments_url)
    await owner.execute(_EMPTY)
    await owner.close()
    opened = await open_pool(payments_url, min_size=1, max_size=10)
    yield opened
    opened.terminate()


@pytest.fixture
async def till(pool: Pool, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Till]:
    """One operator with one account at one provider; its books are looked over after the test."""
    opened = await Till(pool).open()
    with caplog.at_level(logging.INFO):
        yield opened
    broken = [record.getMessage() for record in caplog.records if record.exc_info]
    assert broken == []
    await opened.in_order(exactly=False)


@pytest.fixture
async def office(till: Till, payments_url: str) -> Office:
    """The same operator with its staff."""
    return await Office(till, payments_url).open()
