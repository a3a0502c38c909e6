"""One session that cannot be saved stands in nobody's way: neither its terminal's, nor any other's, nor the sweep's."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec

from coinslot.engines.connect import Connection
from coinslot.ledger import store as ledger
from coinslot.ledger.events import cash_topup
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.apply import Word, apply_words
from coinslot.settlement.records import read
from coinslot.wire import codec
from coinslot.wire.messages import Ack, Config, Hello, Records, Welcome
from coinslot.wire.records import Record
from tests.support.desk import Desk, PlayedTerminal


def word(terminal: PlayedTerminal, *records: Record) -> Word:
    """A `records` message that begins at the first."""
    bodies = [msgspec.Raw(codec.encode(record)) for record in records]
    message = Records(link=terminal.link, epoch=terminal.epoch, first_seq=1, records=bodies)
    return Word(terminal.id, read(terminal.id, message))


async def refuse(owner: Connection, session: Session) -> None:
    """Let no row of this session be written any more, for a reason that no repetition mends."""
    await owner.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'out of range' USING ERRCODE = '22003'; END $$"
    )
    await owner.execute(
        "CREATE TRIGGER refuse BEFORE UPDATE ON session FOR EACH ROW"
        f" WHEN (NEW.session_id = '{session.id}') EXECUTE FUNCTION refuse()"
    )


async def forge(desk: Desk, session: Session, what: str) -> None:
    """Use up the key of an entry that the session's end will want to post."""
    entry = cash_topup(desk.operator, f"session:{session.id}:{what}", session.customer, "CNY", amount_minor=1)
    async with desk.pool.acquire() as connection, connection.transaction():
        await ledger.post(connection, [entry])


async def test_what_no_column_takes_is_set_aside_alone(desk: Desk, owner: Connection) -> None:
    bad, good = await desk.terminal(), await desk.terminal()
    refused = await desk.begun(await desk.customer(), bad, key="k1")
    other = await desk.begun(await desk.customer(), good, key="k2")
    await refuse(owner, refused)
    words = [
        word(terminal, terminal.started(session), terminal.stopped(session, ml=10_000, s=100))
        for terminal, session in ((bad, refused), (good, other))
    ]
    batches = await apply_words(desk.books, words, Config())
    acks = {s.terminal: s.message.seq for b in batches for s in b.sends if isinstance(s.message, Ack)}
    assert acks == {bad.id: 2, good.id: 2}
    assert (await desk.session(other.id)).captured_minor == 45
    assert (await desk.session(refused.id)).live
    assert await desk.reviews() == ["not_rated", "not_rated"]
    await desk.in_order()


async def test_a_session_that_no_sweep_can_end_holds_up_no_other(desk: Desk) -> None:
    bad, good = await desk.terminal(), await desk.terminal()
    customer = await desk.customer()
    refused = await desk.begun(await desk.customer(), bad, key="k1")
    other = await desk.begun(customer, good, key="k2")
    await forge(desk, refused, "lapse")
    await desk.passes(timedelta(seconds=18))
    await desk.passes(timedelta(hours=24))
    assert (await desk.session(other.id)).state is State.RELEASED
    assert await desk.principal(customer) == 20_00
    assert (await desk.session(refused.id)).state is State.UNKNOWN
    assert await desk.held(refused.id) == 5_00
    assert sorted(await desk.reviews()) == ["never_answered", "not_rated"]
    assert await desk.sweeps() == []  # not looked at again before a person has had a day
    assert len(await desk.reviews()) == 2
    await desk.in_order()


async def test_a_hello_older_than_all_calendars_is_answered_and_stops_no_other_terminal(desk: Desk) -> None:
    liar, good = await desk.terminal(), await desk.terminal()
    session = await desk.begun(await desk.customer(), good)
    hello = Hello(
        link=1, epoch=liar.epoch, next_seq=1, oldest_seq=1, at_ms=2**53 - 1, boot=1, open_sessions=[]
    )
    batches = await apply_words(
        desk.books, [Word(liar.id, hello), word(good, good.started(session))], Config()
    )
    assert len(batches) == 1
    assert {type(send.message) for send in batches[0].sends} == {Welcome, Ack}
    assert (await desk.session(session.id)).state is State.RUNNING


async def test_a_quote_that_cannot_be_read_any_more_holds_up_nobody(desk: Desk) -> None:
    bad, good = await desk.terminal(), await desk.terminal()
    broken = await desk.begun(await desk.customer(), bad, key="k1")
    other = await desk.begun(await desk.customer(), good, key="k2")
    await bad.records(bad.started(broken))
    await desk.pool.execute("UPDATE session SET quote = '?' WHERE session_id = $1", broken.id)
    hello = Hello(link=2, epoch="ep2", next_seq=1, oldest_seq=1, boot=2, open_sessions=[])
    batches = await apply_words(
        desk.books,
        [Word(bad.id, hello), word(good, good.started(other), good.stopped(other, ml=10_000, s=100))],
        Config(),
    )
    said = [(send.terminal, type(send.message)) for batch in batches for send in batch.sends]
    assert (bad.id, Welcome) in said, "the terminal's new journal is in force, whatever the old one left"
    assert (await desk.session(other.id)).captured_minor == 45
    await desk.passes(timedelta(hours=30))
    assert (await desk.session(broken.id)).live
    assert await desk.reviews() == ["not_rated", "not_rated"]
    assert await desk.sweeps() == []


async def test_a_bad_session_s_record_takes_no_good_one_of_the_same_message_with_it(desk: Desk) -> None:
    terminal = await desk.terminal(outlets=2)
    refused = await desk.begun(await desk.customer(), terminal, outlet=0, key="k1")
    other = await desk.begun(await desk.customer(), terminal, outlet=1, key="k2")
    await terminal.records(terminal.started(refused), terminal.started(other))
    await forge(desk, refused, "capture")
    said = await terminal.records(
        terminal.stopped(refused, ml=10_000, s=100), terminal.stopped(other, ml=10_000, s=100)
    )
    assert [message.seq for message in said if isinstance(message, Ack)][-1] == 4
    assert (await desk.session(other.id)).captured_minor == 45
    assert (await desk.session(refused.id)).state is State.RUNNING
    assert await desk.reviews() == ["not_rated"]
    await desk.in_order()


async def test_a_hold_that_cannot_be_released_sets_no_other_session_s_records_aside(desk: Desk) -> None:
    terminal = await desk.terminal(outlets=2)
    silent = await desk.begun(await desk.customer(), terminal, outlet=0, key="k1")
    other = await desk.begun(await desk.customer(), terminal, outlet=1, key="k2")
    await forge(desk, silent, "release")
    await terminal.records(terminal.started(other))
    await desk.passes(timedelta(seconds=18))
    await terminal.connects()
    await terminal.records(terminal.stopped(other, ml=10_000, s=100))
    assert (await desk.session(other.id)).captured_minor == 45
    assert (await desk.session(silent.id)).live


async def test_a_tariff_that_cannot_be_read_any_more_refuses_nobody_else_a_start(
    desk: Desk, owner: Connection
) -> None:
    bad, good = await desk.terminal(tariff="dispenser-litre"), await desk.terminal()
    customer, other = await desk.customer(), await desk.customer()
    await owner.execute(
        "UPDATE tariff_version SET body = '{}' WHERE tariff_id ="
        " (SELECT tariff_id FROM outlet WHERE terminal_id = $1)",
        bad.id,
    )
    answers = await asyncio.gather(
        desk.start(customer, bad, key="k1"), desk.start(other, good, key="k2"), return_exceptions=True
    )
    assert isinstance(answers[1], Session)
