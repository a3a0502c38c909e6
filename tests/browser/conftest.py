"""One browser per worker, and a town and visitors for each test. They and the tests here live in the worker's one loop."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from coinslot.engines.broker import BrokerAccess
from tests.support.browser import Phone, Visitor, open_browser
from tests.support.engines import create_database, drop_database

if TYPE_CHECKING:
    from tests.support.town import Town

Visit: TypeAlias = Callable[..., Awaitable[Visitor]]
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser belongs to the loop it was opened in: all asynchronous tests here run in the worker's."""
    for item in items:
        if item.path.is_relative_to(_HERE) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, ended with the worker."""
    async with open_browser() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def town(
    admin_url: str, template_name: str, broker: BrokerAccess, tmp_path: Path
) -> AsyncIterator[Town]:
    """The demo's world, with a database of its own."""
    from tests.support.town import open_town

    url = await create_database(admin_url, template_name)
    try:
        async with open_town(url, broker, tmp_path) as opened:
            yield opened
    finally:
        await drop_database(admin_url, url)


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, town: Town) -> AsyncIterator[Visit]:
    """`await visit(Phone(language="en", dark=True))`: somebody with a phone of their own; `origin` is another way
    to the server.

    After the test nothing of what they saw may have complained.
    """
    async with contextlib.AsyncExitStack() as ending:

        async def come(phone: Phone = Phone(), origin: str = "") -> Visitor:  # noqa: B008 - it is frozen
            return await ending.enter_async_context(Visitor(browser, origin or town.url, phone))

        yield come
