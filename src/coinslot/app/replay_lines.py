"""The line that a replay writes of each use."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from coinslot.app.replay_plan import Plan
from coinslot.app.replay_results import Played
from coinslot.sandbox.replay.appliance import Kind
from coinslot.sandbox.replay.recordings import Recording
from coinslot.sandbox.replay.traces import Trace
from coinslot.sessions.model import Session
from coinslot.wire.messages import Limits
from coinslot.wire.registers import Register


def blank(trace: Recording, state: str, problem: str | None) -> Played:
    """A use of which nothing came, or nothing yet."""
    return Played(
        event_id=trace.event_id,
        recorded_ml=trace.ml if isinstance(trace, Trace) else 0,
        recorded_mwh=0 if isinstance(trace, Trace) else trace.mwh,
        recorded_s=trace.duration_s,
        state=state,
        problem=problem,
    )


def reviewed(played: Played, reviews: dict[str, str]) -> Played:
    """A session that somebody has to look at has not gone as it should."""
    why = reviews.get(played.session_id or "")
    if why is None or played.problem is not None:
        return played
    return msgspec.structs.replace(played, problem=f"settled in review, {why}")


def filled(played: Played, session: Session, plan: Plan, problem: str | None) -> Played:
    """A use of which a session came, whatever became of it."""
    used = (
        {} if session.registers is None else msgspec.json.decode(session.registers, type=dict[Register, int])
    )
    over = session.settled_at is not None
    return msgspec.structs.replace(
        played,
        register_ml=used.get(Register.ML, 0) if over and plan.kind is not Kind.SOCKET else None,
        register_wh=used.get(Register.WH, 0) if over and plan.kind is Kind.SOCKET else None,
        register_s=used.get(Register.S, 0) if over else None,
        charge_minor=session.charge_minor,
        held_minor=session.hold_minor,
        captured_minor=session.captured_minor,
        released_minor=session.released_minor,
        state=session.state.value,
        end=session.stop_reason,
        cut_by_hold=session.stop_reason == "limit" and any(_cut(session, used, plan)),
        session_id=session.id,
        problem=problem,
    )


def _cut(session: Session, used: dict[Register, int], plan: Plan) -> Iterator[bool]:
    limits = msgspec.json.decode(session.limits, type=Limits)
    yield used.get(Register.ML, 0) >= limits.ml < plan.tariff.max_ml
    yield used.get(Register.WH, 0) >= limits.wh < plan.tariff.max_wh
    yield used.get(Register.S, 0) >= limits.s < plan.tariff.max_s
