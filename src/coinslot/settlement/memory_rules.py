"""The database's rules for rows of sessions, for the books in memory: migration 0003's, and stricter.

Stricter, where SQL would drop a change without a word: an update writes only what may change, and a new
row begins with only what a new row has.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.ports import Unstorable
from coinslot.settlement.rows import FIXED, NEW

_ENDED = frozenset({State.SETTLED, State.RELEASED, State.LATE})
_CHARGED = frozenset({State.SETTLED, State.LATE})
_LATER = tuple(field for field in msgspec.structs.fields(Session) if field.encode_name not in NEW)


class RuleBroken(Unstorable):
    """A row that the database would refuse: nothing was saved."""

    def __init__(self, session: Session, rules: list[str]) -> None:
        super().__init__(f"session {session.id} ({session.state.value}): {'; '.join(rules)}")
        self.rules = rules


def check_new(session: Session) -> None:
    """RuleBroken when the database would refuse the row, or forget a part of it."""
    broken = list(_broken(session))
    broken += [
        f"{field.name} is not written with a new row"
        for field in _LATER
        if getattr(session, field.name) != field.default
    ]
    if broken:
        raise RuleBroken(session, broken)


def check_update(stored: Session, session: Session) -> None:
    """RuleBroken when the database would refuse the row, or not write a part of the change."""
    broken = list(_broken(session))
    broken += [f"{name} never changes" for name in FIXED if getattr(stored, name) != getattr(session, name)]
    if broken:
        raise RuleBroken(session, broken)


def _broken(session: Session) -> Iterator[str]:
    if min(session.hold_principal_minor, session.hold_bonus_minor, session.arrears_minor) < 0:
        yield "holds and arrears are never negative"
    charge, captured = session.charge_minor, session.captured_minor
    if (charge is not None and charge < 0) or (captured is not None and captured < 0):
        yield "charge and capture are never negative"
    if captured is not None and captured > session.hold_minor:
        yield "no more is captured than was held"
    if captured is not None and charge is not None and captured > charge:
        yield "no more is captured than was charged"
    if (session.state in _CHARGED) is not (charge is not None):
        yield "a settled session has a charge, and only that has one"
    if (session.state in _ENDED) is not (session.settled_at is not None):
        yield "an ended session has a moment of its end, and only that has one"
    flush = session.flush_by is not None
    if flush and (
        session.customer or session.intent or session.hold_minor or session.arrears_minor or charge
    ):
        yield "a flush is nobody's, and costs nothing"
    guest = session.customer is None and not flush
    if guest is not (session.intent is not None) or guest is not (session.merchant is not None):
        yield "a session has a customer, or a payment and its merchant"
    if session.token is not None and (guest or session.token <= 0):
        yield "an offline code has a count, and is a customer's"
    if session.state is State.PROMISED and session.token is None:
        yield "only an offline code promises a session"
    if guest and (session.hold_bonus_minor or session.arrears_minor):
        yield "a guest has no bonus and owes nothing"
    if not _aware(session.created_at):
        yield "moments have a time zone"


def _aware(moment: datetime) -> bool:
    return moment.tzinfo is not None
