"""What the journal says: the one fold from its lines to the terminal's durable state.

The running core changes this state only by making an entry and applying it here, so that what a boot
reads back is the same by construction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec import Raw, structs

from coinslot.terminal.entries import (
    Acked,
    Booted,
    Entry,
    EntryError,
    GuardKept,
    LinkUsed,
    Metered,
    OpenSession,
    Paused,
    RecordKept,
    Resumed,
    Snapshot,
    StopKept,
    TermsKept,
    TimeKnown,
    decode_entry,
    encode_entry,
)
from coinslot.terminal.tokens import Tokens
from coinslot.wire.codec import WireError, decode_record
from coinslot.wire.ids import Epoch
from coinslot.wire.messages import Limits
from coinslot.wire.records import Checkpoint, Declined, Fault, FaultCode, Record, Started, Stopped
from coinslot.wire.registers import Registers

FRAME_BYTES = 19
"""What the journal's frame adds to a line: length, checksum, two blanks, a line feed."""
REMEMBERED = 512
"""Commands and ended sessions kept beyond those of the present link, which are always kept."""

_NO_EPOCH = Epoch("")
_NO_LIMITS = Limits(ml=1, s=1, wh=1, count=1, idle_s=1)


@dataclass
class Kept:
    """The durable state. `epoch` is empty until a journal has its first snapshot."""

    epoch: Epoch = _NO_EPOCH
    next_seq: int = 1
    acked: int = 0
    link: int = 0
    boot: int = 0
    wall_ms: int = 0
    registers: dict[int, Registers] = field(default_factory=dict)
    records: dict[int, bytes] = field(default_factory=dict)
    """By seq, rising; a dropped one is absent."""
    open: dict[str, OpenSession] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)
    over: dict[str, int] = field(default_factory=dict)
    faults: set[tuple[int, FaultCode]] = field(default_factory=set)
    superseded: set[int] = field(default_factory=set)
    """Checkpoints that a later record of their session has made needless."""
    guards: dict[int, GuardKept] = field(default_factory=dict)
    """How each keypad stood when somebody last guessed there."""
    tokens: Tokens = field(default_factory=Tokens)
    file_bytes: int = 0
    _latest: dict[str, int] = field(default_factory=dict)

    @property
    def oldest_seq(self) -> int:
        """The oldest record still here, or the next one."""
        return next(iter(self.records), self.next_seq)

    def read(self, lines: Iterable[bytes]) -> int:
        """Fold a whole journal; returns how many lines were not understood."""
        bad = 0
        for line in lines:
            try:
                self.apply(decode_entry(line), line)
            except (EntryError, WireError):
                bad += 1
                self.file_bytes += len(line) + FRAME_BYTES
        return bad

    def apply(self, entry: Entry, line: bytes, record: Record | None = None) -> None:
        """Fold one entry; `record` saves parsing where the caller has it. WireError on a bad record."""
        match entry:
            case RecordKept():
                self._record(entry, record if record is not None else decode_record(entry.record))
            case LinkUsed(link=link):
                self.link = max(self.link, link)
            case Booted(boot=boot):
                self.boot = max(self.boot, boot)
            case Acked(seq=seq):
                self.acked = seq
            case StopKept(session=session):
                self.over[session] = self.link
            case Resumed(session=session):
                if session in self.open:
                    known = self.open[session]
                    self.open[session] = structs.replace(known, resumes=known.resumes + 1)
            case Paused(session=session, paused=paused, pause_ms=pause_ms):
                if session in self.open:
                    self.open[session] = structs.replace(self.open[session], paused=paused, pause_ms=pause_ms)
            case Metered(outlet=outlet, registers=registers):
                self._rise(outlet, registers)
            case TimeKnown(wall_ms=wall_ms):
                self.wall_ms = max(self.wall_ms, wall_ms)
            case GuardKept(outlet=outlet):
                self.guards[outlet] = entry
            case TermsKept(terms=terms):
                self.tokens.replace(terms)
            case Snapshot():
                self._snapshot(entry)
        self.file_bytes += len(line) + FRAME_BYTES

    def snapshot(self) -> Snapshot:
        """All but the records, as a journal's first line. Forgets what can no longer matter."""
        for memory in (self.answered, self.over):
            surplus = len(memory) - REMEMBERED
            for key in [key for key, link in memory.items() if link < self.link][: max(0, surplus)]:
                del memory[key]
        self.tokens.forget()
        return Snapshot(
            epoch=self.epoch,
            next_seq=self.next_seq,
            acked=self.acked,
            link=self.link,
            boot=self.boot,
            wall_ms=self.wall_ms,
            registers=self.registers,
            open=list(self.open.values()),
            answered=dict(self.answered),
            over=dict(self.over),
            faults=sorted(self.faults),
            guards=list(self.guards.values()),
            terms=list(self.tokens.terms.values()),
            used={terms: sorted(counts) for terms, counts in self.tokens.used.items()},
            burnt={terms: sorted(counts) for terms, counts in self.tokens.burnt.items()},
            credited=list(self.tokens.credited.values()),
        )

    def lines(self) -> tuple[bytes, ...]:
        """The shortest journal that says the same."""
        return (
            encode_entry(self.snapshot()),
            *(encode_entry(RecordKept(seq=seq, record=Raw(raw))) for seq, raw in self.records.items()),
        )

    def forget(self, seq: int) -> None:
        """Drop a record the caller has judged needless."""
        self.records.pop(seq, None)
        self.superseded.discard(seq)

    def new_epoch(self, epoch: Epoch) -> None:
        """Begin again at 1. What the server had not acknowledged moves over, in its order: a record
        it sees twice ends in review, one it never sees is money lost. Offline terms end: a journal that was damaged
        or rolled back may have lost burnt counts, and the server sends new terms to a new epoch."""
        self.tokens.terms.clear()
        moved = [raw for seq, raw in self.records.items() if seq > self.acked]
        self.epoch = epoch
        self.acked = 0
        self.records = dict(enumerate(moved, 1))
        self.next_seq = len(moved) + 1
        self.superseded = set()
        self._latest = {}
        for seq, raw in self.records.items():
            self._supersede(seq, decode_record(raw))

    def _record(self, entry: RecordKept, record: Record) -> None:
        self.records[entry.seq] = bytes(entry.record)
        self._supersede(entry.seq, record)
        if entry.seq < self.next_seq:
            return  # history that a snapshot already contains
        self.next_seq = entry.seq + 1
        if not isinstance(record, Declined) and hasattr(record, "registers"):
            self._rise(record.outlet, record.registers)
        self.tokens.fold(record)
        match record:
            case Started():
                self.answered[record.command] = self.link
                self.open[record.session] = OpenSession(
                    session=record.session,
                    command=record.command,
                    outlet=record.outlet,
                    start=record.registers,
                    limits=entry.limits or _NO_LIMITS,
                    quote=entry.quote,
                    language=entry.language,
                )
            case Stopped():
                self.open.pop(record.session, None)
                self.over[record.session] = self.link
            case Declined():
                self.answered[record.command] = self.link
            case Fault():
                key = (record.outlet, record.code)
                (self.faults.add if record.active else self.faults.discard)(key)
            case _:
                pass

    def _supersede(self, seq: int, record: Record) -> None:
        if isinstance(record, Checkpoint | Stopped):
            earlier = self._latest.pop(record.session, None)
            if earlier is not None and earlier in self.records:
                self.superseded.add(earlier)
            if isinstance(record, Checkpoint):
                self._latest[record.session] = seq

    def _rise(self, outlet: int, registers: Registers) -> None:
        known = self.registers.setdefault(outlet, {})
        for register, value in registers.items():
            known[register] = max(value, known.get(register, 0))

    def _snapshot(self, entry: Snapshot) -> None:
        self.epoch = Epoch(entry.epoch)
        self.next_seq = entry.next_seq
        self.acked = entry.acked
        self.link = max(self.link, entry.link)
        self.boot = max(self.boot, entry.boot)
        self.wall_ms = max(self.wall_ms, entry.wall_ms)
        for outlet, registers in entry.registers.items():
            self._rise(outlet, registers)
        self.open = {known.session: known for known in entry.open}
        self.answered = dict(entry.answered)
        self.over = dict(entry.over)
        self.faults = {(outlet, code) for outlet, code in entry.faults}
        self.guards = {guard.outlet: guard for guard in entry.guards}
        self.tokens = Tokens(
            terms={terms.outlet: terms for terms in entry.terms},
            used={terms: set(counts) for terms, counts in entry.used.items()},
            burnt={terms: set(counts) for terms, counts in entry.burnt.items()},
            credited={credited.session: credited for credited in entry.credited},
        )
