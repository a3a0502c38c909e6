"""What an event does to a session: the next session, and what has to be done about it. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from msgspec.structs import replace

from coinslot.sessions.model import Session
from coinslot.sessions.states import Event, State, after

GIVE_UP_AFTER = timedelta(hours=24)
"""How long silence is borne, beyond the longest the session itself can last."""
GUEST_GIVE_UP_AFTER = timedelta(hours=2)
"""How long a guest waits for a terminal that never said what became of the start: nobody else can tell him that it is
coming back, and most links do within the hour. What he has used all the same is then the operator's loss. A start that
was reported is waited for as long as anybody's: there the guest has had something."""
PROMISE_LIFE = timedelta(hours=2)
"""How long a code for the time without the link is offered. A terminal does not know when one was made and takes it
later too: the hold stays until a record says that it will not."""
ASK_A_PERSON_AGAIN = timedelta(days=30)
"""After a person was told of a promise that nobody can prove, and has done nothing."""
_START_AGAIN = timedelta(
    seconds=3
)  # a 2G round trip is 1-2 s; the terminal takes the same command twice as one
_ASK_AGAIN = timedelta(seconds=5)
_ASK_AGAIN_AT_MOST = timedelta(minutes=10)
_BURN_AGAIN = timedelta(seconds=30)


class Act(StrEnum):
    """What settlement has to do, in the same transaction as the new state."""

    SETTLE = "settle"
    """Rate the usage, capture, give back the rest."""
    SETTLE_LATE = "settle_late"
    """Rate the usage; with no hold left it becomes arrears or is written off."""
    RELEASE = "release"
    """Give the whole hold back: nothing was used."""
    LAPSE = "lapse"
    """Give the whole hold back: its time ran out."""
    SEND_START = "send_start"
    """Send the start command (again)."""
    SEND_STOP = "send_stop"
    """Send the stop command (again)."""
    SEND_BURN = "send_burn"
    """Have the terminal burn the code (again)."""
    PROBE = "probe"
    """Ask the terminal which records exist."""


class Doubt(StrEnum):
    """Why a person should look at a session."""

    START_LOST = "start_lost"
    """Its `started` record never came; usage counts from the registers its other records name."""
    NEVER_ANSWERED = "never_answered"
    """The terminal never said what became of the start."""
    NEVER_STOPPED = "never_stopped"
    """It settled at the last checkpoint because its end never came."""
    AFTER_RELEASE = "after_release"
    """It was used though its hold had gone back."""
    OFFLINE_UNPROVED = "offline_unproved"
    """Nobody can say whether its code was used without the link; the hold stays."""


Effect: TypeAlias = Act | Doubt


class Decision(NamedTuple):
    """The next session and what to do about it, in order."""

    session: Session
    effects: tuple[Effect, ...]


_EFFECTS: dict[tuple[State, Event], tuple[Effect, ...]] = {
    (State.AUTHORIZED, Event.METERED): (Doubt.START_LOST,),
    (State.AUTHORIZED, Event.STOPPED): (Act.SETTLE, Doubt.START_LOST),
    (State.AUTHORIZED, Event.DECLINED): (Act.RELEASE,),
    (State.AUTHORIZED, Event.STOP_ASKED): (Act.SEND_STOP,),
    (State.AUTHORIZED, Event.SILENT): (Act.PROBE,),
    (State.UNKNOWN, Event.METERED): (Doubt.START_LOST,),
    (State.UNKNOWN, Event.STOPPED): (Act.SETTLE, Doubt.START_LOST),
    (State.UNKNOWN, Event.DECLINED): (Act.RELEASE,),
    (State.UNKNOWN, Event.STOP_ASKED): (Act.SEND_STOP,),
    (State.UNKNOWN, Event.DISPROVED): (Act.RELEASE,),
    (State.UNKNOWN, Event.GIVEN_UP): (Act.LAPSE, Doubt.NEVER_ANSWERED),
    (State.RUNNING, Event.STOPPED): (Act.SETTLE,),
    (State.RUNNING, Event.STOP_ASKED): (Act.SEND_STOP,),
    (State.RUNNING, Event.GIVEN_UP): (Act.SETTLE, Doubt.NEVER_STOPPED),
    (State.STOPPING, Event.STOPPED): (Act.SETTLE,),
    (State.STOPPING, Event.STOP_ASKED): (Act.SEND_STOP,),
    (State.STOPPING, Event.GIVEN_UP): (Act.SETTLE, Doubt.NEVER_STOPPED),
    (State.PROMISED, Event.TYPED): (Act.SEND_START,),
    (State.PROMISED, Event.METERED): (Doubt.START_LOST,),
    (State.PROMISED, Event.STOPPED): (Act.SETTLE, Doubt.START_LOST),
    (State.PROMISED, Event.DECLINED): (Act.RELEASE,),
    (State.PROMISED, Event.BURNT): (Act.RELEASE,),
    (State.PROMISED, Event.STOP_ASKED): (Act.SEND_BURN,),
    (State.PROMISED, Event.UNPROVED): (Doubt.OFFLINE_UNPROVED,),
    (State.PROMISED, Event.GIVEN_UP): (Act.LAPSE,),
    (State.AUTHORIZED, Event.BURNT): (Act.RELEASE,),
    (State.UNKNOWN, Event.BURNT): (Act.RELEASE,),
    (State.RELEASED, Event.STARTED): (Act.SEND_STOP, Doubt.AFTER_RELEASE),
    (State.RELEASED, Event.STOPPED): (Act.SETTLE_LATE,),
}

