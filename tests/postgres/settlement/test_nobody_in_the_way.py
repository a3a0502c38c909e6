"""One session that cannot be saved stands in nobody's way: neither its terminal's, nor any other's, nor the sweep's."""

from __future__ import annotations

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
from coinslot.wire.messages import Ack, Config, Records
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
