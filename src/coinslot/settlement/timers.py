"""What time alone brings: starts sent again, silence, deadlines. Timers are columns of rows we own."""

from __future__ import annotations

from coinslot.sessions.decide import rest, tick
from coinslot.sessions.model import Session
from coinslot.sessions.states import Event, State
from coinslot.settlement.changes import Batch
from coinslot.settlement.happen import happen, repeat
from coinslot.settlement.points import Purpose
from coinslot.settlement.ports import Books
from coinslot.settlement.proof import disproves

SWEEP_AT_MOST = 200
"""Terminals in one transaction of a sweep: more would hold locks for too long."""


async def sweep(books: Books) -> Batch | None:
    """Look at the sessions whose time has come; None when there are none."""
    terminals = await books.due(SWEEP_AT_MOST)
    if not terminals:
        return None
    async with books.transaction(Purpose.SWEEP) as unit:
        batch = await unit.open_batch(terminals)
        for session in list(batch.sessions.values()):
            look(batch, session)
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
        happen(batch, session, Event.DISPROVED)
