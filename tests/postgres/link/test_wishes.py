"""Buying on the appliance, as the link carries it: menus, wishes, codes, and who hears what on which link."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec import Struct

from coinslot.app.seed import ensure_tariff, make_fleet
from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import Pool
from coinslot.fleet.bulk import TerminalCredentials
from coinslot.fleet.store import create_operator
from coinslot.fleet.tariff_store import add_tariff_version, find_tariff
from coinslot.link.server import LinkServer
from coinslot.settlement.payments.merchants import add_merchant, switch_merchant
from coinslot.terminal.actions import Action, Display
from coinslot.terminal.agent import Agent
from coinslot.terminal.clock import RealClock
from coinslot.terminal.events import Cancelled, PackageChosen
from coinslot.terminal.journal import FileJournal
from coinslot.terminal.mqtt import Account, MqttConnection
from coinslot.terminal.settings import Language
from coinslot.terminal.simulated import Model, settings_for, simulate
from coinslot.terminal.views import Phase
from coinslot.wire import codec
from coinslot.wire.ids import OperatorId, TerminalId
from coinslot.wire.messages import (
    CodeEntered,
    Down,
    Hello,
    Menu,
    Note,
    PackageOffered,
    QrCancelled,
    QrWanted,
    Show,
    Up,
    Welcome,
)
from tests.support.raw_mqtt import RawMqtt, raw_mqtt

HALF_HOUR = PackageOffered(package="30min", title="30 分钟 · 30 min", price_minor=500)


class QrMade(Struct, frozen=True):
    """A code, as whoever sells makes it."""

    qr: str
    amount_minor: int = 500
    currency: str = "CNY"
    life_s: int = 300


@dataclass
class Seller:
    """Sells one package on outlet 0; holds an order back until the test lets it go."""

    notes: dict[str, Note] = field(default_factory=dict)
    """By package: what cannot be had."""
    broken: bool = False
    """Its database does not answer."""
    held: set[str] = field(default_factory=set)
    """Packages whose order waits for `go`."""
    go: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    placed: list[str] = field(default_factory=list)
    cancelled: list[tuple[int, str]] = field(default_factory=list)
    cancelling: asyncio.Event = field(default_factory=asyncio.Event)

    async def place(self, terminal: TerminalId, wish: QrWanted) -> QrMade | Note:
        self.placed.append(wish.request)
        self.begun.set()
        if wish.package in self.held:
            await self.go.wait()
        if self.broken:
            raise TimeoutError("no answer")
        return self.notes.get(wish.package, None) or QrMade(f"pay:{wish.request}")

    async def cancel(self, terminal: TerminalId, outlet: int, request: str) -> None:
        self.cancelled.append((outlet, request))
        self.cancelling.set()

    async def menus(self, terminal: TerminalId) -> Sequence[Menu]:
        return [Menu(link=1, outlet=0, currency="CNY", packages=[HALF_HOUR], providers=["wechat", "alipay"])]


@dataclass
class Appliance:
    """A terminal by hand."""

    mqtt: RawMqtt
    id: TerminalId
    link: int

    def says(self, message: Up) -> None:
        self.mqtt.publish(f"coinslot/1/{self.id}/up", codec.encode(message))

    async def hears(self) -> Down:
        data = await self.mqtt.message()
        assert data is not None
        return codec.decode_down(data)

    async def is_shown(self) -> Show:
        """The next `show`, past menus."""
        while not isinstance(heard := await self.hears(), Show):
            assert isinstance(heard, Menu)
        return heard

    async def greets(self) -> Down:
        self.says(Hello(link=self.link, epoch="e", next_seq=1, oldest_seq=1, boot=1, open_sessions=[]))
        return await self.hears()

    def wants(self, request: str, package: str = "30min", outlet: int = 0) -> None:
        self.says(
            QrWanted(link=self.link, outlet=outlet, provider="wechat", package=package, request=request)
        )


class Shop:
    """A served link, a seller, and a terminal with one outlet."""

    def __init__(self, pool: Pool, broker: BrokerAccess, orders: Seller | None) -> None:
        self.pool = pool
        self.broker = broker
        self.seller = orders or Seller()
        self._server = LinkServer(pool, broker, orders=orders)
        self._open: list[RawMqtt] = []
        self.operator = OperatorId("")
        self.terminal: TerminalCredentials

    async def __aenter__(self) -> Shop:
        await self._server.start()
        async with self.pool.acquire() as connection:
            made = await create_operator(
                connection, name="Hotel", currency="CNY", timezone="Asia/Shanghai", by="test"
            )
            self.operator = made.operator_id
            tariff = await ensure_tariff(connection, self.operator, "shower-litre")
            (self.terminal,) = await make_fleet(
                connection, self.operator, terminals=1, outlets=1, tariff_id=tariff
            )
        return self

    async def __aexit__(self, *error: object) -> None:
        for mqtt in self._open:
            mqtt.drop()
        await self._server.stop()

    async def connects(self, link: int = 1) -> Appliance:
        mqtt = await raw_mqtt(self.broker, self.terminal.terminal_id, self.terminal.secret, link=link)
        self._open.append(mqtt)
        assert await mqtt.subscribe(f"coinslot/1/{self.terminal.terminal_id}/down") == 0
        return Appliance(mqtt, self.terminal.terminal_id, link)

    async def ready(self, link: int = 1) -> Appliance:
        """Connected, welcomed, with its menu."""
        appliance = await self.connects(link)
        assert isinstance(await appliance.greets(), Welcome)
        assert isinstance(await appliance.hears(), Menu)
        return appliance


@pytest.fixture
async def shop(pool: Pool, broker: BrokerAccess) -> AsyncIterator[Shop]:
    async with Shop(pool, broker, Seller()) as shop:
        yield shop


async def test_after_its_welcome_a_terminal_is_told_what_it_sells_and_a_choice_gets_its_code(
    shop: Shop,
) -> None:
    appliance = await shop.connects()
    assert isinstance(await appliance.greets(), Welcome)
    menu = await appliance.hears()
    assert menu == Menu(
        link=1, outlet=0, currency="CNY", packages=[HALF_HOUR], providers=["wechat", "alipay"]
    )
    appliance.wants("r1")
    assert await appliance.hears() == Show(
        link=1, outlet=0, request="r1", qr="pay:r1", amount_minor=500, currency="CNY", life_s=300
    )


async def test_a_refused_wish_is_told_and_the_menu_comes_again(shop: Shop) -> None:
    appliance = await shop.ready()
    shop.seller.notes = {"gone": Note.UNAVAILABLE, "used": Note.BUSY}
    appliance.wants("r1", "gone")
    assert await appliance.hears() == Show(link=1, outlet=0, request="r1", note=Note.UNAVAILABLE)
    assert isinstance(await appliance.hears(), Menu)
    appliance.wants("r2", "used")
    assert await appliance.hears() == Show(link=1, outlet=0, request="r2", note=Note.BUSY)
    shop.seller.broken = True
    appliance.wants("r3")
    assert await appliance.hears() == Show(link=1, outlet=0, request="r3", note=Note.TRY_AGAIN)
    asked = list(shop.seller.placed)
    appliance.wants("r4", outlet=7)  # not this terminal's
    assert await appliance.hears() == Show(link=1, outlet=7, request="r4", note=Note.UNAVAILABLE)
    assert shop.seller.placed == asked


async def test_the_latest_of_several_choices_is_not_lost_and_the_ones_before_it_are_not_shown(
    shop: Shop,
) -> None:
    appliance = await shop.ready()
    shop.seller.held = {"slow"}
    appliance.wants("r1", "slow")
    await shop.seller.begun.wait()
    appliance.wants("r2")
    appliance.wants("r3")
    assert await appliance.mqtt.ping()
    appliance.wants("r4", outlet=9)  # another outlet's wish pushes none of these aside
    appliance.says(CodeEntered(link=1, outlet=8, digits="1234", request="r5"))
    assert await appliance.mqtt.ping()
    await eventually_taken(shop, 5)
    shop.seller.go.set()
    # What is typed at a keypad waits for no provider.
    assert [(await appliance.is_shown()).request for _ in range(3)] == ["r5", "r3", "r4"]
    assert shop.seller.placed == ["r1", "r3"]
    # Whoever goes back while the code is made sees none, and the order is closed.
    shop.seller.begun.clear()
    shop.seller.go.clear()
    appliance.wants("r6", "slow")
    await shop.seller.begun.wait()
    appliance.says(QrCancelled(link=1, outlet=0, request="r6"))
    await eventually_taken(shop, 7)
    shop.seller.go.set()
    await shop.seller.cancelling.wait()
    assert shop.seller.cancelled == [(0, "r6")]
    appliance.wants("r7")
    assert (await appliance.is_shown()).request == "r7"


async def test_a_code_follows_its_terminal_to_its_next_link_and_the_old_link_is_not_heard(shop: Shop) -> None:
    appliance = await shop.ready()
    shop.seller.held = {"slow"}
    appliance.wants("r1", "slow")
    await shop.seller.begun.wait()
    again = await shop.ready(link=2)
    shop.seller.go.set()
    heard = await again.is_shown()
    assert (heard.link, heard.request) == (2, "r1")
    again.link = 1
    again.wants("r2")  # of the link before: a message that was long under way
    again.link = 2
    again.wants("r3")
    assert (await again.is_shown()).request == "r3"
    assert shop.seller.placed == ["r1", "r3"]


async def test_a_real_agent_s_guest_chooses_on_the_glass_and_sees_the_code_and_the_refusal(
    shop: Shop, tmp_path: Path
) -> None:
    terminal = shop.terminal.terminal_id
    clock = RealClock()
    dryer = simulate(Model.DRYER, clock)
    account = Account(
        terminal=terminal,
        secret=shop.terminal.secret,
        host=shop.broker.mqtt_host,
        port=shop.broker.mqtt_port,
    )
    settings = settings_for(Model.DRYER, terminal, Language.EN)
    agent = Agent(settings, dryer, FileJournal(tmp_path), MqttConnection(account), clock)
    shown: asyncio.Queue[str] = asyncio.Queue()

    def see(action: Action) -> None:
        if isinstance(action, Display):
            shown.put_nowait(action.view.phase)

    agent.observe(see)
    task = asyncio.create_task(agent.run())
    try:
        async with asyncio.timeout(20):
            await seen(shown, Phase.CHOOSE)
            dryer.press(PackageChosen(0, "wechat", "30min"))
            await seen(shown, Phase.QR)
            assert dryer.sockets[0].qr == f"pay:{shop.seller.placed[-1]}"
            dryer.press(Cancelled(0))
            await seen(shown, Phase.CHOOSE)
            await shop.seller.cancelling.wait()
            shop.seller.notes = {"30min": Note.BUSY}
            dryer.press(PackageChosen(0, "alipay", "30min"))
            await seen(shown, Phase.BUSY)
    finally:
        agent.stop()
        await task


async def seen(shown: asyncio.Queue[str], phase: Phase) -> None:
    """Wait until the display has come to this."""
    while await shown.get() != phase:
        pass


async def test_what_an_operator_changes_is_told_at_once(shop: Shop) -> None:
    appliance = await shop.ready()
    async with shop.pool.acquire() as connection:
        tariff = await find_tariff(connection, shop.operator, "shower-litre")
        await add_tariff_version(
            connection, shop.operator, tariff.tariff_id, body=tariff.body + "\n", by="test"
        )
        assert isinstance(await appliance.hears(), Menu)
        merchant = await add_merchant(
            connection, shop.operator, provider="wechat", account="1900000109", name="Hotel", by="test"
        )
        assert isinstance(await appliance.hears(), Menu)
        await switch_merchant(connection, shop.operator, merchant.merchant_id, active=False, by="test")
    assert isinstance(await appliance.hears(), Menu)


async def test_where_nothing_is_sold_wishes_are_told_so_and_no_menu_comes(
    pool: Pool, broker: BrokerAccess
) -> None:
    async with Shop(pool, broker, None) as shop:
        appliance = await shop.connects()
        assert isinstance(await appliance.greets(), Welcome)
        appliance.wants("r1")
        assert await appliance.hears() == Show(link=1, outlet=0, request="r1", note=Note.UNAVAILABLE)
        appliance.says(CodeEntered(link=1, outlet=0, digits="1234", request="r2"))
        assert await appliance.hears() == Show(link=1, outlet=0, request="r2", note=Note.UNAVAILABLE)


async def eventually_taken(shop: Shop, wishes: int) -> None:
    """Let the loop turn until the link has taken so many messages after the hello."""
    async with asyncio.timeout(20):
        while shop._server.inbox.received < wishes + 1:  # noqa: ASYNC110
            await asyncio.sleep(0)
