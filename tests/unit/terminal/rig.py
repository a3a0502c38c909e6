"""A terminal on a bench: one core, a disk that can lose power, valves that are watched at every action."""

from __future__ import annotations

from typing import TypeVar

from msgspec import Raw

from coinslot.terminal.actions import (
    Action,
    Append,
    Connect,
    Disconnect,
    Display,
    Note,
    OpenValve,
    Rewrite,
    Send,
    ShutValve,
)
from coinslot.terminal.core import Core
from coinslot.terminal.entries import RecordKept
from coinslot.terminal.events import Boot, Event, LinkUp, MessageReceived, MeterRead, Tick
from coinslot.terminal.journal import parse
from coinslot.terminal.kept import Kept
from coinslot.terminal.memory import MemoryJournal
from coinslot.terminal.rating import Rater
from coinslot.terminal.settings import Language, OutletSettings, Settings
from coinslot.terminal.views import View
from coinslot.wire.codec import decode_record, encode
from coinslot.wire.ids import Epoch
from coinslot.wire.messages import Ack, Down, Limits, Records, Start, Up, Welcome
from coinslot.wire.records import Record, Stopped
from coinslot.wire.registers import Register

ML = Register.ML
S = Register.S
M = TypeVar("M")
SHOWER = Settings(terminal="t1", outlets=(OutletSettings(outlet=0),), language=Language.EN)


class PowerLostError(Exception):
    """The bench pulled the plug between two actions."""


def limits(ml: int = 10_000, s: int = 600, idle_s: int = 90) -> Limits:
    return Limits(ml=ml, s=s, wh=1_000, count=100, idle_s=idle_s)


