"""The demo's own world for tests of pages: server, wall and two dispensers with real agents, without its crowd."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from coinslot.access import stickers
from coinslot.app.demo_address import pick_port
from coinslot.app.demo_payments import DemoPayments
from coinslot.app.demo_phones import DemoPhones
from coinslot.app.demo_wall import DemoWall
from coinslot.app.demo_world import World, make_terminals, open_world
from coinslot.app.stack import Stack, StackOptions
from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import Pool, open_pool
from coinslot.keyring import Keyring
from coinslot.ledger import accounts
from coinslot.ledger import store as ledger
from coinslot.people.customers import find_customer
from coinslot.people.login_opening import LoggedIn, let_in, register_customer
from coinslot.people.notices import BillNotice, Language, LoginCodeNotice, Notice, Recipient
from coinslot.people.rules import normal_phone
from coinslot.sandbox.appliances.terminal import SimulatedTerminal
from coinslot.sessions.model import Session
from coinslot.settlement.points import Purpose
from coinslot.settlement.store import PostgresBooks
from coinslot.terminal.events import KeyPressed, StopKey
from coinslot.web.wall.port import Paid
from coinslot.wire.ids import CustomerId, OperatorId, SessionId, new_id

PATIENCE_S = 20.0
SPEED = 5.0
"""Water runs this much faster than life; a meter is believed up to 6."""
_LOOK_S = 0.02


class RecordedPhones(DemoPhones):
    """The demo's phones, which also keep every message by its number."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[tuple[str, Notice]] = []

    async def send(self, to: Recipient, notice: Notice) -> str:
        """See `people.notices.Notifier`."""
        sent = await super().send(to, notice)
        assert to.phone is not None
        self.messages.append((to.phone, notice))
        return sent


