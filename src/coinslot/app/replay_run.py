"""A replay: each recorded use is a session of a customer of its own, through the stack that is served."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import asyncpg
import msgspec
from msgspec import Struct

from coinslot.app.replay_books import check_books
from coinslot.app.replay_guests import Guests
from coinslot.app.replay_lines import blank, filled, reviewed
from coinslot.app.replay_plan import Plan
from coinslot.app.replay_results import LedgerCheck, Played
from coinslot.app.seed import BY, make_fleet, make_paying_customers
from coinslot.app.stack import Stack
from coinslot.engines.broker import BrokerAccess
from coinslot.fleet.bulk import TerminalCredentials
from coinslot.fleet.models import Operator
from coinslot.fleet.rules import ApplianceKind
from coinslot.fleet.store import create_operator
from coinslot.fleet.tariff_store import add_tariff
from coinslot.ledger.errors import LedgerError
from coinslot.sandbox.replay.appliance import OUTLET, Kind
from coinslot.sandbox.replay.player import PATIENCE_S, Player, Stalled
from coinslot.sandbox.replay.recordings import Recording
from coinslot.sessions.model import Session
from coinslot.settlement.ports import Conflict
from coinslot.settlement.requests import Refused, StartAnswer, StartRequest
from coinslot.settlement.rows import SESSION_COLUMNS, session_of
from coinslot.tariffs import dump_tariff
from coinslot.terminal.mqtt import Account
from coinslot.wire.ids import CustomerId, new_id

log = logging.getLogger(__name__)

NOT_STARTED = "not started"
NOT_PLAYED = "not played"
FAILURES = 2
"""In a row, and a terminal takes no more uses: what keeps it from one keeps it from the next."""
_LOOK_S = 0.05
_KINDS = {
    Kind.SHOWER: ApplianceKind.SHOWER,
    Kind.FAUCET: ApplianceKind.DISPENSER,
    Kind.SOCKET: ApplianceKind.DRYER,
}

_DATABASE_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_SESSION = f"SELECT {SESSION_COLUMNS} FROM session s WHERE s.operator_id = $1 AND s.session_id = $2"
_REVIEWS = "SELECT session_id, reason, detail FROM review WHERE operator_id = $1 ORDER BY review_id"
OnPlayed = Callable[[Played], None]
"""Told of each use as it ends."""


class Work(Struct, frozen=True):
    """One use still to be played, and by whom; `number` is its place in the recording."""

    number: int
    trace: Recording
    customer: CustomerId | None
    """None for a guest, who pays on the appliance."""


class Replay:
    """One replay through a started stack."""

    def __init__(
        self,
        plan: Plan,
        stack: Stack,
        broker: BrokerAccess,
        folder: Path,
        on_played: OnPlayed,
        *,
        guests: Guests | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._plan = plan
        self._stack = stack
        self._guests = guests
        self._broker = broker
        self._folder = folder
        self._on_played = on_played
        self._patience_s = patience_s
        self._played: dict[int, Played] = {}
        self._todo: deque[Work] = deque()
        self._fleet: list[TerminalCredentials] = []
        self._operator: Operator

    async def run(self) -> list[Played]:
        """Play everything, once prepared; the uses in the recording's order. What fails is told in its line."""
        todo = self._todo
        async with asyncio.TaskGroup() as group:
            for credentials in self._fleet:
                group.create_task(self._terminal(credentials, todo))
        for work in todo:
            left = blank(work.trace, NOT_PLAYED, "every terminal had given up")
            self._tell(work, left)
        found = await self._stack.pool.fetch(_REVIEWS, self._operator.operator_id)
        reviews = {row["session_id"]: f"{row['reason']}: {row['detail']}" for row in found}
        return [reviewed(self._played[number], reviews) for number in sorted(self._played)]

    async def prepare(self) -> None:
        """Make the replay's own operator, tariff, terminals and customers, with money on their wallets.

        Guests need no wallet, and come with an operator whose payments are collected.
        """
        plan = self._plan
        tariff = plan.tariff
        async with self._stack.pool.acquire() as connection:
            self._operator = (
                self._guests.operator
                if self._guests is not None
                else await create_operator(
                    connection,
                    name=f"Replay {new_id('run')[4:]}",
                    currency=tariff.currency,
                    timezone="UTC",
                    by=BY,
                )
            )
            own = self._operator.operator_id
            price = await add_tariff(connection, own, name=plan.tariff_name, body=dump_tariff(tariff), by=BY)
            self._fleet = await make_fleet(
                connection,
                own,
                terminals=plan.terminals,
                tariff_id=price.tariff_id,
                kind=_KINDS[plan.kind],
            )
            customers: Sequence[CustomerId | None] = [None] * len(plan.traces)
            if self._guests is None:
                customers = await make_paying_customers(
                    connection,
                    own,
                    names=[f"Recorded use {trace.event_id}" for trace in plan.traces],
                    currency=tariff.currency,
                    amount_minor=plan.balance_minor,
                )
        pairs = zip(plan.traces, customers, strict=True)
        self._todo.extend(Work(number, *pair) for number, pair in enumerate(pairs))

    async def _terminal(self, credentials: TerminalCredentials, todo: deque[Work]) -> None:
        account = Account(
            terminal=credentials.terminal_id,
            secret=credentials.secret,
            host=self._broker.mqtt_host,
            port=self._broker.mqtt_port,
        )
        failures = 0
        async with self._player(account) as player:
            while todo and failures < FAILURES:
                work = todo.popleft()
                played = await self._use(player, work)
                failures = 0 if played.settled else failures + 1
                self._tell(work, played)

    def _player(self, account: Account) -> Player:
        plan = self._plan
        return Player(account, self._folder, plan.kind, plan.speed, patience_s=self._patience_s)

    def _tell(self, work: Work, played: Played) -> None:
        self._played[work.number] = played
        self._on_played(played)

    # ------------------------------------------------------------ one use

    async def _use(self, player: Player, work: Work) -> Played:
        """From the customer's start to the settled session. Whatever fails is in the answer."""
        began_s = time.monotonic()
        session: Session | None = None
        problem: str | None = None
        try:
            await player.fresh_link()
            session, problem = await self._begin(player, work)
            if session is not None and problem is None:
                problem = await self._draw(player, session, work.trace)
        except Stalled as error:
            problem = f"waited in vain for {error.what}"
        played = blank(work.trace, NOT_STARTED, problem)
        if session is not None:
            ended, late = await self._settled(session)
            played = filled(played, ended, self._plan, problem or late)
        return msgspec.structs.replace(
            played, terminal_id=player.terminal, took_ms=int((time.monotonic() - began_s) * 1000)
        )

    async def _begin(self, player: Player, work: Work) -> tuple[Session | None, str | None]:
        if work.customer is not None:
            return await self._start(player, work.customer)
        assert self._guests is not None  # who has no wallet is a guest
        session = await self._guests.buys(player, work.number, work.trace)
        row = await self._stack.pool.fetchrow(_SESSION, self._operator.operator_id, session)
        return (
            (None, "the terminal runs for a session that is not stored")
            if row is None
            else (session_of(row), None)
        )

    async def _start(self, player: Player, customer: CustomerId) -> tuple[Session | None, str | None]:
        request = StartRequest(
            operator=self._operator.operator_id,
            customer=customer,
            terminal=player.terminal,
            outlet=OUTLET,
            key=f"replay:{customer}",
        )
        try:
            async with asyncio.timeout(self._patience_s):
                answer = await self._answer(request)
        except (Conflict, LedgerError, TimeoutError) as error:
            return None, f"the start failed: {error or type(error).__name__}"
        if isinstance(answer, Refused):
            return None, f"the start was refused: {answer.reason.value}"
        return answer, None

    async def _answer(self, request: StartRequest) -> StartAnswer:
        """As a customer who presses again while the database is away: the same key is the same session."""
        while True:
            try:
                return await self._stack.starter.start(request)
            except _DATABASE_ERRORS as error:
                log.info("a start is tried again: %s", error or type(error).__name__)
            await asyncio.sleep(_LOOK_S)

    async def _draw(self, player: Player, session: Session, trace: Recording) -> str | None:
        if not await player.opened(session.command):
            return "the terminal declined"
        try:
            await player.play(trace)
        except Stalled:
            await player.stop()
            raise
        await player.reported()
        return None

    async def _settled(self, session: Session) -> tuple[Session, str | None]:
        """The session once it is over, or as it is when that does not come.

        `stopped` is acknowledged in the same commit that settles, so the first look nearly always does.
        """
        deadline_s = time.monotonic() + self._patience_s
        while True:
            try:
                row = await self._stack.pool.fetchrow(_SESSION, session.operator, session.id)
            except _DATABASE_ERRORS as error:
                log.info("a session is looked at again: %s", error or type(error).__name__)
                row = None
            found = session if row is None else session_of(row)
            if found.settled_at is not None:
                return found, None
            if time.monotonic() >= deadline_s:
                return found, f"not settled within {self._patience_s:g} s"
            await asyncio.sleep(_LOOK_S)

    # ------------------------------------------------------------ the books

    async def check(self, captured_minor: int) -> LedgerCheck:
        """This replay's own books, recomputed, beside what its sessions say was captured and, of guests, released."""
        own, currency = self._operator.operator_id, self._plan.tariff.currency
        pool = self._stack.pool
        if self._guests is None:
            return await check_books(pool, own, currency, captured_minor)
        refunded_minor = await self._guests.refunded(pool)
        released_minor = sum(played.released_minor or 0 for played in self._played.values())
        check = await check_books(pool, own, currency, captured_minor)
        return msgspec.structs.replace(
            check,
            refunded_minor=refunded_minor,
            agrees=check.agrees and refunded_minor == released_minor,
        )
