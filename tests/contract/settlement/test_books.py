"""What every kind of books must do: the database's, and the simulator's in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from coinslot.ledger.errors import InsufficientFunds
from coinslot.ledger.events import hold
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.changes import Alarm, Purse, Retired, UseKey
from coinslot.settlement.points import Purpose
from coinslot.settlement.ports import Conflict, Unstorable
from coinslot.settlement.requests import Refusal, Refused
from coinslot.wire.ids import CommandId, Epoch, SessionId, TerminalId
from coinslot.wire.records import FaultCode
from tests.contract.settlement.conftest import CASH_MINOR, Stand

HOLD_MINOR = 5_00
SOON = datetime.now(UTC)


async def put(stand: Stand, session: Session) -> None:
    """Save this row over the one that is stored."""
    async with stand.books.transaction(Purpose.WORDS) as unit:
        batch = await unit.open_batch([session.terminal])
        batch.put_session(session)
        await unit.save(batch)


async def add(stand: Stand, session: Session) -> None:
    """Save this as a new row."""
    async with stand.books.transaction(Purpose.START) as unit:
        batch = await unit.open_batch([session.terminal])
        batch.know(session)
        batch.new_sessions.append(session)
        await unit.save(batch)


async def test_a_start_holds_and_occupies_its_outlet(stand: Stand) -> None:
    session = await stand.desk.begun(stand.lin, stand.shower)
    stored = await stand.desk.session(session.id)
    assert stored == session
    assert await stand.principal(stand.lin) == CASH_MINOR - HOLD_MINOR
    busy = await stand.desk.start(stand.mei, stand.shower, key="k2")
    assert isinstance(busy, Refused)
    assert busy.reason is Refusal.BUSY
    assert isinstance(await stand.desk.start(stand.mei, stand.shower, outlet=1, key="k3"), Session)


async def test_the_same_key_is_the_same_session_and_never_another_one(stand: Stand) -> None:
    session = await stand.desk.begun(stand.lin, stand.shower)
    again = await stand.desk.start(stand.lin, stand.shower)
    assert isinstance(again, Session)
    assert again.id == session.id
    changed = await stand.desk.start(stand.lin, stand.shower, outlet=1)
    assert changed == Refused(reason=Refusal.KEY_CONFLICT)
    assert await stand.principal(stand.lin) == CASH_MINOR - HOLD_MINOR


async def test_a_session_runs_settles_and_returns_the_rest(stand: Stand) -> None:
    shower = stand.shower
    session = await stand.desk.begun(stand.lin, shower)
    await shower.records(shower.started(session, ml=100), shower.checkpoint(session, ml=5_100, s=10))
    assert (await stand.desk.session(session.id)).state is State.RUNNING
    await shower.records(shower.stopped(session, start_ml=100, ml=20_100, s=60))
    settled = await stand.desk.session(session.id)
    assert (settled.state, settled.charge_minor, settled.captured_minor) == (State.SETTLED, 90, 90)
    assert await stand.principal(stand.lin) == CASH_MINOR - 90


async def test_usage_after_a_release_takes_from_the_room_for_arrears(stand: Stand) -> None:
    shower, purse = stand.shower, Purse(stand.desk.operator, stand.lin, "CNY")
    session = await stand.desk.begun(stand.lin, shower)
    await put(stand, replace(session, state=State.RELEASED, settled_at=SOON, wake_at=None))
    async with stand.books.transaction(Purpose.WORDS) as unit:
        before = (await unit.arrears_room([purse]))[purse]
    await shower.records(shower.started(session), shower.stopped(session, ml=20_000, s=60))
    late = await stand.desk.session(session.id)
    assert (late.state, late.arrears_minor) == (State.LATE, 90)
    async with stand.books.transaction(Purpose.WORDS) as unit:
        assert (await unit.arrears_room([purse]))[purse] == before - 90


async def test_an_error_after_the_save_leaves_nothing_behind(stand: Stand) -> None:
    session = await stand.desk.begun(stand.lin, stand.shower)

    async def fails() -> None:
        async with stand.books.transaction(Purpose.WORDS) as unit:
            batch = await unit.open_batch([stand.shower.id])
            batch.put_session(replace(session, stop_reason="never"))
            batch.put_terminal(replace(batch.terminals[stand.shower.id], acked_seq=99))
            await unit.save(batch)
            raise RuntimeError("on the way to the commit")

    with pytest.raises(RuntimeError):
        await fails()
    assert (await stand.desk.session(session.id)).stop_reason is None
    async with stand.books.transaction(Purpose.WORDS) as unit:
        assert (await unit.open_batch([stand.shower.id])).terminals[stand.shower.id].acked_seq == 0


async def test_one_outlet_has_one_live_session(stand: Stand) -> None:
    session = await stand.desk.begun(stand.lin, stand.shower)
    second = replace(session, id=SessionId("second"), command=CommandId("second"), request_key="second")
    with pytest.raises(Conflict):
        await add(stand, second)
    assert await stand.books.terminal_of(stand.desk.operator, second.id) is None
    await put(stand, replace(session, state=State.RELEASED, settled_at=SOON, wake_at=None))
    await add(stand, second)
    with pytest.raises(Conflict):
        await put(stand, session)


async def test_a_request_key_is_used_once(stand: Stand) -> None:
    session = await stand.desk.begun(stand.lin, stand.shower)
    with pytest.raises(Conflict):
        await add(stand, replace(session, id=SessionId("second"), outlet=1))


@pytest.mark.parametrize(
    "change",
    [
        {"captured_minor": HOLD_MINOR + 1, "charge_minor": HOLD_MINOR + 1},
        {"captured_minor": 2, "charge_minor": 1},
        {"captured_minor": -1, "charge_minor": 1},
        {"charge_minor": -1, "captured_minor": None},
        {"charge_minor": None, "captured_minor": None},
        {"settled_at": None, "charge_minor": 1, "captured_minor": 1},
        {"arrears_minor": -1, "charge_minor": 1, "captured_minor": 1},
        {"state": State.RELEASED, "charge_minor": 1, "captured_minor": 1},
        {"state": State.RELEASED, "settled_at": None},
        {"state": State.RUNNING},
    ],
    ids=str,
)
async def test_a_row_that_contradicts_itself_is_refused(stand: Stand, change: dict[str, object]) -> None:
    session = await stand.desk.begun(stand.lin, stand.shower)
    settled = replace(session, state=State.SETTLED, settled_at=SOON, wake_at=None)
    with pytest.raises(Unstorable):
        await put(stand, replace(settled, **change))
    assert await stand.desk.session(session.id) == session


async def test_a_batch_that_the_ledger_refuses_changes_nothing(stand: Stand) -> None:
    session = await stand.desk.begun(stand.lin, stand.shower)

    async def overdraws() -> None:
        async with stand.books.transaction(Purpose.WORDS) as unit:
            batch = await unit.open_batch([stand.shower.id])
            batch.put_session(replace(session, stop_reason="never"))
            batch.entries.append(
                hold(stand.desk.operator, "too-much", stand.mei, "CNY", principal_minor=CASH_MINOR + 1)
            )
            await unit.save(batch)

    with pytest.raises(InsufficientFunds):
        await overdraws()
    assert (await stand.desk.session(session.id)).stop_reason is None
    assert await stand.principal(stand.mei) == CASH_MINOR


async def test_what_is_due_comes_longest_due_first(stand: Stand) -> None:
    assert await stand.books.due(10) == []
    first = await stand.desk.begun(stand.lin, stand.shower)
    second = await stand.desk.begun(stand.mei, stand.other, key="k2")
    now = await stand.books.now()
    await put(stand, replace(first, wake_at=now - timedelta(seconds=1)))
    await put(stand, replace(second, wake_at=now - timedelta(seconds=2)))
    assert await stand.books.due(10) == [stand.other.id, stand.shower.id]
    assert await stand.books.due(1) == [stand.other.id]


async def test_a_batch_has_its_terminals_live_sessions_and_the_named_ones_of_their_operators(
    stand: Stand,
) -> None:
    mine = await stand.desk.begun(stand.lin, stand.shower)
    others = await stand.desk.begun(stand.mei, stand.other, key="k2")
    ended = await stand.desk.begun(stand.lin, stand.shower, outlet=1, key="k3")
    await put(stand, replace(ended, state=State.RELEASED, settled_at=SOON, wake_at=None))
    nobody = TerminalId("nobody")
    async with stand.books.transaction(Purpose.WORDS) as unit:
        plain = await unit.open_batch([stand.shower.id, nobody])
    assert set(plain.terminals) == {stand.shower.id}
    assert set(plain.sessions) == {mine.id}
    async with stand.books.transaction(Purpose.WORDS) as unit:
        named = [others.id, ended.id, mine.id, SessionId("nobodys")]
        batch = await unit.open_batch([stand.shower.id], named)
    assert set(batch.sessions) == {mine.id, others.id, ended.id}
    assert [session.id for session in batch.live_of(stand.shower.id)] == [mine.id]


async def test_a_journal_that_is_over_stays_over(stand: Stand) -> None:
    epoch = Epoch("old")
    for _ in range(2):
        async with stand.books.transaction(Purpose.WORDS) as unit:
            batch = await unit.open_batch([stand.shower.id])
            batch.retired.append(
                Retired(operator=stand.desk.operator, terminal=stand.shower.id, epoch=epoch, acked_seq=1)
            )
            await unit.save(batch)
    async with stand.books.transaction(Purpose.WORDS) as unit:
        asked = [(stand.shower.id, epoch), (stand.shower.id, Epoch("new")), (stand.other.id, epoch)]
        batch = await unit.open_batch([stand.shower.id, stand.other.id], (), asked)
    assert batch.retired_epochs == {(stand.shower.id, epoch)}


async def test_a_counter_adds_up_and_never_falls_below_zero(stand: Stand) -> None:
    key = UseKey(stand.desk.operator, stand.lin, "tariff/day", "s")
    seen = []
    for amount in (30, -10, -50, 5):
        async with stand.books.transaction(Purpose.WORDS) as unit:
            batch = await unit.open_batch([stand.shower.id])
            batch.use(key, amount)
            await unit.save(batch)
        async with stand.books.transaction(Purpose.WORDS) as unit:
            seen.append((await unit.uses([key])).get(key, 0))
    assert seen == [30, 20, 0, 5]


@pytest.mark.parametrize(
    ("batches", "stands"),
    [
        ([[True]], True),
        ([[True], [True]], True),
        ([[True], [False]], False),
        ([[True, False]], False),
        ([[True], [False, True]], True),
        ([[False]], False),
    ],
    ids=str,
)
async def test_an_alarm_stands_as_its_last_word_says(
    stand: Stand, batches: list[list[bool]], stands: bool
) -> None:
    for actives in batches:
        async with stand.books.transaction(Purpose.WORDS) as unit:
            batch = await unit.open_batch([stand.shower.id])
            batch.alarms += [
                Alarm(
                    operator=stand.desk.operator,
                    terminal=stand.shower.id,
                    outlet=0,
                    kind=FaultCode.LEAK.value,
                    active=active,
                )
                for active in actives
            ]
            await unit.save(batch)
    answer = await stand.desk.start(stand.lin, stand.shower)
    assert isinstance(answer, Refused) is stands
    assert isinstance(await stand.desk.start(stand.mei, stand.shower, outlet=1, key="k2"), Session)


async def test_a_real_name_is_wanted_where_the_operator_asks_for_one(stand: Stand) -> None:
    await stand.asks_names()
    assert await stand.desk.start(stand.lin, stand.shower) == Refused(reason=Refusal.REAL_NAME)
    assert await stand.principal(stand.lin) == CASH_MINOR
    await stand.knows(stand.lin)
    await stand.desk.begun(stand.lin, stand.shower)
    mei = await stand.desk.start(stand.mei, stand.other, key="k2")
    assert mei == Refused(reason=Refusal.REAL_NAME)
