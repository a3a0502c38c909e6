"""What must be true after a cut: at the boot, and when everything has had the time to come right."""

from __future__ import annotations

from coinslot.sandbox.crashing.board import STEP_MS, Board, Violation
from coinslot.sandbox.crashing.server import PAID_IN_MINOR
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.settle import meter_of
from coinslot.terminal.actions import Append, Note, OpenValve, Rewrite, ShutValve
from coinslot.terminal.kept import Kept
from coinslot.wire.registers import Register

CHECKPOINT_MS = 10_000 + STEP_MS
"""Between two checkpoints, and a look: the most use that a loss of power forgets."""
PULSE_MINOR = 1
"""What one pulse beyond a limit may cost: it is not taken."""
SETTLED_MS = 60_000
"""From a terminal's return to the last word of its sessions."""
ENDS = frozenset({State.SETTLED, State.RELEASED})


def boots_shut(board: Board, first: int) -> None:
    """The actions of a boot, from `first` on: the valve is shut before anything is written, and stays shut."""
    done = board.actions[first:]
    for action in done:
        match action:
            case ShutValve():
                return
            case OpenValve() | Append() | Note() | Rewrite():
                raise Violation(f"a boot did not begin with a shut valve, but with {type(action).__name__}")
            case _:
                pass
    raise Violation("a boot did not shut the valve")


def came_right(board: Board, opened_before: int, poured_before_ml: int) -> None:
    """After `SETTLED_MS`. Violation names the promise and the figures."""
    core = board.core
    if core is None or not board.is_up:
        raise Violation(f"{SETTLED_MS // 1000} s after its return the journal is not acknowledged")
    if len(board.openings) > opened_before:
        raise Violation(f"the valve opened again by itself, for {board.openings[-1]}")
    if board.tap.is_open:
        raise Violation("the valve is open, and nobody uses it")
    _journal_is_whole(board)
    _each_session_has_ended_once(board)
    _nobody_is_charged_wrongly(board, poured_before_ml)


def _journal_is_whole(board: Board) -> None:
    opened = board.journal.open()
    if opened.damaged:
        raise Violation("the journal is damaged")
    kept = Kept()
    bad = kept.read(opened.lines)
    assert board.core is not None
    now = board.core.kept
    if bad:
        raise Violation(f"{bad} lines of the journal are not understood")
    if (kept.epoch, kept.next_seq, kept.open) != (now.epoch, now.next_seq, now.open):
        raise Violation("what the journal says is not what the agent believes")
    if kept.open:
        raise Violation(f"{next(iter(kept.open))} is still open in the journal")
    if board.server.books.retired:
        raise Violation("the journal was thrown away: a new epoch has begun")


def _each_session_has_ended_once(board: Board) -> None:
    for session in board.server.books.sessions.values():
        if session.state not in ENDS:
            raise Violation(f"{session.id} is {session.state.value}, {SETTLED_MS // 1000} s after the return")
        if board.openings.count(session.id) > board.most_openings:
            raise Violation(f"{session.id} opened the valve {board.openings.count(session.id)} times")
        if session.id not in board.openings and session.captured_minor:
            raise Violation(f"{session.id} never opened the valve, and cost {session.captured_minor}")
    if board.server.books.reviews:
        raise Violation(f"somebody has to look at {board.server.books.reviews[0].reason}")


def _nobody_is_charged_wrongly(board: Board, poured_before_ml: int) -> None:
    server = board.server
    server.books.ledger.check_invariants()
    sessions = list(server.books.sessions.values())
    captured = sum(session.captured_minor or 0 for session in sessions)
    wallet = server.wallet()
    if wallet.principal_minor + captured != PAID_IN_MINOR or wallet.arrears_minor or wallet.bonus_minor:
        raise Violation(
            f"{PAID_IN_MINOR} were paid in, {captured} captured, {wallet.principal_minor} are left"
        )
    for session in sessions:
        if session.state is State.SETTLED:
            _settled_rightly(session)
    charged_ml = sum(map(_charged_ml, sessions))
    missed_ml = poured_before_ml - charged_ml
    if missed_ml < 0:
        raise Violation(f"{charged_ml} ml were charged, {poured_before_ml} had flowed")
    unknown_ms = CHECKPOINT_MS + board.unwatched_ms if board.boots > 1 else 0
    most_ml = board.ml_per_s * unknown_ms // 1000
    if missed_ml > most_ml:
        raise Violation(f"{poured_before_ml} ml had flowed, only {charged_ml} were charged")


def _settled_rightly(session: Session) -> None:
    charge, captured = session.charge_minor or 0, session.captured_minor or 0
    if captured > session.hold_minor or not 0 <= charge - captured <= PULSE_MINOR:
        raise Violation(
            f"{session.id} cost {charge}, {captured} were captured, {session.hold_minor} were held"
        )


def _charged_ml(session: Session) -> int:
    """What of the water is in its bill: the registers it was rated by."""
    meter = meter_of(session)
    return 0 if meter is None or session.state is not State.SETTLED else meter.usage.get(Register.ML, 0)
