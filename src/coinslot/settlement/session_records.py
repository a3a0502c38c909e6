"""What one record means for its session; whether it may be believed at all was decided before (`records.py`)."""

from __future__ import annotations

from typing import TypeAlias, assert_never

import msgspec
from msgspec.structs import replace

from coinslot import metering
from coinslot.sessions.model import BURNT, Session
from coinslot.sessions.states import Event, IllegalEvent
from coinslot.settlement.changes import Batch, Review, ReviewReason, Terminal
from coinslot.settlement.happen import happen
from coinslot.settlement.settle import meter_of, meter_spec
from coinslot.wire.messages import Ping
from coinslot.wire.records import (
    Burnt,
    Checkpoint,
    Declined,
    DeclineReason,
    OfflineCredit,
    Started,
    Stopped,
)
from coinslot.wire.registers import Registers

OfSession: TypeAlias = Started | Checkpoint | Stopped | Declined | OfflineCredit | Burnt
"""The records that speak of a session."""


def note_burnt(batch: Batch, session: Session, record: OfSession) -> None:
    """Each of these is in the terminal's journal, which keeps the counts that are burnt."""
    if session.token is not None and not isinstance(record, Checkpoint):
        batch.burnt.add((session.operator, session.id))


def to_session(batch: Batch, terminal: Terminal, session: Session, record: OfSession) -> None:
    """Let it happen to its session. IllegalEvent, QuoteError, MeterStateError or SharingError, and an unchanged batch,
    where it cannot be agreed with."""
    match record:
        case OfflineCredit():
            _credited(batch, terminal, session, record)
        case Burnt():
            happen(batch, replace(session, stop_reason=session.stop_reason or BURNT), Event.BURNT)
            if session.live and session.epoch != terminal.epoch:
                # What was used before stood in another journal: the hold goes back all the same, and a person looks.
                detail = "burnt by another journal than the one it was promised under"
                _doubted(batch, terminal, session, detail)
        case Started():
            session = replace(_metered(session, record, record.registers), epoch=terminal.epoch)
            happen(batch, session, Event.STARTED)
        case Checkpoint():
            happen(batch, _metered(session, record, record.registers), Event.METERED)
        case Stopped():
            if session.meter is None:
                session = _metered(session, record, record.start)
            session = _metered(session, record, record.registers)
            happen(batch, _ended(session, record), Event.STOPPED)
        case Declined():
            if record.command != session.command:
                raise IllegalEvent(session.state, Event.DECLINED)
            session = replace(session, stop_reason=f"declined_{record.reason.value}")
            happen(batch, session, Event.DECLINED)
            if record.reason is DeclineReason.EXPIRED and session.link == terminal.link:
                # Perhaps the link's first hello was long under way: another tells its true age.
                batch.send(terminal.id, Ping(link=terminal.link))
        case _:
            assert_never(record)


def _credited(batch: Batch, terminal: Terminal, session: Session, record: OfflineCredit) -> None:
    happen(batch, replace(session, epoch=terminal.epoch), Event.CREDITED)
    if record.limits_minor > session.hold_minor:
        # Nobody is charged beyond the hold, and the limits are those of the terms: it shows what it should not.
        detail = f"granted {record.limits_minor}, held {session.hold_minor}"
        _doubted(batch, terminal, session, detail)


def _doubted(batch: Batch, terminal: Terminal, session: Session, detail: str) -> None:
    batch.reviews.append(
        Review(
            operator=terminal.operator,
            reason=ReviewReason.OFFLINE_CREDIT.value,
            session=session.id,
            terminal=terminal.id,
            epoch=terminal.epoch,
            detail=detail,
        )
    )


def _metered(session: Session, record: Started | Checkpoint | Stopped, registers: Registers) -> Session:
    reading = metering.Reading(registers=registers, boot=record.boot, ticks_ms=record.ticks_ms)
    known = meter_of(session)
    spec = meter_spec(session.meter_spec)
    meter = metering.begin(reading) if known is None else metering.advance(known, reading, spec)
    return replace(session, meter=metering.encode_state(meter).decode())


def _ended(session: Session, record: Stopped) -> Session:
    meter = meter_of(session)
    duration_ms = None
    if meter is not None and meter.start.boot == record.boot:
        duration_ms = max(0, record.ticks_ms - meter.start.ticks_ms)
    return replace(
        session,
        duration_ms=duration_ms,
        stop_reason=record.reason.value,
        sensors=msgspec.json.encode(record.sensors).decode() if record.sensors else None,
        curve=msgspec.json.encode(record.curve).decode() if record.curve else None,
    )
