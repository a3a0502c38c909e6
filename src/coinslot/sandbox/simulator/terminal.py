"""One simulated terminal: the real core, journal and hands; its power may go before any action."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from coinslot.sandbox.simulator.agenda import BEGIN, Agenda
from coinslot.sandbox.simulator.appliance import Appliance, Tap
from coinslot.sandbox.simulator.chance import Chance, FaultKind
from coinslot.sandbox.simulator.network import Connection, Network
from coinslot.terminal.actions import Action
from coinslot.terminal.core import Core
from coinslot.terminal.events import Boot, BytesReceived, Event, LinkDown, LinkUp, MeterRead, StopKey
from coinslot.terminal.hands import Hands
from coinslot.terminal.memory import MemoryJournal
from coinslot.terminal.settings import Settings
from coinslot.wire.codec import encode
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import Up

_YEAR_MS = 365 * 86_400_000
_SLOWEST_READING_MS = 1_500


class PowerLost(Exception):
    """Nothing after this point was done."""


class Onlooker(Protocol):
    """Judges each terminal's acts."""

    def acting(self, terminal: Terminal, action: Action) -> None:
        """This action is done now."""

    def settled_down(self, terminal: Terminal) -> None:
        """An event has been dealt with."""

    def received(self, terminal: Terminal, data: bytes) -> None:
        """A message of the server's has come, on the connection in force."""

    def power_lost(self, terminal: Terminal) -> None:
        """Its power went, and what was not on disk."""

    def rolled_back(self, terminal: Terminal) -> None:
        """It comes back with an older journal."""


class Terminal:
    """Power, ticks, meters and connection of one core. An `End` of the network and a `Wire` of the hands."""

    def __init__(
        self,
        agenda: Agenda,
        chance: Chance,
        network: Network,
        settings: Settings,
        taps: Mapping[int, Tap],
        onlooker: Onlooker,
    ) -> None:
        self._agenda = agenda
        self._chance = chance
        self._network = network
        self._onlooker = onlooker
        self.settings = settings
        self.name = TerminalId(settings.terminal)
        self.appliance = Appliance(taps)
        self.journal = MemoryJournal()
        self.core: Core | None = None
        self._connection: Connection | None = None
        self._backup = b""
        self._boots = 0
        self._booted_at = 0
        self._plans = 0
        self._restored = False
        self._drift_ppm = chance.between(-100, 100)

    @property
    def taps(self) -> Mapping[int, Tap]:
        """The water of this terminal."""
        return self.appliance.taps

    # ------------------------------------------------------------ power

    def power_on(self) -> None:
        """Boot, unless it runs already."""
        if self.core is not None:
            return
        self._boots += 1
        self._booted_at = self._agenda.now_ms
        if self._restored:
            self._restored = False
            self._onlooker.rolled_back(self)
        opened = self.journal.open()
        self.core = Core(self.settings)
        self._hands = Hands(self.appliance, self.journal, self)
        self._hands.observer = self._observe
        self.feed(
            Boot(
                lines=opened.lines,
                seed=f"ep-{self.name}-{self._boots}",
                damaged=opened.damaged,
                wall_ms=self._wall_ms(),
            )
        )
        self._measure()
        self._plan()

    def power_off(self) -> None:
        """Lose power now: what was not forced to disk survives in part."""
        if self.core is None:
            return
        self.core = None
        self.journal.crash(self._chance.between(0, len(self.journal.cached)))
        for tap in self.taps.values():
            tap.lose_power(self._chance.between(0, 100_000))
        self._onlooker.power_lost(self)
        if self._connection is not None:
            self._network.power_lost(self._connection)
            self._connection = None
        away = self._chance.one_of((500, 3_000, 30_000, 300_000))
        if self._backup and away >= 30_000 and self._chance.fault(FaultKind.OLD_JOURNAL):
            self.journal = MemoryJournal(self._backup)
            away = max(away, 90_000)  # nobody puts a journal back more quickly
            self._restored = True
        elif self._chance.likely(0.4):
            self._backup = bytes(self.journal.durable)
        self._agenda.after(away, self.power_on)

    # ------------------------------------------------------------ hands' wire

    def connect(self, link: int) -> None:
        """Begin to connect under this number."""
        self._connection = self._network.connect(self, link)

    def send(self, message: Up) -> None:
        """Publish."""
        if self._connection is not None:
            self._network.send_up(self._connection, encode(message))

    def disconnect(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._network.leave(self._connection)
            self._connection = None

    # ------------------------------------------------------------ network's end

    def connected(self, connection: Connection) -> None:
        """See `network.End`."""
        if connection is self._connection:
            self.feed(LinkUp(connection.link))

    def disconnected(self, connection: Connection) -> None:
        """See `network.End`."""
        if connection is self._connection:
            self._connection = None
            self.feed(LinkDown(connection.link))

    def arrived(self, connection: Connection, data: bytes) -> None:
        """See `network.End`."""
        if connection is self._connection:
            self._measure()  # first, as the agent does: a stop ends at what the meter shows now
            self._onlooker.received(self, data)
            self.feed(BytesReceived(data))
            self._plan()  # a session may have begun: the meter is to be read soon

    # ------------------------------------------------------------ events

    def press_stop(self, outlet: int) -> None:
        """The stop key; the meter is read first, as the agent does."""
        self._read_meter(outlet)
        self.feed(StopKey(outlet))

    def reconnect(self) -> None:
        """Both ends lose the connection and know it."""
        connection = self._connection
        if connection is not None:
            self._network.leave(connection)
            self.disconnected(connection)

    def feed(self, event: Event) -> None:
        """One event, and all that the core wants done about it."""
        if self.core is None:
            return
        try:
            self._hands.do(self.core.handle(event, self._ticks()))
        except PowerLost:
            self.power_off()
            return
        self._onlooker.settled_down(self)

    def _observe(self, action: Action) -> None:
        if self._chance.fault(FaultKind.POWER_CUT):
            raise PowerLost
        self._onlooker.acting(self, action)

    def _measure(self) -> None:
        for number in self.taps:
            self._read_meter(number)

    def _read_meter(self, number: int) -> None:
        self.feed(MeterRead(number, self.taps[number].read()))

    def _turn(self, plan: int) -> None:
        if plan != self._plans or self.core is None:
            return  # it was planned anew, or the power went
        self._measure()
        if self._chance.likely(0.01):
            self._backup = bytes(self.journal.durable)  # somebody makes an image of the card
        self._plan()

    def _plan(self) -> None:
        if self.core is None:
            return
        core = self.core
        if core.in_use:
            limit_ms = core.ms_to_limit
            wait = self._chance.between(400, _SLOWEST_READING_MS)
            if limit_ms is not None:
                wait = min(wait, max(20, limit_ms))
        elif core.link.is_up and core.kept.acked == core.kept.next_seq - 1:
            wait = 10_000
        else:
            wait = 1_000
        self._plans += 1
        plan = self._plans
        self._agenda.after(wait, lambda: self._turn(plan))

    def _ticks(self) -> int:
        elapsed = self._agenda.now_ms - self._booted_at
        return elapsed + elapsed * self._drift_ppm // 1_000_000

    def _wall_ms(self) -> int | None:
        now = int(BEGIN.timestamp() * 1000) + self._agenda.now_ms
        if not self._chance.fault(FaultKind.WRONG_CLOCK):
            return now
        return self._chance.one_of((None, 0, now - 86_400_000, now + 10 * _YEAR_MS))
