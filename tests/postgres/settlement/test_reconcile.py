"""Reconciliation: silent after honest days, and every planted difference is found, named and left as it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from coinslot.engines.connect import Connection
from coinslot.ledger import events, store
from coinslot.sessions.model import Session
from coinslot.settlement.differences import What
from coinslot.settlement.leakage import Flow
from coinslot.settlement.reconcile import Report, reconcile
from coinslot.wire.ids import CustomerId
from coinslot.wire.registers import Register
from tests.support.desk import Desk, PlayedTerminal

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Shower:
    """One outlet whose registers go on from use to use, as a meter's do."""

    def __init__(self, desk: Desk, terminal: PlayedTerminal, customer: CustomerId) -> None:
        self.desk = desk
        self.terminal = terminal
        self.customer = customer
        self.ml = 1_000_000
        self.s = 5_000
        self._uses = 0

    async def begun(self) -> Session:
        """A session that has started."""
        self._uses += 1
        session = await self.desk.begun(self.customer, self.terminal, key=f"use-{self._uses}")
        await self.terminal.records(
            self.terminal.started(session, ml=self.ml, s=self.s, ticks_ms=self.s * 1000)
        )
        return session

    async def used(self, ml: int = 9_000, s: int = 90) -> Session:
        """A whole session."""
        session = await self.begun()
        self.ml += ml
        self.s += s
        await self.terminal.records(
            self.terminal.stopped(session, ml=self.ml, s=self.s, ticks_ms=self.s * 1000)
        )
        return await self.desk.session(session.id)

    async def reads(self, ml: int, at: datetime) -> None:
        """An idle reading."""
        await self.desk.pool.execute(
            "INSERT INTO reading (operator_id, terminal_id, outlet, at, ticks_ms, registers) VALUES ($1, $2, 0, $3, 0, $4)",
            self.desk.operator, self.terminal.id, at, f'{{"ml":{ml},"s":{self.s}}}',
        )  # fmt: skip


@pytest.fixture
async def shower(desk: Desk) -> Shower:
    return Shower(desk, await desk.terminal(), await desk.customer(100_00))


async def compared(desk: Desk, days_ago: int | None = None) -> Report:
    day = None if days_ago is None else datetime.now(SHANGHAI).date() - timedelta(days=days_ago)
    async with desk.pool.acquire() as connection:
        return await reconcile(connection, day=day)


async def kinds(desk: Desk) -> set[What]:
    return {each.what for each in (await compared(desk)).differences}


async def flows(desk: Desk, register: Register = Register.ML, days_ago: int | None = None) -> list[Flow]:
    return [flow for flow in (await compared(desk, days_ago)).flows if flow.register is register]


async def spoil(owner: Connection, change: str, session: Session) -> None:
    """Change a session's row as nobody may."""
    done = await owner.execute(f"UPDATE session SET {change} WHERE session_id = $1", session.id)
    assert done == "UPDATE 1"


async def test_an_empty_installation_agrees(desk: Desk) -> None:
    report = await compared(desk)
    assert report.sound
    assert report.sessions == 0


