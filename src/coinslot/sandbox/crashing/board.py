"""One terminal on its board, with water, a journal and a cable to the server, in virtual time."""

from __future__ import annotations

from collections.abc import Callable

from coinslot.sandbox.crashing.points import How, Point
from coinslot.sandbox.crashing.server import TERMINAL, Server
from coinslot.sandbox.simulator.agenda import BEGIN, Agenda
from coinslot.sandbox.simulator.appliance import Appliance, Tap
from coinslot.terminal.actions import Action, Append, Note, OpenValve
from coinslot.terminal.core import Core
from coinslot.terminal.events import Boot, BytesReceived, Event, LinkDown, LinkUp, MeterRead, Tick
from coinslot.terminal.hands import Hands
from coinslot.terminal.journal import frame
from coinslot.terminal.memory import MemoryJournal
from coinslot.terminal.settings import OutletSettings, Settings
from coinslot.wire.codec import encode
from coinslot.wire.messages import Up

STEP_MS = 250
CLOSE_MS = 10
"""Before a limit the agent looks this often."""
ML_PER_S = 200
PULSE_ML = 1
RESTART_MS = 1_000
"""An agent that died is started again after this, by systemd."""
POWER_MS = 3_000
"""How long the power stays away."""


class Cut(Exception):
    """The point was reached: nothing after it was done."""


class Violation(Exception):
    """A promise was broken."""


