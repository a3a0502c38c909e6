"""Presence: a terminal's hello and its going, and which journal is in force."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from coinslot.sessions.decide import Act, burning, unproved
from coinslot.sessions.states import Event, State
from coinslot.settlement.changes import Alarm, AlarmKind, Batch, Retired, Terminal
from coinslot.settlement.commands import stop_message
from coinslot.settlement.happen import happen, repeat
from coinslot.settlement.proof import disprove
from coinslot.wire.ids import Epoch, SessionId, TerminalId
from coinslot.wire.messages import Config, Gone, Hello, Welcome

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OLDEST_LINK_MS = 10 * 366 * 86_400_000
"""No connection lasts ten years; a number beyond it is no age, and would lead to before all calendars."""


def hello(batch: Batch, sender: TerminalId, message: Hello, config: Config) -> None:
    """Take note of a link and its journal, and of what that means for the terminal's sessions."""
    before = batch.terminals.get(sender)
    terminal = take_note(batch, sender, message, config)
    if before is None or terminal is None:
        return
    batch.offline[terminal.id] = tuple(message.offline)
    if before.epoch not in (None, terminal.epoch):
        _end_with_their_journal(batch, terminal)
    disprove(batch, terminal)
    _owed(batch, terminal, message)


def take_note(batch: Batch, sender: TerminalId, message: Hello, config: Config) -> Terminal | None:
    """The link and the journal alone, and the answer with where the server stands; no session is touched.

    The terminal as it then stands; None when this hello puts nothing in force.
    """
    terminal = batch.terminals.get(sender)
    if terminal is None:
        return None
    if message.link < terminal.link:
        _alarm(batch, terminal, AlarmKind.LOWER_LINK, f"link {message.link} after {terminal.link}")
        return None
    retired = (terminal.id, Epoch(message.epoch)) in batch.retired_epochs
    if message.link == terminal.link and retired:
        return None  # composed before the journal was renewed on this very link
    if message.link > terminal.link and _must_renew(batch, terminal, message, retired=retired):
        # The link counts from the hello with a journal in force: until then nothing is proved on it.
        batch.send(sender, _welcome(terminal, message, batch.now, config, new_epoch=True))
        return None
    terminal = _connected(terminal, message, batch.now)
    terminal = _journal(batch, terminal, Epoch(message.epoch))
    terminal = replace(terminal, hello_at_ms=message.at_ms, hello_next_seq=message.next_seq)
    batch.put_terminal(terminal)
    batch.send(sender, _welcome(terminal, message, batch.now, config, new_epoch=False))
    return terminal


def gone(batch: Batch, sender: TerminalId, message: Gone) -> None:
    """The last will of a link. One of an earlier link says nothing about the present."""
    terminal = batch.terminals.get(sender)
    if terminal is not None and terminal.link == message.link and terminal.online:
        batch.put_terminal(replace(terminal, online=False))


def _connected(terminal: Terminal, message: Hello, now: datetime) -> Terminal:
    # Each hello says how old the link was when it was composed. However long it travelled, the link began
    # no later than that; the earliest such moment is nearest to the terminal's own, and never before it.
    began_at = now - timedelta(milliseconds=min(message.at_ms, _OLDEST_LINK_MS))
    if message.link == terminal.link and terminal.link_began_at is not None:
        began_at = min(began_at, terminal.link_began_at)
    terminal = replace(terminal, link=message.link, link_began_at=began_at)
    return replace(terminal, online=True, boot=message.boot, firmware=message.firmware)


def _must_renew(batch: Batch, terminal: Terminal, message: Hello, *, retired: bool) -> bool:
    """A journal older than what the server has seen of it must not go on: its numbers are taken.

    Judged on a new link only. On the link in force records may have overtaken a hello that one server
    process took its time over, and what it says is merely old.
    """
    if retired:
        _alarm(batch, terminal, AlarmKind.RETIRED_EPOCH, message.epoch)
        return True
    if message.epoch == terminal.epoch and message.next_seq <= terminal.acked_seq:
        detail = f"next record {message.next_seq}, but {terminal.acked_seq} is already stored"
        _alarm(batch, terminal, AlarmKind.ROLLED_BACK, detail)
        return True
    return False


def _journal(batch: Batch, terminal: Terminal, epoch: Epoch) -> Terminal:
    """Put a new journal in force, and the old one among those that are over."""
    if epoch == terminal.epoch:
        return terminal
    if terminal.epoch is not None:
        batch.retired.append(
            Retired(
                operator=terminal.operator,
                terminal=terminal.id,
                epoch=terminal.epoch,
                acked_seq=terminal.acked_seq,
            )
        )
        batch.retired_epochs.add((terminal.id, terminal.epoch))
    return replace(terminal, epoch=epoch, acked_seq=0)


def _end_with_their_journal(batch: Batch, terminal: Terminal) -> None:
    """What the old journal left open settles at its last checkpoint: nothing more will come of it."""
    for session in batch.live_of(terminal.id):
        if session.state in (State.RUNNING, State.STOPPING):
            happen(batch, session, Event.GIVEN_UP)
        elif session.state is State.PROMISED and not unproved(session):
            happen(batch, session, Event.UNPROVED)  # its use, if there was any, stood in the old journal


def _welcome(
    terminal: Terminal, message: Hello, now: datetime, config: Config, *, new_epoch: bool
) -> Welcome:
    return Welcome(
        link=message.link,
        now_ms=(now - _EPOCH) // timedelta(milliseconds=1),
        epoch=message.epoch,
        acked=0 if new_epoch else terminal.acked_seq,
        new_epoch=new_epoch,
        config=config,
    )


def _owed(batch: Batch, terminal: Terminal, message: Hello) -> None:
    """Stops and burns that the terminal has not heard of, and sessions it keeps open that are over."""
    open_there = {SessionId(session) for session in message.open_sessions}
    for session in batch.live_of(terminal.id):
        if session.state is State.PROMISED:
            if burning(session, batch.now):
                repeat(batch, session, Act.SEND_BURN)
        elif session.stop_asked_at is not None and (
            session.state is State.STOPPING or session.link == terminal.link
        ):
            repeat(batch, session, Act.SEND_STOP)
    for session_id in open_there:
        known = batch.sessions.get(session_id)
        if known is None or not known.live:
            batch.send(terminal.id, stop_message(session_id, terminal.link))


def _alarm(batch: Batch, terminal: Terminal, kind: AlarmKind, detail: str) -> None:
    batch.alarms.append(
        Alarm(operator=terminal.operator, terminal=terminal.id, kind=kind.value, detail=detail)
    )