async def test_honest_days_agree(desk: Desk, shower: Shower) -> None:
    for ml in (9_000, 0, 60_000):
        await shower.used(ml=ml, s=ml // 100)
    # One that nobody took, given up by silence, and used after all.
    lost = await desk.begun(shower.customer, shower.terminal, key="lost")
    await desk.passes(timedelta(days=2))
    late = shower.terminal.started(lost, ml=shower.ml, s=shower.s, ticks_ms=shower.s * 1000)
    shower.ml, shower.s = shower.ml + 5_000, shower.s + 50
    stopped = shower.terminal.stopped(lost, ml=shower.ml, s=shower.s, ticks_ms=shower.s * 1000)
    await shower.terminal.records(late, stopped)
    owed_minor = await desk.arrears(shower.customer)
    assert owed_minor > 0
    repaid = events.arrears_repaid(desk.operator, "repaid", shower.customer, "CNY", amount_minor=owed_minor)
    await store.post(desk.pool, [repaid])
    # One refunded, with points for it, and one that runs.
    refunded = await shower.used()
    assert refunded.captured_minor
    charged = events.Charged(principal_minor=refunded.captured_minor)
    back = events.refund(
        desk.operator, refunded.id, refunded.customer, "CNY", charged=charged, amount_minor=refunded.captured_minor
    )  # fmt: skip
    points = events.session_points(desk.operator, refunded.id, refunded.customer, granted=3)
    await store.post(desk.pool, [back, points])
    await shower.begun()
    report = await compared(desk)
    assert report.differences == ()
    assert (report.sessions, report.other_holds) == (6, 0)
    assert report.moved[Register.ML] == 9_000 + 60_000 + 5_000 + 9_000
    assert (await compared(desk, days_ago=0)).differences == ()


async def test_nothing_is_changed_and_the_role_of_the_product_suffices(desk: Desk, shower: Shower) -> None:
    session = await shower.used()
    await compared(desk)
    assert await desk.session(session.id) == session
    await desk.in_order()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("charge_minor = charge_minor + 1", {What.CHARGE}),
        ("captured_minor = captured_minor - 1", {What.CAPTURED, What.EARNED, What.RETURNED}),
        ("captured_minor = 0", {What.CAPTURED, What.EARNED, What.RETURNED, What.CLOSING}),
        ('registers = \'{"ml":1,"s":1}\'', {What.USAGE}),
        ("hold_principal_minor = hold_principal_minor + 7", {What.HOLD, What.RETURNED}),
        ("hold_principal_minor = hold_principal_minor - 7, hold_bonus_minor = 7", {What.HOLD, What.RETURNED}),
        ("arrears_minor = 5", {What.ARREARS}),
        ("meter = 'nonsense'", {What.UNREADABLE}),
        ("quote = '{}'", {What.UNREADABLE}),
        ("limits = '{}'", {What.UNREADABLE}),
        (
            "state = 'released', charge_minor = NULL, captured_minor = NULL",
            {What.CLOSING, What.EARNED, What.RETURNED},
        ),
        ("state = 'late'", {What.CLOSING, What.CAPTURED, What.ARREARS}),
        (
            "state = 'running', charge_minor = NULL, captured_minor = NULL, settled_at = NULL",
            {What.CLOSING, What.EARNED, What.HOLD_ACCOUNT},
        ),
        ("customer_id = 'cus_somebody_else'", {What.FOREIGN}),
    ],
)
async def test_a_spoilt_row_is_found(
    desk: Desk, shower: Shower, owner: Connection, change: str, found: set[What]
) -> None:
    session = await shower.used()
    await shower.used()
    await spoil(owner, change, session)
    report = await compared(desk)
    assert {each.what for each in report.differences} >= found
    assert {each.session for each in report.differences} == {session.id}
    assert all(each.what.advice for each in report.differences)


async def test_a_spoilt_meter_changes_what_must_be_charged(
    desk: Desk, shower: Shower, owner: Connection
) -> None:
    session = await shower.used(ml=9_000, s=90)
    await spoil(owner, "meter = replace(meter, '\"usage\":9000', '\"usage\":9900')", session)
    assert await kinds(desk) == {What.USAGE, What.CHARGE, What.CAPTURED, What.OVERCOUNTED}


async def test_a_session_whose_row_is_gone_is_found_by_its_entries_and_its_hold(
    desk: Desk, shower: Shower, owner: Connection
) -> None:
    await shower.used()
    live = await shower.begun()
    await owner.execute("DELETE FROM session WHERE session_id = $1", live.id)
    report = await compared(desk)
    assert {(each.what, each.session) for each in report.differences} == {
        (What.UNKNOWN_SESSION, live.id),
        (What.STRAY_HOLD, live.id),
    }
    assert not (await compared(desk, days_ago=0)).sound
    assert (await compared(desk, days_ago=3)).sound


