"""A replay: each recorded use is a session of a customer of its own, through the stack that is served."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import msgspec

from coinslot.app.replay_begin import SESSION, Beginning, NotBegun, Work
from coinslot.app.replay_books import check_books
from coinslot.app.replay_guests import Guests
from coinslot.app.replay_lines import blank, filled, reviewed
from coinslot.app.replay_plan import Plan, Way
from coinslot.app.replay_results import LedgerCheck, Played
from coinslot.app.seed import BY, make_fleet, make_paying_customers
from coinslot.app.stack import Stack
from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import UNANSWERED
from coinslot.fleet.bulk import TerminalCredentials
from coinslot.fleet.models import Operator
from coinslot.fleet.offline_credit import set_offline_credit
from coinslot.fleet.rules import ApplianceKind
from coinslot.fleet.store import create_operator
from coinslot.fleet.tariff_store import add_tariff
from coinslot.keyring import Keyring
from coinslot.sandbox.appliances.cable import Cable
from coinslot.sandbox.replay.appliance import OUTLET, Kind
from coinslot.sandbox.replay.player import PATIENCE_S, Player, Stalled
from coinslot.sandbox.replay.recordings import Recording
from coinslot.sessions.model import Session
from coinslot.settlement.rows import session_of
from coinslot.tariffs import dump_tariff
from coinslot.terminal.display import money
from coinslot.terminal.events import KeyPressed
from coinslot.terminal.mqtt import Account
from coinslot.wire.ids import ApplianceId, CustomerId, OperatorId, new_id

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

_REVIEWS = "SELECT session_id, reason, detail FROM review WHERE operator_id = $1 ORDER BY review_id"
OnPlayed = Callable[[Played], None]
"""Told of each use as it ends."""


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
        keyring: Keyring | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._plan = plan
        self._stack = stack
        self._guests = guests
        self._keyring = keyring
        self._broker = broker
        self._folder = folder
        self._on_played = on_played
        self._patience_s = patience_s
        self._played: dict[int, Played] = {}
        self._todo: deque[Work] = deque()
        self._fleet: list[TerminalCredentials] = []
        self._operator: Operator
        self._beginning: Beginning

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
            if plan.way is Way.OFFLINE:
                await set_offline_credit(connection, own, self._fleet[0].site_id, plan.credit_minor, by=BY)
        self._beginning = Beginning(
            way=plan.way,
            pool=self._stack.pool,
            starter=self._stack.starter,
            operator=OperatorId(own),
            guests=self._guests,
            keyring=self._keyring,
            patience_s=self._patience_s,
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
                played = await self._use(player, credentials.appliance_id, work)
                failures = 0 if played.settled else failures + 1
                self._tell(work, played)

    @contextlib.asynccontextmanager
    async def _player(self, account: Account) -> AsyncIterator[Player]:
        plan = self._plan
        cable = None
        if plan.way is Way.OFFLINE:
            cable = Cable(account.host, account.port)
            await cable.open()
            host, port = cable.address
            account = msgspec.structs.replace(account, host=host, port=port)
        try:
            async with Player(
                account,
                self._folder,
                plan.kind,
                plan.speed,
                patience_s=self._patience_s,
                stops=None if plan.way is Way.SCAN else KeyPressed(OUTLET, "#"),
                cable=cable,
            ) as player:
                yield player
        finally:
            if cable is not None:
                await cable.close()

    def _tell(self, work: Work, played: Played) -> None:
        self._played[work.number] = played
        self._on_played(played)

    # ------------------------------------------------------------ one use

    async def _use(self, player: Player, appliance: ApplianceId, work: Work) -> Played:
        """From the customer's start to the settled session. Whatever fails is in the answer."""
        began_s = time.monotonic()
        session: Session | None = None
        try:
            await self._beginning.linked(player)
            session = await self._beginning.begin(player, appliance, work)
            problem = await self._draw(player, session, work.trace)
        except NotBegun as error:
            problem = error.why
        except Stalled as error:
            problem = f"waited in vain for {error.what}"
        played = blank(work.trace, NOT_STARTED, problem)
        if session is not None:
            ended, late = await self._settled(session)
            played = filled(played, ended, self._plan, problem or late or self._misread(player, ended))
        return msgspec.structs.replace(
            played, terminal_id=player.terminal, took_ms=int((time.monotonic() - began_s) * 1000)
        )

    async def _draw(self, player: Player, session: Session, trace: Recording) -> str | None:
        if not await player.opened(session.command):
            return "the terminal declined"
        try:
            await player.play(trace)
        except Stalled:
            await player.stop()
            raise
        await (player.line.joined() if player.line.is_cut else player.line.reported())
        return None

    def _misread(self, player: Player, ended: Session) -> str | None:
        """Whoever types a code has no page before them: the display says what it came to."""
        if self._plan.way is Way.SCAN or ended.captured_minor is None:
            return None
        bill = money(ended.captured_minor, ended.currency)
        if any(bill in row.split() for row in player.shown):
            return None
        return f"the display's bill does not say {bill}"

    async def _settled(self, session: Session) -> tuple[Session, str | None]:
        """The session once it is over, or as it is when that does not come.

        `stopped` is acknowledged in the same commit that settles, so the first look nearly always does.
        """
        deadline_s = time.monotonic() + self._patience_s
        while True:
            try:
                row = await self._stack.pool.fetchrow(SESSION, session.operator, session.id)
            except UNANSWERED as error:
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
            paid_in_minor = len(self._plan.traces) * self._plan.balance_minor
            return await check_books(pool, own, currency, captured_minor, paid_in_minor)
        refunded_minor = await self._guests.refunded(pool)
        released_minor = sum(played.released_minor or 0 for played in self._played.values())
        check = await check_books(pool, own, currency, captured_minor, None)
        return msgspec.structs.replace(
            check,
            refunded_minor=refunded_minor,
            agrees=check.agrees and refunded_minor == released_minor,
        )
