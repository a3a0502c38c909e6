"""What a bad network, a bad meter and a bad clock do to a session: nothing is lost, nobody overcharged."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from coinslot.ledger.store import set_arrears_cap
from coinslot.sessions.states import State
from coinslot.settlement.requests import Refusal, Refused
from coinslot.wire.messages import Ack, Down, Ping, Start, Stop, Welcome
from coinslot.wire.records import Declined, DeclineReason, Fault, FaultCode
from tests.support.desk import Desk

PAST_EXPIRY = timedelta(seconds=18)


async def test_a_start_that_gets_no_answer_is_sent_again_as_the_same_command(desk: Desk) -> None:
    terminal = await desk.terminal()
    session = await desk.begun(await desk.customer(), terminal)
    again = [m for m in await _after(desk, timedelta(seconds=4)) if isinstance(m, Start)]
    assert [m.command for m in again] == [session.command]
    assert again[0] == desk.start_commands()[0]


async def test_silence_is_unknown_and_the_hold_stays_until_proof(desk: Desk) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer()
    session = await desk.begun(customer, terminal)
    said = await _after(desk, PAST_EXPIRY)
    assert any(isinstance(m, Ping) for m in said)
    assert (await desk.session(session.id)).state is State.UNKNOWN
    assert await desk.held(session.id) == 5_00
    # A hello composed before the expiry, and delivered now, proves nothing.
    await terminal.hello(at_ms=session.expires_at_ms - 1)
    assert (await desk.session(session.id)).state is State.UNKNOWN
    await terminal.hello(at_ms=session.expires_at_ms + 1)
    assert (await desk.session(session.id)).state is State.RELEASED
    assert await desk.principal(customer) == 20_00
    await desk.in_order()


async def test_a_hello_that_names_unseen_records_proves_nothing_before_they_are_here(desk: Desk) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer()
    session = await desk.begun(customer, terminal)
    await _after(desk, PAST_EXPIRY)
    terminal.link += 1  # a new link, and one record that the server has not seen
    await terminal.hello(next_seq=2)
    assert (await desk.session(session.id)).state is State.UNKNOWN
    await terminal.records(terminal.started(session), first_seq=1)
    assert (await desk.session(session.id)).state is State.RUNNING
    assert await desk.held(session.id) == 5_00


async def test_a_terminal_that_never_returns_gives_the_hold_back_after_a_day(desk: Desk) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer()
    session = await desk.begun(customer, terminal)
    await _after(desk, PAST_EXPIRY)
    await _after(desk, timedelta(hours=24))
    assert (await desk.session(session.id)).state is State.RELEASED
    assert await desk.principal(customer) == 20_00
    assert await desk.reviews() == ["never_answered"]


async def test_usage_after_a_release_becomes_arrears_and_no_surprise_charge(desk: Desk) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer()
    session = await desk.begun(customer, terminal)
    await _after(desk, PAST_EXPIRY)
    await _after(desk, timedelta(hours=24))
    said = await terminal.records(terminal.started(session))
    assert any(isinstance(m, Stop) for m in said)
    await terminal.records(terminal.stopped(session, ml=10_000, s=100))
    late = await desk.session(session.id)
    assert late.state is State.LATE
    assert late.arrears_minor == 45
    assert await desk.principal(customer) == 20_00
    assert await desk.arrears(customer) == 45
    refused = await desk.start(customer, terminal, key="k2")
    assert isinstance(refused, Refused)
    assert refused.reason is Refusal.ARREARS
    await desk.in_order()


async def test_arrears_stop_at_the_cap_and_the_rest_is_written_off(desk: Desk) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer()
    async with desk.pool.acquire() as connection:
        await set_arrears_cap(connection, desk.operator, "CNY", 20)
    session = await desk.begun(customer, terminal)
    await _after(desk, PAST_EXPIRY)
    await _after(desk, timedelta(hours=24))
    await terminal.records(terminal.started(session), terminal.stopped(session, ml=10_000, s=100))
    assert await desk.arrears(customer) == 20
    assert await desk.balance("operator/write_off") == 25
    await desk.in_order()


async def test_a_declined_start_releases_at_once(desk: Desk) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer()
    session = await desk.begun(customer, terminal)
    await terminal.records(
        Declined(
            boot=1,
            ticks_ms=0,
            command=session.command,
            session=session.id,
            outlet=0,
            reason=DeclineReason.EXPIRED,
        )
    )
    ended = await desk.session(session.id)
    assert ended.state is State.RELEASED
    assert ended.stop_reason == "declined_expired"
    assert await desk.principal(customer) == 20_00


async def test_stopped_before_started_is_held_back_and_settles_once(desk: Desk) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer()
    session = await desk.begun(customer, terminal)
    said = await terminal.records(terminal.stopped(session, ml=10_000, s=100), first_seq=2)
    ack = next(m for m in said if isinstance(m, Ack))
    assert (ack.seq, ack.want) == (0, 1)
    assert (await desk.session(session.id)).state is State.AUTHORIZED
    await terminal.records(
        terminal.started(session), terminal.stopped(session, ml=10_000, s=100), first_seq=1
    )
    assert (await desk.session(session.id)).captured_minor == 45
    assert await desk.reviews() == []


async def test_lost_records_go_to_review_and_the_rest_goes_on(desk: Desk) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer()
    session = await desk.begun(customer, terminal)
    stopped = terminal.stopped(session, ml=12_000, s=100, start_ml=2_000)
    await terminal.records(stopped, first_seq=2)
    await terminal.lost(1, 1)
    await terminal.records(stopped, first_seq=2)
    ended = await desk.session(session.id)
    assert ended.state is State.SETTLED
    assert ended.captured_minor is not None
    assert ended.captured_minor <= 45
    assert {"lost_records", "start_lost"} <= set(await desk.reviews())


async def test_a_first_reading_of_zero_and_then_an_odometer_is_never_charged_from_zero(desk: Desk) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer()
    session = await desk.begun(customer, terminal)
    await terminal.records(
        terminal.started(session, ml=0),
        terminal.checkpoint(session, ml=8_450_000, s=10),
        terminal.stopped(session, ml=8_455_000, s=40),
    )
    ended = await desk.session(session.id)
    assert ended.captured_minor is not None
    assert ended.captured_minor <= 23  # 5 L
    assert "meter" in await desk.reviews()


async def test_a_register_that_goes_back_charges_only_what_was_plausible(desk: Desk) -> None:
    terminal = await desk.terminal()
    session = await desk.begun(await desk.customer(), terminal)
    await terminal.records(
        terminal.started(session, ml=1_000),
        terminal.checkpoint(session, ml=11_000, s=60),
        terminal.stopped(session, ml=500, s=80, start_ml=1_000),
    )
    ended = await desk.session(session.id)
    assert ended.captured_minor == 45
    assert await desk.reviews() == ["meter"]


async def test_an_impossible_rate_is_not_charged(desk: Desk) -> None:
    terminal = await desk.terminal()
    session = await desk.begun(await desk.customer(), terminal)
    await terminal.records(
        terminal.started(session), terminal.stopped(session, ml=5_000_000, s=20, ticks_ms=20_000)
    )
    ended = await desk.session(session.id)
    assert ended.captured_minor == 0
    assert await desk.held(session.id) == 0
    assert await desk.reviews() == ["meter"]


async def test_no_water_no_charge(desk: Desk) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer()
    session = await desk.begun(customer, terminal)
    await terminal.records(terminal.started(session), terminal.stopped(session, ml=0, s=0, ticks_ms=90_000))
    assert (await desk.session(session.id)).captured_minor == 0
    assert await desk.principal(customer) == 20_00


async def test_a_record_for_an_ended_session_waits_for_a_person_and_blocks_nobody(desk: Desk) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer()
    first = await desk.begun(customer, terminal)
    await terminal.records(terminal.started(first), terminal.stopped(first, ml=10_000, s=100))
    second = await desk.begun(customer, terminal, key="k2")
    said = await terminal.records(
        terminal.stopped(first, ml=99_000, s=990),
        terminal.started(second),
        terminal.stopped(second, ml=20_000, s=100),
    )
    assert [m.seq for m in said if isinstance(m, Ack)] == [5]
    assert (await desk.session(first.id)).captured_minor == 45
    assert (await desk.session(second.id)).captured_minor == 90
    assert await desk.reviews() == ["ended_session"]
    assert await desk.principal(customer) == 20_00 - 135


async def test_an_unreadable_record_is_kept_acknowledged_and_passed_by(desk: Desk) -> None:
    terminal = await desk.terminal()
    session = await desk.begun(await desk.customer(), terminal)
    said = await terminal.records(
        b'{"type":"started","session":"no such","outlet":-7}',
        b'"not even an object"',
        terminal.started(session),
        terminal.stopped(session, ml=10_000, s=100),
    )
    assert [m.seq for m in said if isinstance(m, Ack)] == [4]
    assert (await desk.session(session.id)).captured_minor == 45
    assert await desk.reviews() == ["unreadable", "unreadable"]


async def test_a_terminal_cannot_meter_or_stop_anothers_session(desk: Desk) -> None:
    mine, other = await desk.terminal(), await desk.terminal()
    session = await desk.begun(await desk.customer(), mine)
    await other.records(other.started(session), other.stopped(session, ml=1, s=1))
    assert (await desk.session(session.id)).state is State.AUTHORIZED
    assert await desk.reviews() == ["foreign_session", "foreign_session"]
    assert "foreign_session" in await desk.alarms()


async def test_a_session_of_another_operator_is_unknown(desk: Desk) -> None:
    elsewhere = await Desk(desk.pool).open("Hotel")
    theirs = await elsewhere.terminal()
    session = await desk.begun(await desk.customer(), await desk.terminal())
    await theirs.records(theirs.started(session))
    assert (await desk.session(session.id)).state is State.AUTHORIZED
    assert await elsewhere.reviews() == ["unknown_session"]


async def test_a_lower_link_is_not_heard_and_raises_an_alarm(desk: Desk) -> None:
    terminal = await desk.terminal()
    session = await desk.begun(await desk.customer(), terminal)
    await terminal.connects()
    said = await terminal.records(terminal.started(session), first_seq=1, link=1)
    assert said == []
    assert (await desk.session(session.id)).state is State.AUTHORIZED
    assert await desk.alarms() == ["lower_link"]
    await terminal.goes(link=1)  # an old will says nothing about the present
    assert await desk.pool.fetchval("SELECT online FROM terminal_link WHERE terminal_id = $1", terminal.id)


async def test_a_rolled_back_journal_must_be_renewed(desk: Desk) -> None:
    terminal = await desk.terminal()
    session = await desk.begun(await desk.customer(), terminal)
    await terminal.records(terminal.started(session), terminal.stopped(session, ml=1_000, s=10))
    said = await terminal.hello(next_seq=2)  # on the same link it is merely old: records overtook it
    assert not next(m for m in said if isinstance(m, Welcome)).new_epoch
    terminal.link += 1
    said = await terminal.hello(next_seq=2)
    assert next(m for m in said if isinstance(m, Welcome)).new_epoch
    assert await desk.alarms() == ["rolled_back"]
    terminal.epoch, terminal.seq = "ep2", 0
    said = await terminal.hello()
    assert not next(m for m in said if isinstance(m, Welcome)).new_epoch
    terminal.link += 1
    said = await terminal.hello(epoch="ep1", next_seq=9)
    assert next(m for m in said if isinstance(m, Welcome)).new_epoch
    assert "retired_epoch" in await desk.alarms()


async def test_a_new_journal_settles_the_old_ones_sessions_at_their_last_checkpoint(desk: Desk) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer()
    session = await desk.begun(customer, terminal)
    await terminal.records(terminal.started(session), terminal.checkpoint(session, ml=10_000, s=60))
    terminal.epoch, terminal.seq = "ep2", 0
    await terminal.connects()
    ended = await desk.session(session.id)
    assert ended.state is State.SETTLED
    assert ended.captured_minor == 45
    assert await desk.reviews() == ["never_stopped"]


async def test_a_session_that_never_stops_settles_a_day_after_its_limit(desk: Desk) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer()
    session = await desk.begun(customer, terminal)
    await terminal.records(terminal.started(session), terminal.checkpoint(session, ml=10_000, s=60))
    await _after(desk, timedelta(hours=23))
    assert (await desk.session(session.id)).state is State.RUNNING
    await _after(desk, timedelta(hours=30))
    ended = await desk.session(session.id)
    assert ended.state is State.SETTLED
    assert ended.captured_minor == 45
    assert await desk.principal(customer) == 20_00 - 45
    assert await desk.reviews() == ["never_stopped"]


async def test_a_stop_is_sent_until_the_terminal_says_it_has_stopped(desk: Desk) -> None:
    terminal = await desk.terminal()
    session = await desk.begun(await desk.customer(), terminal)
    await terminal.records(terminal.started(session))
    stopping = await desk.starter.stop(desk.operator, session.id)
    assert stopping is not None
    assert stopping.state is State.STOPPING
    assert any(isinstance(m, Stop) for m in await _after(desk, timedelta(seconds=6)))
    said = await terminal.connects(open_sessions=[session.id])
    assert any(isinstance(m, Stop) and m.session == session.id for m in said)


async def test_a_stop_before_the_start_is_heard_still_ends_the_session(desk: Desk) -> None:
    terminal = await desk.terminal()
    session = await desk.begun(await desk.customer(), terminal)
    await desk.starter.stop(desk.operator, session.id)
    said = await terminal.records(terminal.started(session))
    assert any(isinstance(m, Stop) for m in said)
    assert (await desk.session(session.id)).state is State.STOPPING


async def test_a_stop_that_was_lost_before_the_start_is_sent_again_and_the_start_is_not(desk: Desk) -> None:
    terminal = await desk.terminal()
    session = await desk.begun(await desk.customer(), terminal)
    await desk.starter.stop(desk.operator, session.id)
    said = await _after(desk, timedelta(seconds=4))
    assert [type(message) for message in said] == [Stop]


async def test_a_new_journal_is_no_proof_that_the_lost_one_held_no_start(desk: Desk) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer()
    session = await desk.begun(customer, terminal)
    await _after(desk, PAST_EXPIRY)
    terminal.epoch = "ep2"
    await terminal.connects()
    assert (await desk.session(session.id)).state is State.RELEASED
    assert await desk.principal(customer) == 20_00
    assert await desk.reviews() == ["never_answered"], "nobody can tell any more, so a person looks"
    await desk.in_order()


async def test_a_session_the_server_knows_to_be_over_is_stopped_at_the_terminal(desk: Desk) -> None:
    terminal = await desk.terminal()
    said = await terminal.connects(open_sessions=["ses_nobody_knows"])
    assert [m.session for m in said if isinstance(m, Stop)] == ["ses_nobody_knows"]


async def test_flow_while_shut_closes_the_outlet_to_business_until_it_is_over(desk: Desk) -> None:
    terminal = await desk.terminal()
    customer = await desk.customer()
    leak = Fault(boot=1, ticks_ms=0, outlet=0, code=FaultCode.FLOW_WHILE_SHUT, active=True)
    await terminal.records(leak)
    refused = await desk.start(customer, terminal)
    assert isinstance(refused, Refused)
    assert refused.reason is Refusal.FAULT
    await terminal.records(Fault(boot=1, ticks_ms=9, outlet=0, code=FaultCode.FLOW_WHILE_SHUT, active=False))
    await desk.begun(customer, terminal, key="k2")


async def test_an_offline_terminal_is_not_sold(desk: Desk) -> None:
    terminal = await desk.terminal()
    await terminal.goes()
    refused = await desk.start(await desk.customer(), terminal)
    assert isinstance(refused, Refused)
    assert refused.reason is Refusal.OFFLINE


async def test_the_terminals_clock_has_no_say_in_duration_or_charge(desk: Desk) -> None:
    terminal = await desk.terminal(tariff="shower-30s")
    customer = await desk.customer()
    for number, wall_ms in enumerate((0, 86_400_000, 4_102_444_800_000, 1_709_164_800_000)):
        session = await desk.begun(customer, terminal, key=f"k{number}")
        at_ms = 1_000_000 * number
        started = terminal.started(session, s=100 * number, ticks_ms=at_ms)
        stopped = terminal.stopped(session, ml=0, s=100 * number + 61, ticks_ms=at_ms + 61_000)
        await terminal.records(
            msgspec.structs.replace(started, wall_ms=wall_ms),
            msgspec.structs.replace(stopped, wall_ms=max(0, wall_ms - 86_400_000)),
        )
        ended = await desk.session(session.id)
        assert ended.captured_minor == 24  # three started half minutes
        assert ended.duration_ms == 61_000


async def _after(desk: Desk, time: timedelta) -> list[Down]:
    """Let time pass, and give what the sweep sent."""
    return await desk.passes(time)