async def test_a_hold_that_is_not_closed_is_found(desk: Desk, shower: Shower) -> None:
    session = await shower.used()
    again = events.reversal(
        events.capture(
            desk.operator, session.id, session.customer, "CNY", held_principal_minor=session.hold_minor,
            captured_minor=session.captured_minor or 0,
        )
    )  # fmt: skip
    await store.post(desk.pool, [again])
    assert {What.HOLD_ACCOUNT, What.EARNED, What.RETURNED} <= await kinds(desk)


async def test_a_live_session_without_its_hold_is_found(desk: Desk, shower: Shower) -> None:
    session = await shower.begun()
    released = events.release(
        desk.operator, session.id, session.customer, "CNY", principal_minor=session.hold_minor
    )
    await store.post(desk.pool, [released])
    assert {What.HOLD_ACCOUNT, What.CLOSING} <= await kinds(desk)


async def test_a_session_charged_twice_is_found(desk: Desk, shower: Shower) -> None:
    session = await shower.used()
    twice = events.late_usage(desk.operator, session.id, session.customer, "CNY", arrears_minor=40)
    await store.post(desk.pool, [twice])
    assert await kinds(desk) == {What.ARREARS}


async def test_a_refund_above_the_charge_is_found(desk: Desk, shower: Shower) -> None:
    session = await shower.used()
    charged = events.Charged(principal_minor=(session.captured_minor or 0) + 1)
    over = events.refund(
        desk.operator, session.id, session.customer, "CNY", charged=charged, amount_minor=charged.left_minor
    )
    await store.post(desk.pool, [over])
    assert await kinds(desk) == {What.REFUNDED}


async def test_a_refund_into_another_wallet_is_found(desk: Desk, shower: Shower) -> None:
    session = await shower.used()
    charged = events.Charged(principal_minor=session.captured_minor or 0)
    stolen = events.refund(desk.operator, session.id, "cus_thief", "CNY", charged=charged, amount_minor=1)
    await store.post(desk.pool, [stolen])
    assert await kinds(desk) == {What.FOREIGN}


async def test_a_hold_of_a_payment_is_counted_and_no_difference(desk: Desk) -> None:
    paid = events.direct_payment(desk.operator, "pay_1", "CNY", merchant="m", amount_minor=500)
    await store.post(desk.pool, [paid])
    report = await compared(desk)
    assert report.sound
    assert report.other_holds == 1


async def test_water_between_sessions_is_leakage_of_that_outlet(desk: Desk, shower: Shower) -> None:
    await shower.used()
    shower.ml += 700
    await shower.used()
    report = await compared(desk)
    assert report.sound
    (flow,) = report.flows
    assert (flow.terminal, flow.outlet, flow.register) == (shower.terminal.id, 0, Register.ML)
    assert (flow.unsold, flow.leakage, flow.moved) == (700, 700, 18_700)
    assert report.leakage[Register.ML] == 700


async def test_overshoot_beyond_the_hold_is_leakage(desk: Desk) -> None:
    shower = Shower(desk, await desk.terminal(tariff="dispenser-litre"), await desk.customer(5_00))
    session = await shower.begun()
    async with desk.pool.acquire() as connection:
        limit_ml = await connection.fetchval(
            "SELECT (limits::jsonb ->> 'ml')::bigint FROM session WHERE session_id = $1", session.id
        )
    stopped = shower.terminal.stopped(
        session, ml=shower.ml + limit_ml + 120, s=shower.s + 300, ticks_ms=(shower.s + 300) * 1000
    )
    await shower.terminal.records(stopped)
    assert (await desk.session(session.id)).captured_minor == 5_00
    assert (await compared(desk)).sound
    (flow,) = await flows(desk)
    assert (flow.beyond_hold, flow.billed) == (120, limit_ml)


