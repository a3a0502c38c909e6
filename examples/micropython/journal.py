"""The journal: one line for each thing the terminal must not forget, each with its checksum, each forced to disk.

    8 hex digits of CRC-32, a space, JSON, a line feed

A last line that is cut short was being written when the power went: nothing had been done about it yet, and it is
left out. Any other bad line is damage: the good ones are kept, and the caller begins a new epoch.
"""

import binascii
import json
import os


def _frame(entry):
    text = json.dumps(entry).encode()
    return b"%08x %s\n" % (binascii.crc32(text) & 0xFFFFFFFF, text)


def _read(line):
    try:
        if int(line[:8], 16) == binascii.crc32(line[9:]) & 0xFFFFFFFF:
            return json.loads(line[9:].decode())
    except ValueError:
        pass
    return None


def _force(file):
    """Not before this returns is it on disk."""
    file.flush()
    if hasattr(os, "fsync"):
        os.fsync(file.fileno())
    elif hasattr(os, "sync"):
        os.sync()


class Journal:
    """An append-only file in a folder of its own."""

    def __init__(self, folder):
        try:
            os.mkdir(folder)
        except OSError:
            pass  # it is there
        self._path = folder + "/journal"
        self._file = None
        self.size = 0
        self.damaged = False

    def load(self):
        """Every entry, in order. Afterwards it can be written."""
        entries = []
        rest = b""
        try:
            with open(self._path, "rb") as file:
                data = file.read()
        except OSError:
            data = b""  # the first boot
        lines = data.split(b"\n")
        rest = lines.pop()
        for line in lines:
            entry = _read(line)
            if entry is None:
                self.damaged = True
            else:
                entries.append(entry)
        if rest or self.damaged:
            self.rewrite(entries)
        else:
            self._file = open(self._path, "ab")
            self.size = len(data)
        return entries

    def append(self, entry):
        """On disk when this returns; whatever it is about may be done then, and not before."""
        self.note(entry)
        _force(self._file)

    def note(self, entry):
        """On disk with the next `append`: for what may be forgotten."""
        line = _frame(entry)
        self._file.write(line)
        self.size += len(line)

    def rewrite(self, entries):
        """All of it anew, wholly or not at all."""
        if self._file is not None:
            self._file.close()
        data = b"".join([_frame(entry) for entry in entries])
        with open(self._path + ".new", "wb") as file:
            file.write(data)
            _force(file)
        os.rename(self._path + ".new", self._path)
        self._file = open(self._path, "ab")
        self.size = len(data)
