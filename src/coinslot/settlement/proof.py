"""When silence is proof: no `started` can exist any more, so the hold may go back.

A hello says which records exist. It proves that a start never happened when it was composed after the
start could still be obeyed, and every record it names is applied. It was composed after, when it
belongs to a later link than the start's (a terminal declines commands made for another link), or when
its own link time is past the start's expiry. Both are read off the terminal's own counting, so no pair
of clocks, and no message that sat for minutes in a stalled connection, can deceive it.
"""

from __future__ import annotations

from coinslot.sessions.decide import unproved
from coinslot.sessions.model import Session
from coinslot.sessions.states import Event, State
from coinslot.settlement.changes import Batch, Terminal
from coinslot.settlement.happen import happen


def disproves(terminal: Terminal, session: Session) -> bool:
    """Whether the last hello proves that this session was never started."""
    if terminal.acked_seq < terminal.hello_next_seq - 1:
        return False
    if terminal.link > session.link:
        return True
    return terminal.link == session.link and terminal.hello_at_ms > session.expires_at_ms


def disprove(batch: Batch, terminal: Terminal) -> None:
    """Release the holds of this terminal's unknown sessions that its last hello disproves."""
    for session in batch.live_of(terminal.id):
        if session.state is State.UNKNOWN and disproves(terminal, session):
            conclude(batch, terminal, session)


def conclude(batch: Batch, terminal: Terminal, session: Session) -> None:
    """Release a session that no record of the journal in force speaks of.

    That is proof only of the journal it was started under. Where that one is gone, its `started` may have gone
    with it: the hold goes back all the same, since nobody can tell any more, and a person looks.

    A session with an offline code is promised as before: the start is disproved, but the code can still be typed
    where there is no link. Only a record, or a person, gives that hold back.
    """
    under_the_same = session.epoch == terminal.epoch
    if session.token is None:
        happen(batch, session, Event.DISPROVED if under_the_same else Event.GIVEN_UP)
        return
    session = happen(batch, session, Event.RECALLED)
    if not under_the_same and not unproved(session):
        happen(batch, session, Event.UNPROVED)
