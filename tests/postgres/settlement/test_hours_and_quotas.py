"""What only time stands in the way of: opening hours, and what one customer may use in a day or a week."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from coinslot.fields import FieldError, MissingError
from coinslot.fleet.hours_store import list_hours, set_appliance_hours, set_site_hours
from coinslot.fleet.quotas import Period, Quota, list_quotas, remove_quota, set_quota
from coinslot.fleet.store import list_appliances, list_sites
from coinslot.sessions.model import Session
from coinslot.settlement.requests import Refusal, Refused, StartAnswer
from coinslot.settlement.starter import Starter
from coinslot.settlement.store import PostgresBooks
from coinslot.wire.ids import CustomerId, OperatorId
from coinslot.wire.messages import Limits
from tests.support.desk import Desk, PlayedTerminal


async def _quota(desk: Desk, **limits: int | str | None) -> Quota:
    async with desk.pool.acquire() as connection:
        return await set_quota(
            connection,
            desk.operator,
            by="test",
            **{"period": Period.DAY, **limits},  # type: ignore[arg-type]
        )


async def _used(
    desk: Desk, customer: CustomerId, terminal: PlayedTerminal, key: str, *, ml: int, s: int
) -> Session:
    session = await desk.begun(customer, terminal, key=key)
    await terminal.records(terminal.started(session), terminal.stopped(session, ml=ml, s=s))
    return await desk.session(session.id)


def _limits(session: Session) -> Limits:
    return msgspec.json.decode(session.limits, type=Limits)


def _quota_refused(answer: StartAnswer) -> datetime:
    assert isinstance(answer, Refused)
    assert answer.reason is Refusal.QUOTA
    assert answer.again_at is not None
    return answer.again_at


async def test_outside_its_hours_nothing_starts_and_what_runs_runs_on(desk: Desk) -> None:
    terminal, other = await desk.terminal(), await desk.terminal()
    customer = await desk.customer(50_00)
    session = await desk.begun(customer, terminal)
    await terminal.records(terminal.started(session))
    yesterday = datetime.now(UTC) + timedelta(hours=8, days=-1)
    async with desk.pool.acquire() as connection:
        sites = [site.site_id for site in await list_sites(connection, desk.operator)]
        days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        # Shanghai's yesterday, before noon: whatever the hour is, it is not now.
        hours = f"{days[yesterday.weekday()]} 06:00-12:00"
        for site in sites:
            await set_site_hours(connection, desk.operator, site, hours, by="test")
    refused = await desk.start(customer, other, key="late")
    assert isinstance(refused, Refused)
    assert refused.reason is Refusal.OUT_OF_HOURS
    assert refused.again_at is not None
    assert timedelta(days=4) < refused.again_at - datetime.now(UTC) < timedelta(days=7)
    assert await desk.principal(customer) == 45_00
    await terminal.records(terminal.stopped(session, ml=10_000, s=90))
    assert (await desk.session(session.id)).captured_minor == 45
    # The same request as before is the session that it made then.
    again = await desk.start(customer, terminal)
    assert isinstance(again, Session)
    assert again.id == session.id
    async with desk.pool.acquire() as connection:
        where = await connection.fetchval("SELECT appliance_id FROM outlet WHERE terminal_id = $1", other.id)
        await set_appliance_hours(connection, desk.operator, where, "mon-sun 00:00-24:00", by="test")
        lines = await list_hours(connection, desk.operator)
        assert {line.hours for line in lines if line.site_hours} == {"", "mon-sun 00:00-24:00"}
    assert isinstance(await desk.start(customer, other, key="late"), Session)


async def test_hours_and_quotas_are_set_by_their_operator_alone(desk: Desk) -> None:
    await desk.terminal()
    other = await Desk(desk.pool).open("Other")
    quota = await _quota(desk, uses=1)
    async with desk.pool.acquire() as connection:
        site = (await list_sites(connection, desk.operator))[0]
        appliance = (await list_appliances(connection, desk.operator))[0]
        for attempt in (
            set_site_hours(connection, other.operator, site.site_id, "mon 06:00-07:00", by="test"),
            set_appliance_hours(connection, other.operator, appliance.appliance_id, "", by="test"),
            remove_quota(connection, other.operator, quota.quota_id, by="test"),
            set_quota(connection, other.operator, site_id=site.site_id, period=Period.DAY, uses=1, by="test"),
            set_quota(connection, OperatorId("opr_none"), period=Period.DAY, uses=1, by="test"),
        ):
            with pytest.raises(MissingError):
                await attempt
        for uses, ml, seconds in ((None, None, None), (0, None, None), (None, -1, None), (None, None, 10**9)):
            with pytest.raises(FieldError):
                await set_quota(
                    connection, desk.operator, period=Period.DAY, uses=uses, ml=ml, s=seconds, by="test"
                )
        with pytest.raises(FieldError):
            await set_site_hours(connection, desk.operator, site.site_id, "mon 6-7", by="test")
        # The same place and period again is in place of the one before.
        await set_quota(connection, desk.operator, period=Period.DAY, uses=3, by="test")
        assert [each.uses for each in await list_quotas(connection, desk.operator)] == [3]


async def test_twenty_at_once_where_one_is_allowed_are_one(desk: Desk) -> None:
    terminals = [await desk.terminal() for _ in range(20)]
    customer, rich = await desk.customer(200_00), await desk.customer(200_00, name="Mei")
    await _quota(desk, uses=1)
    doors = [Starter(PostgresBooks(desk.pool), desk._send_all) for _ in range(4)]
    answers = await asyncio.gather(
        *(doors[n % 4].start(desk.request(customer, one, key=f"r{n}")) for n, one in enumerate(terminals))
    )
    begun = [answer for answer in answers if isinstance(answer, Session)]
    assert len(begun) == 1
    assert {a.reason for a in answers if isinstance(a, Refused)} == {Refusal.QUOTA}
    assert await desk.principal(customer) == 195_00
    # Within one batch likewise, and each customer has a quota of his own.
    door = Starter(PostgresBooks(desk.pool), desk._send_all)
    free = [one for one in terminals if one.id != begun[0].terminal][:6]
    together = await asyncio.gather(
        *(door.start(desk.request(rich, one, key=f"m{n}")) for n, one in enumerate(free))
    )
    assert sum(isinstance(answer, Session) for answer in together) == 1
    await desk.in_order()


async def test_what_is_left_lowers_the_limits_and_what_was_not_used_comes_back(desk: Desk) -> None:
    terminal, other = await desk.terminal(), await desk.terminal()
    customer = await desk.customer(50_00)
    await _quota(desk, ml=60_000, s=600)
    first = await desk.begun(customer, terminal, key="a")
    assert (_limits(first).ml, _limits(first).s) == (60_000, 600)
    # All that it may still become is held: nothing is left for another at the same time.
    tomorrow = _quota_refused(await desk.start(customer, other, key="b"))
    assert tomorrow.astimezone(UTC).hour == 16  # midnight in Shanghai
    assert timedelta(0) < tomorrow - datetime.now(UTC) <= timedelta(days=1)
    await terminal.records(terminal.started(first), terminal.stopped(first, ml=45_000, s=200))
    second = await desk.begun(customer, other, key="c")
    assert (_limits(second).ml, _limits(second).s) == (15_000, 400)
    await other.records(other.started(second), other.stopped(second, ml=14_950, s=100))
    # 50 ml are nobody's shower.
    _quota_refused(await desk.start(customer, terminal, key="d"))
    await desk.in_order()


async def test_what_was_released_or_never_ran_counts_for_nothing(desk: Desk) -> None:
    terminal, other = await desk.terminal(), await desk.terminal()
    customer = await desk.customer(50_00)
    await _quota(desk, uses=1)
    lost = await desk.begun(customer, terminal, key="a")
    await desk.passes(timedelta(minutes=1))
    _quota_refused(await desk.start(customer, other, key="b"))  # nobody knows yet what became of it
    await terminal.hello(at_ms=60_000)
    assert (await desk.session(lost.id)).settled_at is not None
    dry = await _used(desk, customer, terminal, "c", ml=0, s=0)
    assert dry.captured_minor == 0
    await _used(desk, customer, terminal, "d", ml=1_000, s=10)
    _quota_refused(await desk.start(customer, other, key="e"))


async def test_an_amount_is_held_within_what_is_left_of_it(desk: Desk) -> None:
    terminal, other = await desk.terminal(), await desk.terminal()
    customer = await desk.customer(50_00)
    await _quota(desk, amount_minor=6_00, period=Period.WEEK)
    session = await desk.begun(customer, terminal, key="a")
    assert session.hold_minor == 5_00
    second = await desk.begun(customer, other, key="b")
    assert second.hold_minor == 1_00
    await terminal.records(terminal.started(session), terminal.stopped(session, ml=110_000, s=900))
    await other.records(other.started(second), other.stopped(second, ml=20_000, s=100))
    assert (await desk.session(second.id)).captured_minor == 90
    # 6.00 - 4.95 - 0.90 = 0.15, and the tariff asks for 1.00.
    monday = _quota_refused(await desk.start(customer, terminal, key="c"))
    assert (monday + timedelta(hours=8)).weekday() == 0
    poor = await desk.customer(50, name="Poor")
    answer = await desk.start(poor, terminal, key="d")
    assert isinstance(answer, Refused)
    assert answer.reason is Refusal.NO_BALANCE


async def test_a_new_day_opens_it_again_and_a_removed_quota_limits_nobody(desk: Desk) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer(50_00)
    daily, weekly = await _quota(desk, uses=1), await _quota(desk, uses=2, period=Period.WEEK)
    await _used(desk, customer, terminal, "a", ml=1_000, s=10)
    _quota_refused(await desk.start(customer, terminal, key="b"))
    async with desk.pool.acquire() as connection:
        await connection.execute("UPDATE session SET created_at = created_at - interval '1 day'")
        await remove_quota(connection, desk.operator, weekly.quota_id, by="test")
    await _used(desk, customer, terminal, "c", ml=1_000, s=10)
    async with desk.pool.acquire() as connection:
        await remove_quota(connection, desk.operator, daily.quota_id, by="test")
        assert (
            await connection.fetchval("SELECT quotas_at FROM operator WHERE operator_id = $1", desk.operator)
            is None
        )
    await _used(desk, customer, terminal, "d", ml=1_000, s=10)


async def test_a_quota_of_one_kind_or_site_counts_only_there(desk: Desk) -> None:
    terminal, other = await desk.terminal(), await desk.terminal()
    customer = await desk.customer(50_00)
    await desk.pool.execute(
        "UPDATE appliance SET kind = 'washer' WHERE appliance_id ="
        " (SELECT appliance_id FROM outlet WHERE terminal_id = $1)",
        other.id,
    )
    kind = await desk.pool.fetchval("SELECT kind FROM appliance WHERE kind <> 'washer' LIMIT 1")
    await _quota(desk, uses=1, kind=kind)
    await _used(desk, customer, other, "a", ml=1_000, s=10)
    await _used(desk, customer, terminal, "b", ml=1_000, s=10)
    _quota_refused(await desk.start(customer, terminal, key="c"))
    await _used(desk, customer, other, "d", ml=1_000, s=10)
