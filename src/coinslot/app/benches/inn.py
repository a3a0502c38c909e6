"""A hotel for measurements: dryers with real agents, guests who choose on them, providers who tell of the payment."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Final
from urllib.parse import urlsplit

from coinslot.app.benches.bed import Bed
from coinslot.app.benches.repeats_providers import Kept, accounts_of
from coinslot.app.benches.shower import PATIENCE_S, TimedAppliance, WatchedAgent, online
from coinslot.app.demo_address import free_port
from coinslot.app.errors import Problem
from coinslot.app.hotel_tariffs import HOTEL
from coinslot.app.sandbox_keys import Accounts, open_accounts, write_merchants
from coinslot.app.seed import BY, make_fleet
from coinslot.engines.connect import Connection, open_pool
from coinslot.fleet.bulk import TerminalCredentials
from coinslot.fleet.rules import ApplianceKind
from coinslot.fleet.store import create_operator
from coinslot.fleet.tariff_store import add_tariff
from coinslot.sandbox.load.doors import OK, HttpDoor
from coinslot.sandbox.providers import alipay, wechat
from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.retries import Parcel
from coinslot.sandbox.providers.server import LOOPBACK, SandboxServer
from coinslot.sandbox.providers.switches import Switches
from coinslot.settlement.payments.merchants import add_merchant
from coinslot.settlement.payments.orders import MOST_LATELY
from coinslot.tariffs import dump_tariff
from coinslot.terminal.clock import RealClock
from coinslot.terminal.events import Cancelled, PackageChosen, StopKey
from coinslot.terminal.journal import FileJournal
from coinslot.terminal.mqtt import Account, MqttConnection
from coinslot.terminal.rating import QuoteRater
from coinslot.terminal.simulated import Model, settings_for, simulate
from coinslot.terminal.views import Phase, View
from coinslot.wire.ids import OperatorId

CODES: Final = MOST_LATELY - 1
"""That one appliance asks for in a round: it gets no more in a minute."""
_PACKAGE: Final = "min-30"
_PROVIDERS: Final = ("wechat", "alipay")
_LOOK_S: Final = 0.005
_WAL = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"


class Cashiers:
    """Both providers, and what they have to tell: it is posted by whoever measures, not by them."""

    def __init__(self, accounts: Accounts, port: int) -> None:
        clock, switches = SandboxClock(), Switches()
        self.server = SandboxServer(clock=clock, switches=switches, port=port)
        self._wechat = wechat.WechatSandbox(accounts.wechat, clock=clock, switches=switches)
        self._alipay = alipay.AlipaySandbox(accounts.alipay, clock=clock, switches=switches)
        self.server.add(self._wechat)
        self.server.add(self._alipay)
        self._kept = Kept(clock)
        now = self._wechat.wire_now
        self._wechat_says = wechat.notices.Notices(accounts.wechat, clock, switches, self._kept, now)
        self._alipay_says = alipay.notices.Notices(accounts.alipay, switches, self._kept, now)

    def paid(self, qr: str) -> Parcel:
        """Somebody scans and pays this; the notification of it."""
        code = qr.rpartition("/")[2]
        now = self._wechat.wire_now()
        if (order := self._wechat.book.by_code(code)) is not None:
            self._wechat.book.pay(order, "", now, although_closed=False)
            self._wechat_says.paid(order)
        elif (trade := self._alipay.book.by_code(code)) is not None:
            self._alipay.book.scan(trade, now)
            self._alipay.book.pay(trade, now, although_closed=False)
            self._alipay_says.changed(trade)
        else:
            raise Problem(f"nobody sells {qr}", "This is a mistake of the measurement.")
        return self._kept.parcels.pop()


class Dryer:
    """One appliance with its agent. Made by `Inn.next_dryer`."""

    def __init__(self, agent: WatchedAgent, appliance: TimedAppliance, cashiers: Cashiers) -> None:
        self._agent = agent
        self._appliance = appliance
        self._cashiers = cashiers

    async def sells(self, number: int, connection: Connection) -> tuple[float, int]:
        """One use, chosen, paid, begun, stopped: milliseconds from the notification to the closed relay, and the
        write-ahead log that was written meanwhile, bytes."""
        provider = _PROVIDERS[number % len(_PROVIDERS)]
        await self._shows(lambda view: view.phase is Phase.CHOOSE, "a menu")
        self._agent.pressed(PackageChosen(outlet=0, provider=provider, package=_PACKAGE))
        shown = await self._shows(lambda view: view.qr is not None, "a code")
        assert shown.qr is not None
        parcel = self._cashiers.paid(shown.qr)
        before = await connection.fetchval(_WAL)
        took_ms = await self._told(parcel)
        wal_bytes = int(await connection.fetchval(_WAL) - before)
        self._agent.all_acknowledged.clear()
        self._agent.pressed(StopKey(0))
        async with asyncio.timeout(PATIENCE_S):
            await self._agent.all_acknowledged.wait()
        await self._shows(lambda view: view.phase is Phase.FINISHED, "its end")
        self._agent.pressed(Cancelled(0))
        return took_ms, wal_bytes

    async def _told(self, parcel: Parcel) -> float:
        loop = asyncio.get_running_loop()
        headers, body = parcel.make()
        parts = urlsplit(parcel.url)
        lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        door = HttpDoor("\r\n".join([*lines, ""]).encode(), body)
        await loop.create_connection(lambda: door, LOOPBACK, parts.port or 80)
        try:
            self._appliance.valve.opened_at = loop.create_future()
            answered: asyncio.Future[str] = loop.create_future()
            began = time.perf_counter()
            door.ask("", answered.set_result)
            async with asyncio.timeout(PATIENCE_S):
                opened_at = await self._appliance.valve.opened_at
                if (answer := await answered) != OK:
                    raise Problem(f"a notification was refused: {answer}", "Look at the server's log.")
            return (opened_at - began) * 1000
        finally:
            door.close()

    async def _shows(self, wanted: Callable[[View], bool], what: str) -> View:
        """What the display shows once it shows that."""
        for _ in range(round(PATIENCE_S / _LOOK_S)):
            view = self._appliance.view
            if view is not None and wanted(view):
                return view
            await asyncio.sleep(_LOOK_S)
        raise Problem(
            f"the display never showed {what}, but {view.phase if view else 'nothing'}",
            "Look at the server's log with --keep.",
        )


class Inn:
    """Made by `make_inn`, before the server starts."""

    def __init__(
        self, bed: Bed, operator: str, terminals: list[TerminalCredentials], accounts: Accounts, port: int
    ) -> None:
        self._bed = bed
        self._operator = operator
        self._terminals = iter(terminals)
        self._accounts = accounts
        self._port = port
        self._cashiers: Cashiers | None = None

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """The providers can be asked, at the address that the server knows."""
        self._cashiers = Cashiers(self._accounts, self._port)
        async with self._cashiers.server:
            yield

    @contextlib.asynccontextmanager
    async def next_dryer(self) -> AsyncIterator[Dryer]:
        """One that nobody has used yet, connected."""
        assert self._bed.serving  # it listens before a terminal knocks
        assert self._cashiers is not None
        one, access, clock = next(self._terminals), self._bed.broker.access, RealClock()
        appliance = TimedAppliance(simulate(Model.DRYER, clock))
        account = Account(
            terminal=one.terminal_id, secret=one.secret, host=access.mqtt_host, port=access.mqtt_port
        )
        agent = WatchedAgent(
            settings_for(Model.DRYER, one.terminal_id),
            appliance,
            FileJournal(self._bed.folder / f"journal-{one.terminal_id}"),
            MqttConnection(account),
            clock,
            QuoteRater(),
        )
        agent.all_acknowledged = asyncio.Event()
        running = asyncio.create_task(agent.run())
        try:
            await online(self._bed, one.terminal_id)
            yield Dryer(agent, appliance, self._cashiers)
        finally:
            agent.stop()
            await running


def make_inn(bed: Bed) -> Inn:
    """The hotel's operator, its merchants with their keys, and as many dryers as all rounds need."""
    bed.say("making a hotel and its merchants' keys")
    folder = bed.folder / "merchants"
    accounts, port = open_accounts(folder), free_port(LOOPBACK, 0)
    sold = CODES - 1  # the first is not counted
    count = -(-bed.sizes.guests // sold) * bed.sizes.rounds
    operator, terminals = bed.runner.run(_make(bed, accounts, count))
    bed.merchants = folder / "merchants.toml"
    write_merchants(bed.merchants, accounts, f"http://{LOOPBACK}:{port}", operator)
    return Inn(bed, operator, terminals, accounts, port)


async def _make(bed: Bed, accounts: Accounts, count: int) -> tuple[OperatorId, list[TerminalCredentials]]:
    pool = await open_pool(bed.database_url, max_size=1)
    try:
        async with pool.acquire() as connection:
            made = await create_operator(
                connection, name="Hotel", currency="CNY", timezone="Asia/Shanghai", by=BY
            )
            own = OperatorId(made.operator_id)
            for name, (account, app) in accounts_of(accounts).items():
                await add_merchant(connection, own, provider=name, account=account, app=app, name=name, by=BY)
            tariff = await add_tariff(
                connection, own, name="Dryer", body=dump_tariff(HOTEL["hotel-dryer"]), by=BY
            )
            fleet = await make_fleet(
                connection, own, terminals=count, tariff_id=tariff.tariff_id, kind=ApplianceKind.DRYER
            )
    finally:
        await pool.close()
    return own, fleet
