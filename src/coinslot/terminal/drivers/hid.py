"""A keypad that is a keyboard to the board: /dev/input/event*, read without a library."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import struct

from coinslot.terminal.drivers.fronts import HidTable
from coinslot.terminal.drivers.keys import Tell, pressed

log = logging.getLogger(__name__)

EVENT = struct.Struct("llHHi")
"""The kernel's struct input_event: two longs of time, type, code, value."""
EV_KEY, DOWN = 1, 1
EVIOCGRAB = 0x40044590
"""Ours alone: what is typed must not reach a console's login."""
AGAIN_S = 1.0
READ = 64 * EVENT.size

KEYS = {
    **{code: str(digit) for digit, code in zip((1, 2, 3, 4, 5, 6, 7, 8, 9, 0), range(2, 12), strict=True)},
    82: "0", 79: "1", 80: "2", 81: "3", 75: "4", 76: "5", 77: "6", 71: "7", 72: "8", 73: "9",
    28: "#", 96: "#", 14: "*", 55: "*", 1: "*",
}  # fmt: skip
"""Key codes of the upper row and of the numeric block; both Enters confirm, Backspace, Esc and * clear."""


class HidKeypad:
    """One keypad. Pulled out it is silent, put back it is heard again."""

    def __init__(self, table: HidTable, outlet: int) -> None:
        self._path, self._outlet = table.device, outlet
        self._keys = KEYS | {int(code): key for code, key in table.keys.items()}
        self._fd: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tell: Tell | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._told = False

    @property
    def present(self) -> bool:
        """Whether it is plugged in and ours."""
        return self._fd is not None

    def start(self, tell: Tell) -> None:
        """Tell of keys from now on, on the running loop's thread."""
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._attach()

    def close(self) -> None:
        """Let go of it."""
        if self._timer is not None:
            self._timer.cancel()
        self._detach()

    def _attach(self) -> None:
        if self._loop is None:
            return
        try:
            self._fd = _open(self._path)
        except OSError as error:
            if not self._told:  # once for each absence
                log.warning("the keypad of outlet %d is not there: %s", self._outlet, error)
            self._told = True
            self._timer = self._loop.call_later(AGAIN_S, self._attach)
            return
        self._told = False
        self._loop.add_reader(self._fd, self._readable)

    def _detach(self) -> None:
        fd, self._fd = self._fd, None
        if fd is None:
            return
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(fd)
        os.close(fd)

    def _readable(self) -> None:
        if self._fd is None or self._tell is None:
            return
        try:
            raw = os.read(self._fd, READ)
            if not raw:
                raise OSError("its file has ended")
        except BlockingIOError:
            return
        except OSError as error:
            log.warning("the keypad of outlet %d is gone: %s", self._outlet, error)
            self._told = True
            self._detach()
            if self._loop is not None:
                self._timer = self._loop.call_later(AGAIN_S, self._attach)
            return
        for at in range(0, len(raw) - EVENT.size + 1, EVENT.size):
            _, _, kind, code, value = EVENT.unpack_from(raw, at)
            # A held key repeats with value 2: one press is one digit.
            if kind == EV_KEY and value == DOWN and code in self._keys:
                self._tell(pressed(self._outlet, self._keys[code]))


def _open(path: str) -> int:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, EVIOCGRAB, 1)
    except OSError as error:
        if error.errno not in _NO_DEVICE:
            os.close(fd)
            raise
    return fd


_NO_DEVICE = frozenset({22, 25})
"""EINVAL, ENOTTY: a pipe or file that plays the device has nobody to share it with."""
