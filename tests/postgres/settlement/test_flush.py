"""A technician's flush: water that runs, is counted, and costs nobody anything, whatever goes wrong."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import msgspec
import pytest
from msgspec.structs import replace

from coinslot.engines.connect import Connection
from coinslot.fields import FieldError, MissingError
from coinslot.people import passwords
from coinslot.people.rules import Role
from coinslot.people.staff import add_staff, disable_staff
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.aftermath import tell_ended
from coinslot.settlement.flushing import FlushNotAllowed, FlushReason, FlushWish, flush, list_flushes
from coinslot.settlement.payments.errors import NotRefundable
from coinslot.settlement.payments.session_refunds import plan_session_refund
from coinslot.settlement.reconcile import reconcile
from coinslot.settlement.requests import Refusal, Refused
from coinslot.web.reading import find_sold, list_sessions
from coinslot.wire.ids import ApplianceId, StaffId
from coinslot.wire.messages import Limits
from coinslot.wire.records import StopReason
from tests.support.desk import Desk, PlayedTerminal


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_LOG_N", 4)


async def _staff(desk: Desk, role: Role = Role.TECHNICIAN) -> StaffId:
    async with desk.pool.acquire() as connection:
        made = await add_staff(
            connection,
            desk.operator,
            login=f"{role.value}1",
            name="T",
            role=role.value,
            password="a long password 1",
            by="test",
        )
    return made.staff_id


async def _wish(desk: Desk, terminal: PlayedTerminal, key: str = "key-0001") -> FlushWish:
    appliance = await desk.pool.fetchval(
        "SELECT appliance_id FROM outlet WHERE terminal_id = $1", terminal.id
    )
    return FlushWish(
        operator=desk.operator,
        currency="CNY",
        appliance=ApplianceId(appliance),
        outlet=0,
        reason=FlushReason.HYGIENE,
        words="three days closed",
        limit_ml=20_000,
        limit_s=120,
        key=key,
    )


async def _entries(desk: Desk) -> int:
    return int(await desk.pool.fetchval("SELECT count(*) FROM ledger_entry"))


async def test_a_flush_runs_is_counted_and_touches_no_money(desk: Desk, owner: Connection) -> None:
    terminal, technician = await desk.terminal(), await _staff(desk)
    await desk.customer(10_00)
    wish, before = await _wish(desk, terminal), await _entries(desk)
    answers = await asyncio.gather(*(flush(desk.pool, desk.starter, wish, technician) for _ in range(4)))
    assert len({answer.id for answer in answers if isinstance(answer, Session)}) == 1
    session = answers[0]
    assert isinstance(session, Session)
    assert (session.customer, session.intent, session.hold_minor, session.flush_by) == (
        None,
        None,
        0,
        technician,
    )
    limits = msgspec.json.decode(session.limits, type=Limits)
    assert (limits.ml, limits.s) == (20_000, 120)
    started = terminal.started(session, ml=1_000)
    stopped = terminal.stopped(session, ml=19_500, s=80, start_ml=1_000, reason=StopReason.LIMIT)
    await terminal.records(started, stopped)
    await terminal.records(started, stopped, first_seq=1)  # again, as after a lost acknowledgement
    ended = await desk.session(session.id)
    assert (ended.state, ended.charge_minor, ended.captured_minor) == (State.SETTLED, 0, 0)
    async with desk.pool.acquire() as connection:
        assert await tell_ended(connection) == 1
        assert await tell_ended(connection) == 0
        [line] = await list_flushes(connection, desk.operator)
        assert (line.ml, line.s, line.reason, line.words) == (
            18_500,
            80,
            FlushReason.HYGIENE,
            "three days closed",
        )
        assert await list_sessions(connection, desk.operator) == []
        assert await find_sold(connection, desk.operator, session.id) is None
    async with desk.pool.acquire() as connection, connection.transaction():
        with pytest.raises(NotRefundable):
            await plan_session_refund(connection, desk.operator, session.id, None, None)
    assert await _entries(desk) == before
    assert await desk.reviews() == []
    assert await desk.pool.fetchval("SELECT count(*) FROM message") == 0
    audit = await owner.fetch(
        "SELECT actor, action, detail FROM audit WHERE action LIKE 'appliance.flush%' ORDER BY audit_id"
    )
    assert [(row["actor"], row["action"]) for row in audit] == [
        (technician, "appliance.flush"),
        (technician, "appliance.flushed"),
    ]
    assert "three days closed" in audit[0]["detail"]
    assert "ml=18500 s=80" in audit[1]["detail"]
    async with desk.pool.acquire() as connection:
        report = await reconcile(connection, operator=desk.operator)
    assert report.sound
    [flow] = [flow for flow in report.flows if flow.register.value == "ml"]
    assert (flow.moved, flow.flushed, flow.billed, flow.leakage) == (18_500, 18_500, 0, 0)
    await desk.in_order()


async def test_whatever_becomes_of_it_nothing_is_posted(desk: Desk) -> None:
    terminal, technician = await desk.terminal(), await _staff(desk)
    before = await _entries(desk)
    wish = await _wish(desk, terminal)
    silent = await flush(desk.pool, desk.starter, wish, technician)
    assert isinstance(silent, Session)
    await desk.passes(timedelta(minutes=1))
    await terminal.hello(at_ms=60_000)
    assert (await desk.session(silent.id)).state is State.RELEASED
    # It ran all the same, and says so after the release: nobody owes anything.
    await terminal.records(terminal.started(silent), terminal.stopped(silent, ml=5_000, s=30))
    late = await desk.session(silent.id)
    assert (late.state, late.charge_minor, late.arrears_minor) == (State.LATE, 0, 0)
    cut = await flush(desk.pool, desk.starter, replace(wish, key="key-0002"), technician)
    assert isinstance(cut, Session)
    await terminal.records(terminal.started(cut, ml=5_000))
    await desk.starter.stop(desk.operator, cut.id)
    await terminal.records(
        terminal.stopped(cut, ml=6_000, s=31, start_ml=5_000, reason=StopReason.POWER_LOSS)
    )
    assert (await desk.session(cut.id)).captured_minor == 0
    assert await _entries(desk) == before


async def test_it_may_run_while_the_appliance_is_closed_but_not_while_it_is_used(desk: Desk) -> None:
    terminal, away = await desk.terminal(), await desk.terminal(online=False)
    technician, customer = await _staff(desk), await desk.customer(10_00)
    wish = await _wish(desk, terminal)
    used = await desk.begun(customer, terminal)
    answer = await flush(desk.pool, desk.starter, wish, technician)
    assert isinstance(answer, Refused)
    assert answer.reason is Refusal.BUSY
    await terminal.records(terminal.started(used), terminal.stopped(used, ml=1_000, s=10))
    offline = await flush(desk.pool, desk.starter, await _wish(desk, away, "key-away"), technician)
    assert isinstance(offline, Refused)
    assert offline.reason is Refusal.OFFLINE
    await desk.pool.execute("UPDATE appliance SET closed = true")
    await desk.pool.execute("UPDATE outlet SET tariff_id = NULL")
    running = await flush(desk.pool, desk.starter, wish, technician)  # the same wish, once it is free
    assert isinstance(running, Session)
    refused = await desk.start(customer, terminal, key="meanwhile")
    assert isinstance(refused, Refused)


async def test_only_the_operators_own_technicians_let_water_run(desk: Desk) -> None:
    terminal = await desk.terminal()
    wish = await _wish(desk, terminal)
    other = await Desk(desk.pool).open("Other")
    stranger, clerk, auditor = (
        await _staff(other),
        await _staff(desk, Role.DESK),
        await _staff(desk, Role.AUDITOR),
    )
    customer = await desk.customer(10_00)
    for nobody in (stranger, clerk, auditor, StaffId(customer), StaffId("")):
        with pytest.raises(FlushNotAllowed):
            await flush(desk.pool, desk.starter, wish, nobody)
    with pytest.raises(MissingError):
        await flush(desk.pool, other.starter, replace(wish, operator=other.operator), stranger)
    technician = await _staff(desk)
    for wrong in (
        replace(wish, limit_ml=100_001),
        replace(wish, limit_ml=0),
        replace(wish, limit_s=301),
        replace(wish, key="short"),
        replace(wish, words="x" * 201),
        replace(wish, reason=FlushReason.OTHER, words=""),
    ):
        with pytest.raises(FieldError):
            await flush(desk.pool, desk.starter, wrong, technician)
    with pytest.raises(MissingError):
        await flush(desk.pool, desk.starter, replace(wish, outlet=9), technician)
    async with desk.pool.acquire() as connection:
        await disable_staff(connection, desk.operator, technician, by="test")
    with pytest.raises(FlushNotAllowed):
        await flush(desk.pool, desk.starter, wish, technician)
    assert await desk.pool.fetchval("SELECT count(*) FROM flush") == 0
    assert await desk.pool.fetchval("SELECT count(*) FROM session") == 0


async def test_the_database_keeps_a_flush_free(desk: Desk, owner: Connection) -> None:
    terminal, technician = await desk.terminal(), await _staff(desk)
    answer = await flush(desk.pool, desk.starter, await _wish(desk, terminal), technician)
    assert isinstance(answer, Session)
    customer = await desk.customer(10_00)
    for change in (
        "hold_principal_minor = 1",
        "arrears_minor = 1",
        "state = 'settled', settled_at = now(), charge_minor = 1, captured_minor = 0",
        f"customer_id = '{customer}'",
        "intent_id = 'pay_1'",
        "flush_by = NULL",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            await owner.execute(f"UPDATE session SET {change} WHERE session_id = $1", answer.id)
