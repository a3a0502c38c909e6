"""Asking a session to end. The terminal decides when it has; until then it is stopping."""

from __future__ import annotations

from coinslot.sessions.model import Session
from coinslot.sessions.states import Event, IllegalEvent
from coinslot.settlement.changes import Batch
from coinslot.settlement.happen import happen
from coinslot.settlement.points import Purpose
from coinslot.settlement.ports import Books
from coinslot.wire.ids import OperatorId, SessionId


async def stop(books: Books, operator: OperatorId, session: SessionId) -> tuple[Session | None, Batch | None]:
    """Ask for the end. The session as it then stands; None when the operator has no such session.

    Asking twice, or after the end, changes nothing and is no error.
    """
    terminal = await books.terminal_of(operator, session)
    if terminal is None:
        return None, None
    async with books.transaction(Purpose.STOP) as unit:
        batch = await unit.open_batch([terminal], [session])
        found = batch.sessions.get(session)
        if found is None or found.operator != operator:
            return None, None
        try:
            found = happen(batch, found, Event.STOP_ASKED)
        except IllegalEvent:
            return found, batch
        await unit.save(batch)
    return found, batch
