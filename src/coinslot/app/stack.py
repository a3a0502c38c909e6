"""The server's parts, put together in this process: what `serve`, the demo, replays, benchmarks and tests run."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from collections.abc import Set as AbstractSet
from functools import partial
from types import TracebackType
from typing import Final, Self

from nats.aio.client import Client

from coinslot.app.connections import Connections, raise_file_limit, room
from coinslot.app.http import HttpOptions, HttpServer
from coinslot.app.proxies import Trust
from coinslot.app.retention import keep_forgetting
from coinslot.app.settings import Role
from coinslot.app.stack_options import PaymentOptions, StackOptions
from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import KEYED, Pool, open_pool
from coinslot.link.clients import Answering, connect
from coinslot.link.outgoing import Outgoing
from coinslot.link.server import LinkServer
from coinslot.link.sweeper import Sweeper
from coinslot.payments.model import Merchant
from coinslot.providers.counter import with_counters
from coinslot.providers.courier import Courier
from coinslot.providers.switch import ByChannel
from coinslot.providers.webhook_calls import Caller
from coinslot.providers.webhooks import WebhookSender
from coinslot.settlement.codes.beginning import Codes
from coinslot.settlement.offline.terms import due_terms
from coinslot.settlement.payments.bill_checks import BillChecks
from coinslot.settlement.payments.direct_starts import DirectStarts
from coinslot.settlement.payments.door import PaymentDoor, nobody
from coinslot.settlement.payments.orders import Orders
from coinslot.settlement.payments.worker import Cashier
from coinslot.settlement.starter import Starter
from coinslot.settlement.store import PostgresBooks
from coinslot.web.app import build_app
from coinslot.web.headers import Headed
from coinslot.web.live.board import LiveBoard
from coinslot.web.metrics import Metrics, Sources
from coinslot.web.services import Services, TerminalDoor
from coinslot.web.streams import Streams
from coinslot.web.tracing import Traced
from coinslot.webhooks.destinations import networks

__all__ = ["ALL_ROLES", "PaymentOptions", "Stack", "StackOptions"]

log = logging.getLogger(__name__)

ALL_ROLES: Final = frozenset({Role.WEB, Role.LINK, Role.SWEEP})
_FLUSH_S: Final = 1
_CLOSE_S: Final = 1.0
"""What each part may take to finish; a database that hangs must not keep a process from ending within 5 s.
What was not committed by then was not promised to anybody."""


class Stack:
    """A running server over a migrated database and a broker; `async with` starts and stops it.

    A process of its own, or part of another's: it installs no signal handler and starts no engine. Start and
    stop sessions with `starter`, whatever the roles.
    """

    def __init__(
        self,
        database_url: str,
        access: BrokerAccess,
        roles: AbstractSet[Role] = ALL_ROLES,
        options: StackOptions | None = None,
    ) -> None:
        self._database_url = database_url
        self._access = access
        self._roles = ALL_ROLES if Role.ALL in roles else frozenset(roles)
        self._options = options or StackOptions()
        self._stopping = contextlib.AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self.http_url = ""
        """Of the API and pages; empty without the role `web`."""
        self.pool: Pool
        self.books: PostgresBooks
        self.client: Client
        """A NATS client of account APP."""
        self.outgoing: Outgoing
        self.starter: Starter
        self.courier: Courier | None = None
        """Tells customers of what ended; None without the role `sweep`."""
        self.payments: PaymentDoor | None = None
        """Where money is collected and returned; None without `StackOptions.payments`."""
        self.streams = Streams()
        self._link: LinkServer | None = None

    async def start(self) -> Self:
        """Connect and serve. EngineError, nats.errors.Error, OSError or Problem when a part cannot."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def stop(self) -> None:
        """Take nothing more, finish what was taken, say what is owed, let go. Within some 4 seconds."""
        await self._stopping.aclose()

    async def wait(self) -> None:
        """Until a part ends that should not: raises its error. For ever when all is well."""
        if not self._tasks:
            await asyncio.Event().wait()
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in self._tasks:
            if task.done():
                if not task.cancelled():
                    task.result()
                raise RuntimeError(f"{task.get_name()} has ended by itself")

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _start(self) -> None:
        # What is started later is stopped earlier: first the doors, then what is behind them.
        self.pool = await open_pool(
            self._database_url, min_size=2, max_size=self._options.pool_size, planning=KEYED
        )
        self._at_stop("database", self._close_pool)
        access = self._access
        self.client = await connect(
            access.url, user=access.server_user, password=access.server_password, name="server"
        )
        self._answering = Answering(self.client)
        self._at_stop("broker", self._close_client)
        self.books = PostgresBooks(self.pool)
        self.outgoing = Outgoing(self.client)
        self.starter = Starter(self.books, self.outgoing.send_all)
        self._at_stop("starts", self.starter.close)
        self._open_payments()
        if Role.LINK in self._roles:
            orders = None if self.payments is None else Orders(self.payments)
            self._link = link = LinkServer(
                self.pool,
                access,
                self._options.config,
                orders,
                Codes(self.pool, self._options.keyring),
                partial(due_terms, self.pool, self._options.keyring),
                lambda: self._options.public_url or self.http_url,
            )
            await link.start()
            self._at_stop("link", link.stop)
            self._tasks += link.tasks
        if Role.SWEEP in self._roles:
            self._keep(Sweeper(self.pool, self.books, self.outgoing).run(), "sweep")
            notifier = self._options.notifier or ByChannel()
            self.courier = Courier(self.pool, notifier, self._options.public_url)
            self._keep(self.courier.run(), "courier")
            self._keep(keep_forgetting(self.pool), "retention")
            caller = Caller(networks(self._options.webhook_networks))
            self._keep(WebhookSender(self.pool, self._options.keyring, caller).run(), "webhooks")
        if Role.WEB in self._roles:
            await self._start_web()

    def _open_payments(self) -> None:
        """Before the link and the web: both ask for payments, and the cashier acts on what they note."""
        payments = self._options.payments
        if payments is None:
            return
        options, nudge = self._options, nobody
        find = with_counters(self.pool, payments.find)
        if Role.SWEEP in self._roles:
            cashier = Cashier(self.pool, find, self.notify_url)
            nudge = cashier.nudge
            self._keep(cashier.run(), "cashier")
            self._keep(BillChecks(self.pool, find).run(), "provider bills")
            starts = DirectStarts(
                self.pool,
                self.outgoing.send_all,
                keyring=options.keyring,
                public_url=payments.pages_base or options.public_url,
                nudge_cashier=nudge,
            )
            self._keep(starts.run(), "paid uses")
        self.payments = PaymentDoor(pool=self.pool, find=find, notify_url=self.notify_url, nudge=nudge)

    def notify_url(self, merchant: Merchant) -> str:
        """Where a merchant's provider sends its notifications; empty in a process that has no address for them."""
        payments = self._options.payments
        base = (payments.notify_base if payments else "") or self._options.public_url or self.http_url
        return f"{base}/notify/{merchant.provider}/{merchant.merchant_id}" if base else ""

    async def _start_web(self) -> None:
        access, options = self._access, self._options
        door = options.door or TerminalDoor(
            mqtt_host=access.mqtt_host, mqtt_port=access.mqtt_port, tls=False, ca=None
        )
        live = LiveBoard(self.pool, self.client, options.config)
        await live.start()
        self._tasks.append(live.task)
        self._at_stop("watchers", live.stop)
        services = Services(
            pool=self.pool,
            starter=self.starter,
            door=door,
            check_broker=self.check_broker,
            keyring=options.keyring,
            notifier=options.notifier or ByChannel(),
            live=live,
            streams=self.streams,
            payments=self.payments,
            public_url=options.public_url,
            demo=options.demo,
            wall=None if options.wall is None else options.wall(self),
        )
        connections = Connections(most=room(raise_file_limit()))
        metrics = Metrics(
            self.pool,
            Sources(
                streams=self.streams,
                starts=self.starter,
                link=None if self._link is None else self._link.inbox,
                connections=lambda: (connections.count, connections.cut_for_room),
            ),
            options.metrics_token,
        )
        server = HttpServer(
            Traced(
                Headed(build_app(services, metrics), https_only=options.public_url.startswith("https:")),
                metrics.observe,
            ),
            HttpOptions(
                host=options.http_host,
                port=options.http_port,
                tls=options.http_tls,
                trust=Trust(options.trusted_proxies),
                connections=connections,
            ),
        )
        await server.start()
        self._tasks.append(server.task)
        self._stopping.push_async_callback(server.stop)
        # Before the server waits for its requests to end: live views never would by themselves.
        self._stopping.callback(services.streams.stopping.set)
        self.http_url = server.url

    def _keep(self, work: Coroutine[object, object, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.append(task)

        async def end() -> None:
            task.cancel()
            await asyncio.wait([task])

        self._at_stop(name, end)

    def _at_stop(self, name: str, end: Callable[[], Awaitable[None]]) -> None:
        async def bounded() -> None:
            ending = asyncio.ensure_future(end())
            _, late = await asyncio.wait([ending], timeout=_CLOSE_S)
            if late:
                # It goes on until its connections are closed under it, and what it then says is no news.
                log.warning("%s: not finished within %.0f s, left", name, _CLOSE_S)
                ending.add_done_callback(lambda done: done.cancelled() or done.exception())
            else:
                ending.result()

        self._stopping.push_async_callback(bounded)

    async def check_broker(self) -> None:
        """Return when the broker has answered; OSError or TimeoutError when it does not."""
        await self._answering.within(_FLUSH_S)

    async def _close_client(self) -> None:
        try:
            await self.check_broker()
        except OSError as error:
            log.warning("commands may not have left, the next server sends them again: %s", error)
        await self.client.close()

    async def _close_pool(self) -> None:
        try:
            await asyncio.wait_for(self.pool.close(), _CLOSE_S / 2)
        except TimeoutError:
            self.pool.terminate()
