"""A hall of dispensers in use, for what is measured of pages: terminals played over the broker, customers logged in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from msgspec import Struct
from nats.aio.client import Client

from coinslot.access import stickers
from coinslot.app.benches.bed import Bed
from coinslot.app.errors import Problem
from coinslot.app.seed import BY, ensure_tariff, make_fleet, make_paying_customers
from coinslot.engines.connect import Pool, open_pool
from coinslot.fleet.bulk import TerminalCredentials
from coinslot.fleet.rules import ApplianceKind
from coinslot.fleet.store import create_operator
from coinslot.keyring import Keyring
from coinslot.link.clients import connect
from coinslot.link.outgoing import Outgoing
from coinslot.people.browsers import begin_login
from coinslot.settlement.requests import Refused, StartRequest
from coinslot.settlement.starter import Starter
from coinslot.settlement.store import PostgresBooks
from coinslot.wire import codec
from coinslot.wire.ids import CustomerId, OperatorId, TerminalId, new_id
from coinslot.wire.messages import Hello, Readings, Records, Up
from coinslot.wire.records import Record, Started, Stopped, StopReason
from coinslot.wire.registers import Register
from coinslot.wire.topics import Channel, subject

STEP_ML = 100
"""Between two readings, a second apart: 6 L/min, and each is another figure on the page."""
_EPOCH = "bench"
_LINK = 1
_PATIENCE_S = 30.0
_LOOK_S = 0.05
_BALANCE_MINOR = 100_00


class Seat(Struct, frozen=True, kw_only=True):
    """One dispenser with its customer, in use."""

    terminal: TerminalId
    sticker: str
    """The path its QR leads to."""
    session: str
    command: str
    token: str
    """The customer's cookie."""


class Hall:
    """Made by `open_hall`. The last seat's use has ended: it is there for its bill."""

    def __init__(self, operator: OperatorId, seats: Sequence[Seat], pool: Pool, client: Client) -> None:
        self.operator = operator
        self.seats = seats[:-1]
        self.ended = seats[-1]
        self._pool = pool
        self._client = client
        self._read = 0
        """Readings that each seat has published."""

    async def read(self, seat: Seat, number: int) -> None:
        """Publish the seat's reading of this number, from 1 on."""
        reading = Readings(
            link=_LINK,
            outlet=0,
            ticks_ms=1000 * number,
            registers=_registers(number),
            flow_ml_per_min=60 * STEP_ML,
            valve_open=True,
            session=seat.session,
        )
        await _say(self._client, seat.terminal, reading)

    def next_readings(self, count: int) -> range:
        """The numbers of the next so many readings of every seat."""
        first = self._read + 1
        self._read += count
        return range(first, first + count)

    async def begin(self) -> None:
        """Every terminal says that its valve is open, and the last one that it has shut again."""
        for seat in (*self.seats, self.ended):
            started = Started(
                boot=1,
                ticks_ms=0,
                session=seat.session,
                command=seat.command,
                outlet=0,
                registers=_registers(0),
            )
            await self._record(seat, 1, started)
        await self._until("state = 'running'", len(self.seats) + 1, "the sessions' start")
        stopped = Stopped(
            boot=1,
            ticks_ms=60_000,
            session=self.ended.session,
            outlet=0,
            reason=StopReason.KEY,
            start=_registers(0),
            registers=_registers(30),
        )
        await self._record(self.ended, 2, stopped)
        await self._until("settled_at IS NOT NULL", 1, "a session's end")

    async def close(self) -> None:
        """Let go."""
        await self._client.close()
        await self._pool.close()

    async def _record(self, seat: Seat, seq: int, record: Record) -> None:
        body = [msgspec.Raw(codec.encode(record))]
        message = Records(link=_LINK, epoch=_EPOCH, first_seq=seq, records=body)
        await _say(self._client, seat.terminal, message)

    async def _until(self, holds: str, count: int, what: str) -> None:
        query = f"SELECT count(*) FROM session WHERE operator_id = $1 AND {holds}"
        await _until(self._pool, query, self.operator, count, what)


async def open_hall(bed: Bed, count: int) -> Hall:
    """`count` uses under way, and one that has ended. Problem when that cannot be had."""
    assert bed.serving  # terminals say hello to a server that listens
    pool = await open_pool(bed.database_url, min_size=1, max_size=4)
    access = bed.broker.access
    client = await connect(access.url, user=access.server_user, password=access.server_password, name="hall")
    own, fleet, customers = await _make(pool, count + 1)
    for one in fleet:
        hello = Hello(link=_LINK, epoch=_EPOCH, next_seq=1, oldest_seq=1, boot=1, open_sessions=[])
        await _say(client, one.terminal_id, hello)
    query = "SELECT count(*) FROM terminal_link WHERE operator_id = $1 AND online"
    await _until(pool, query, own, len(fleet), "the terminals' hello")
    starter = Starter(PostgresBooks(pool), Outgoing(client).send_all)
    keyring = Keyring(bed.secret)
    try:
        seats = [
            await _seat(starter, pool, customer, one, keyring)
            for customer, one in zip(customers, fleet, strict=True)
        ]
    finally:
        await starter.close()
    hall = Hall(own, seats, pool, client)
    await hall.begin()
    return hall


async def _make(
    pool: Pool, count: int
) -> tuple[OperatorId, Sequence[TerminalCredentials], Sequence[CustomerId]]:
    async with pool.acquire() as connection:
        made = await create_operator(
            connection, name="Watched", currency="CNY", timezone="Asia/Shanghai", by=BY
        )
        own = made.operator_id
        tariff = await ensure_tariff(connection, own, "dispenser-cold")
        fleet = await make_fleet(
            connection, own, terminals=count, tariff_id=tariff, kind=ApplianceKind.DISPENSER
        )
        names = [f"Watcher {number}" for number in range(count)]
        customers = await make_paying_customers(
            connection, own, names=names, currency="CNY", amount_minor=_BALANCE_MINOR
        )
        return own, fleet, customers


async def _seat(
    starter: Starter, pool: Pool, customer: CustomerId, one: TerminalCredentials, keyring: Keyring
) -> Seat:
    own = one.operator_id
    request = StartRequest(
        operator=own, customer=customer, terminal=one.terminal_id, outlet=0, key=new_id("req")
    )
    answer = await starter.start(request)
    if isinstance(answer, Refused):
        raise Problem(f"a start was refused: {answer.reason}", "This is a mistake of the measurement.")
    async with pool.acquire() as connection, connection.transaction():
        token = await begin_login(connection, own, customer, None)
    return Seat(
        terminal=one.terminal_id,
        sticker=f"/m/{stickers.sign(keyring, one.appliance_code)}",
        session=answer.id,
        command=answer.command,
        token=token,
    )


async def _say(client: Client, terminal: TerminalId, message: Up) -> None:
    await client.publish(subject(terminal, Channel.UP), codec.encode(message))


async def _until(pool: Pool, query: str, own: OperatorId, count: int, what: str) -> None:
    for _ in range(round(_PATIENCE_S / _LOOK_S)):
        if await pool.fetchval(query, own) >= count:
            return
        await asyncio.sleep(_LOOK_S)
    raise Problem(f"never came: {what}", "Look at the server's log with --keep.")


def _registers(number: int) -> dict[Register, int]:
    return {Register.ML: STEP_ML * number, Register.S: number}
