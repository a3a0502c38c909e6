"""Let an event happen to a session: decide, carry out the effects, remember both in the batch."""

from __future__ import annotations

from typing import assert_never

from coinslot.sessions.decide import Act, Doubt, Effect, decide, extend
from coinslot.sessions.model import Session
from coinslot.sessions.states import Event
from coinslot.settlement.changes import Batch, Review
from coinslot.settlement.commands import burn_message, limits_of, ping_message, start_message, stop_message
from coinslot.settlement.settle import lapse, release, settle, settle_late


def happen(batch: Batch, session: Session, event: Event) -> Session:
    """The session after `event`, with everything it asks for in the batch.

    IllegalEvent, and an unchanged batch, when the transition table does not allow it.
    """
    begun = session.started_at is not None
    session, effects = decide(session, event, batch.now)
    if session.started_at is not None and not begun and session.live:
        session = extend(session, limits_of(session).s, batch.now)
    for effect in effects:
        session = _carry_out(batch, session, effect)
    batch.put_session(session)
    return session


def repeat(batch: Batch, session: Session, act: Act) -> None:
    """Send a command again, when the terminal can hear it."""
    _carry_out(batch, session, act)


def _carry_out(batch: Batch, session: Session, effect: Effect) -> Session:
    if isinstance(effect, Doubt):
        batch.reviews.append(
            Review(
                operator=session.operator,
                reason=effect.value,
                session=session.id,
                terminal=session.terminal,
            )
        )
        return session
    match effect:
        case Act.SETTLE:
            return settle(batch, session)
        case Act.SETTLE_LATE:
            return settle_late(batch, session)
        case Act.RELEASE:
            return release(batch, session)
        case Act.LAPSE:
            return lapse(batch, session)
        case Act.SEND_START | Act.SEND_STOP | Act.SEND_BURN | Act.PROBE:
            _say(batch, session, effect)
            return session
        case _:
            assert_never(effect)


def _say(batch: Batch, session: Session, act: Act) -> None:
    terminal = batch.terminals.get(session.terminal)
    if terminal is None or not terminal.online:
        return  # its next hello asks for whatever is still owed
    match act:
        case Act.SEND_START:
            if terminal.link == session.link:
                batch.send(session.terminal, start_message(session))
        case Act.SEND_STOP:
            batch.send(session.terminal, stop_message(session.id, terminal.link))
        case Act.SEND_BURN:
            batch.send(session.terminal, burn_message(session, terminal.link))
        case Act.PROBE:
            batch.send(session.terminal, ping_message(terminal.link))
        case _:
            raise AssertionError(f"{act} is not a command")
