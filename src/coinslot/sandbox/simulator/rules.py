"""The rules of a run, judged after every step: at each commit, each act of a terminal, each message."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from coinslot.sandbox.simulator.agenda import Agenda
from coinslot.sandbox.simulator.appliance import Tap
from coinslot.sandbox.simulator.chance import Chance, FaultKind
from coinslot.sandbox.simulator.money_rules import MoneyRules
from coinslot.sandbox.simulator.openings import Opening, shown
from coinslot.sandbox.simulator.partners import Partners
from coinslot.sandbox.simulator.server import ServerDied
from coinslot.sandbox.simulator.terminal import Terminal
from coinslot.sandbox.simulator.violation import Broken
from coinslot.sessions.decide import Doubt
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.changes import AlarmKind, Batch, ReviewReason
from coinslot.settlement.memory import MemoryBooks
from coinslot.settlement.ports import Conflict
from coinslot.terminal.actions import Action, Append, OpenValve, Rewrite, ShutValve
from coinslot.terminal.entries import RecordKept
from coinslot.wire.codec import decode_down, decode_record, encode
from coinslot.wire.ids import CustomerId, OperatorId, SessionId, TerminalId
from coinslot.wire.messages import Ack, Stop, Welcome
from coinslot.wire.records import Checkpoint, Declined, Record, Started, Stopped

_STEP_MS = 1_700
"""How far apart the simulator reads a meter, and a little: what may pass a limit within one step."""
_COUNTS_LESS = (ReviewReason.METER.value, Doubt.START_LOST.value)
_OLD_JOURNAL = frozenset({AlarmKind.ROLLED_BACK.value, AlarmKind.RETIRED_EPOCH.value})


@dataclass
class Rules:
    """Witness of the books, onlooker of the terminals. Every broken rule is raised as `Broken`."""

    agenda: Agenda
    chance: Chance
    operator: OperatorId
    say: Callable[[str], None]
    traced: bool
    books: MemoryBooks = field(init=False)
    money: MoneyRules = field(init=False)
    partners: Partners = field(init=False)
    openings: dict[SessionId, Opening] = field(default_factory=dict)
    told: dict[tuple[TerminalId, str, int], Record] = field(default_factory=dict)
    """What each terminal's journal holds, by place."""
    said: dict[SessionId, list[Record]] = field(default_factory=lambda: defaultdict(list))
    tainted: set[SessionId] = field(default_factory=set)
    """Sessions part of whose story was lost with a journal: money rules hold, promises of time do not."""
    rolled: set[TerminalId] = field(default_factory=set)
    reviewed: set[tuple[TerminalId, str, int]] = field(default_factory=set)
    doubts: set[tuple[SessionId, str]] = field(default_factory=set)
    stopped: set[SessionId] = field(default_factory=set)
    """Sessions whose `stop` has reached their terminal before any `started`."""
    _checked: dict[tuple[TerminalId, str], int] = field(default_factory=dict)
    _reviews: int = 0

    def watch(self, books: MemoryBooks, seed: int) -> None:
        """These are the books."""
        self.books = books
        self.partners = Partners(seed, books, self.operator)
        self.money = MoneyRules(books, self.operator)

    # ------------------------------------------------------------ commits

    def before_commit(self, batch: Batch) -> None:
        """May be where a process dies, or another wins."""
        if self.chance.fault(FaultKind.CONFLICT):
            raise Conflict("another transaction was quicker")
        if self.chance.fault(FaultKind.CRASH_BEFORE_COMMIT):
            raise ServerDied("before a commit")

    def after_commit(self, batch: Batch) -> None:
        """The rules of the books; and may be where a process dies."""
        for review in self.books.reviews[self._reviews :]:
            if review.terminal is not None and review.epoch is not None and review.seq is not None:
                self.reviewed.add((review.terminal, review.epoch, review.seq))
            if review.session is not None:
                self.doubts.add((review.session, review.reason))
            if review.terminal not in self.rolled:
                # Meters here are sound and no journal was lost: there is nothing to look at.
                raise Broken(f"{review.session or review.terminal} is in review for nothing: {review}")
        self._reviews = len(self.books.reviews)
        changed = batch.changed_sessions | {session.id for session in batch.new_sessions}
        for name in sorted(changed):
            session = self.books.sessions[self.operator, name]
            self.say(f"session {name} is {session.state.value}")
            self._session(session)
        self.money.committed(batch)
        self.partners.committed(batch)
        self._alarms(batch)
        self._one_live_session_per_outlet()
        if self.chance.fault(FaultKind.CRASH_AFTER_COMMIT):
            raise ServerDied("after a commit")

    def refused(self, error: Exception) -> None:
        """Settlement never asks for what the books must refuse."""
        raise Broken(f"the books refused: {error}") from error

    def money_is_whole(self, customers: Sequence[CustomerId]) -> None:
        """At the end: nobody's money is made or lost, customers' or parties'."""
        for customer in customers:
            self.money.conserved(customer)
        self.partners.kept()

    def _alarms(self, batch: Batch) -> None:
        """Nobody is woken up for a journal that was not put back."""
        for alarm in batch.alarms:
            if alarm.kind in _OLD_JOURNAL and alarm.terminal not in self.rolled:
                raise Broken(f"{alarm.terminal}: false alarm, {alarm.kind}: {alarm.detail}")

    def _one_live_session_per_outlet(self) -> None:
        live = [self.books.sessions[key] for key in self.books.live]
        if len({(session.terminal, session.outlet) for session in live}) != len(live):
            raise Broken("an outlet has two live sessions")

    def _session(self, session: Session) -> None:
        opening = self.openings.get(session.id)
        if session.state in (State.SETTLED, State.LATE):
            now = self.agenda.now_ms
            poured = 0 if opening is None else opening.poured_ml() + opening.tap.pulse_ml
            seconds = 0 if opening is None else opening.open_ms(now) // 1000 + 2
            # With a part of its records lost it may be charged for less than they told, never for more,
            # and somebody is asked to look.
            doubted = bool({(session.id, reason) for reason in _COUNTS_LESS} & self.doubts)
            doubted = doubted or session.id in self.tainted
            self.money.settled(session, self.said[session.id], poured, seconds, doubted=doubted)
        if session.state is not State.RELEASED or opening is None or session.id in self.tainted:
            return
        given_up = (session.id, Doubt.NEVER_ANSWERED.value) in self.doubts
        if not given_up:
            raise Broken(f"{session.id} was released though its valve was opened")

    # ------------------------------------------------------------ messages of the server's

    def sent(self, batch: Batch, number: int) -> None:
        """Acknowledged means: the effect is stored."""
        send = batch.sends[number]
        if self.traced:
            self.say(f"server → {send.terminal}: {encode(send.message).decode()}")
        match send.message:
            case Ack(epoch=epoch, seq=seq) | Welcome(epoch=epoch, acked=seq, new_epoch=False):
                row = self.books.terminals[send.terminal]
                if row.epoch == epoch and row.acked_seq < seq:
                    raise Broken(f"{send.terminal} is told that {seq} is stored, but {row.acked_seq} is")
                self._acknowledged(send.terminal, epoch, seq)
            case _:
                pass

    def _acknowledged(self, terminal: TerminalId, epoch: str, seq: int) -> None:
        for at in range(self._checked.get((terminal, epoch), 0) + 1, seq + 1):
            self._checked[terminal, epoch] = at
            record = self.told.get((terminal, epoch, at))
            if terminal in self.rolled or (terminal, epoch, at) in self.reviewed:
                continue
            if record is None:
                raise Broken(f"{terminal}: record {at} of {epoch} is acknowledged and never was")
            if isinstance(record, Started | Checkpoint | Stopped | Declined) and not self._has_effect(record):
                raise Broken(f"{terminal}: record {at} is acknowledged, its effect is not there: {record}")

    def _has_effect(self, record: Started | Checkpoint | Stopped | Declined) -> bool:
        session = self.books.sessions.get((self.operator, SessionId(record.session)))
        if session is None:
            return False
        match record:
            case Started():
                return session.started_at is not None or not session.live
            case Checkpoint():
                return session.meter is not None
            case Stopped():
                return session.state in (State.SETTLED, State.LATE)
            case Declined():
                return session.state is State.RELEASED

    # ------------------------------------------------------------ acts of the terminals

    def acting(self, terminal: Terminal, action: Action) -> None:
        """See `terminal.Onlooker`."""
        if self.traced:
            self.say(f"{terminal.name}: {shown(action)}")
        match action:
            case Append(entry=RecordKept(seq=seq, record=raw)):
                self._journaled(terminal, seq, decode_record(raw))
            case Rewrite():
                assert terminal.core is not None
                kept = terminal.core.kept
                for seq, body in kept.records.items():
                    self.told[terminal.name, kept.epoch, seq] = decode_record(body)
            case OpenValve(outlet=outlet):
                self._opening(terminal, outlet)
            case ShutValve(outlet=outlet):
                self.shut(terminal.taps[outlet])
            case _:
                pass

    def _journaled(self, terminal: Terminal, seq: int, record: Record) -> None:
        assert terminal.core is not None
        self.told[terminal.name, terminal.core.kept.epoch, seq] = record
        if isinstance(record, Started | Checkpoint | Stopped):
            self.said[SessionId(record.session)].append(record)

    def received(self, terminal: Terminal, data: bytes) -> None:
        """See `terminal.Onlooker`."""
        if terminal.core is None or b'"stop"' not in data:
            return
        message = decode_down(data)
        if isinstance(message, Stop) and message.link == terminal.core.link.number:
            self.stopped.add(SessionId(message.session))

    def _opening(self, terminal: Terminal, outlet: int) -> None:
        assert terminal.core is not None
        run = terminal.core.taps[outlet].run
        if run is None:
            raise Broken(f"{terminal.name} opens outlet {outlet} for nobody")
        name = SessionId(run.about.session)
        session = self.books.sessions.get((self.operator, name))
        if session is None or (session.terminal, session.outlet) != (terminal.name, outlet):
            raise Broken(f"{terminal.name} opens outlet {outlet} for {name}, which is not its own")
        if name in self.openings:
            raise Broken(f"{terminal.name} opens a second time for {name}")
        if not any(isinstance(record, Started) for record in self.said[name]):
            raise Broken(f"{terminal.name} opens for {name} with no `started` on disk")
        if self.agenda.now() >= session.expired_at:
            raise Broken(f"{terminal.name} opens for {name} after it has expired")
        if name in self.stopped and terminal.name not in self.rolled:
            raise Broken(f"{terminal.name} opens for {name} after its stop")
        if not session.live:
            raise Broken(f"{terminal.name} opens for {name}, which is {session.state.value}")
        tap = terminal.taps[outlet]
        tap.run()
        self.openings[name] = Opening(tap, self.agenda.now_ms, tap.poured_ml)

    def shut(self, tap: Tap) -> None:
        """This tap is shut by an action or by the lack of power."""
        for opening in self.openings.values():
            if opening.tap is tap and opening.shut_ms is None:
                tap.run()
                opening.shut_ms, opening.poured_to = self.agenda.now_ms, tap.poured_ml

    def settled_down(self, terminal: Terminal) -> None:
        """See `terminal.Onlooker`."""
        assert terminal.core is not None
        for outlet, tap in terminal.taps.items():
            if not tap.is_open:
                continue
            run = terminal.core.taps[outlet].run
            if run is None:
                raise Broken(f"{terminal.name}: outlet {outlet} is open with no session")
            opening = self.openings[SessionId(run.about.session)]
            limits = run.about.limits
            if opening.poured_ml() > limits.ml + tap.pulse_ml + tap.ml_per_s * _STEP_MS // 1000:
                raise Broken(
                    f"{terminal.name}: outlet {outlet} runs on past {limits.ml} mL: {opening.poured_ml()}"
                )
            if opening.open_ms(self.agenda.now_ms) > (limits.s + limits.idle_s) * 1000 + 2 * _STEP_MS:
                raise Broken(f"{terminal.name}: outlet {outlet} is open past {limits.s} s")

    def power_lost(self, terminal: Terminal) -> None:
        """See `terminal.Onlooker`."""
        self.say(f"{terminal.name}: power lost")
        for tap in terminal.taps.values():
            self.shut(tap)

    def rolled_back(self, terminal: Terminal) -> None:
        """See `terminal.Onlooker`."""
        self.say(f"{terminal.name}: an older journal is put back")
        self.rolled.add(terminal.name)
        self.tainted |= {
            session.id for session in self.books.sessions.values() if session.terminal == terminal.name
        }

    # ------------------------------------------------------------ the end

    def late_use_is_reviewed(self) -> None:
        """Whoever was released and then used is in review."""
        for (_, name), session in self.books.sessions.items():
            if session.state is State.LATE or (
                session.state is State.RELEASED and session.started_at is not None
            ):
                known = {reason for session_id, reason in self.doubts if session_id == name}
                if not known:
                    raise Broken(f"{name} was used after its release and nobody is asked to look")
