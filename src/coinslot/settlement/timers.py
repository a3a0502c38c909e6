"""What time alone brings: starts sent again, silence, deadlines. Timers are columns of rows we own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from coinslot.sessions.decide import rest, tick
from coinslot.sessions.model import Session
from coinslot.sessions.states import Event, State
from coinslot.settlement.changes import Batch, Review, ReviewReason
from coinslot.settlement.happen import happen, repeat
from coinslot.settlement.points import Purpose
from coinslot.settlement.ports import UNDECIDABLE, Books
from coinslot.settlement.proof import conclude, disproves
from coinslot.wire.ids import TerminalId

log = logging.getLogger(__name__)

SWEEP_AT_MOST = 200
"""Terminals in one transaction of a sweep: more would hold locks for too long."""
PUT_OFF = timedelta(days=1)
"""Before a session that cannot be saved is looked at again."""


async def sweep(books: Books) -> Batch | None:
    """Look at the sessions whose time has come; None when there are none. Its messages are to be sent.

    A terminal whose sessions cannot be saved is put off and shown to a person: it is in nobody's way.
    """
    terminals = await books.due(SWEEP_AT_MOST)
    if not terminals:
        return None
    try:
        return await _sweep(books, terminals)
    except UNDECIDABLE as error:
        log.warning("a sweep of %d terminals could not be saved, trying each: %s", len(terminals), error)
    swept = Batch(now=await books.now())
    for terminal in terminals:
        try:
            batch = await _sweep(books, [terminal])
        except UNDECIDABLE as error:
            log.error("terminal %s: put off for review, not swept: %s", terminal, error)
            batch = await _put_off(books, terminal, str(error))
        swept.sends += batch.sends
    return swept


async def _sweep(books: Books, terminals: Sequence[TerminalId]) -> Batch:
    async with books.transaction(Purpose.SWEEP) as unit:
        batch = await unit.open_batch(terminals)
        for session in list(batch.sessions.values()):
            look(batch, session)
        await unit.save(batch)
    return batch


async def _put_off(books: Books, terminal: TerminalId, why: str) -> Batch:
    """Leave the due sessions as they are until a person has had a day to look."""
    async with books.transaction(Purpose.SWEEP) as unit:
        batch = await unit.open_batch([terminal])
        for session in list(batch.sessions.values()):
            if tick(session, batch.now) is None:
                continue
            batch.put_session(replace(session, wake_at=batch.now + PUT_OFF))
            batch.reviews.append(
                Review(
                    operator=session.operator,
                    reason=ReviewReason.NOT_RATED.value,
                    session=session.id,
                    terminal=terminal,
                    detail=why,
                )
            )
        await unit.save(batch)
    return batch


def look(batch: Batch, session: Session) -> None:
    """Do what is due for one session."""
    due = tick(session, batch.now)
    if due is None:
        return
    if isinstance(due, Event):
        session = happen(batch, session, due)
    else:
        repeat(batch, session, due)
        batch.put_session(rest(session, batch.now))
    terminal = batch.terminals[session.terminal]
    if session.state is State.UNKNOWN and disproves(terminal, session):
        conclude(batch, terminal, session)
