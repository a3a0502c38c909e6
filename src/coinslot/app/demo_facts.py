"""What the demo shows, read from the books, the broker and the simulated terminals; nothing is made up here."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

import asyncpg
import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg

from coinslot.app.demo_door import ServerDoor
from coinslot.app.demo_view import BILLS, Bill, Books, Condition, Row, View
from coinslot.app.demo_world import World
from coinslot.audit import Connection
from coinslot.engines.connect import Pool
from coinslot.ledger.accounts import operator_revenue
from coinslot.ledger.seals import head
from coinslot.ledger.store import balance
from coinslot.ledger.verify import verify
from coinslot.sandbox.appliances.mishaps import Mishap, Mishaps
from coinslot.sandbox.appliances.terminal import SimulatedTerminal
from coinslot.sessions.states import State
from coinslot.wire.registers import Register
from coinslot.wire.topics import Channel, every

log = logging.getLogger(__name__)

_VERIFY_EVERY_S = 10.0
_VERIFY_SHARE = 50
"""Recomputing the books may take one part in so many of this process's time."""


_CONDITIONS = {
    State.AUTHORIZED: Condition.STARTING,
    State.UNKNOWN: Condition.UNKNOWN,
    State.RUNNING: Condition.RUNNING,
    State.STOPPING: Condition.STOPPING,
}
_LIVE = """
    SELECT s.terminal_id, s.outlet, s.state, s.customer_id, c.name,
           extract(epoch FROM now() - coalesce(s.started_at, s.created_at))::bigint AS running_s
    FROM session s JOIN customer c USING (operator_id, customer_id)
    WHERE s.operator_id = $1 AND s.state IN ('authorized', 'unknown', 'running', 'stopping')
"""
_BILLS = """
    SELECT s.session_id, s.settled_at, s.terminal_id, s.outlet, s.customer_id, c.name, s.registers, s.state,
           s.charge_minor, coalesce(s.captured_minor, 0) AS captured_minor, s.stop_reason,
           s.hold_principal_minor + s.hold_bonus_minor AS hold_minor
    FROM session s JOIN customer c USING (operator_id, customer_id)
    WHERE s.operator_id = $1 AND s.settled_at IS NOT NULL ORDER BY s.settled_at DESC LIMIT $2
"""
_SETTLED = "SELECT count(*) FROM session WHERE operator_id = $1 AND settled_at IS NOT NULL"
_SUMS = """
    SELECT coalesce(sum(amount_minor) FILTER (WHERE account ~ '/(principal|bonus)$' AND account ^@ 'customer/'), 0),
           coalesce(sum(amount_minor) FILTER (WHERE account ^@ 'hold/'), 0)
    FROM ledger_balance WHERE operator_id = $1 AND currency = $2
"""
_OFFLINE = "SELECT terminal_id FROM terminal_link WHERE operator_id = $1 AND NOT online"
_ALARMS = """
    SELECT terminal_id, outlet, kind FROM alarm
    WHERE operator_id = $1 AND cleared_at IS NULL ORDER BY raised_at
"""
_HOW = {"command": "by phone", "key": "by key", "power_loss": "power loss", "limit": "limit", "idle": "idle"}


