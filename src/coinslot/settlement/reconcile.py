"""Reconciliation, two ways: ledger with sessions, sessions with registers. Reads one snapshot, changes nothing.

Both passes stream: sessions beside the entries that name them, then each outlet's sessions beside its idle
readings. In memory are the open holds, and one outlet's days.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import TYPE_CHECKING, TypeAlias
from zoneinfo import ZoneInfo

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy
from msgspec import Struct

from coinslot import metering
from coinslot.ledger.events import Taken
from coinslot.rows import one
from coinslot.sessions.model import Session
from coinslot.settlement.differences import Difference, PostedLeg, What, judge
from coinslot.settlement.direct_differences import DirectPaid, judge_rest
from coinslot.settlement.leakage import Chain, Flow
from coinslot.settlement.reconcile_rows import (
    BY_OUTLET,
    BY_OUTLET_OF_DAY,
    HOLDS,
    LEGS,
    OPERATORS,
    READINGS,
    RESTS,
    SESSIONS,
    IdleReading,
    Legs,
    Period,
    in_order,
    period_of,
)
from coinslot.settlement.rows import session_of
from coinslot.wire.registers import Register

if TYPE_CHECKING:
    Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

MAX_LISTED = 1_000
"""Differences, and outlets' days with leakage, that a report lists; it counts them all."""
_PAGE = 1_000

Progress = Callable[[str, int], None]
"""Called with what is being compared and the number of sessions done."""


class Report(Struct, frozen=True):
    """What was compared, what does not agree, and what was not sold."""

    sessions: int
    entries: int
    outlet_days: int
    other_holds: int
    """Holds of payments and vends, which are not compared here."""
    found: int
    differences: tuple[Difference, ...]
    """The first of those found."""
    leaking: int
    flows: tuple[Flow, ...]
    """The first outlets' days on which a register moved by other than what was billed."""
    moved: dict[Register, int]
    leakage: dict[Register, int]

    @property
    def sound(self) -> bool:
        """Whether everything agrees. Leakage is no difference: it is shown."""
        return not self.found


