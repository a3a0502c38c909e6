"""Server processes: each takes what the broker gives it, settles it with the real code, and sends what
that owes. Any of them may die on either side of a commit, and between two sends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from coinslot.ledger.errors import LedgerError
from coinslot.sandbox.simulator.agenda import Agenda, drive
from coinslot.sandbox.simulator.chance import Chance, FaultKind
from coinslot.sandbox.simulator.network import Network
from coinslot.sessions.model import Session
from coinslot.settlement import apply, authorize, stop, timers
from coinslot.settlement.changes import Batch
from coinslot.settlement.memory import MemoryBooks
from coinslot.settlement.points import Purpose
from coinslot.settlement.ports import Conflict
from coinslot.settlement.records import read
from coinslot.settlement.requests import StartAnswer, StartRequest
from coinslot.wire import codec
from coinslot.wire.ids import OperatorId, SessionId, TerminalId
from coinslot.wire.messages import Config, Gone, Hello, Lost, Records, Up

T = TypeVar("T")
SWEEP_MS = 1_000
_TRIES = 4
CONFIG = Config(readings_s=600, idle_readings_s=86_400)


class ServerDied(Exception):
    """A process was killed at this point."""


class Worker:
    """One server process."""

    def __init__(
        self,
        agenda: Agenda,
        chance: Chance,
        books: MemoryBooks,
        network: Network,
        saw_send: Callable[[Batch, int], None],
    ) -> None:
        self._agenda = agenda
        self._chance = chance
        self._books = books
        self._network = network
        self._saw_send = saw_send
        self.alive = True
        self._inbox: list[apply.Word] = []
        self._busy = False
        self._life = 0
        self._plan_sweep()

    # ------------------------------------------------------------ what comes in

    def receive(self, terminal: TerminalId, said: Up | bytes) -> None:
        """A message out of the broker's queue group."""
        word = understand(terminal, said)
        if word is None:
            return
        self._inbox.append(word)
        if not self._busy:
            self._busy = True
            slow = self._chance.fault(FaultKind.WORKER_SLOW)
            wait = self._chance.between(1_000, 30_000) if slow else self._chance.between(1, 30)
            life = self._life
            self._agenda.after(wait, lambda: self._work(life))

    def start(self, requests: Sequence[StartRequest]) -> list[StartAnswer] | None:
        """What the customer hears; None when the process died before it could answer."""
        return self._guarded(lambda: self._start(requests))

    def stop(self, operator: OperatorId, session: SessionId) -> Session | None:
        """The session as it then stands, None when it is not known or the process died."""
        return self._guarded(lambda: self._stop(operator, session))

    def absent(self) -> None:
        """What the server does when it finds the broker again: whoever is not connected is offline."""
        self._guarded(self._mark_absent)

    # ------------------------------------------------------------ what it does

    def _work(self, life: int) -> None:
        if life != self._life:
            return
        self._busy = False
        words, self._inbox = self._inbox, []
        self._guarded(lambda: self._apply(words))

    def _apply(self, words: Sequence[apply.Word]) -> None:
        for _ in range(_TRIES):
            try:
                batches = drive(apply.apply_words(self._books, words, CONFIG))
            except Conflict:
                continue
            self._send_all(batches)
            return

    def _start(self, requests: Sequence[StartRequest]) -> list[StartAnswer]:
        for _ in range(_TRIES):
            try:
                answers, batch = drive(authorize.authorize(self._books, requests))
            except (Conflict, LedgerError):
                if len(requests) > 1:
                    # One that met others every time has no answer; the rest have theirs.
                    return [answer for request in requests for answer in self._start([request])]
                continue
            self._send_all([batch])
            return answers
        return []

    def _stop(self, operator: OperatorId, session: SessionId) -> Session | None:
        for _ in range(_TRIES):
            try:
                found, batch = drive(stop.stop(self._books, operator, session))
            except Conflict:
                continue
            if batch is not None:
                self._send_all([batch])
            return found
        return None

    def _sweep(self, life: int) -> None:
        if life != self._life:
            return
        self._plan_sweep()
        self._guarded(self._sweep_once)

    def _sweep_once(self) -> None:
        try:
            batch = drive(timers.sweep(self._books))
        except Conflict:
            return
        if batch is not None:
            self._send_all([batch])

    def _mark_absent(self) -> None:
        here = {name for name, connection in self._network.current.items() if connection.there}
        gone = [name for name, row in self._books.terminals.items() if row.online and name not in here]
        if gone:
            drive(self._put_offline(gone))

    async def _put_offline(self, gone: Sequence[TerminalId]) -> None:
        try:
            async with self._books.transaction(Purpose.WORDS) as unit:
                batch = await unit.open_batch(gone)
                for row in list(batch.terminals.values()):
                    batch.put_terminal(replace(row, online=False))
                await unit.save(batch)
        except Conflict:
            return

    def _send_all(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            for number, send in enumerate(batch.sends):
                if self._chance.fault(FaultKind.CRASH_BEFORE_SEND):
                    raise ServerDied("before a send")
                self._saw_send(batch, number)
                self._network.send_down(send.terminal, codec.encode(send.message))

    # ------------------------------------------------------------ dying

    def _guarded(self, work: Callable[[], T]) -> T | None:
        if not self.alive:
            return None
        try:
            return work()
        except ServerDied:
            self._die()
            return None

    def _die(self) -> None:
        self.alive = False
        self._life += 1
        self._inbox = []
        self._busy = False
        self._agenda.after(self._chance.between(200, 20_000), self._revive)

    def _revive(self) -> None:
        self.alive = True
        self._plan_sweep()

    def _plan_sweep(self) -> None:
        life = self._life
        self._agenda.after(SWEEP_MS, lambda: self._sweep(life))


def understand(terminal: TerminalId, said: Up | bytes) -> apply.Word | None:
    """What settlement is told of a message; None for telemetry and wishes, which leave nothing that lasts."""
    message = codec.decode_up(said) if isinstance(said, bytes) else said
    match message:
        case Hello() | Lost() | Gone():
            return apply.Word(terminal, message)
        case Records():
            return apply.Word(terminal, read(terminal, message))
        case _:
            return None
