"""From a confirmed payment to a use, its bill and what goes back: once, whatever happens in between."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from coinslot.access import receipts
from coinslot.ledger.accounts import operator_revenue, operator_write_off
from coinslot.sessions.states import State
from coinslot.settlement.aftermath import tell_ended
from coinslot.settlement.requests import Refusal, Refused
from coinslot.settlement.stop import stop
from coinslot.wire.messages import Note
from coinslot.wire.records import Fault as FaultRecord
from coinslot.wire.records import FaultCode, StopReason
from tests.support.inn import KEYRING, Inn


async def test_paid_started_used_and_settled(inn: Inn) -> None:
    """The whole way: captured is the price, nothing goes back, the bill has its address."""
    terminal = await inn.appliance()
    session = await inn.running(terminal)
    assert (session.customer, session.hold_minor, session.state) == (None, 5_00, State.AUTHORIZED)
    assert inn.notes(terminal) == [Note.PAID]
    assert [start.session for start in inn.commands(terminal)] == [session.id]
    ended = await inn.ends(terminal, session)
    assert (ended.state, ended.charge_minor, ended.captured_minor) == (State.SETTLED, 5_00, 5_00)
    assert await inn.refunds() == []
    [(bill, address)] = inn.bills(terminal)
    assert (bill.charge_minor, bill.refund_minor, bill.balance_minor) == (5_00, 0, 0)
    assert address.startswith("https://hotel.example/b/")
    assert receipts.read(KEYRING, address.rsplit("/", 1)[1]) == session.intent
    assert await inn.desk.balance(operator_revenue()) == 5_00
    await inn.works()
    await inn.even()


async def test_by_use_the_rest_of_the_deposit_goes_back_once(inn: Inn) -> None:
    terminal = await inn.appliance()
    session = await inn.running(terminal, "use")
    ended = await inn.ends(terminal, session, reason=StopReason.KEY, s=1200, wh=1_234)
    assert (ended.charge_minor, ended.captured_minor, ended.released_minor) == (2_47, 2_47, 7_53)
    assert await inn.refunds() == [("unused", 7_53)]
    [(bill, _)] = inn.bills(terminal)
    assert (bill.charge_minor, bill.refund_minor) == (2_47, 7_53)
    await asyncio.gather(*(server.once() for server in (inn.starts, inn.server_starts()) * 3))
    await inn.works()
    await inn.even()
    attempt = await inn.payment_of(session)
    assert (attempt.refunded_minor, await inn.intent_state(attempt)) == (7_53, "partly_refunded")


@pytest.mark.parametrize(
    ("reason", "s", "wh", "charge_minor"),
    [
        (StopReason.LIMIT, 1800, 400, 5_00),
        (StopReason.IDLE, 900, 0, 5_00),
        (StopReason.KEY, 0, 0, 0),
        (StopReason.FAULT, 900, 400, 2_50),
        (StopReason.POWER_LOSS, 901, 400, 2_50),  # 2.50277…
        (StopReason.FAULT, 20, 1, 0),  # its electronics alone
        (StopReason.COMMAND, 450, 100, 1_25),
    ],
)
async def test_what_a_package_costs_by_how_it_ended(
    inn: Inn, reason: StopReason, s: int, wh: int, charge_minor: int
) -> None:
    terminal = await inn.appliance()
    session = await inn.running(terminal)
    ended = await inn.ends(terminal, session, reason=reason, s=s, wh=wh)
    assert (ended.charge_minor, ended.captured_minor) == (charge_minor, charge_minor)
    rest_minor = 5_00 - charge_minor
    assert await inn.refunds() == ([("unused", rest_minor)] if rest_minor else [])
    await inn.works()
    await inn.even()


async def test_the_operators_stop_costs_the_part_that_was_used(inn: Inn) -> None:
    terminal = await inn.appliance()
    session = await inn.running(terminal)
    found, _ = await stop(inn.desk.books, inn.desk.operator, session.id)
    assert found is not None
    ended = await inn.ends(terminal, session, reason=StopReason.COMMAND, s=600, wh=300)
    assert ended.charge_minor == 1_67


async def test_an_end_that_is_never_told_costs_what_was_last_seen(inn: Inn) -> None:
    terminal = await inn.appliance()
    session = await inn.running(terminal)
    await terminal.records(inn.checkpoint(terminal, session, s=360, wh=200))
    await inn.passes(timedelta(hours=23))
    assert (await inn.desk.session(session.id)).live
    await inn.passes(timedelta(hours=2))
    await inn.starts.once()
    ended = await inn.desk.session(session.id)
    assert (ended.state, ended.charge_minor) == (State.SETTLED, 1_00)
    assert await inn.refunds() == [("unused", 4_00)]
    assert inn.bills(terminal) == []  # nobody stands there any more


async def test_the_same_notification_ten_times_is_one_session(inn: Inn) -> None:
    terminal = await inn.appliance()
    attempt = await inn.shown(terminal)
    await inn.pays(attempt, told=False)
    servers = [inn.starts, inn.server_starts(), inn.server_starts()]
    for number in range(10):
        await inn.till.notified(attempt, f"n{number % 4}")
    await asyncio.gather(inn.till.cashier.apply(), *(server.once() for server in servers * 2))
    await asyncio.gather(*(server.once() for server in servers))
    assert len(await inn.sessions()) == 1
    assert len(inn.commands(terminal)) == 1
    assert await inn.refunds() == []
    await inn.even()


async def test_somebody_was_quicker_at_the_outlet(inn: Inn) -> None:
    """A customer's wallet took the appliance while the guest was paying: exactly one refund, whole."""
    terminal = await inn.appliance()
    attempt = await inn.shown(terminal)
    await inn.desk.begun(await inn.desk.customer(), terminal)
    await inn.pays(attempt)
    servers = [inn.starts, inn.server_starts(), inn.server_starts()]
    await asyncio.gather(*(server.once() for server in servers * 2))
    assert await inn.sessions() == []
    assert await inn.refunds() == [("start_failed", 5_00)]
    assert set(inn.notes(terminal)) == {Note.REFUNDED}
    assert inn.nudged
    await inn.works()
    assert await inn.intent_state(attempt) == "refunded"
    await inn.even()


