"""Settlement on real PostgreSQL with terminals played by hand: every message is chosen by the test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

import msgspec

from coinslot.app.seed import ensure_tariff, make_fleet, make_paying_customers
from coinslot.engines.connect import Pool
from coinslot.fleet.bulk import TerminalCredentials
from coinslot.fleet.store import create_operator
from coinslot.ledger import store as ledger
from coinslot.ledger.accounts import customer_arrears, customer_principal, hold_principal
from coinslot.ledger.verify import verify
from coinslot.sessions.model import Session
from coinslot.settlement.apply import Said, Word, apply_words
from coinslot.settlement.changes import Batch
from coinslot.settlement.points import Purpose
from coinslot.settlement.records import read
from coinslot.settlement.requests import StartAnswer, StartRequest
from coinslot.settlement.starter import Starter
from coinslot.settlement.store import PostgresBooks
from coinslot.settlement.timers import sweep
from coinslot.wire import codec
from coinslot.wire.ids import CustomerId, OperatorId, SessionId, TerminalId
from coinslot.wire.messages import Config, Down, Gone, Hello, Lost, Records, Start
from coinslot.wire.records import Checkpoint, Record, Started, Stopped, StopReason
from coinslot.wire.registers import Register


class PlayedTerminal:
    """A terminal whose words the test speaks."""

    def __init__(self, desk: Desk, credentials: TerminalCredentials) -> None:
        self.desk = desk
        self.credentials = credentials
        self.id: TerminalId = credentials.terminal_id
        self.link = 0
        self.epoch = "ep1"
        self.seq = 0
        """The last record's number."""
        self.boot = 1
        self.offline: list[str] = []
        """The terms of offline codes that its hellos name."""

    async def connects(self, *, link: int | None = None, open_sessions: Sequence[str] = ()) -> list[Down]:
        """A new connection and its first hello."""
        self.link = self.link + 1 if link is None else link
        return await self.hello(open_sessions=open_sessions)

    async def hello(
        self,
        *,
        at_ms: int = 0,
        next_seq: int | None = None,
        link: int | None = None,
        epoch: str | None = None,
        open_sessions: Sequence[str] = (),
    ) -> list[Down]:
        """A hello on the present link."""
        return await self.says(
            Hello(
                link=self.link if link is None else link,
                epoch=epoch or self.epoch,
                next_seq=self.seq + 1 if next_seq is None else next_seq,
                oldest_seq=1,
                at_ms=at_ms,
                boot=self.boot,
                open_sessions=list(open_sessions),
                offline=list(self.offline),
            )
        )

    async def records(
        self, *records: Record | bytes, first_seq: int | None = None, link: int | None = None
    ) -> list[Down]:
        """The next records, or, with `first_seq`, some again or too early."""
        if first_seq is None:
            first_seq = self.seq + 1
        self.seq = max(self.seq, first_seq + len(records) - 1)
        bodies = [record if isinstance(record, bytes) else codec.encode(record) for record in records]
        message = Records(
            link=self.link if link is None else link,
            epoch=self.epoch,
            first_seq=first_seq,
            records=[msgspec.Raw(body) for body in bodies],
        )
        return await self.says(read(self.id, message))

    async def lost(self, from_seq: int, to_seq: int) -> list[Down]:
        """These records are gone."""
        return await self.says(Lost(link=self.link, epoch=self.epoch, from_seq=from_seq, to_seq=to_seq))

    async def goes(self, link: int | None = None) -> list[Down]:
        """The broker publishes its will."""
        return await self.says(Gone(link=self.link if link is None else link))

    async def says(self, said: Said) -> list[Down]:
        """Anything; what the server then sends to this terminal."""
        batches = await apply_words(self.desk.books, [Word(self.id, said)], Config())
        return [send.message for batch in batches for send in batch.sends if send.terminal == self.id]

    def started(self, session: Session, *, ml: int = 0, s: int = 0, ticks_ms: int = 0) -> Started:
        """The record that it is about to open."""
        return Started(
            boot=self.boot,
            ticks_ms=ticks_ms,
            session=session.id,
            command=session.command,
            outlet=session.outlet,
            registers={Register.ML: ml, Register.S: s},
        )

    def checkpoint(self, session: Session, *, ml: int, s: int, ticks_ms: int | None = None) -> Checkpoint:
        """The registers in mid-use."""
        return Checkpoint(
            boot=self.boot,
            ticks_ms=s * 1000 if ticks_ms is None else ticks_ms,
            session=session.id,
            outlet=session.outlet,
            registers={Register.ML: ml, Register.S: s},
        )

    def stopped(
        self,
        session: Session,
        *,
        ml: int,
        s: int,
        start_ml: int = 0,
        ticks_ms: int | None = None,
        reason: StopReason = StopReason.KEY,
    ) -> Stopped:
        """The record of the end; seconds and ticks run together unless told otherwise."""
        return Stopped(
            boot=self.boot,
            ticks_ms=s * 1000 if ticks_ms is None else ticks_ms,
            session=session.id,
            outlet=session.outlet,
            reason=reason,
            start={Register.ML: start_ml, Register.S: 0},
            registers={Register.ML: ml, Register.S: s},
        )


