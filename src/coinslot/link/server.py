"""One link worker, put together: connections, callout, inbox, telemetry, revocations."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
import msgspec
from nats.aio.client import Client
from nats.errors import Error as NatsError

from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import UNANSWERED
from coinslot.fleet.offers import MENU_CHANGED
from coinslot.fleet.provisioning import SECRET_CHANGED, authenticate
from coinslot.fleet.updates import UPDATES_CHANGED
from coinslot.link.auth import AuthCallout
from coinslot.link.bills import Bills
from coinslot.link.clients import connect
from coinslot.link.ending import end
from coinslot.link.inbox import Inbox
from coinslot.link.kick import kick
from coinslot.link.menus import Menus
from coinslot.link.offline import DueTerms, OfflineTerms
from coinslot.link.opening import Opening
from coinslot.link.outgoing import Outgoing
from coinslot.link.presence import mark_absent
from coinslot.link.selling import Orders
from coinslot.link.telemetry import Telemetry
from coinslot.link.tokens import Issuer
from coinslot.link.typing import Typed
from coinslot.link.updates import Updates
from coinslot.link.wishes import Wishes
from coinslot.settlement.store import PostgresBooks
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import Config

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]

log = logging.getLogger(__name__)

_CHANNELS = (SECRET_CHANGED, MENU_CHANGED, UPDATES_CHANGED)
_FLUSH_S = 5.0
_AGAIN_S = 1.0
_STALE = """
    SELECT t.terminal_id FROM terminal t JOIN terminal_link l USING (operator_id, terminal_id)
    WHERE l.online AND GREATEST(t.revoked_at, t.rotated_at) > l.link_began_at