async def reconcile(
    connection: Connection,
    *,
    operator: str | None = None,
    day: date | None = None,
    progress: Progress | None = None,
) -> Report:
    """Compare all operators, or one; all time, or what ended on one day by each operator's clock.

    With a day, live sessions count to the day on which they were made.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        comparing = _Comparing(connection, progress or (lambda _what, _done: None))
        for row in await connection.fetch(OPERATORS, operator):
            period = period_of(row["operator_id"], ZoneInfo(row["timezone"]), day)
            await comparing.ledger(period)
            await comparing.payments(period)
            await comparing.registers(period)
        return comparing.report()


class _Comparing:
    def __init__(self, connection: Connection, progress: Progress) -> None:
        self._connection = connection
        self._progress = progress
        self._sessions = self._entries = self._outlet_days = self._other_holds = 0
        self._found = self._leaking = self._chained = 0
        self._differences: list[Difference] = []
        self._flows: list[Flow] = []
        self._moved: dict[Register, int] = {}
        self._leakage: dict[Register, int] = {}

    def report(self) -> Report:
        return Report(
            sessions=self._sessions,
            entries=self._entries,
            outlet_days=self._outlet_days,
            other_holds=self._other_holds,
            found=self._found,
            differences=tuple(self._differences),
            leaking=self._leaking,
            flows=tuple(self._flows),
            moved=self._moved,
            leakage=self._leakage,
        )

    async def ledger(self, period: Period) -> None:
        """Every session beside its entries and its hold accounts."""
        held = await self._held(period.operator)
        legs = Legs(aiter(self._cursor(LEGS, period)))
        async for row in self._cursor(SESSIONS, period):
            session = session_of(row)
            own, strangers = await legs.upto(session.id)
            self._unknown(period.operator, strangers)
            account = Taken(
                held.pop((session.held_under, "principal", session.currency), 0),
                held.pop((session.held_under, "bonus", session.currency), 0),
            )
            for difference in judge(session, own, account):
                self._add(difference)
            self._sessions += 1
            self._entries += len({leg.key for leg in own})
            self._progress("sessions and entries", self._sessions)
        _, strangers = await legs.upto(None)
        self._unknown(period.operator, strangers)
        if period.day is None:
            self._strays(period.operator, held)

    async def payments(self, period: Period) -> None:
        """Every payment for one use beside its session and what was asked back of it."""
        async for row in self._cursor(RESTS, period):
            for what, detail in judge_rest(one(row, DirectPaid)):
                self._add(
                    Difference(what=what, operator=period.operator, session=row["session_id"], detail=detail)
                )

    async def registers(self, period: Period) -> None:
        """Every outlet's sessions in order, with its idle readings between them."""
        chain = Chain(period.operator, "", -1)
        async for item in in_order(self._by_outlet(period), self._readings(period)):
            if (item.terminal, item.outlet) != (chain.terminal, chain.outlet):
                self._end(chain, period)
                chain = Chain(period.operator, item.terminal, item.outlet)
            if isinstance(item, IdleReading):
                chain.reading(item.registers, period.day_of(item.at))
                continue
            self._chained += 1
            self._progress("sessions and registers", self._chained)
            ended = period.day_of(item.settled_at or item.created_at)
            try:
                chain.session(item, ended)
            except (metering.MeterStateError, msgspec.MsgspecError) as error:
                chain.faults.append((What.UNREADABLE, item.id, str(error)))
            if period.day in (None, ended):
                self._faults(chain)
            chain.faults.clear()
        self._end(chain, period)

    async def _held(self, operator: str) -> dict[tuple[str, str, str], int]:
        rows = await self._connection.fetch(HOLDS, operator)
        return {(row["ref"], row["half"], row["currency"]): row["amount_minor"] for row in rows}

    def _cursor(self, query: str, period: Period) -> asyncpg.cursor.CursorFactory[asyncpg.Record]:
        return self._connection.cursor(query, period.operator, period.begins, period.ends, prefetch=_PAGE)

    async def _by_outlet(self, period: Period) -> AsyncIterator[Session]:
        rows = (
            self._connection.cursor(BY_OUTLET, period.operator, prefetch=_PAGE)
            if period.day is None
            else self._cursor(BY_OUTLET_OF_DAY, period)
        )
        async for row in rows:
            yield session_of(row)

    async def _readings(self, period: Period) -> AsyncIterator[IdleReading]:
        query = self._connection.cursor(
            READINGS, period.operator, period.zone.key, period.begins, period.ends, prefetch=_PAGE
        )
        async for row in query:
            yield IdleReading(*row)

    def _unknown(self, operator: str, legs: list[PostedLeg]) -> None:
        for session, key in dict.fromkeys((leg.session, leg.key) for leg in legs):
            self._entries += 1
            self._add(
                Difference(
                    what=What.UNKNOWN_SESSION, operator=operator, session=session, detail=f"entry {key}"
                )
            )

    def _strays(self, operator: str, held: dict[tuple[str, str, str], int]) -> None:
        for (ref, half, currency), amount_minor in sorted(held.items()):
            if not ref.startswith("ses_"):
                self._other_holds += 1
                continue
            detail = f"hold/{ref}/{half} has {amount_minor} {currency}"
            self._add(Difference(what=What.STRAY_HOLD, operator=operator, session=ref, detail=detail))

    def _faults(self, chain: Chain) -> None:
        for what, session, detail in chain.faults:
            self._add(
                Difference(
                    what=what, operator=chain.operator, session=session, terminal=chain.terminal,
                    outlet=chain.outlet, detail=detail,
                )
            )  # fmt: skip

    def _end(self, chain: Chain, period: Period) -> None:
        for flow in chain.flows():
            if period.day not in (None, flow.day):
                continue
            self._outlet_days += 1
            self._moved[flow.register] = self._moved.get(flow.register, 0) + flow.moved
            self._leakage[flow.register] = self._leakage.get(flow.register, 0) + flow.leakage
            if flow.leakage or flow.flushed:
                self._leaking += 1
                if len(self._flows) < MAX_LISTED:
                    self._flows.append(flow)

    def _add(self, difference: Difference) -> None:
        self._found += 1
        if len(self._differences) < MAX_LISTED:
            self._differences.append(difference)