class Town:
    """`async with open_town(...)`: everything runs, in this process."""

    def __init__(
        self,
        database_url: str,
        broker: BrokerAccess,
        pool: Pool,
        folder: Path,
        payments: DemoPayments | None = None,
        showers: int = 0,
        stalls: int = 0,
    ) -> None:
        self._showers = showers
        self._stalls = stalls
        self._database_url = database_url
        self._broker = broker
        self._folder = folder
        self._following: asyncio.Task[None] | None = None
        self._options = StackOptions(demo=True)
        self._payments = payments
        self.pool = pool
        """The tests' own, whatever becomes of the server."""
        self.keyring = Keyring("a secret for tests alone, 32 letters")
        self.phones = RecordedPhones()
        self.world: World
        self.wall: DemoWall
        self.stack: Stack
        self.terminals: list[SimulatedTerminal] = []

    # ------------------------------------------------------------ the server

    async def open(self) -> None:
        """Make the world, start the server and the dispensers, wait until they are known."""
        self.world = await open_world(self.pool, self._folder / "api-key")
        everything = make_terminals(self.world, self._broker, self._folder / "journals", seed=1, speed=SPEED)
        here = {one.terminal_id for one in self.world.demo.dispensers}
        if self._showers:
            here = {one.terminal_id for one in self.world.demo.showers[: self._showers]}
        if self._stalls:
            here = {one.credentials.terminal_id for one in self.world.demo.baths[: self._stalls]}
        if self._payments is not None:
            here = {one.credentials.terminal_id for one in self.world.demo.rooms}
        self.terminals = [one for one in everything if one.id in here]
        self.wall = DemoWall(self.world, self.terminals, self.phones, self.keyring, reachable=True)
        self._options = StackOptions(
            demo=True,
            keyring=self.keyring,
            notifier=self.phones,
            wall=lambda stack: self.wall.over(stack.pool),
        )
        await self._open_payments()
        await self.start_server()
        await asyncio.gather(*(one.start() for one in self.terminals))
        for one in self.terminals:
            await self.online(one)

    async def _open_payments(self) -> None:
        """Providers beside the server, for guests who pay on the appliance."""
        if self._payments is None:
            return
        async with self.pool.acquire() as connection:
            await self._payments.seed(connection, self.operator)
        self.wall.sandbox_url = self._payments.url
        port = pick_port("127.0.0.1", usual=0)
        self._options = replace(
            self._options,
            http_port=port,
            payments=self._payments.options(port, f"http://127.0.0.1:{port}"),
        )

    async def close(self) -> None:
        """End everything, terminals first, so that their last records are taken."""
        await asyncio.gather(*(one.stop() for one in self.terminals))
        await self.stop_server()

    async def start_server(self) -> None:
        """Start a server; after the first time on the same port."""
        self.stack = await Stack(self._database_url, self._broker, options=self._options).start()
        self._options = replace(self._options, http_port=urlsplit(self.stack.http_url).port or 0)
        self._following = asyncio.create_task(self.wall.run(self.stack.client))

    async def stop_server(self) -> None:
        """Stop it; the dispensers and the engines run on."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])
        await self.stack.stop()

    async def restart_server(self) -> None:
        """Another server in its place, on the same port."""
        await self.stop_server()
        await self.start_server()

    @property
    def url(self) -> str:
        """Of the server, without a slash at its end."""
        return self.stack.http_url

    @property
    def owner_url(self) -> str:
        """Of the database, for what the product itself may not do."""
        return self._database_url

    @property
    def operator(self) -> OperatorId:
        """Whose it all is."""
        return self.world.operator

    # ------------------------------------------------------------ the dispensers

    def sticker(self, terminal: SimulatedTerminal) -> str:
        """The path that the terminal's QR leads to."""
        code = next(place.code for place in self.world.places if place.terminal == terminal.id)
        return f"/m/{stickers.sign(self.keyring, code)}"

    def press_stop(self, terminal: SimulatedTerminal, outlet: int = 0) -> None:
        """The button beside the tap."""
        terminal.appliance.press(StopKey(outlet))

    def type(self, terminal: SimulatedTerminal, keys: str) -> None:
        """Press these keys on its keypad, one after the other."""
        for key in keys:
            terminal.appliance.press(KeyPressed(0, key))

    async def online(self, terminal: SimulatedTerminal, *, there: bool = True) -> None:
        """Wait until the server knows the terminal to be there, or to be gone."""
        query = "SELECT online FROM terminal_link WHERE terminal_id = $1"
        await self.until(
            lambda: self._is(query, terminal.id, there), f"{terminal.name} {'there' if there else 'gone'}"
        )

    async def poured(self, terminal: SimulatedTerminal, least_ml: int, outlet: int = 0) -> None:
        """Wait until so much has run through the meter in the session on this outlet."""

        async def enough() -> bool:
            use = terminal.use(outlet)
            return use is not None and use.ml >= least_ml

        await self.until(enough, f"{least_ml} ml at {terminal.name}")

    # ------------------------------------------------------------ people and money

    async def login(self, phone: str, language: Language = "zh") -> LoggedIn:
        """One more browser of whoever has this number, as after a right code: the token is for its cookie."""
        async with self.pool.acquire() as connection, connection.transaction():
            number = normal_phone(phone)
            made = await register_customer(connection, self.operator, number, language, None)
            if made is not None:
                return made
            known = (await find_customer(connection, self.operator, number)).customer_id
            return await let_in(connection, self.operator, known, language, None)

    def code(self, phone: str) -> str:
        """The login code that was sent to this number last."""
        number = normal_phone(phone)
        codes = [
            notice.code
            for to, notice in self.phones.messages
            if to == number and isinstance(notice, LoginCodeNotice)
        ]
        assert codes, "no code was sent to this number"
        return codes[-1]

    def bills(self, phone: str) -> list[BillNotice]:
        """What this number was told of sessions."""
        number = normal_phone(phone)
        return [
            notice for to, notice in self.phones.messages if to == number and isinstance(notice, BillNotice)
        ]

    async def pays_at_counter(self, phone: str, amount_minor: int) -> Paid:
        """Cash over the counter onto this customer's wallet."""
        return await self.wall.pay_at_counter(phone, amount_minor, new_id("pay"))

    async def customer(self, phone: str) -> CustomerId:
        """Who has this number."""
        async with self.pool.acquire() as connection:
            return (await find_customer(connection, self.operator, phone)).customer_id

    async def principal(self, customer: CustomerId) -> int:
        """What the wallet holds, minor units."""
        async with self.pool.acquire() as connection:
            return await ledger.balance(
                connection, self.operator, accounts.customer_principal(customer), "CNY"
            )

    async def sessions(self, customer: CustomerId) -> list[SessionId]:
        """The customer's sessions, the oldest first."""
        rows = await self.pool.fetch(
            "SELECT session_id FROM session WHERE operator_id = $1 AND customer_id = $2 ORDER BY created_at",
            self.operator,
            customer,
        )
        return [SessionId(row[0]) for row in rows]

    async def settled(self, session: SessionId) -> Session:
        """Wait for the session's end, and give it as it is stored."""
        query = "SELECT settled_at IS NOT NULL FROM session WHERE session_id = $1"
        await self.until(lambda: self._is(query, session, True), "the session's end")
        books = PostgresBooks(self.pool)
        terminal = await books.terminal_of(self.operator, session)
        assert terminal is not None
        async with books.transaction(Purpose.WORDS) as unit:
            batch = await unit.open_batch([terminal], [session])
        return batch.sessions[session]

    async def _is(self, query: str, argument: str, wanted: bool) -> bool:
        return bool(await self.pool.fetchval(query, argument)) is wanted

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        """Ask again and again; TimeoutError says what never came."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                # No event tells of water and links; between two looks everything else gets its turn.
                while not await holds():  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise TimeoutError(f"never came: {what}") from None


@contextlib.asynccontextmanager
async def open_town(
    database_url: str,
    broker: BrokerAccess,
    folder: Path,
    *,
    hotel: bool = False,
    showers: int = 0,
    stalls: int = 0,
) -> AsyncIterator[Town]:
    """A town over a migrated database of its own; journals go into `folder`. With `hotel` the appliances are those of
    its rooms, and providers' sandbox runs beside the server; with `showers` they are so many showers, with `stalls` so
    many boards of the bathroom.
    """
    pool = await open_pool(database_url, min_size=1, max_size=4)
    try:
        async with contextlib.AsyncExitStack() as ending:
            payments = None
            if hotel:
                payments = await ending.enter_async_context(DemoPayments(folder, "127.0.0.1"))
            town = Town(database_url, broker, pool, folder, payments, showers, stalls)
            await town.open()
            ending.push_async_callback(town.close)
            yield town
    finally:
        pool.terminate()
