"""Fixtures shared by all tests. An engine starts only when the first test of a worker asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from coinslot.engines.broker import BrokerAccess, EmbeddedBroker
from coinslot.engines.connect import Connection, Pool, connect_owner, open_pool
from coinslot.engines.migrate import migrate
from coinslot.engines.postgres import EmbeddedPostgres
from tests.support.engines import (
    UNSAFE_BUT_QUICK,
    create_database,
    drop_database,
    engine_folder,
    run_apart,
)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A running PostgreSQL of this worker."""
    with (
        engine_folder() as folder,
        EmbeddedPostgres(folder / "postgres", settings=UNSAFE_BUT_QUICK) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def admin_url(postgres: EmbeddedPostgres) -> str:
    """The superuser's URL of the database `postgres`."""
    return postgres.url("postgres")


@pytest.fixture(scope="session")
def template_name(admin_url: str) -> str:
    """A database with every migration applied, to be copied."""

    async def make() -> str:
        url = await create_database(admin_url)
        await migrate(url)
        return url.split("?", 1)[0].rsplit("/", 1)[1]

    return run_apart(make())


@pytest.fixture
async def database_url(
    request: pytest.FixtureRequest, admin_url: str, template_name: str
) -> AsyncIterator[str]:
    """A migrated database of this test's own, given up after it."""
    fresh = request.node.get_closest_marker("fresh_database") is not None
    url = await create_database(admin_url, template_name, fresh=fresh)
    yield url
    await drop_database(admin_url, url)


@pytest.fixture
async def empty_database_url(admin_url: str) -> AsyncIterator[str]:
    """A database of this test's own in which nothing was ever done."""
    url = await create_database(admin_url)
    yield url
    await drop_database(admin_url, url)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Connections as the running product has them: the role `coinslot_app`."""
    opened = await open_pool(database_url, min_size=1, max_size=10)
    yield opened
    opened.terminate()


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[Connection]:
    """One connection as the owner of all tables, to look at and spoil what the product may not."""
    connection = await connect_owner(database_url)
    yield connection
    connection.terminate()


@pytest.fixture(scope="session")
def broker_engine() -> Iterator[EmbeddedBroker]:
    """A running NATS server of this worker."""
    with engine_folder() as folder, EmbeddedBroker(folder / "nats") as server:
        yield server


@pytest.fixture
def broker(broker_engine: EmbeddedBroker) -> BrokerAccess:
    """Address and passwords of this worker's NATS server."""
    return broker_engine.access