class Reporter:
    """Reads everything once a look; counts the link's messages from `start` on."""

    def __init__(
        self,
        world: World,
        pool: Pool,
        terminals: Sequence[SimulatedTerminal],
        mishaps: Mishaps,
        door: ServerDoor,
    ) -> None:
        self._world = world
        self._pool = pool
        self._terminals = {one.id: one for one in terminals}
        self._mishaps = mishaps
        self._door = door
        self._began_s = time.monotonic()
        self._books: Books | None = None
        self._settled_before = 0
        self._received = self._sent = 0

    async def start(self, client: Client) -> None:
        """Begin to count: the sessions settled before, the messages from now on."""
        self._settled_before = int(await self._pool.fetchval(_SETTLED, self._world.operator))
        await client.subscribe(every(Channel.UP), cb=self._hear_up)
        await client.subscribe(every(Channel.GONE), cb=self._hear_up)
        await client.subscribe(every(Channel.DOWN), cb=self._hear_down)

    async def look(self) -> View:
        """Everything as it is now. asyncpg's errors or OSError while the database is away."""
        own, currency = self._world.operator, self._world.currency
        async with self._pool.acquire() as connection:
            live = await connection.fetch(_LIVE, own)
            offline = {row[0] for row in await connection.fetch(_OFFLINE, own)}
            alarms = await connection.fetch(_ALARMS, own)
            bills = await connection.fetch(_BILLS, own, BILLS)
            settled = int(await connection.fetchval(_SETTLED, own))
            sums = await connection.fetchrow(_SUMS, own, currency)
            revenue = await balance(connection, own, operator_revenue(), currency)
        now_s = time.monotonic()
        return View(
            currency=currency,
            uptime_s=int(now_s - self._began_s),
            rows=self._rows(live, offline, alarms),
            bills=tuple(self._bill(row) for row in bills),
            settled=settled - self._settled_before,
            earlier=self._world.earlier_sessions,
            wallets_minor=int(sums[0]) if sums else 0,
            held_minor=int(sums[1]) if sums else 0,
            revenue_minor=revenue,
            books=self._books,
            books_age_s=int(now_s - self._books.checked_s) if self._books else 0,
            received=self._received,
            sent=self._sent,
            refused=self._door.refused,
            topped_up=self._door.topped_up,
            faults=self._faults(offline, alarms),
        )

    async def keep_verifying(self) -> None:
        """Recompute the books again and again, until cancelled."""
        while True:
            try:
                took_s = await self.verify_once()
            except (
                OSError,
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
                asyncpg.InternalClientError,
            ) as error:
                log.warning("the books could not be read: %s", error)
                took_s = 0.0
            await asyncio.sleep(max(_VERIFY_EVERY_S, took_s * _VERIFY_SHARE))

    async def verify_once(self) -> float:
        """Recompute the books now; how long it took."""
        began = time.monotonic()
        async with self._pool.acquire() as connection:
            self._books = await _verified(connection, self._world)
        return time.monotonic() - began

    def _rows(
        self, live: Sequence[asyncpg.Record], offline: set[str], alarms: Sequence[asyncpg.Record]
    ) -> tuple[Row, ...]:
        sessions = {(row["terminal_id"], row["outlet"]): row for row in live}
        broken = {(row["terminal_id"], row["outlet"]) for row in alarms}
        rows = []
        for place in self._world.known:
            terminal = self._terminals.get(place.terminal)
            session = sessions.get((place.terminal, place.outlet))
            use = terminal.use(place.outlet) if terminal is not None else None
            if terminal is not None and not terminal.powered:
                condition = Condition.DARK
            elif place.terminal in offline:
                condition = Condition.OFFLINE
            elif session is not None:
                condition = _CONDITIONS[State(session["state"])]
            elif (place.terminal, place.outlet) in broken:
                condition = Condition.FAULT
            else:
                condition = Condition.FREE
            rows.append(
                Row(
                    appliance=place.appliance,
                    outlet=place.name,
                    code=place.code,
                    condition=condition,
                    customer=masked(session["name"], session["customer_id"]) if session else "",
                    ml=use.ml if use and session else None,
                    cost_minor=use.charge_minor if use and session else None,
                    running_s=int(session["running_s"]) if session else None,
                )
            )
        return tuple(rows)

    def _bill(self, row: asyncpg.Record) -> Bill:
        place = next(
            (
                one
                for one in self._world.known
                if (one.terminal, one.outlet) == (row["terminal_id"], row["outlet"])
            ),
            None,
        )
        usage = msgspec.json.decode(row["registers"], type=dict[str, int]) if row["registers"] else {}
        return Bill(
            session=row["session_id"],
            ended_at=row["settled_at"],
            appliance=place.appliance if place else "?",
            outlet=place.name if place else "?",
            customer=masked(row["name"], row["customer_id"]),
            ml=usage.get(Register.ML.value),
            charge_minor=row["charge_minor"],
            hold_minor=row["hold_minor"],
            captured_minor=row["captured_minor"],
            how=_how(row["state"], row["stop_reason"]),
        )

    def _faults(self, offline: set[str], alarms: Sequence[asyncpg.Record]) -> tuple[str, ...]:
        now_s = asyncio.get_running_loop().time()
        lines = []
        explained = set()
        for one in self._mishaps.now:
            left_s = max(0, round(one.until_s - now_s))
            lines.append(f"{one.terminal.name}: {one.what.value}, {left_s} s left")
            if one.what is not Mishap.LEAK:
                explained.add(one.terminal.id)
        for row in alarms:
            terminal = self._terminals.get(row["terminal_id"])
            if terminal is not None:
                lines.append(f"{terminal.name}: alarm “{row['kind'].replace('_', ' ')}”")
        lines += [
            f"{terminal.name}: coming back"
            for key, terminal in self._terminals.items()
            if key in offline and key not in explained
        ]
        return tuple(lines)

    async def _hear_up(self, _message: Msg) -> None:
        self._received += 1

    async def _hear_down(self, _message: Msg) -> None:
        self._sent += 1


async def _verified(connection: Connection, world: World) -> Books:
    report = await verify(connection, operator=world.operator)
    sealed = await head(connection, world.operator)
    return Books(
        sound=report.sound,
        entries=report.entries,
        sealed_to=sealed.seal_no if sealed else 0,
        checked_s=time.monotonic(),
    )


def _how(state: str, reason: str | None) -> str:
    if state == State.RELEASED:
        return "never began"
    if reason is None:
        return "given up"
    return _HOW.get(reason, reason.replace("_", " "))


def masked(name: str, customer: str) -> str:
    """Enough to tell two customers apart, too little to know them: `L** x9z`."""
    return f"{name[:1] or '*'}** {customer[-3:]}"