@pytest.mark.parametrize("what", ["closed", "fault", "moved", "unreadable"])
async def test_what_cannot_be_used_any_more_is_given_back(inn: Inn, what: str) -> None:
    terminal = await inn.appliance()
    attempt = await inn.shown(terminal)
    match what:
        case "closed":
            await inn.pool.execute("UPDATE appliance SET closed = true")
        case "fault":
            await terminal.records(
                FaultRecord(boot=1, ticks_ms=1, outlet=0, code=FaultCode.METER_STUCK, active=True)
            )
        case "moved":
            other = await inn.appliance()
            await inn.pool.execute(
                "UPDATE outlet SET appliance_id = $2 WHERE terminal_id = $1",
                terminal.id,
                other.credentials.appliance_id,
            )
        case _:
            await inn.spoil("UPDATE direct_order SET quote = '{}'")
    await inn.pays(attempt)
    await inn.starts.once()
    assert await inn.sessions() == []
    assert await inn.refunds() == [("start_failed", 5_00)]
    assert inn.notes(terminal) == [Note.REFUNDED]
    await inn.pool.execute("UPDATE appliance SET closed = false")


async def test_a_terminal_that_comes_back_within_a_minute_starts(inn: Inn) -> None:
    terminal = await inn.appliance()
    attempt = await inn.shown(terminal)
    await terminal.goes()
    await inn.pays(attempt)
    await inn.starts.once()
    assert await inn.sessions() == []
    assert await inn.chooses(terminal) is Note.PAID  # whoever presses meanwhile does not pay twice
    await inn.passes(timedelta(seconds=50))
    await inn.starts.once()
    await terminal.connects()
    await inn.passes(timedelta(seconds=2))
    await inn.starts.once()
    assert await inn.session_of(attempt) is not None
    assert await inn.refunds() == []
    await inn.even()


async def test_a_terminal_that_stays_away_is_not_waited_for(inn: Inn) -> None:
    terminal = await inn.appliance()
    attempt = await inn.shown(terminal)
    await terminal.goes()
    await inn.pays(attempt)
    await inn.starts.once()
    assert await inn.refunds() == []
    await inn.passes(timedelta(seconds=61))
    await inn.starts.once()
    assert await inn.refunds() == [("start_failed", 5_00)]
    await terminal.connects()
    await inn.starts.once()
    assert await inn.sessions() == []
    await inn.works()
    await inn.even()


async def test_a_declined_start_goes_back_by_itself(inn: Inn) -> None:
    terminal = await inn.appliance()
    attempt = await inn.paid(terminal)
    await inn.starts.once()
    session = await inn.session_of(attempt)
    assert session is not None
    await terminal.records(inn.declined(terminal, session))
    await asyncio.gather(*(server.once() for server in (inn.starts, inn.server_starts()) * 2))
    assert (await inn.desk.session(session.id)).state is State.RELEASED
    assert await inn.refunds() == [("start_failed", 5_00)]
    assert inn.notes(terminal) == [Note.PAID, Note.REFUNDED]
    await inn.works()
    await inn.even()


async def test_silence_that_is_proved_goes_back_at_once(inn: Inn) -> None:
    terminal = await inn.appliance()
    attempt = await inn.paid(terminal)
    await inn.starts.once()
    await inn.passes(timedelta(seconds=30))
    session = await inn.session_of(attempt)
    assert session is not None
    assert session.state is State.UNKNOWN
    assert await inn.refunds() == []
    await terminal.connects()  # its hello names every record, and no start is among them
    await inn.starts.once()
    assert await inn.refunds() == [("start_failed", 5_00)]
    await inn.works()
    await inn.even()