"""
"""Connected, as far as is known, since before their secret was changed."""


def _nowhere() -> str:
    """No artifact is served."""
    return ""


class LinkServer:
    """Serves terminals from `start` to `stop`. `orders` sells on appliances, `typed` knows the codes for keypads;
    without them nothing is sold there, and no code opens anything. `due_terms` says on which terms codes are taken
    without the link; without it a terminal keeps those that it has. `artifacts` is the address under which terminals find what is
    served here of their updates, as it is known by then."""

    def __init__(
        self,
        pool: Pool,
        access: BrokerAccess,
        config: Config | None = None,
        orders: Orders | None = None,
        typed: Typed | None = None,
        due_terms: DueTerms | None = None,
        artifacts: Callable[[], str] = _nowhere,
    ) -> None:
        self._pool = pool
        self._access = access
        self._config = config or Config()
        self._orders = orders
        self._typed = typed
        self._due_terms = due_terms
        self._artifacts = artifacts
        self.tasks: list[asyncio.Task[None]] = []
        """What runs until `stop`: one that ends before has failed, and its owner must not go on without it."""
        self._telemetry = Telemetry(pool)
        self._kicks: asyncio.Queue[TerminalId] = asyncio.Queue()
        self._returned = asyncio.Event()

    async def start(self) -> None:
        """Connect and serve. nats.errors.Error or OSError when the broker is not there."""
        access = self._access
        self._system = await self._connect(access.sys_user, access.sys_password, "link-system")
        self._auth = await self._connect(access.auth_user, access.auth_password, "link-auth")
        self._callout = AuthCallout(self._auth, Issuer(access.issuer_seed), self._authenticate)
        await self._callout.start()
        self._client = await connect(
            access.url,
            user=access.server_user,
            password=access.server_password,
            name="link",
            on_return=self._broker_is_back,
        )
        outgoing = Outgoing(self._client)
        self._menus = Menus(self._pool, outgoing, self._orders)
        self._offline = OfflineTerms(self._pool, outgoing, self._due_terms)
        self._bills = Bills(self._pool, outgoing)
        self._updates = Updates(self._pool, outgoing, self._artifacts)
        self._wishes = Wishes(self._pool, outgoing, self._orders, refused=self._menus.tell, typed=self._typed)
        self.inbox = Inbox(
            self._client,
            PostgresBooks(self._pool),
            outgoing,
            config=self._config,
            on_readings=self._telemetry.take,
            on_wish=self._wishes.take,
            on_hello=self._greeted,
            on_updated=self._updates.take,
            on_applied=self._bills.take,
        )
        await self.inbox.start()
        await self._client.flush()
        await self._auth.flush()
        self._returned.set()
        self.tasks = [
            asyncio.create_task(self._telemetry.run(), name="telemetry"),
            asyncio.create_task(self._menus.run(), name="menus"),
            asyncio.create_task(Opening(self._pool, self._menus.tell_all_of).run(), name="hours"),
            asyncio.create_task(self._offline.run(), name="offline terms"),
            asyncio.create_task(self._updates.run(), name="updates"),
            asyncio.create_task(self._bills.run(), name="bills"),
            asyncio.create_task(self._listen(), name="changes"),
            asyncio.create_task(self._kick_all(), name="kicks"),
            asyncio.create_task(self._watch_presence(), name="presence"),
        ]

    async def stop(self) -> None:
        """Take nothing new, finish what was taken, write what is kept, leave."""
        await end(self.tasks)
        await self.inbox.stop()
        await self._wishes.close()
        try:
            await asyncio.wait_for(self._telemetry.flush(), _FLUSH_S)
        except UNANSWERED as error:
            log.warning("the last readings were not stored: %s", error)
        for client in (self._client, self._auth, self._system):
            await client.close()
        await self._callout.stop()  # nobody asks any more

    def _greeted(self, terminal: TerminalId) -> None:
        self._menus.tell(terminal)
        self._offline.tell(terminal)
        self._updates.tell(terminal)

    async def _connect(self, user: str, password: str, name: str) -> Client:
        return await connect(self._access.url, user=user, password=password, name=name)

    async def _authenticate(self, terminal: TerminalId, secret: str) -> bool:
        async with self._pool.acquire() as connection:
            return await authenticate(connection, terminal, secret) is not None

    async def _broker_is_back(self) -> None:
        self._returned.set()

    async def _watch_presence(self) -> None:
        """Whenever the broker is there again, learn whose farewell it could not pass on."""
        while True:
            await self._returned.wait()
            self._returned.clear()
            try:
                absent = await mark_absent(self._pool, self._system)
            except (*UNANSWERED, NatsError, msgspec.MsgspecError) as error:
                log.warning("not known who is connected, asking again: %s", error)
                self._returned.set()
                await asyncio.sleep(_AGAIN_S)
            else:
                if absent:
                    log.info("%d terminals are not connected any more", absent)

    async def _listen(self) -> None:
        """Hear of secrets that were changed, and of what is sold, on a connection of its own."""

        def heard(_connection: object, _pid: int, channel: str, what: object) -> None:
            if channel == SECRET_CHANGED:
                self._kicks.put_nowait(TerminalId(str(what)))
            elif channel == UPDATES_CHANGED:
                self._updates.tell_all_of(str(what))
            else:
                self._menus.tell_all_of(str(what))
                self._offline.tell_all_of(str(what))

        while True:
            try:
                async with self._pool.acquire() as connection:
                    over = asyncio.Event()
                    connection.add_termination_listener(lambda _, over=over: over.set())
                    for channel in _CHANNELS:
                        await connection.add_listener(channel, heard)
                    try:
                        # What was said while nobody listened is not said again.
                        for row in await connection.fetch(_STALE):
                            self._kicks.put_nowait(TerminalId(row[0]))
                        await over.wait()
                    finally:
                        if not connection.is_closed():
                            for channel in _CHANNELS:
                                await connection.remove_listener(channel, heard)
            except UNANSWERED as error:
                log.warning("not listening for changes, trying again: %s", error)
                await asyncio.sleep(_AGAIN_S)

    async def _kick_all(self) -> None:
        while True:
            terminal = await self._kicks.get()
            try:
                await kick(self._system, terminal)
            except (OSError, NatsError, msgspec.MsgspecError) as error:
                log.error("terminal %s may still use its old secret, trying again: %s", terminal, error)
                self._kicks.put_nowait(terminal)
                await asyncio.sleep(_AGAIN_S)
