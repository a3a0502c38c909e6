"""A terminal's records and their effects: in order, each exactly once, none ever in the way of the next.

Records are applied with the terminal's row locked, and the new acknowledged position is saved with
their effects; so a record is either wholly the server's or not at all.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias, assert_never

from msgspec.structs import replace

from coinslot import metering, tariffs
from coinslot.sessions.states import IllegalEvent
from coinslot.settlement.changes import Alarm, AlarmKind, Batch, Review, ReviewReason, Terminal
from coinslot.settlement.session_records import note_burnt, to_session
from coinslot.sharing import SharingError
from coinslot.wire import codec
from coinslot.wire.ids import SessionId, TerminalId
from coinslot.wire.messages import Ack, Lost, Ping, Records
from coinslot.wire.records import (
    Burnt,
    Checkpoint,
    Declined,
    Fault,
    OfflineCredit,
    Record,
    Started,
    Stopped,
)


class Unreadable(NamedTuple):
    """A record that could not be parsed: kept as it came."""

    body: bytes
    why: str


ReadRecord: TypeAlias = Record | Unreadable


class Incoming(NamedTuple):
    """A `records` message of one terminal, parsed before any lock is taken."""

    terminal: TerminalId
    message: Records
    records: tuple[ReadRecord, ...]


def read(terminal: TerminalId, message: Records) -> Incoming:
    """Parse each record by itself, so that a bad one blocks no other."""
    return Incoming(terminal, message, tuple(_read(bytes(raw)) for raw in message.records))


def sessions_of(incoming: Incoming) -> list[SessionId]:
    """The sessions these records speak of."""
    found = [getattr(record, "session", None) for record in incoming.records]
    return [SessionId(session) for session in found if session is not None]


def apply(batch: Batch, incoming: Incoming) -> None:
    """Apply a message's records, and answer with what is now durably the server's."""
    message = incoming.message
    terminal = _speaker(batch, incoming.terminal, message.link, message.epoch)
    if terminal is None:
        return
    expected = terminal.acked_seq + 1
    if message.first_seq > expected:
        batch.send(terminal.id, _ack(terminal, want=expected))
        return
    for offset, record in enumerate(incoming.records):
        seq = message.first_seq + offset
        if seq >= expected:
            _apply_one(batch, terminal, seq, record, bytes(message.records[offset]))
    last = message.first_seq + len(incoming.records) - 1
    if last >= expected:
        terminal = replace(terminal, acked_seq=last)
        batch.put_terminal(terminal)
    batch.send(terminal.id, _ack(terminal))


def pieces(incoming: Incoming) -> list[Incoming]:
    """The same records, each in a message of its own."""
    first, message = incoming.message.first_seq, incoming.message
    return [
        Incoming(incoming.terminal, replace(message, first_seq=first + offset, records=[raw]), (record,))
        for offset, (raw, record) in enumerate(zip(message.records, incoming.records, strict=True))
    ]


def set_aside(batch: Batch, incoming: Incoming, why: str) -> None:
    """Keep records as they came and acknowledge them, with no effect at all."""
    message = incoming.message
    terminal = _speaker(batch, incoming.terminal, message.link, message.epoch)
    if terminal is None or message.first_seq > terminal.acked_seq + 1:
        return
    for seq, body in enumerate(message.records, message.first_seq):
        if seq > terminal.acked_seq:
            _review(batch, terminal, ReviewReason.NOT_RATED, seq=seq, body=bytes(body), detail=why)
    last = message.first_seq + len(message.records) - 1
    terminal = replace(terminal, acked_seq=max(terminal.acked_seq, last))
    batch.put_terminal(terminal)
    batch.send(terminal.id, _ack(terminal))


def apply_lost(batch: Batch, sender: TerminalId, message: Lost) -> None:
    """Records that will never come: a person looks, the terminal goes on."""
    terminal = _speaker(batch, sender, message.link, message.epoch)
    if terminal is None:
        return
    if message.from_seq <= terminal.acked_seq + 1 <= message.to_seq:
        detail = f"records {terminal.acked_seq + 1} to {message.to_seq} of {message.epoch}"
        _review(batch, terminal, ReviewReason.LOST_RECORDS, seq=terminal.acked_seq + 1, detail=detail)
        for session in batch.live_of(terminal.id):
            _review(batch, terminal, ReviewReason.LOST_RECORDS, session=session.id, detail=detail)
        terminal = replace(terminal, acked_seq=message.to_seq)
        batch.put_terminal(terminal)
    batch.send(terminal.id, _ack(terminal))


def _speaker(batch: Batch, sender: TerminalId, link: int, epoch: str) -> Terminal | None:
    """The terminal, when it speaks on its latest link and of the journal in force; else the answer is
    an alarm, or a wish for a hello."""
    terminal = batch.terminals.get(sender)
    if terminal is None:
        return None
    if link < terminal.link:
        batch.alarms.append(
            Alarm(operator=terminal.operator, terminal=sender, kind=AlarmKind.LOWER_LINK.value)
        )
        return None
    if link > terminal.link or epoch != terminal.epoch:
        # Its hello was lost, or is still to come: nothing can be judged before it.
        batch.send(sender, Ping(link=link))
        return None
    return terminal


def _ack(terminal: Terminal, want: int | None = None) -> Ack:
    assert terminal.epoch is not None
    return Ack(link=terminal.link, epoch=terminal.epoch, seq=terminal.acked_seq, want=want)


def _apply_one(batch: Batch, terminal: Terminal, seq: int, record: ReadRecord, body: bytes) -> None:
    """One record's effect; whatever cannot be agreed with goes to review as it came."""
    match record:
        case Unreadable():
            _review(batch, terminal, ReviewReason.UNREADABLE, seq=seq, body=body, detail=record.why)
            return
        case Fault():
            _fault(batch, terminal, record)
            return
        case Started() | Checkpoint() | Stopped() | Declined() | OfflineCredit() | Burnt():
            pass
        case _:
            assert_never(record)
    session = batch.sessions.get(SessionId(record.session))
    if session is None:
        offline = isinstance(record, OfflineCredit | Burnt)
        reason = ReviewReason.OFFLINE_CREDIT if offline else ReviewReason.UNKNOWN_SESSION
        _review(batch, terminal, reason, seq=seq, body=body)
        return
    if session.terminal != terminal.id or session.outlet != record.outlet:
        _review(batch, terminal, ReviewReason.FOREIGN_SESSION, seq=seq, body=body, session=session.id)
        batch.alarms.append(
            Alarm(
                operator=terminal.operator,
                terminal=terminal.id,
                kind=AlarmKind.FOREIGN_SESSION.value,
                detail=session.id,
            )
        )
        return
    if isinstance(record, OfflineCredit | Burnt) and record.token_count != session.token:
        detail = "its count is not the promised one"
        _review(
            batch,
            terminal,
            ReviewReason.OFFLINE_CREDIT,
            seq=seq,
            body=body,
            session=session.id,
            detail=detail,
        )
        return
    try:
        to_session(batch, terminal, session, record)
        note_burnt(batch, session, record)
    except IllegalEvent as error:
        _review(
            batch,
            terminal,
            ReviewReason.ENDED_SESSION,
            seq=seq,
            body=body,
            session=session.id,
            detail=str(error),
        )
    except (tariffs.QuoteError, metering.MeterStateError, SharingError) as error:
        _review(
            batch,
            terminal,
            ReviewReason.NOT_RATED,
            seq=seq,
            body=body,
            session=session.id,
            detail=str(error),
        )


def _fault(batch: Batch, terminal: Terminal, record: Fault) -> None:
    batch.alarms.append(
        Alarm(
            operator=terminal.operator,
            terminal=terminal.id,
            outlet=record.outlet,
            kind=record.code.value,
            detail=record.session or "",
            active=record.active,
        )
    )


def _review(
    batch: Batch,
    terminal: Terminal,
    reason: ReviewReason,
    *,
    seq: int | None = None,
    body: bytes | None = None,
    session: SessionId | None = None,
    detail: str = "",
) -> None:
    batch.reviews.append(
        Review(
            operator=terminal.operator,
            reason=reason.value,
            session=session,
            terminal=terminal.id,
            epoch=terminal.epoch,
            seq=seq,
            body=body,
            detail=detail,
        )
    )


def _read(body: bytes) -> ReadRecord:
    try:
        return codec.decode_record(body)
    except codec.WireError as error:
        return Unreadable(body, str(error))
