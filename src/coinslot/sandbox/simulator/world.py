"""One run: a small site, its faults, its end, and the promises that must then be kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from coinslot.sandbox.simulator.agenda import Agenda, drive
from coinslot.sandbox.simulator.appliance import Tap
from coinslot.sandbox.simulator.chance import Chance, FaultKind
from coinslot.sandbox.simulator.network import Network
from coinslot.sandbox.simulator.people import People
from coinslot.sandbox.simulator.plan import Outcome, Plan
from coinslot.sandbox.simulator.rules import Rules
from coinslot.sandbox.simulator.server import Worker
from coinslot.sandbox.simulator.tariffs import any_tariff
from coinslot.sandbox.simulator.terminal import Terminal
from coinslot.sandbox.simulator.violation import Broken, Violation
from coinslot.settlement import timers
from coinslot.settlement.memory import MemoryBooks
from coinslot.settlement.memory_fleet import MemoryFleet, OutletRow
from coinslot.terminal.settings import OutletSettings, Settings
from coinslot.wire.ids import ApplianceId, CustomerId, OperatorId, TariffId, TerminalId
from coinslot.wire.messages import Up

OPERATOR = OperatorId("op")
RETURN_MS = 20 * 60_000
"""By then a terminal is welcomed again: one with an older journal finds a link number in doubling steps."""
LEARNT_MS = 100_000
"""By then both ends of a broken connection have noticed: one and a half keep-alives, and a little."""
MOVING_MS = 330_000
"""By then whatever a stalled connection held back has arrived."""
SETTLED_MS = 60_000
"""From then on every session must have ended."""
PROBED_MS = 13 * 60_000
"""The same for a terminal that never went: the server asks at least every ten minutes."""
WORKS_MS = 10_000
"""How soon a start must open the valve, and a stop must settle, on a day without faults."""
_LONGEST_SILENCE = timedelta(hours=26)


class World:
    """Everything in one run. `run` returns its outcome, or raises the `Violation` it found."""

    def __init__(self, seed: int, plan: Plan, trace: Callable[[str], None] | None = None) -> None:
        self.seed, self.plan = seed, plan
        self.agenda = Agenda()
        self.chance = Chance(seed)
        self._trace = trace
        self._ids = 0
        self.rules = Rules(self.agenda, self.chance, OPERATOR, self.say, trace is not None)
        self.books = MemoryBooks(
            self.agenda.now, fleet=MemoryFleet(), make_id=self._make_id, witness=self.rules
        )
        self.rules.watch(self.books, seed)
        self.network = Network(self.agenda, self.chance, self._deliver)
        self.workers = [
            Worker(self.agenda, self.chance, self.books, self.network, self.rules.sent)
            for _ in range(self.chance.between(1, 2))
        ]
        self._make_site()

    def run(self) -> Outcome:
        """From the first boot to the last promise."""
        try:
            self._day()
            self._evening()
            self._promises()
        except Violation:
            raise
        except Exception as error:
            # Whatever stops a run is a finding: a rule, an assertion, an error nobody handled.
            why = str(error) if isinstance(error, Broken) else f"{type(error).__name__}: {error}"
            raise Violation(self.seed, self.agenda.steps, why, self.command()) from error
        return self._outcome()

    def command(self) -> str:
        """What repeats this run and prints its steps."""
        return (
            f"coinslot simulate --schedules 1 --seed {self.seed} --sessions {self.plan.sessions} "
            f"--terminals {self.plan.terminals} --trace"
        )

    def say(self, text: str) -> None:
        """One line of the trace."""
        if self._trace is not None:
            self._trace(f"{self.agenda.steps:6d} {self.agenda.now_ms / 1000:10.3f} s  {text}")

    # ------------------------------------------------------------ the site

    def _make_site(self) -> None:
        fleet, chance = self.books.fleet, self.chance
        self.tariffs = [TariffId("tariff-0"), TariffId("tariff-1")]
        for tariff in self.tariffs:
            fleet.tariffs[OPERATOR, tariff] = [any_tariff(chance)]
        self.terminals = [self._make_terminal(number) for number in range(self.plan.terminals)]
        self.rules.partners.agree(self.agenda, self.plan)
        customers = [CustomerId(f"c{number}") for number in range(max(2, self.plan.sessions // 3))]
        for customer in customers:
            fleet.customers[OPERATOR, customer] = True
        self.people = People(
            self.agenda, chance, self.books, OPERATOR, customers, self.terminals, self.workers
        )

    def _make_terminal(self, number: int) -> Terminal:
        name, outlets = TerminalId(f"t{number}"), range(self.chance.between(1, 2))
        taps = {
            outlet: Tap(self.agenda, self.chance.between(40, 350), self.chance.one_of((1, 5, 100)))
            for outlet in outlets
        }
        settings = Settings(
            terminal=name, outlets=tuple(OutletSettings(outlet=outlet, seep=1_000) for outlet in outlets)
        )
        self.books.fleet.owners[name] = OPERATOR
        for outlet in outlets:
            self.books.fleet.outlets[OPERATOR, name, outlet] = OutletRow(
                appliance=ApplianceId(f"a{number}"), tariff=self.chance.one_of(self.tariffs)
            )
        return Terminal(self.agenda, self.chance, self.network, settings, taps, self.rules)

    def _make_id(self, prefix: str) -> str:
        self._ids += 1
        return f"{prefix}-{self._ids}"

    def _deliver(self, terminal: TerminalId, said: Up | bytes) -> None:
        alive = [worker for worker in self.workers if worker.alive]
        if alive:
            self.chance.one_of(alive).receive(terminal, said)

    # ------------------------------------------------------------ the day

    def _day(self) -> None:
        chance, agenda = self.chance, self.agenda
        for terminal in self.terminals:
            agenda.after(chance.between(0, 2_000), terminal.power_on)
        for customer in self.people.customers:
            self.people.pays_in(customer, chance.one_of((100, 1_000, 5_000)))
        length_ms = 20_000 + self.plan.sessions * 60_000 // self.plan.terminals
        for number in range(self.plan.sessions):
            at = chance.between(5_000, length_ms)
            agenda.after(at, partial(self.people.wants_to_start, number))
        for _ in range(chance.between(0, 3)):
            customer, amount = chance.one_of(self.people.customers), chance.between(1, 3_000)
            agenda.after(chance.between(0, length_ms), partial(self.people.pays_in, customer, amount))
        for _ in range(chance.between(0, 3)):
            tariff = chance.one_of(self.tariffs)
            agenda.after(chance.between(0, length_ms), partial(self.people.edits_tariff, tariff))
        self._plan_great_faults(length_ms)
        while agenda.step(length_ms):
            pass

    def _plan_great_faults(self, length_ms: int) -> None:
        if self.chance.fault(FaultKind.BROKER_RESTART):
            self.agenda.after(self.chance.between(0, length_ms), self._restart_broker)
        if self.chance.fault(FaultKind.REVOKED):
            self.agenda.after(self.chance.between(0, length_ms), self._revoke)

    def _restart_broker(self) -> None:
        self.say("the broker restarts")
        self.network.restart(self.chance.between(500, 20_000), self._broker_is_back)

    def _broker_is_back(self) -> None:
        for worker in self.workers:
            worker.absent()

    def _revoke(self) -> None:
        terminal = self.chance.one_of(self.terminals)
        self.say(f"{terminal.name} is revoked")
        self.books.fleet.revoked.add(terminal.name)
        self.network.refused.add(terminal.name)
        connection = self.network.current.get(terminal.name)
        if connection is not None:
            self.network.cut(connection, with_will=True)
        self.agenda.after(self.chance.between(1_000, 120_000), lambda: self._grant(terminal.name))

    def _grant(self, terminal: TerminalId) -> None:
        self.books.fleet.revoked.discard(terminal)
        self.network.refused.discard(terminal)

    # ------------------------------------------------------------ the end of all faults

    def _evening(self) -> None:
        """Nothing goes wrong any more; everything comes back; whoever still stands there presses stop."""
        self.say("from here on nothing goes wrong")
        self.chance.end_faults()
        self._reconnecting = self.chance.likely(0.5)
        for terminal in self.terminals:
            self._grant(terminal.name)
        end = self.agenda.now_ms + RETURN_MS
        self._until(end, lambda: all(worker.alive for worker in self.workers) and not self.network.down)
        calm_ms = LEARNT_MS if self._reconnecting else MOVING_MS
        self._until(self.agenda.now_ms + calm_ms, lambda: False)
        self._until(end, self._all_up)
        if not self._all_up():
            late = [terminal.name for terminal in self.terminals if not self._is_up(terminal)]
            raise Broken(f"{', '.join(late)} not welcomed {RETURN_MS // 1000} s after all faults ended")
        if self._reconnecting:
            for terminal in self.terminals:
                terminal.reconnect()
            self._until(end + SETTLED_MS, self._all_up)

    def _promises(self) -> None:
        limit_ms = SETTLED_MS if self._reconnecting else PROBED_MS
        end = self.agenda.now_ms + limit_ms
        while self.agenda.now_ms < end and not self._all_ended():
            self._press_all_keys()
            self._until(min(end, self.agenda.now_ms + 2_000), self._all_ended)
        open_ones = [
            f"{session.id} is {session.state.value}"
            for session in self.books.sessions.values()
            if session.live and session.id not in self.rules.tainted
        ]
        if open_ones:
            raise Broken(f"{limit_ms // 1000} s after its terminal's return {'; '.join(open_ones)}")
        unacked = [t.name for t in self.terminals if t.core and t.core.kept.acked != t.core.kept.next_seq - 1]
        self._until(end, lambda: not self._unacked())
        if self._unacked():
            raise Broken(f"the journals of {', '.join(unacked)} are not acknowledged")
        self._works_again()
        self._wait_for_deadlines()
        self.rules.late_use_is_reviewed()
        self.rules.money_is_whole(self.people.customers)
        self.books.ledger.check_invariants()

    def _works_again(self) -> None:
        """Whatever the day was like: now a start opens the valve at once, and a stop ends it."""
        customer = CustomerId("last")
        self.books.fleet.customers[OPERATOR, customer] = True
        self.people.pays_in(customer, 100_000)
        for terminal in self.terminals:
            outlet = 0
            live = (self.books.sessions[key] for key in self.books.live)
            if any((session.terminal, session.outlet) == (terminal.name, outlet) for session in live):
                continue  # tainted, and waiting for its deadline
            # A terminal whose hellos had all travelled slowly declines once more, and is then asked anew.
            if not (self._opens(customer, terminal, outlet) or self._opens(customer, terminal, outlet)):
                raise Broken(f"{terminal.name} does not open, though nothing is wrong")

    def _opens(self, customer: CustomerId, terminal: Terminal, outlet: int) -> bool:
        session = self.people.starts_last(customer, terminal, outlet)
        name, row = session.id, (OPERATOR, session.id)
        end = self.agenda.now_ms + WORKS_MS
        self._until(end, lambda: name in self.rules.openings or not self.books.sessions[row].live)
        opened = name in self.rules.openings
        terminal.press_stop(outlet)
        self._until(end + WORKS_MS, lambda: not self.books.sessions[row].live)
        if self.books.sessions[row].live:
            raise Broken(f"{name} does not end, though nothing is wrong")
        self._until(self.agenda.now_ms + 2_000, lambda: False)
        return opened

    def _wait_for_deadlines(self) -> None:
        """What no record can settle any more is settled by its deadline, a day and the limit later."""
        end = self.agenda.now() + _LONGEST_SILENCE
        while self.books.live and self.agenda.now() < end:
            self.agenda.now_ms += 600_000
            while drive(timers.sweep(self.books)) is not None:
                pass
        if self.books.live:
            raise Broken(f"{sorted(self.books.live)} outlived every deadline")

    def _press_all_keys(self) -> None:
        for terminal in self.terminals:
            for outlet in terminal.taps:
                terminal.press_stop(outlet)

    def _until(self, end_ms: int, done: Callable[[], bool]) -> None:
        while not done() and self.agenda.step(end_ms):
            pass

    def _is_up(self, terminal: Terminal) -> bool:
        return terminal.core is not None and terminal.core.link.is_up

    def _all_up(self) -> bool:
        return all(map(self._is_up, self.terminals))

    def _all_ended(self) -> bool:
        return all(self.books.sessions[key].id in self.rules.tainted for key in self.books.live) and not any(
            tap.is_open for terminal in self.terminals for tap in terminal.taps.values()
        )

    def _unacked(self) -> list[TerminalId]:
        return [
            terminal.name
            for terminal in self.terminals
            if terminal.core is None or terminal.core.kept.acked != terminal.core.kept.next_seq - 1
        ]

    def _outcome(self) -> Outcome:
        return Outcome(
            seed=self.seed,
            steps=self.agenda.steps,
            virtual_ms=self.agenda.now_ms,
            states=dict(Counter(session.state for session in self.books.sessions.values())),
            refused=self.people.refused,
            reviews=dict(Counter(review.reason for review in self.books.reviews)),
            faults=dict(self.chance.injected),
        )
