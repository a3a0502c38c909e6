"""Customers, the counter and the operator: what people do, and do twice, and too late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from coinslot.ledger.entries import Entry
from coinslot.ledger.events import arrears_repaid, cash_topup
from coinslot.sandbox.simulator.agenda import Agenda, drive
from coinslot.sandbox.simulator.chance import Chance
from coinslot.sandbox.simulator.server import ServerDied, Worker
from coinslot.sandbox.simulator.tariffs import any_tariff
from coinslot.sandbox.simulator.terminal import Terminal
from coinslot.sandbox.simulator.violation import Broken
from coinslot.sessions.model import Session
from coinslot.settlement.changes import Purse
from coinslot.settlement.memory import MemoryBooks
from coinslot.settlement.points import Purpose
from coinslot.settlement.ports import Conflict
from coinslot.settlement.requests import Refusal, Refused, StartAnswer, StartRequest
from coinslot.wire.ids import CustomerId, OperatorId, SessionId, TariffId

CURRENCY = "CNY"


@dataclass
class People:
    """Everybody who wants something in this run."""

    agenda: Agenda
    chance: Chance
    books: MemoryBooks
    operator: OperatorId
    customers: Sequence[CustomerId]
    terminals: Sequence[Terminal]
    workers: Sequence[Worker]
    answered: dict[str, SessionId] = field(default_factory=dict)
    """The session each key has led to."""
    refused: int = 0
    _payments: int = 0

    # ------------------------------------------------------------ starting

    def wants_to_start(self, number: int, tries: int = 2) -> None:
        """Somebody scans a code and presses start, once or twice."""
        terminal = self.chance.one_of(self.terminals)
        request = StartRequest(
            operator=self.operator,
            customer=self.chance.one_of(self.customers),
            terminal=terminal.name,
            outlet=self.chance.one_of(list(terminal.taps)),
            key=f"start-{number}-{tries}",
        )
        again = self.chance.one_of(("once", "once", "both at once", "twice", "changed"))
        if again == "both at once":
            self._press(request, terminal, number, tries, [request, request])
        else:
            self._press(request, terminal, number, tries, [request])
        if again == "twice":
            wait = self.chance.between(1, 700)
            self.agenda.after(wait, lambda: self._press(request, terminal, number, tries, [request]))
        elif again == "changed":
            self.agenda.after(self.chance.between(1, 5_000), lambda: self._press_changed(request))

    def starts_last(self, customer: CustomerId, terminal: Terminal, outlet: int) -> Session:
        """One more start, with nothing in its way. `Broken` when it is refused."""
        request = StartRequest(
            operator=self.operator,
            customer=customer,
            terminal=terminal.name,
            outlet=outlet,
            key=self._payment("last"),
        )
        for answer in self._worker().start([request]) or ():
            if isinstance(answer, Session):
                return answer
            raise Broken(f"a start on {terminal.name} is refused: {answer.reason.value}")
        raise Broken(f"a start on {terminal.name} has no answer")

    def _press(
        self,
        request: StartRequest,
        terminal: Terminal,
        number: int,
        tries: int,
        together: Sequence[StartRequest],
    ) -> None:
        answers = self._worker().start(together)
        if answers is None:
            wait = self.chance.between(1_000, 5_000)  # no answer: the page asks again with the same key
            self.agenda.after(wait, lambda: self._press(request, terminal, number, tries, [request]))
            return
        for answer in answers:
            if isinstance(answer, Session):
                self._has_session(request, terminal, answer)
            else:
                self._was_refused(answer, number, tries)

    def _press_changed(self, request: StartRequest) -> None:
        """The same key for somebody else's session: never a session, never a second one."""
        if request.key not in self.answered:
            return
        other = StartRequest(
            operator=request.operator,
            customer=CustomerId("somebody-else"),
            terminal=request.terminal,
            outlet=request.outlet,
            key=request.key,
        )
        for answer in self._worker().start([other]) or ():
            if not isinstance(answer, Refused) or answer.reason is not Refusal.KEY_CONFLICT:
                raise Broken(f"a changed request under the key {request.key} was answered with {answer}")

    def _has_session(self, request: StartRequest, terminal: Terminal, session: Session) -> None:
        known = self.answered.setdefault(request.key, session.id)
        if known != session.id:
            raise Broken(f"{request.key} has led to {known} and to {session.id}")
        self._will_end(terminal, session)

    def _was_refused(self, answer: StartAnswer, number: int, tries: int) -> None:
        self.refused += 1
        if tries > 0:
            self.agenda.after(
                self.chance.between(5_000, 40_000), lambda: self.wants_to_start(number, tries - 1)
            )

    # ------------------------------------------------------------ ending

    def _will_end(self, terminal: Terminal, session: Session) -> None:
        wait = self.chance.between(1_000, self.chance.one_of((4_000, 40_000, 120_000)))
        outlet = session.outlet
        match self.chance.one_of(("key", "key", "page", "page", "page twice", "tap", "leave", "at once")):
            case "key":
                self.agenda.after(wait, lambda: terminal.press_stop(outlet))
            case "page":
                self.agenda.after(wait, lambda: self._stop(session))
            case "page twice":
                self.agenda.after(wait, lambda: self._stop(session))
                self.agenda.after(wait + self.chance.between(0, 3_000), lambda: self._stop(session))
            case "tap":
                self.agenda.after(wait, lambda: terminal.taps[outlet].turn(closed=True))
                self.agenda.after(wait + 200_000, lambda: terminal.taps[outlet].turn(closed=False))
            case "at once":
                self._stop(session)
            case _:
                return

    def _stop(self, session: Session) -> None:
        self._worker().stop(session.operator, session.id)

    def _worker(self) -> Worker:
        alive = [worker for worker in self.workers if worker.alive]
        return self.chance.one_of(alive or self.workers)

    # ------------------------------------------------------------ counter and office

    def pays_in(self, customer: CustomerId, amount_minor: int) -> None:
        """Cash at the counter; every other time with a bonus. What is owed is paid from it."""
        bonus_minor = self.chance.one_of((0, amount_minor // 10))
        self._post(
            [
                cash_topup(
                    self.operator,
                    self._payment("cash"),
                    customer,
                    CURRENCY,
                    amount_minor=amount_minor,
                    bonus_minor=bonus_minor,
                )
            ]
        )
        wallet = self.books.wallet(Purse(self.operator, customer, CURRENCY))
        owed_minor = min(wallet.arrears_minor, wallet.principal_minor)
        if owed_minor:
            repaid = arrears_repaid(
                self.operator, self._payment("repaid"), customer, CURRENCY, amount_minor=owed_minor
            )
            self._post([repaid])

    def edits_tariff(self, tariff: TariffId) -> None:
        """A new version, in the middle of sessions quoted by older ones."""
        self.books.fleet.tariffs[self.operator, tariff].append(any_tariff(self.chance))

    def _payment(self, kind: str) -> str:
        self._payments += 1
        return f"{kind}:{self._payments}"

    def _post(self, entries: Sequence[Entry]) -> None:
        try:
            drive(self._save(entries))
        except (Conflict, ServerDied):
            return  # the clerk sees that nothing, or something, was booked; the rules hold either way

    async def _save(self, entries: Sequence[Entry]) -> None:
        async with self.books.transaction(Purpose.ASIDE) as unit:
            batch = await unit.open_batch([])
            batch.entries += entries
            await unit.save(batch)