class Desk:
    """One operator with played terminals and customers, over real books."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.books = PostgresBooks(pool)
        self.sent: list[tuple[TerminalId, Down]] = []
        self.starter = Starter(self.books, self._send_all)
        self.operator = OperatorId("")

    async def open(self, name: str = "Campus") -> Desk:
        """Make the operator."""
        async with self.pool.acquire() as connection:
            made = await create_operator(
                connection, name=name, currency="CNY", timezone="Asia/Shanghai", by="test"
            )
        self.operator = made.operator_id
        return self

    async def _send_all(self, batches: Iterable[Batch]) -> None:
        self.sent += [(send.terminal, send.message) for batch in batches for send in batch.sends]

    async def terminal(
        self, *, tariff: str = "shower-litre", outlets: int = 1, online: bool = True
    ) -> PlayedTerminal:
        """A terminal, connected unless told otherwise."""
        async with self.pool.acquire() as connection:
            tariff_id = await ensure_tariff(connection, self.operator, tariff)
            fleet = await make_fleet(
                connection, self.operator, terminals=1, outlets=outlets, tariff_id=tariff_id
            )
        terminal = PlayedTerminal(self, fleet[0])
        if online:
            await terminal.connects()
        return terminal

    async def customer(self, balance_minor: int = 20_00, name: str = "Lin") -> CustomerId:
        """A customer with cash on the wallet."""
        async with self.pool.acquire() as connection:
            made = await make_paying_customers(
                connection, self.operator, names=[name], currency="CNY", amount_minor=balance_minor
            )
        return made[0]

    async def start(
        self, customer: CustomerId, terminal: PlayedTerminal, *, outlet: int = 0, key: str = "k1"
    ) -> StartAnswer:
        """Ask for a start."""
        return await self.starter.start(self.request(customer, terminal, outlet=outlet, key=key))

    def request(
        self, customer: CustomerId, terminal: PlayedTerminal, *, outlet: int = 0, key: str = "k1"
    ) -> StartRequest:
        """What a start asks."""
        return StartRequest(
            operator=self.operator, customer=customer, terminal=terminal.id, outlet=outlet, key=key
        )

    async def begun(
        self, customer: CustomerId, terminal: PlayedTerminal, *, outlet: int = 0, key: str = "k1"
    ) -> Session:
        """A session that may start; fails the test when it is refused."""
        answer = await self.start(customer, terminal, outlet=outlet, key=key)
        assert isinstance(answer, Session), answer
        return answer

    def start_commands(self) -> list[Start]:
        """Every start command that left."""
        return [message for _, message in self.sent if isinstance(message, Start)]

    async def session(self, session: SessionId) -> Session:
        """As it stands."""
        terminal = await self.books.terminal_of(self.operator, session)
        assert terminal is not None
        async with self.books.transaction(Purpose.WORDS) as unit:
            batch = await unit.open_batch([terminal], [session])
        return batch.sessions[session]

    async def passes(self, time: timedelta) -> list[Down]:
        """Let so much time pass, by moving the past; what the sweep then sends."""
        async with self.pool.acquire() as connection:
            await connection.execute(
                "UPDATE session SET wake_at = wake_at - $1::interval, give_up_at = give_up_at - $1::interval,"
                " expired_at = expired_at - $1::interval, created_at = created_at - $1::interval",
                time,
            )
            await connection.execute(
                "UPDATE terminal_link SET link_began_at = link_began_at - $1::interval", time
            )
        return await self.sweeps()

    async def sweeps(self) -> list[Down]:
        """One round of the sweep, until nothing is due."""
        said: list[Down] = []
        while (batch := await sweep(self.books)) is not None:
            said += [send.message for send in batch.sends]
        return said

    async def principal(self, customer: CustomerId) -> int:
        """The wallet's principal."""
        return await self.balance(customer_principal(customer))

    async def arrears(self, customer: CustomerId) -> int:
        """What the customer owes."""
        return await self.balance(customer_arrears(customer))

    async def held(self, session: SessionId) -> int:
        """What is still held for a session."""
        return await self.balance(hold_principal(session))

    async def balance(self, account: str) -> int:
        """Of any account."""
        async with self.pool.acquire() as connection:
            return await ledger.balance(connection, self.operator, account, "CNY")

    async def reviews(self) -> list[str]:
        """The reasons of what waits for a person, oldest first."""
        rows = await self.pool.fetch(
            "SELECT reason FROM review WHERE operator_id = $1 ORDER BY review_id", self.operator
        )
        return [row[0] for row in rows]

    async def alarms(self) -> list[str]:
        """The kinds of alarm that stand, oldest first."""
        rows = await self.pool.fetch(
            "SELECT kind FROM alarm WHERE operator_id = $1 AND cleared_at IS NULL ORDER BY alarm_id",
            self.operator,
        )
        return [row[0] for row in rows]

    async def in_order(self) -> None:
        """The ledger recomputes to what it says."""
        async with self.pool.acquire() as connection:
            report = await verify(connection)
        assert report.sound, report.faults