async def test_a_step_that_was_not_believed_is_leakage(desk: Desk, shower: Shower) -> None:
    session = await shower.begun()
    shower.ml, shower.s = shower.ml + 500_000, shower.s + 10
    await shower.terminal.records(
        shower.terminal.checkpoint(session, ml=shower.ml, s=shower.s, ticks_ms=shower.s * 1000)
    )
    shower.ml, shower.s = shower.ml + 1_000, shower.s + 10
    await shower.terminal.records(
        shower.terminal.stopped(session, ml=shower.ml, s=shower.s, ticks_ms=shower.s * 1000)
    )
    assert (await compared(desk)).sound
    (flow,) = await flows(desk)
    assert (flow.doubted, flow.billed, flow.unsold) == (500_000, 1_000, 0)


async def test_a_register_below_its_last_place_is_a_difference(desk: Desk, shower: Shower) -> None:
    await shower.used()
    shower.ml -= 5_000
    second = await shower.used()
    report = await compared(desk)
    assert [(each.what, each.session) for each in report.differences] == [(What.BACKWARDS, second.id)]
    assert report.differences[0].terminal == shower.terminal.id


async def test_a_replaced_terminal_may_begin_anew(desk: Desk, shower: Shower) -> None:
    await shower.used()
    shower.ml, shower.s = 100, 100
    shower.terminal.epoch, shower.terminal.seq, shower.terminal.boot = "ep2", 0, 2
    await shower.terminal.connects()
    await shower.used()
    assert await flows(desk) == []
    assert (await compared(desk)).sound


async def test_idle_readings_show_a_leak_before_the_next_session_does(desk: Desk, shower: Shower) -> None:
    await shower.used()
    now = datetime.now(UTC)
    await shower.reads(shower.ml + 300, now)
    assert [flow.unsold for flow in await flows(desk)] == [300]
    shower.ml += 450
    await shower.used()
    assert [flow.unsold for flow in await flows(desk)] == [450]


async def test_readings_during_use_or_before_its_records_came_are_no_leak(desk: Desk, shower: Shower) -> None:
    await shower.used()
    before = shower.ml
    session = await shower.begun()
    shower.ml, shower.s = shower.ml + 4_000, shower.s + 40
    await shower.reads(shower.ml, datetime.now(UTC))
    assert await flows(desk) == []
    await shower.terminal.records(
        shower.terminal.stopped(session, ml=shower.ml, s=shower.s, ticks_ms=shower.s * 1000)
    )
    await shower.reads(before, datetime.now(UTC))
    assert await flows(desk) == []
    assert (await compared(desk)).sound


async def test_each_day_has_its_own_leak(desk: Desk, shower: Shower) -> None:
    """Day by day: 200 on the day before yesterday, 300 yesterday, 400 today; none is shown twice."""
    await shower.used()
    await desk.pool.execute(
        "UPDATE session SET created_at = created_at - interval '2 days', settled_at = settled_at - interval '2 days'"
    )
    now = datetime.now(UTC)
    await shower.reads(shower.ml + 200, now - timedelta(days=2) + timedelta(seconds=5))
    await shower.reads(shower.ml + 500, now - timedelta(days=1))
    shower.ml += 900
    await shower.used()
    assert [flow.unsold for flow in await flows(desk)] == [200, 300, 400]
    assert [flow.unsold for flow in await flows(desk, days_ago=1)] == [300]
    assert [flow.unsold for flow in await flows(desk, days_ago=0)] == [400]
    assert (await compared(desk, days_ago=2)).sessions == 1
    assert (await compared(desk, days_ago=0)).sessions == 1


async def test_another_operators_difference_is_not_shown(
    desk: Desk, shower: Shower, owner: Connection
) -> None:
    await spoil(owner, "charge_minor = charge_minor + 1", await shower.used())
    other = await Desk(desk.pool).open("Elsewhere")
    async with desk.pool.acquire() as connection:
        assert (await reconcile(connection, operator=other.operator)).sound
        assert not (await reconcile(connection, operator=desk.operator)).sound
