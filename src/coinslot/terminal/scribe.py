"""The one way for the core to act and to remember: every entry is applied and written in one step."""

from __future__ import annotations

from msgspec import Raw

from coinslot.terminal.actions import Action, Append, Note, Rewrite
from coinslot.terminal.entries import NO_QUOTE, Entry, RecordKept, encode_entry
from coinslot.terminal.kept import FRAME_BYTES, Kept
from coinslot.wire.codec import encode
from coinslot.wire.ids import Epoch
from coinslot.wire.messages import DisplayLanguage, Limits
from coinslot.wire.records import Record

SESSION_RESERVE = 16 * 1024
"""Bytes kept free for each open session: `started`, a checkpoint and `stopped`, each below 4 KiB,
and the small lines between them."""
DECLINE_RESERVE = 2 * 1024


class Scribe:
    """The durable state, the time of the present event, and the actions it has led to so far."""

    def __init__(self, journal_bytes: int) -> None:
        self.kept = Kept()
        self.now = 0
        """Ticks of the present event, milliseconds since boot."""
        self.out: list[Action] = []
        self.wall_offset_ms: int | None = None
        self._journal_bytes = journal_bytes
        self._rewrite_at = journal_bytes // 2
        self._seed = ""
        self._epochs = 0

    @property
    def wall_ms(self) -> int | None:
        """Unix milliseconds, when somebody believable has said so."""
        return None if self.wall_offset_ms is None else max(0, self.now + self.wall_offset_ms)

    def act(self, action: Action) -> None:
        """Have the shell do something, after all that was asked for before."""
        self.out.append(action)

    def append(self, entry: Entry) -> None:
        """Remember durably, before anything that follows."""
        line = encode_entry(entry)
        self.kept.apply(entry, line)
        self.out.append(Append(entry, line))

    def note(self, entry: Entry) -> None:
        """Remember cheaply."""
        line = encode_entry(entry)
        self.kept.apply(entry, line)
        self.out.append(Note(entry, line))

    def record(
        self,
        record: Record,
        limits: Limits | None = None,
        quote: Raw = NO_QUOTE,
        language: DisplayLanguage | None = None,
    ) -> None:
        """Give a record its place and remember it durably; with a `started` goes what its session needs."""
        entry = RecordKept(
            seq=self.kept.next_seq,
            record=Raw(encode(record)),
            limits=limits,
            quote=quote,
            language=language,
        )
        line = encode_entry(entry)
        self.kept.apply(entry, line, record)
        self.out.append(Append(entry, line))

    def has_room(self, sessions: int) -> bool:
        """Whether so many open sessions could still be written to their end."""
        reserve = sessions * SESSION_RESERVE + DECLINE_RESERVE
        if self.kept.file_bytes + reserve <= self._journal_bytes:
            return True
        self._shrink(hard=True)
        return self.kept.file_bytes + reserve <= self._journal_bytes

    def tidy(self) -> None:
        """Rewrite the journal when it has grown past its budget."""
        if self.kept.file_bytes > self._rewrite_at:
            self._shrink(hard=False)

    def begin(self, seed: str) -> None:
        """The random part of this boot's epoch ids."""
        self._seed = seed

    def new_epoch(self) -> None:
        """Start counting records anew, all or nothing."""
        self._epochs += 1
        suffix = "" if self._epochs == 1 else f"-{self._epochs}"
        self.kept.new_epoch(Epoch(f"{self._seed[: 40 - len(suffix)]}{suffix}"))
        self._rewrite()

    def _shrink(self, *, hard: bool) -> None:
        kept = self.kept
        room = 0 if hard else self._journal_bytes // 4
        size = sum(len(raw) + FRAME_BYTES + 40 for seq, raw in kept.records.items() if seq > kept.acked)
        keep_from = kept.acked + 1
        for seq in sorted((seq for seq in kept.records if seq <= kept.acked), reverse=True):
            size += len(kept.records[seq]) + FRAME_BYTES + 40
            if size > room:
                break
            keep_from = seq
        dead = [seq for seq in kept.records if seq < keep_from]
        if hard:
            # The server asks for the gap and is told `lost`; nothing but a superseded reading goes.
            dead += [seq for seq in kept.superseded if seq >= keep_from]
        for seq in dead:
            kept.forget(seq)
        before = kept.file_bytes
        lines = kept.lines()
        if hard and not dead and sum(len(line) + FRAME_BYTES for line in lines) >= before:
            return
        self._rewrite(lines)

    def _rewrite(self, lines: tuple[bytes, ...] | None = None) -> None:
        lines = self.kept.lines() if lines is None else lines
        self.kept.file_bytes = sum(len(line) + FRAME_BYTES for line in lines)
        step = self._journal_bytes // 16
        self._rewrite_at = max(self._journal_bytes // 2, self.kept.file_bytes + step)
        self.out.append(Rewrite(lines))
