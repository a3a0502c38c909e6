"""The journal: lines in one append-only file, each with its length and checksum, each forced to disk.

A line is `llllllll cccccccc text\\n`: length of the text and its CRC-32, in hex. The text is JSON and holds
no line feed, so a reader finds its way again after any bad line. An incomplete last line is a write that
the power cut short: it was never relied upon and is cut off. Any other bad line is damage: the file is
copied aside, the good lines are kept, and the core begins a new epoch.
"""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path
from typing import Protocol

from msgspec import Struct

_HEAD = re.compile(rb"([0-9a-f]{8}) ([0-9a-f]{8}) ")
_HEAD_BYTES = 18


class JournalError(OSError):
    """The journal could not be written; nothing after the failed line may be acted upon."""


class Opened(Struct, frozen=True):
    """What a journal held when it was opened."""

    lines: tuple[bytes, ...]
    damaged: bool = False
    torn_bytes: int = 0


class Journal(Protocol):
    """Durable lines, in order."""

    def open(self) -> Opened:
        """Read everything and make ready to append. JournalError when that is impossible."""

    def append(self, line: bytes) -> None:
        """Add one line; when this returns, it is on disk. JournalError when it is not."""

    def note(self, line: bytes) -> None:
        """Add one line; the next `append` puts it on disk."""

    def rewrite(self, lines: tuple[bytes, ...]) -> None:
        """Replace everything, all or nothing, durably."""

    def close(self) -> None:
        """Let go of the file."""


def frame(line: bytes) -> bytes:
    """A line as it stands in the file."""
    return b"%08x %08x %s\n" % (len(line), zlib.crc32(line), line)


def parse(data: bytes) -> tuple[Opened, int]:
    """(what the bytes hold, how many of them to keep): pure, and safe on any bytes."""
    lines: list[bytes] = []
    damaged = False
    at = 0
    while at < len(data):
        end = data.find(b"\n", at)
        text = _text(data[at:] if end < 0 else data[at:end])
        if text is not None and end >= 0:
            lines.append(text)
            at = end + 1
            continue
        if end < 0 and _is_torn(data[at:]):
            return Opened(tuple(lines), damaged, len(data) - at), at
        damaged = True
        at = len(data) if end < 0 else end + 1
    return Opened(tuple(lines), damaged), len(data)


def _text(framed: bytes) -> bytes | None:
    head = _HEAD.match(framed)
    if head is None:
        return None
    text = framed[_HEAD_BYTES:]
    right = len(text) == int(head[1], 16) and zlib.crc32(text) == int(head[2], 16)
    return text if right else None


def _is_torn(tail: bytes) -> bool:
    """Whether a tail without its line feed is the beginning of a good line, or room never filled.

    A file may have its full length before its bytes: what was not written then reads as zeros.
    """
    tail = tail.rstrip(b"\0")
    if not tail:
        return True
    if len(tail) < _HEAD_BYTES:
        return all(byte in b"0123456789abcdef " for byte in tail)
    head = _HEAD.match(tail)
    return head is not None and len(tail) - _HEAD_BYTES <= int(head[1], 16)


class FileJournal:
    """The journal in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / "journal"
        self._fd = -1

    def open(self) -> Opened:
        try:
            return self._open()
        except OSError as error:
            text = f"cannot open the journal {self._path}: {error.strerror}"
            raise JournalError(error.errno, text) from error

    def append(self, line: bytes) -> None:
        self._write(line)
        try:
            os.fsync(self._fd)
        except OSError as error:
            self._fail(error)

    def note(self, line: bytes) -> None:
        self._write(line)

    def rewrite(self, lines: tuple[bytes, ...]) -> None:
        temporary = self._path.with_suffix(".new")
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
            try:
                _write_all(fd, b"".join(map(frame, lines)))
                os.fsync(fd)
                os.replace(temporary, self._path)
                self._sync_directory()
            except OSError:
                os.close(fd)
                raise
        except OSError as error:
            self._fail(error)
        self.close()
        self._fd = fd

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> Opened:
        self.close()
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path.with_suffix(".new").unlink(missing_ok=True)
        fresh = not self._path.exists()
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        if fresh:
            self._sync_directory()
        data = self._path.read_bytes()
        opened, keep = parse(data)
        if opened.damaged:
            self._quarantine(data)
        if keep < len(data):
            os.ftruncate(self._fd, keep)
        os.fsync(self._fd)
        return opened

    def _quarantine(self, data: bytes) -> None:
        """Keep the damaged bytes for whoever looks into it; the newest eight copies stay."""
        names = sorted(self._directory.glob("journal.damaged-*"))
        number = int(names[-1].name.rpartition("-")[2]) + 1 if names else 1
        copy = self._directory / f"journal.damaged-{number:06d}"
        fd = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _write_all(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        for name in names[:-7]:
            name.unlink(missing_ok=True)
        self._sync_directory()

    def _write(self, line: bytes) -> None:
        if self._fd < 0:
            raise JournalError(0, "the journal is not open")
        try:
            _write_all(self._fd, frame(line))
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        # After a failed write or fsync nobody knows what is on disk: only reading it again tells.
        self.close()
        raise JournalError(error.errno, f"cannot write the journal {self._path}: {error.strerror}") from error

    def _sync_directory(self) -> None:
        fd = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
