"""A whole plant for scenarios: a served link, a fleet, agents with simulated hardware, customers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from coinslot.app.seed import ensure_tariff, make_fleet, make_paying_customers
from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import Pool
from coinslot.fleet.bulk import TerminalCredentials
from coinslot.fleet.store import create_operator
from coinslot.keyring import Keyring
from coinslot.link.clients import connect
from coinslot.link.outgoing import Outgoing
from coinslot.link.server import LinkServer
from coinslot.sessions.model import Session
from coinslot.settlement.codes.beginning import Codes
from coinslot.settlement.points import Purpose
from coinslot.settlement.requests import StartAnswer, StartRequest
from coinslot.settlement.starter import Starter
from coinslot.settlement.store import PostgresBooks
from coinslot.terminal.agent import Agent
from coinslot.terminal.clock import Clock, RealClock
from coinslot.terminal.journal import FileJournal
from coinslot.terminal.mqtt import Account, MqttConnection
from coinslot.terminal.rating import QuoteRater
from coinslot.terminal.simulated import Model, SimulatedAppliance, settings_for, simulate
from coinslot.wire.ids import CustomerId, OperatorId, SessionId, TerminalId

PATIENCE_S = 20.0


async def eventually(condition: Callable[[], bool], what: str) -> None:
    """Let the loop turn until the condition holds; TimeoutError says what did not."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            # No event tells of it: any of the tasks around may make the condition true.
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0)
    except TimeoutError:
        raise TimeoutError(f"never came: {what}") from None


@dataclass
class Tap:
    """One terminal with its agent and its hardware."""

    credentials: TerminalCredentials
    agent: Agent
    appliance: SimulatedAppliance
    task: asyncio.Task[None]


class Plant:
    """`async with Plant(...)`: everything runs, and everything is ended after the block."""

    def __init__(self, pool: Pool, broker: BrokerAccess, folder: Path) -> None:
        self.pool = pool
        self.broker = broker
        self.folder = folder
        self.books = PostgresBooks(pool)
        self.keyring = Keyring("a secret for tests alone, 32 letters")
        self.link = LinkServer(pool, broker, typed=Codes(pool, self.keyring))
        self.taps: list[Tap] = []
        self.operator = OperatorId("")

    async def __aenter__(self) -> Plant:
        await self.link.start()
        self.client = await connect(
            self.broker.url,
            user=self.broker.server_user,
            password=self.broker.server_password,
            name="plant",
        )
        self.outgoing = Outgoing(self.client)
        self.starter = Starter(self.books, self.outgoing.send_all)
        async with self.pool.acquire() as connection:
            made = await create_operator(
                connection, name="Campus", currency="CNY", timezone="Asia/Shanghai", by="test"
            )
        self.operator = made.operator_id
        return self

    async def __aexit__(self, *error: object) -> None:
        for tap in self.taps:
            tap.agent.stop()
        await asyncio.gather(*(tap.task for tap in self.taps), return_exceptions=True)
        await self.starter.close()
        await self.link.stop()
        await self.client.close()

    async def customer(self, balance_minor: int) -> CustomerId:
        """A customer with cash on the wallet."""
        async with self.pool.acquire() as connection:
            made = await make_paying_customers(
                connection, self.operator, names=["Lin"], currency="CNY", amount_minor=balance_minor
            )
        return made[0]

    async def tap(
        self, model: Model = Model.SHOWER, *, tariff: str = "shower-litre", clock: Clock | None = None
    ) -> Tap:
        """A terminal that is connected and known."""
        async with self.pool.acquire() as connection:
            tariff_id = await ensure_tariff(connection, self.operator, tariff)
            outlets = 2 if model is Model.DISPENSER else 1
            fleet = await make_fleet(
                connection, self.operator, terminals=1, outlets=outlets, tariff_id=tariff_id
            )
        tap = self._run(fleet[0], model, clock or RealClock())
        self.taps.append(tap)
        await self.online(fleet[0].terminal_id)
        return tap

    def _run(self, credentials: TerminalCredentials, model: Model, clock: Clock) -> Tap:
        appliance = simulate(model, clock)
        account = Account(
            terminal=credentials.terminal_id,
            secret=credentials.secret,
            host=self.broker.mqtt_host,
            port=self.broker.mqtt_port,
        )
        agent = Agent(
            settings_for(model, credentials.terminal_id),
            appliance,
            FileJournal(self.folder / credentials.terminal_id),
            MqttConnection(account),
            clock,
            QuoteRater(),
        )
        return Tap(credentials, agent, appliance, asyncio.create_task(agent.run()))

    async def online(self, terminal: TerminalId) -> None:
        """Wait until the server knows the terminal to be there."""
        await self.until(
            "SELECT online FROM terminal_link WHERE terminal_id = $1", terminal, what="the terminal's hello"
        )

    async def starts(
        self, customer: CustomerId, tap: Tap, *, outlet: int = 0, key: str | None = None
    ) -> StartAnswer:
        """The customer wants to use an outlet."""
        return await self.starter.start(
            StartRequest(
                operator=self.operator,
                customer=customer,
                terminal=tap.credentials.terminal_id,
                outlet=outlet,
                key=key or f"{customer}:{len(self.taps)}:{tap.credentials.terminal_id}:{outlet}",
            )
        )

    async def session(self, session: SessionId) -> Session:
        """The session as it stands."""
        terminal = await self.books.terminal_of(self.operator, session)
        assert terminal is not None
        async with self.books.transaction(Purpose.WORDS) as unit:
            batch = await unit.open_batch([terminal], [session])
        return batch.sessions[session]

    async def settled(self, session: SessionId) -> Session:
        """Wait for the session's end, and give it."""
        await self.until(
            "SELECT settled_at IS NOT NULL FROM session WHERE operator_id = $1 AND session_id = $2",
            self.operator,
            session,
            what="the session's end",
        )
        return await self.session(session)

    async def until(self, query: str, *arguments: object, what: str) -> None:
        """Ask the database again and again until it says true."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not await self.pool.fetchval(query, *arguments):
                    pass
        except TimeoutError:
            raise TimeoutError(f"never came: {what}") from None