_UNANNOUNCED: dict[Event, tuple[Effect, ...]] = {
    Event.METERED: (Act.SEND_STOP, Doubt.AFTER_RELEASE),
    Event.STOPPED: (Doubt.AFTER_RELEASE,),
}
"""Use after a release whose `started` was lost: the first of its records is what a person is told of."""


def decide(session: Session, event: Event, now: datetime) -> Decision:
    """The session after `event`, and what to do about it.

    IllegalEvent, with nothing changed, when the transition table has no such row.
    """
    state = after(session.state, event)
    effects = _EFFECTS.get((session.state, event), ())
    if session.state is State.RELEASED and session.started_at is None:
        effects += _UNANNOUNCED.get(event, ())
    session = replace(session, state=state, **_moments(session, event, now))
    if event is Event.UNPROVED:
        session = replace(session, give_up_at=now + ASK_A_PERSON_AGAIN)
    if event is Event.STARTED and session.stop_asked_at is not None and state is State.RUNNING:
        # Asked to stop before it had begun: the sticky stop was lost, or crossed the start.
        session, more = decide(session, Event.STOP_ASKED, now)
        return Decision(session, (*effects, *more))
    return Decision(replace(session, wake_at=next_wake(session, now)), effects)


def _moments(session: Session, event: Event, now: datetime) -> dict[str, datetime]:
    if event in (Event.STARTED, Event.METERED) and session.started_at is None:
        return {"started_at": now}
    if event is Event.STOP_ASKED and session.stop_asked_at is None:
        return {"stop_asked_at": now}
    if event is Event.STOPPED:
        return {"stopped_at": now, "settled_at": now}
    ends = (Event.DECLINED, Event.DISPROVED, Event.GIVEN_UP, Event.BURNT)
    if event in ends and session.settled_at is None:
        return {"settled_at": now}
    return {}


def unproved(session: Session) -> bool:
    """Whether a person was told already that nobody can prove what became of a promise."""
    return session.state is State.PROMISED and session.give_up_at > session.created_at + GIVE_UP_AFTER


def burning(session: Session, now: datetime) -> bool:
    """Whether a promise is wanted no more: its customer has taken it back, its time is over, or nobody can prove it."""
    if session.state is not State.PROMISED:
        return False
    return unproved(session) or session.stop_asked_at is not None or now >= session.created_at + PROMISE_LIFE


def extend(session: Session, limit_s: int, now: datetime) -> Session:
    """A session that has begun may last its limit, and be silent for a day on top of it."""
    give_up_at = now + timedelta(seconds=limit_s) + GIVE_UP_AFTER
    session = replace(session, give_up_at=give_up_at)
    return replace(session, wake_at=next_wake(session, now))


def tick(session: Session, now: datetime) -> Event | Act | None:
    """What time alone asks of a session now: an event, a command to repeat, or nothing."""
    if session.wake_at is None or now < session.wake_at:
        return None
    match session.state:
        case State.AUTHORIZED:
            if now >= session.expired_at:
                return Event.SILENT
            # A start sent again after a stop that was lost would open for somebody who has left.
            return Act.SEND_START if session.stop_asked_at is None else Act.SEND_STOP
        case State.PROMISED:
            if now >= session.give_up_at:
                return Event.UNPROVED
            return Act.SEND_BURN if burning(session, now) else None
        case State.UNKNOWN:
            if now >= session.give_up_at:
                return Event.GIVEN_UP if session.token is None else Event.RECALLED
            return Act.PROBE
        case State.RUNNING:
            return Event.GIVEN_UP if now >= session.give_up_at else None
        case State.STOPPING:
            return Event.GIVEN_UP if now >= session.give_up_at else Act.SEND_STOP
        case State.SETTLED | State.RELEASED | State.LATE:
            return None


def rest(session: Session, now: datetime) -> Session:
    """The session with its next look after `now`, when a command has been repeated."""
    return replace(session, wake_at=next_wake(session, now))


def next_wake(session: Session, now: datetime) -> datetime | None:
    """When to look at it next: soon at first, then ever more rarely, never past its deadline."""
    match session.state:
        case State.AUTHORIZED:
            return min(now + _START_AGAIN, session.expired_at) if now < session.expired_at else now
        case State.PROMISED:
            if not burning(session, now):
                return session.created_at + PROMISE_LIFE
            young = now < session.created_at + GIVE_UP_AFTER
            return min(now + (_BURN_AGAIN if young else _ASK_AGAIN_AT_MOST), session.give_up_at)
        case State.UNKNOWN:
            return min(now + _pause(now - session.created_at), session.give_up_at)
        case State.STOPPING:
            return min(now + _pause(now - (session.stop_asked_at or now)), session.give_up_at)
        case State.RUNNING:
            return session.give_up_at
        case State.SETTLED | State.RELEASED | State.LATE:
            return None


def _pause(waited: timedelta) -> timedelta:
    return min(max(_ASK_AGAIN, waited / 2), _ASK_AGAIN_AT_MOST)
