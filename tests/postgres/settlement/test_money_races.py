"""Many hands on one wallet, one outlet, one key: whatever the order, the books stay right."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from coinslot.fleet.tariff_store import add_tariff_version
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.requests import Refusal, Refused
from coinslot.settlement.starter import Starter
from coinslot.settlement.store import PostgresBooks
from coinslot.tariffs import dump_tariff
from coinslot.tariffs.named import NAMED
from tests.support.desk import Desk


async def test_two_hundred_parallel_starts_on_a_balance_for_one_make_one_hold(desk: Desk) -> None:
    terminals = [await desk.terminal() for _ in range(20)]
    customer = await desk.customer(5_00)
    # Several doors, as several server processes would be; each start in a transaction of its own.
    doors = [Starter(PostgresBooks(desk.pool), desk._send_all) for _ in range(8)]
    requests = [desk.request(customer, terminals[number % 20], key=f"race-{number}") for number in range(200)]
    answers = await asyncio.gather(*(doors[n % 8].start(request) for n, request in enumerate(requests)))
    begun = [answer for answer in answers if isinstance(answer, Session)]
    assert len(begun) == 1
    assert {a.reason for a in answers if isinstance(a, Refused)} <= {Refusal.NO_BALANCE, Refusal.BUSY}
    assert await desk.principal(customer) == 0
    assert await desk.held(begun[0].id) == 5_00
    assert len(desk.start_commands()) == 1
    await desk.in_order()


async def test_a_double_click_through_two_servers_is_one_session(desk: Desk) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer(20_00)
    doors = [Starter(PostgresBooks(desk.pool), desk._send_all) for _ in range(2)]
    request = desk.request(customer, terminal, key="click")
    answers = await asyncio.gather(*(doors[n % 2].start(request) for n in range(10)))
    assert len({answer.id for answer in answers if isinstance(answer, Session)}) == 1
    assert all(isinstance(answer, Session) for answer in answers)
    assert await desk.principal(customer) == 15_00


async def test_the_same_key_for_something_else_is_a_conflict(desk: Desk) -> None:
    one, other = await desk.terminal(), await desk.terminal()
    customer = await desk.customer(20_00)
    await desk.begun(customer, one, key="k")
    answer = await desk.start(customer, other, key="k")
    assert isinstance(answer, Refused)
    assert answer.reason is Refusal.KEY_CONFLICT
    assert await desk.principal(customer) == 15_00


async def test_one_outlet_is_sold_once_even_to_two_people_at_once(desk: Desk) -> None:
    terminal = await desk.terminal()
    people = [await desk.customer(20_00, name=f"P{n}") for n in range(10)]
    doors = [Starter(PostgresBooks(desk.pool), desk._send_all) for _ in range(5)]
    answers = await asyncio.gather(
        *(doors[n % 5].start(desk.request(who, terminal, key=f"k{n}")) for n, who in enumerate(people))
    )
    assert sum(isinstance(answer, Session) for answer in answers) == 1
    assert {a.reason for a in answers if isinstance(a, Refused)} == {Refusal.BUSY}


async def test_usage_beyond_the_hold_is_unbilled(desk: Desk) -> None:
    terminal = await desk.terminal(tariff="dispenser-litre")
    customer = await desk.customer(5_00)
    session = await desk.begun(customer, terminal)
    limits = msgspec.json.decode(session.limits)
    over = limits["ml"] + 120  # the valve shut a moment late
    await terminal.records(terminal.started(session), terminal.stopped(session, ml=over, s=300))
    ended = await desk.session(session.id)
    assert ended.charge_minor is not None
    assert ended.charge_minor > 5_00
    assert ended.captured_minor == 5_00
    assert await desk.principal(customer) == 0
    assert await desk.held(session.id) == 0
    await desk.in_order()


async def test_a_tariff_edited_in_mid_session_does_not_touch_it(desk: Desk) -> None:
    terminal = await desk.terminal(tariff="shower-litre")
    customer = await desk.customer(20_00)
    session = await desk.begun(customer, terminal)
    await terminal.records(terminal.started(session))
    dear = msgspec.structs.replace(
        NAMED["shower-litre"],
        rates=tuple(msgspec.structs.replace(rate, price="9.99") for rate in NAMED["shower-litre"].rates),
        minimum_start=None,
    )
    async with desk.pool.acquire() as connection:
        quoted = msgspec.json.decode(session.quote)["tariff_id"]
        await add_tariff_version(connection, desk.operator, quoted, body=dump_tariff(dear), by="test")
    await terminal.records(terminal.stopped(session, ml=20_000, s=200))
    ended = await desk.session(session.id)
    assert ended.charge_minor == 90  # 20 L at 0.045
    again = await desk.begun(customer, terminal, key="k2")
    assert msgspec.json.decode(again.quote)["version"] == 2


async def test_an_outlet_without_tariff_is_refused_and_never_free(desk: Desk) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer(20_00)
    await desk.pool.execute("UPDATE outlet SET tariff_id = NULL WHERE terminal_id = $1", terminal.id)
    answer = await desk.start(customer, terminal)
    assert isinstance(answer, Refused)
    assert answer.reason is Refusal.NO_TARIFF


@pytest.mark.parametrize(("balance_minor", "expected_hold"), [(5_00, 5_00), (20_00, 5_00), (3_00, 3_00)])
async def test_the_hold_is_the_lesser_of_balance_and_tariff(
    desk: Desk, balance_minor: int, expected_hold: int
) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer(balance_minor)
    session = await desk.begun(customer, terminal)
    assert session.hold_minor == expected_hold
    assert await desk.principal(customer) == balance_minor - expected_hold


async def test_two_outlets_of_one_terminal_are_used_side_by_side(desk: Desk) -> None:
    terminal = await desk.terminal(outlets=2)
    customer = await desk.customer(20_00)
    cold = await desk.begun(customer, terminal, outlet=0, key="cold")
    hot = await desk.begun(customer, terminal, outlet=1, key="hot")
    await terminal.records(
        terminal.started(cold),
        terminal.started(hot),
        terminal.stopped(hot, ml=1_000, s=60),
        terminal.stopped(cold, ml=2_000, s=90),
    )
    assert (await desk.session(cold.id)).captured_minor == 9
    assert (await desk.session(hot.id)).captured_minor == 5  # 4.5 rounds up
    assert await desk.principal(customer) == 20_00 - 14


async def test_what_settles_twice_is_charged_once(desk: Desk) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer(20_00)
    session = await desk.begun(customer, terminal)
    records = (terminal.started(session), terminal.stopped(session, ml=10_000, s=100))
    await terminal.records(*records)
    await terminal.records(*records, first_seq=1)
    await terminal.records(*records, first_seq=1)
    assert (await desk.session(session.id)).state is State.SETTLED
    assert await desk.principal(customer) == 20_00 - 45
    assert await desk.reviews() == []
