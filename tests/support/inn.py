"""A hotel's appliances on real PostgreSQL: played terminals and providers, and guests who pay or do not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import msgspec

from coinslot.app.seed import make_fleet
from coinslot.engines.connect import Pool, connect_login, connect_owner
from coinslot.fleet.rules import ApplianceKind
from coinslot.fleet.tariff_store import add_tariff, add_tariff_version
from coinslot.keyring import Keyring
from coinslot.ledger.accounts import merchant_refunds_due
from coinslot.payments.model import Attempt, Merchant, Refund
from coinslot.rows import many
from coinslot.sessions.model import Session
from coinslot.settlement.changes import Batch
from coinslot.settlement.payments.direct_rows import DirectOrder, open_order, order_of_request
from coinslot.settlement.payments.direct_starts import DirectStarts
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.payments.orders import OrderAnswer, Orders, QrShown
from coinslot.settlement.payments.rows import REFUND_COLUMNS, attempts_of, find_attempt, find_intent
from coinslot.settlement.reconcile import reconcile
from coinslot.settlement.rows import SESSION_COLUMNS, session_of
from coinslot.tariffs import parse_tariff
from coinslot.wire.ids import TariffId, TerminalId, new_id
from coinslot.wire.messages import Bill, Down, Note, QrWanted, Show, Start
from coinslot.wire.records import Checkpoint, Declined, DeclineReason, Started, Stopped, StopReason
from coinslot.wire.registers import Register
from tests.support.desk import Desk, PlayedTerminal
from tests.support.played_provider import PlayedProvider
from tests.support.till import Till

TARIFF = {
    "currency": "CNY",
    "hold": "5.00",
    "rates": [{"register": "wh", "per": 1000, "price": "2.00"}],
    "packages": [
        {"id": "30min", "title": "30 分钟 · 30 min", "price": "5.00", "s": 1800},
        {"id": "load", "title": "一桶 · One load", "price": "9.99", "wh": 700, "s": 5400},
        {"id": "use", "title": "按用量 · By use", "deposit": "10.00"},
    ],
}
KEYRING = Keyring("a secret for tests alone, 32 letters")


class Inn:
    """One operator's hotel."""

    def __init__(self, pool: Pool, owner_url: str) -> None:
        self.pool = pool
        self._owner_url = owner_url
        self.desk = Desk(pool)
        self.till = Till(pool)
        self.nudged = 0
        self.sent: list[tuple[TerminalId, Down]] = []
        self.tariff = TariffId("")
        self.first_start = asyncio.Event()
        self._stands: dict[TerminalId, dict[Register, int]] = {}
        """Where each meter was left, when its terminal has one outlet."""
        self._requests = 0
        self.orders = self.server_orders()
        self.starts = self.server_starts()

    async def open(self) -> Inn:
        """The operator, with an account at a provider, and the tariff."""
        await self.desk.open(new_id("name"))
        self.till.operator = self.desk.operator
        await self.till.add_merchant(PlayedProvider(new_id("m")))
        async with self.pool.acquire() as connection:
            made = await add_tariff(
                connection,
                self.desk.operator,
                name="Plug",
                body=msgspec.json.encode(TARIFF).decode(),
                by="test",
            )
        self.tariff = made.tariff_id
        return self

    def server_orders(self, patience_s: float = 5.0) -> Orders:
        """One more process that makes codes."""
        door = PaymentDoor(pool=self.pool, find=self.till.find, nudge=self._nudge)
        return Orders(door, patience_s)

    def server_starts(self, every_s: float = 0.05) -> DirectStarts:
        """One more process that begins what is paid."""
        return DirectStarts(
            self.pool,
            self._send_all,
            keyring=KEYRING,
            public_url="https://hotel.example/",
            nudge_cashier=self._nudge,
            every_s=every_s,
        )

    def _nudge(self) -> None:
        self.nudged += 1

    async def _send_all(self, batches: Iterable[Batch]) -> None:
        self.sent += [(send.terminal, send.message) for batch in batches for send in batch.sends]
        if any(isinstance(message, Start) for _, message in self.sent):
            self.first_start.set()

    @property
    def provider(self) -> PlayedProvider:
        """The first account's."""
        return self.till.provider

    async def appliance(self, *, outlets: int = 1, online: bool = True) -> PlayedTerminal:
        """A dryer with its terminal."""
        async with self.pool.acquire() as connection:
            fleet = await make_fleet(
                connection,
                self.desk.operator,
                terminals=1,
                outlets=outlets,
                tariff_id=self.tariff,
                kind=ApplianceKind.DRYER,
            )
        terminal = PlayedTerminal(self.desk, fleet[0])
        if online:
            await terminal.connects()
        return terminal

    async def reprice(self, **changed: object) -> None:
        """The operator edits the tariff."""
        body = msgspec.json.encode({**TARIFF, **changed}).decode()
        parse_tariff(body)
        async with self.pool.acquire() as connection:
            await add_tariff_version(connection, self.desk.operator, self.tariff, body=body, by="test")

    # What guests do.

    def wish(
        self, package: str = "30min", *, provider: str = "played", outlet: int = 0, request: str = ""
    ) -> QrWanted:
        """What a terminal says when somebody has chosen."""
        self._requests += 1
        return QrWanted(
            link=1, outlet=outlet, provider=provider, package=package, request=request or f"r{self._requests}"
        )

    async def chooses(self, terminal: PlayedTerminal, package: str = "30min", **wish: str) -> OrderAnswer:
        """Somebody chooses on the appliance."""
        return await self.orders.place(terminal.id, self.wish(package, **wish))

    async def shown(self, terminal: PlayedTerminal, package: str = "30min", **wish: str) -> Attempt:
        """The same, and there is a code; its payment."""
        answer = await self.chooses(terminal, package, **wish)
        assert isinstance(answer, QrShown), answer
        return await self.attempt_of(answer)

    async def attempt_of(self, shown: QrShown) -> Attempt:
        """The payment that a code asks for."""
        found = await find_attempt(self.pool, self.desk.operator, shown.qr.removeprefix("played://"))
        assert found is not None
        return found

    async def pays(self, attempt: Attempt, *, told: bool = True) -> None:
        """Somebody pays the code; the provider says so."""
        self.till.providers[attempt.merchant_id].pays(attempt.number)
        if told:
            await self.till.notified(attempt)
            await self.till.cashier.apply()

    async def paid(self, terminal: PlayedTerminal, package: str = "30min") -> Attempt:
        """A code chosen and paid."""
        attempt = await self.shown(terminal, package)
        await self.pays(attempt)
        return attempt

    async def running(self, terminal: PlayedTerminal, package: str = "30min") -> Session:
        """Paid, and the appliance has opened."""
        attempt = await self.paid(terminal, package)
        await self.starts.once()
        session = await self.session_of(attempt)
        assert session is not None
        await terminal.records(self.started(terminal, session))
        return session

    async def ends(
        self,
        terminal: PlayedTerminal,
        session: Session,
        *,
        reason: StopReason = StopReason.LIMIT,
        s: int = 1800,
        wh: int = 400,
    ) -> Session:
        """The terminal says that it is over."""
        await terminal.records(self.stopped(terminal, session, reason=reason, s=s, wh=wh))
        await self.starts.once()
        return await self.desk.session(session.id)

    # What terminals say.

    def started(self, terminal: PlayedTerminal, session: Session) -> Started:
        """It is about to open."""
        return Started(
            boot=terminal.boot,
            ticks_ms=0,
            session=session.id,
            command=session.command,
            outlet=session.outlet,
            registers=self._reads(terminal, 0, 0),
        )

    def checkpoint(self, terminal: PlayedTerminal, session: Session, *, s: int, wh: int) -> Checkpoint:
        """In mid-use."""
        return Checkpoint(
            boot=terminal.boot,
            ticks_ms=s * 1000,
            session=session.id,
            outlet=session.outlet,
            registers=self._reads(terminal, s, wh),
        )

    def stopped(
        self, terminal: PlayedTerminal, session: Session, *, reason: StopReason, s: int, wh: int
    ) -> Stopped:
        """It has shut."""
        said = Stopped(
            boot=terminal.boot,
            ticks_ms=s * 1000,
            session=session.id,
            outlet=session.outlet,
            reason=reason,
            start=self._reads(terminal, 0, 0),
            registers=self._reads(terminal, s, wh),
        )
        self._stands[terminal.id] = said.registers
        return said

    def _reads(self, terminal: PlayedTerminal, s: int, wh: int) -> dict[Register, int]:
        """Where its meter stands, so much after the last use."""
        at = self._stands.get(terminal.id, {})
        return {Register.WH: at.get(Register.WH, 0) + wh, Register.S: at.get(Register.S, 0) + s}

    def declined(self, terminal: PlayedTerminal, session: Session) -> Declined:
        """It will not."""
        return Declined(
            boot=terminal.boot,
            ticks_ms=0,
            session=session.id,
            command=session.command,
            outlet=session.outlet,
            reason=DeclineReason.FAULT,
        )

    # What can be seen.

    async def sessions(self) -> list[Session]:
        """All of guests, oldest first."""
        rows = await self.pool.fetch(
            f"SELECT {SESSION_COLUMNS} FROM session s WHERE s.operator_id = $1 AND s.intent_id IS NOT NULL"
            " ORDER BY s.created_at",
            self.desk.operator,
        )
        return [session_of(row) for row in rows]

    async def session_of(self, attempt: Attempt) -> Session | None:
        """What was begun with this payment."""
        return next((s for s in await self.sessions() if s.intent == attempt.intent_id), None)

    async def order(self, request: str, terminal: PlayedTerminal) -> DirectOrder | None:
        """What is kept of a code."""
        return await order_of_request(self.pool, terminal.id, request)

    async def open_code(self, terminal: PlayedTerminal) -> DirectOrder | None:
        """The one that the outlet is not done with."""
        return await open_order(self.pool, terminal.id, 0)

    async def refunds(self) -> list[tuple[str, int]]:
        """Why, and how much, oldest first."""
        rows = await self.pool.fetch(
            f"SELECT {REFUND_COLUMNS} FROM refund r WHERE r.operator_id = $1 ORDER BY r.requested_at, r.number",
            self.desk.operator,
        )
        return [(refund.why.value, refund.amount_minor) for refund in many(rows, Refund)]

    def notes(self, terminal: PlayedTerminal) -> list[Note]:
        """What the terminal was told of its guests' wishes."""
        shown = [m for to, m in self.sent if to == terminal.id and isinstance(m, Show)]
        return [show.note for show in shown if show.note is not None]

    def bills(self, terminal: PlayedTerminal) -> list[tuple[Bill, str]]:
        """The ends that it was told to show."""
        shown = [m for to, m in self.sent if to == terminal.id and isinstance(m, Show)]
        return [(show.bill, show.qr or "") for show in shown if show.bill is not None]

    def commands(self, terminal: PlayedTerminal) -> list[Start]:
        """Starts that left for it, by this worker."""
        return [m for to, m in self.sent if to == terminal.id and isinstance(m, Start)]

    async def passes(self, time: timedelta) -> None:
        """Time, for us and for the providers."""
        await self.till.passes(time)
        await self.spoil("UPDATE direct_order SET made_at = made_at - $1::interval", time)
        await self.desk.passes(time)

    async def spoil(self, query: str, *arguments: object) -> None:
        """What the product itself may not do."""
        owner = await connect_owner(self._owner_url)
        await owner.execute(query, *arguments)
        await owner.close()

    async def listened(self) -> None:
        """Wait until somebody listens for payments of other processes."""
        query = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query ILIKE 'LISTEN%' AND datname = current_database())"
        login = await connect_login(self._owner_url)
        async with asyncio.timeout(10):
            while not await login.fetchval(query):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await login.close()

    async def works(self) -> None:
        """All that is due is done: refunds too, and their end."""
        for _ in range(3):
            await self.starts.once()
            await self.till.cashier.once()
            await self.till.passes(timedelta(minutes=2))

    async def even(self) -> None:
        """Books, sessions and providers agree; nobody is owed anything, unless a session still runs."""
        await self.till.in_order()
        async with self.pool.acquire() as connection:
            report = await reconcile(connection, operator=self.desk.operator)
        assert report.sound, report.differences
        for merchant in self.till.merchants:
            assert await self.owed(merchant) == 0

    async def owed(self, merchant: Merchant | None = None) -> int:
        """What payers are to have back through an account."""
        chosen = merchant or self.till.merchant
        return await self.desk.balance(merchant_refunds_due(chosen.merchant_id))

    async def intent_state(self, attempt: Attempt) -> str:
        """Where the payment stands."""
        found = await find_intent(self.pool, self.desk.operator, attempt.intent_id)
        assert found is not None
        return found.state.value

    async def payment_of(self, session: Session) -> Attempt:
        """What paid for it."""
        found = await find_intent(self.pool, self.desk.operator, session.intent or "")
        assert found is not None
        return next(a for a in await attempts_of(self.pool, found) if a.number == found.paid_by)