class Rig:
    """Feeds events, carries out actions, and fails at once when a rule of the link is broken."""

    def __init__(
        self,
        settings: Settings = SHOWER,
        journal: MemoryJournal | None = None,
        rater: Rater | None = None,
    ) -> None:
        self.settings = settings
        self.journal = journal if journal is not None else MemoryJournal()
        self.rater = rater
        self.core = Core(settings, rater)
        self.now = 0
        self.boots = 0
        self.raw_ml = 0
        self.open: set[int] = set()
        self.openings: list[str] = []
        self.sent: list[Up] = []
        self.shown: dict[int, tuple[str, ...]] = {}
        self.views: dict[int, View] = {}
        self.connects: list[int] = []
        self.actions: list[Action] = []
        self.crash_at: int | None = None
        """How many more actions are carried out before the power goes."""
        self.highest: dict[tuple[int, Register], int] = {}
        self.seqs: dict[str, int] = {}

    # ---- running it

    def boot(self) -> Rig:
        opened = self.journal.open()
        self.core = Core(self.settings, self.rater)
        self.boots += 1
        self.now = 0
        self.feed(Boot(lines=opened.lines, seed=f"ep_{self.boots}", damaged=opened.damaged))
        return self

    def power_cycle(self) -> Rig:
        self.journal.crash()
        self.open.clear()  # a valve without power is shut
        self.crash_at = None
        return self.boot()

    def feed(self, event: Event, ms: int = 0) -> list[Action]:
        self.now += ms
        actions = self.core.handle(event, self.now)
        for action in actions:
            if self.crash_at is not None:
                if self.crash_at == 0:
                    raise PowerLostError
                self.crash_at -= 1
            self._do(action)
        return actions

    def link_up(self, acked: int = 0) -> Rig:
        """Connect and be welcomed."""
        for _ in range(600):
            if self.core.link.number and self.core.link.phase.name == "CONNECTING":
                break
            self.tick(1_000)
        self.feed(LinkUp(self.core.link.number))
        self.say(Welcome(link=self.link, now_ms=1_800_000_000_000, epoch=self.epoch, acked=acked))
        return self

    def ready(self) -> Rig:
        """Booted, welcomed, the meter read."""
        self.boot().link_up()
        self.meter(0)
        return self

    def say(self, message: Down, ms: int = 0) -> list[Action]:
        return self.feed(MessageReceived(message), ms)

    def tick(self, ms: int) -> list[Action]:
        return self.feed(Tick(), ms)

    def meter(self, gain_ml: int, ms: int = 0, outlet: int = 0) -> list[Action]:
        self.raw_ml += gain_ml
        return self.feed(MeterRead(outlet, {ML: self.raw_ml}), ms)

    def flow(self, seconds: int, ml_per_s: int = 100) -> None:
        for _ in range(seconds):
            self.meter(ml_per_s, 1_000)

    def start(
        self,
        session: str = "ses",
        command: str = "cmd",
        *,
        link: int | None = None,
        outlet: int = 0,
        expires_in_ms: int = 30_000,
        within: Limits | None = None,
        quote: bytes = b"null",
    ) -> list[Action]:
        return self.say(
            Start(
                quote=Raw(quote),
                link=self.link if link is None else link,
                command=command,
                session=session,
                outlet=outlet,
                limits=within if within is not None else limits(),
                expires_at_ms=max(0, self.core.link.link_ms + expires_in_ms),
            )
        )

    def ack_all(self) -> None:
        while self.core.kept.acked < self.core.kept.next_seq - 1:
            before = self.core.kept.acked
            self.say(
                Ack(
                    link=self.link,
                    epoch=self.epoch,
                    seq=self.last(Records).first_seq + len(self.last(Records).records) - 1,
                )
            )
            assert self.core.kept.acked > before

    # ---- looking at it

    @property
    def link(self) -> int:
        return self.core.link.number

    @property
    def epoch(self) -> Epoch:
        return self.core.kept.epoch

    def records(self) -> list[Record]:
        """Every record in the durable journal, in order."""
        return [decode_record(raw) for raw in self.durable().records.values()]

    def durable(self) -> Kept:
        kept = Kept()
        assert kept.read(parse(bytes(self.journal.durable))[0].lines) == 0
        return kept

    def of(self, kind: type[M]) -> list[M]:
        return [record for record in self.records() if isinstance(record, kind)]

    def messages(self, kind: type[M]) -> list[M]:
        return [message for message in self.sent if isinstance(message, kind)]

    def last(self, kind: type[M]) -> M:
        return self.messages(kind)[-1]

    # ---- the rules

    def _do(self, action: Action) -> None:
        self.actions.append(action)
        match action:
            case Append(entry=entry, line=line):
                self._check(entry)
                self.journal.append(line)
            case Note(line=line):
                self.journal.note(line)
            case Rewrite(lines=lines):
                self.journal.rewrite(lines)
                self.seqs.clear()
            case OpenValve(outlet=outlet):
                running = [one for one in self.durable().open.values() if one.outlet == outlet]
                assert len(running) == 1, "a valve opens only with one `started` on disk"
                self.openings.append(running[0].command)
                self.open.add(outlet)
            case ShutValve(outlet=outlet):
                self.open.discard(outlet)
            case Send(message=message):
                encode(message)  # within 4 KiB
                self.sent.append(message)
            case Display(outlet=outlet, lines=lines, qr=qr, view=view):
                self.shown[outlet] = lines
                self.views[outlet] = view
                assert view.qr == qr
            case Connect(link=link):
                assert self.durable().link >= link, "a link number is on disk before it is used"
                assert not self.connects or link > self.connects[-1], "link numbers rise"
                self.connects.append(link)
            case Disconnect():
                pass

    def _check(self, entry: object) -> None:
        if not isinstance(entry, RecordKept):
            return
        epoch = self.core.kept.epoch
        assert entry.seq == self.seqs.get(epoch, entry.seq - 1) + 1, "seq has no gap"
        self.seqs[epoch] = entry.seq
        record = decode_record(entry.record)
        if isinstance(record, Stopped):
            assert record.outlet not in self.open, "`stopped` is written after the valve has shut"
        for register, value in getattr(record, "registers", {}).items():
            key = (record.outlet, register)
            assert value >= self.highest.get(key, 0), "a register never goes down"
            self.highest[key] = value