class Board:
    """`point` is where its run is cut, at most once; every action is kept. `pace` 0 is the story as it is told; with
    any other the water runs faster and the agent looks at other moments."""

    def __init__(self, point: Point | None = None, journal_bytes: int = 64 * 1024, pace: int = 0) -> None:
        self.agenda = Agenda()
        self.server = Server(self.agenda)
        self.ml_per_s = ML_PER_S + 3 * (pace % 41)
        self._step_ms = STEP_MS - 10 * (pace % 16)
        self.tap = Tap(self.agenda, self.ml_per_s, PULSE_ML)
        self.journal = MemoryJournal()
        self.settings = Settings(
            terminal=TERMINAL,
            outlets=(OutletSettings(outlet=0, seep=60 * self.ml_per_s),),
            journal_bytes=journal_bytes,
        )
        self.point = point
        self.actions: list[Action] = []
        self.openings: list[str] = []
        """The session of each opening of the valve, in order."""
        self.first = 0
        """The first action of what the story is about: before it lies what only leads there."""
        self.most_openings = 1
        """Of one session: one more for each pause."""
        self.unwatched_ms = 0
        """For how long the valve was open without an agent."""
        self.boots = 0
        self.cable = True
        """Unplugged: no message passes, and no connection is made."""
        self.core: Core | None = None
        self._hands: Hands | None = None
        self._booted_ms = 0
        self._link: int | None = None
        self._wanted: int | None = None
        self._up: list[bytes] = []

    # ------------------------------------------------------------ power

    def power_on(self) -> None:
        """Boot: a new agent on the journal that is there."""
        self.boots += 1
        self._booted_ms = self.agenda.now_ms
        opened = self.journal.open()
        self.core = Core(self.settings)
        self._hands = Hands(Appliance({0: self.tap}), self.journal, self)
        self._hands.observer = self._observe
        wall_ms = int(BEGIN.timestamp() * 1000) + self.agenda.now_ms
        self.feed(Boot(lines=opened.lines, seed=f"ep-{self.boots}", damaged=opened.damaged, wall_ms=wall_ms))

    def go_down(self, how: How) -> None:
        """The agent is gone, and with the power what was not on disk."""
        for said in self._up:  # what had left the socket arrives; nobody is there for the answers
            self.server.hear(said)
        self._up = []
        self.core = self._hands = None
        self._link = self._wanted = None
        if how is How.KILLED:
            self.unwatched_ms += RESTART_MS if self.tap.is_open else 0
            self.wait(RESTART_MS)
            return
        if how is How.POWER:
            self.journal.crash()
        self.tap.lose_power(0)
        self.wait(POWER_MS)

    def wait(self, ms: int) -> None:
        """Time passes with no agent."""
        self.agenda.now_ms += ms
        self.server.sweep()

    # ------------------------------------------------------------ a run

    def feed(self, event: Event) -> None:
        """One event and all that follows from it, the server's answers included. Cut, at the point."""
        if self.core is None or self._hands is None:
            return
        self._hands.do(self.core.handle(event, self.agenda.now_ms - self._booted_ms))
        if self._wanted is not None and self.cable:
            self._link, self._wanted = self._wanted, None
            self.feed(LinkUp(self._link))
        self._exchange()

    def run(self, ms: int) -> None:
        """Let time pass."""
        end_ms = self.agenda.now_ms + ms
        while self.agenda.now_ms < end_ms:
            soon_ms = self.core.ms_to_limit if self.core is not None else None
            step_ms = self._step_ms if soon_ms is None else max(CLOSE_MS, min(self._step_ms, soon_ms))
            self.agenda.now_ms += min(step_ms, end_ms - self.agenda.now_ms)
            self.feed(MeterRead(0, self.tap.read()))
            self.feed(Tick())
            self.hear(self.server.sweep())

    def until(self, done: Callable[[], bool], most_ms: int) -> bool:
        """Let time pass until this holds; whether it came to hold."""
        for _ in range(0, most_ms, STEP_MS):
            if done():
                return True
            self.run(STEP_MS)
        return done()

    def begin(self) -> None:
        """The story begins here."""
        self.first = len(self.actions)

    def hear(self, messages: list[bytes]) -> None:
        """The server says something."""
        for data in messages:
            if self._link is not None and self.cable:
                self.feed(BytesReceived(data))

    def unplug(self) -> None:
        """The link breaks, and the agent knows it at once."""
        self.cable = False
        self._up = []
        link, self._link = self._link, None
        if link is not None:
            self.feed(LinkDown(link))

    def burn_what_is_left(self) -> None:
        """The server asks for codes that nobody typed."""
        self.hear(self.server.burns())
        self.run(STEP_MS)

    @property
    def is_up(self) -> bool:
        """Whether the server has welcomed it, and has every record."""
        core = self.core
        return core is not None and core.link.is_up and core.kept.acked == core.kept.next_seq - 1

    def _exchange(self) -> None:
        while self._up:
            said = self._up.pop(0)
            if self.cable:
                self.hear(self.server.hear(said))

    def _observe(self, action: Action) -> None:
        point = self.point
        if point is not None and len(self.actions) == point.action:
            self._tear(action, point)
            raise Cut
        self.actions.append(action)
        if isinstance(action, OpenValve) and self.core is not None:
            self._opens(next(iter(self.core.kept.open)))
        if isinstance(action, Append) and b'"stopped"' in action.line and self.tap.is_open:
            raise Violation("an end was written while the valve was open")

    def _opens(self, session: str) -> None:
        self.openings.append(session)
        if f'"session":"{session}"'.encode() not in self.journal.durable:
            raise Violation(f"the valve opened for {session} before that was on disk")

    def _tear(self, action: Action, point: Point) -> None:
        if point.how not in (How.TORN, How.ZEROED):
            return
        assert isinstance(action, Append | Note), "only a line can be torn"
        line = frame(action.line)
        rest = b"\0" * (len(line) - point.bytes) if point.how is How.ZEROED else b""
        self.journal.durable += self.journal.cached + line[: point.bytes] + rest
        self.journal.cached = bytearray()

    # ------------------------------------------------------------ the hands' wire

    def connect(self, link: int) -> None:
        """Begin to connect under this number."""
        self._link, self._wanted = None, link

    def send(self, message: Up) -> None:
        """Publish."""
        if self._link is not None:
            self._up.append(encode(message))

    def disconnect(self) -> None:
        """Drop the connection."""
        self._link = self._wanted = None
