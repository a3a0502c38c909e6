"""A hotel whose own system listens on loopback, and a sender that sends when told to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest_asyncio

from coinslot.engines.connect import Connection, Pool, connect_owner, open_pool
from coinslot.keyring import Keyring
from coinslot.providers.webhook_calls import Caller
from coinslot.providers.webhooks import WebhookSender
from coinslot.settlement.aftermath import tell_ended
from coinslot.webhooks.destinations import networks
from coinslot.webhooks.endpoints import add_endpoint
from coinslot.webhooks.model import Endpoint
from coinslot.wire.ids import OperatorId, SiteId, new_id
from tests.support.desk import Desk, PlayedTerminal
from tests.support.engines import create_database, drop_database
from tests.support.receiver import Receiver

LOOPBACK = networks(["127.0.0.0/8"])
KEYRING = Keyring("a secret for tests alone, 32 letters")


class House:
    """One operator with a terminal, told of by webhooks."""

    def __init__(self, desk: Desk, terminal: PlayedTerminal, receiver: Receiver) -> None:
        self.desk = desk
        self.pool: Pool = desk.pool
        self.terminal = terminal
        self.receiver = receiver
        self.caller = Caller(LOOPBACK)
        self.sender = WebhookSender(desk.pool, KEYRING, self.caller)
        self._uses = 0

    @property
    def operator(self) -> OperatorId:
        return self.desk.operator

    async def endpoint(
        self,
        url: str = "",
        *,
        name: str = "Front office",
        site: SiteId | None = None,
        kinds: Sequence[str] = (),
        operator: OperatorId | None = None,
    ) -> Endpoint:
        """Another endpoint, at the house's receiver unless told otherwise."""
        async with self.pool.acquire() as connection:
            return await add_endpoint(
                connection,
                operator or self.operator,
                name=name,
                url=url or self.receiver.url,
                site_id=site,
                kinds=kinds,
                private=LOOPBACK,
                by="test",
            )

    async def uses(self, *, ml: int = 10_000) -> str:
        """Somebody uses the appliance and is done; the session. 1 L costs 0.045."""
        self._uses += 1
        customer = await self.desk.customer()
        session = await self.desk.begun(customer, self.terminal, key=f"use {self._uses}")
        await self.terminal.records(
            self.terminal.started(session), self.terminal.stopped(session, ml=ml, s=100)
        )
        return session.id

    async def tells(self) -> int:
        """What follows the ends of sessions is done."""
        async with self.pool.acquire() as connection:
            return await tell_ended(connection)

    async def used(self, count: int = 1) -> list[str]:
        """So many sessions, over and told."""
        sessions = [await self.uses() for _ in range(count)]
        await self.tells()
        return sessions

    async def due_again(self) -> None:
        """Whatever waits is due now."""
        await self.pool.execute("UPDATE webhook_delivery SET next_at = now() WHERE state = 'waiting'")

    async def standing(self) -> list[tuple[str, int, int | None, str]]:
        """State, tries, last status and error of each delivery, in the order of their making."""
        rows = await self.pool.fetch(
            "SELECT state, tries, status, error FROM webhook_delivery ORDER BY made_at, event_id"
        )
        return [(row[0], row[1], row[2], row[3]) for row in rows]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def database(admin_url: str, template_name: str) -> AsyncIterator[str]:
    """One for each file: each test has an operator of its own, and finds nothing waiting."""
    url = await create_database(admin_url, template_name)
    yield url
    await drop_database(admin_url, url)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool(database: str) -> AsyncIterator[Pool]:
    opened = await open_pool(database, min_size=1, max_size=10)
    yield opened
    opened.terminate()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def owner(database: str) -> AsyncIterator[Connection]:
    connection = await connect_owner(database)
    yield connection
    connection.terminate()


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as listening:
        yield listening


@pytest_asyncio.fixture(loop_scope="module")
async def house(pool: Pool, owner: Connection, receiver: Receiver) -> House:
    await owner.execute(
        "DELETE FROM webhook_delivery; DELETE FROM webhook_event; UPDATE session SET told_at = settled_at"
    )
    desk = await Desk(pool).open(new_id("Hotel"))
    return House(desk, await desk.terminal(), receiver)
