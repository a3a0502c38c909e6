"""A journal on a disk that a simulator can cut the power of, tear and fill."""

from __future__ import annotations

from coinslot.terminal.journal import JournalError, Opened, frame, parse


class MemoryJournal:
    """The same lines and frames as the file's; what was not forced to disk is lost by `crash`."""

    def __init__(self, data: bytes = b"", room: int | None = None) -> None:
        self.durable = bytearray(data)
        """What survives a loss of power."""
        self.cached = bytearray()
        """Written, not yet forced."""
        self.room = room
        """Bytes the disk holds; None for no end."""
        self.appends = 0

    def open(self) -> Opened:
        opened, keep = parse(bytes(self.durable + self.cached))
        self.durable = (self.durable + self.cached)[:keep]
        self.cached = bytearray()
        return opened

    def append(self, line: bytes) -> None:
        self.note(line)
        self.durable += self.cached
        self.cached = bytearray()
        self.appends += 1

    def note(self, line: bytes) -> None:
        framed = frame(line)
        if self.room is not None and len(self.durable) + len(self.cached) + len(framed) > self.room:
            raise JournalError(28, "no space left on the simulated disk")
        self.cached += framed

    def rewrite(self, lines: tuple[bytes, ...]) -> None:
        self.durable = bytearray(b"".join(map(frame, lines)))
        self.cached = bytearray()

    def close(self) -> None:
        """Nothing to let go of."""

    def crash(self, keep_bytes: int = 0) -> None:
        """Lose the power: of what was not forced, only the first `keep_bytes` reached the disk."""
        self.durable += self.cached[:keep_bytes]
        self.cached = bytearray()