async def test_silence_that_nobody_can_prove_ends_after_two_hours(inn: Inn) -> None:
    """And what was used all the same is the operator's loss: the guest has the money and owes nothing."""
    terminal = await inn.appliance()
    attempt = await inn.paid(terminal)
    await inn.starts.once()
    session = await inn.session_of(attempt)
    assert session is not None
    await inn.passes(timedelta(minutes=110))
    assert await inn.refunds() == []
    await inn.passes(timedelta(minutes=15))
    await inn.starts.once()
    assert await inn.refunds() == [("start_failed", 5_00)]
    await terminal.records(inn.started(terminal, session))
    await terminal.records(inn.stopped(terminal, session, reason=StopReason.LIMIT, s=1800, wh=400))
    late = await inn.desk.session(session.id)
    assert (late.state, late.charge_minor, late.captured_minor, late.arrears_minor) == (
        State.LATE,
        5_00,
        0,
        0,
    )
    assert await inn.desk.balance(operator_write_off()) == 5_00
    await inn.starts.once()
    assert await inn.refunds() == [("start_failed", 5_00)]
    await inn.works()
    await inn.even()


async def test_a_guest_earns_no_points_and_no_message(inn: Inn) -> None:
    await inn.pool.execute("UPDATE operator SET points_per_major = 10")
    terminal = await inn.appliance()
    await inn.ends(terminal, await inn.running(terminal))
    async with inn.pool.acquire() as connection:
        assert await tell_ended(connection) == 1
        assert await tell_ended(connection) == 0
    assert await inn.pool.fetchval("SELECT count(*) FROM message") == 0
    await inn.even()


async def test_a_tariff_of_packages_alone_takes_no_wallet(inn: Inn) -> None:
    await inn.reprice(rates=[], hold="0", packages=[{"id": "p", "title": "p", "price": "1.00", "s": 60}])
    terminal = await inn.appliance()
    answer = await inn.desk.start(await inn.desk.customer(), terminal)
    assert isinstance(answer, Refused)
    assert answer.reason is Refusal.NO_TARIFF
    await inn.paid(terminal, "p")
    await inn.starts.once()
    assert len(await inn.sessions()) == 1


async def test_a_payment_confirmed_elsewhere_is_heard_of_at_once(inn: Inn) -> None:
    """Another process applies the notification; this one sleeps for an hour unless it is told."""
    inn.starts = inn.server_starts(every_s=3600.0)
    terminal = await inn.appliance()
    attempt = await inn.shown(terminal)
    running = asyncio.create_task(inn.starts.run())
    await inn.listened()
    await inn.pays(attempt)
    async with asyncio.timeout(10):
        await inn.first_start.wait()
    running.cancel()
    await asyncio.wait([running])
    assert len(await inn.sessions()) == 1


async def test_what_cannot_be_given_back_is_in_nobodys_way(inn: Inn) -> None:
    """Somebody has asked all of it back by hand: the refund is refused, a person looks, others are served."""
    broken, sound = await inn.appliance(), await inn.appliance()
    attempt = await inn.shown(broken)
    await inn.desk.begun(await inn.desk.customer(), broken)
    await inn.pays(attempt)
    key = f"intent:{attempt.intent_id}:not_started"
    await inn.spoil(
        "INSERT INTO refund (operator_id, number, request_key, attempt_number, merchant_id, why, currency,"
        " amount_minor, next_at) VALUES ($1, $2, $3, $4, $5, 'session', 'CNY', 1, now())",
        inn.desk.operator, "0" * 32, key, attempt.number, attempt.merchant_id,
    )  # fmt: skip
    other = await inn.paid(sound)
    await inn.starts.once()
    await inn.starts.once()
    assert await inn.session_of(other) is not None
    assert await inn.desk.reviews() == ["start_stuck"]
    assert await inn.open_code(broken) is None  # it goes on selling


async def test_a_rest_that_cannot_be_asked_back_is_in_nobodys_way(inn: Inn) -> None:
    broken, sound = await inn.appliance(), await inn.appliance()
    session = await inn.running(broken)
    attempt = await inn.payment_of(session)
    await inn.spoil(
        "INSERT INTO refund (operator_id, number, request_key, attempt_number, merchant_id, why, currency,"
        " amount_minor, next_at) VALUES ($1, $2, 'k', $3, $4, 'session', 'CNY', 499, now())",
        inn.desk.operator, "0" * 32, attempt.number, attempt.merchant_id,
    )  # fmt: skip
    await inn.ends(broken, session, reason=StopReason.FAULT, s=900)
    await inn.ends(sound, await inn.running(sound), reason=StopReason.FAULT, s=900)
    await inn.server_starts().once()
    assert await inn.refunds() == [("session", 4_99), ("unused", 2_50)]
    assert await inn.desk.reviews() == ["rest_stuck"]
