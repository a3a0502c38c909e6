"""E-paper of 2.13 inches with an SSD1680 on SPI: QR codes that stay without power. 122×250 dots, one bit each.

A full picture takes some two seconds and wears the panel, so it is drawn only when the code changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from coinslot.terminal.drivers.framebuffer import QUIET, modules
from coinslot.terminal.drivers.painter import Device

WIDTH, HEIGHT = 122, 250
ROW_BYTES = (WIDTH + 7) // 8
BUSY_S = 8.0
"""A full refresh in the cold; the data sheet has 2 s at 25 °C."""
LOOK_S = 0.01
_RESET, _GATES, _ENTRY, _X_SPAN, _Y_SPAN, _BORDER = 0x12, 0x01, 0x11, 0x44, 0x45, 0x3C
_SENSOR, _UPDATE_BY, _UPDATE, _X_AT, _Y_AT, _WRITE, _SLEEP = 0x18, 0x22, 0x20, 0x4E, 0x4F, 0x24, 0x10


class Pin(Protocol):
    """An output line: data or command, reset."""

    def set(self, *, active: bool) -> None:
        """Drive it."""

    def close(self) -> None:
        """Give it back."""


class Busy(Protocol):
    """The panel's busy line."""

    def active(self) -> bool:
        """Whether it works on something."""

    def close(self) -> None:
        """Give it back."""


class Ssd1680:
    """The panel. It shows codes alone; text goes to a character display beside it."""

    def __init__(
        self,
        device: Device,
        data: Pin,
        reset: Pin,
        busy: Busy,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._device, self._data, self._reset, self._busy = device, data, reset, busy
        self._pause = pause
        self._shown: str | None = None
        self._drawn = False

    def prepare(self) -> None:
        """Nothing while the picture stands: e-paper needs no refreshing, and each one wears it."""

    def paint(self, lines: tuple[str, ...], qr: str | None) -> None:
        """The code, or white; then the panel sleeps. OSError when it stays busy."""
        if self._drawn and qr == self._shown:
            return
        self._drawn = False
        self._wake()
        self._send(_WRITE, dots(modules(qr)))
        self._send(_UPDATE_BY, b"\xf7")
        self._send(_UPDATE)
        self._rests()
        self._send(_SLEEP, b"\x01")
        self._shown, self._drawn = qr, True

    def close(self) -> None:
        """The picture stays."""
        for part in (self._device, self._data, self._reset, self._busy):
            part.close()

    def _wake(self) -> None:
        for active in (True, False):
            self._reset.set(active=active)
            self._pause(LOOK_S)
        self._rests()
        self._send(_RESET)
        self._rests()
        last = HEIGHT - 1
        self._send(_GATES, bytes((last & 0xFF, last >> 8, 0)))
        self._send(_ENTRY, b"\x03")
        self._send(_X_SPAN, bytes((0, ROW_BYTES - 1)))
        self._send(_Y_SPAN, bytes((0, 0, last & 0xFF, last >> 8)))
        self._send(_BORDER, b"\x05")
        self._send(_SENSOR, b"\x80")
        self._send(_X_AT, b"\x00")
        self._send(_Y_AT, b"\x00\x00")
        self._rests()

    def _send(self, command: int, data: bytes = b"") -> None:
        self._data.set(active=False)
        self._device.write(bytes((command,)))
        if data:
            self._data.set(active=True)
            self._device.write(data)

    def _rests(self) -> None:
        for _ in range(round(BUSY_S / LOOK_S)):
            if not self._busy.active():
                return
            self._pause(LOOK_S)
        raise OSError(f"the e-paper has been busy for {BUSY_S:.0f} s; check its busy line and its supply")


def dots(code: Sequence[Sequence[int]]) -> bytes:
    """The picture: 1 is white, the highest bit of a byte is its leftmost dot. OSError when the code does not fit."""
    rows = [[1] * (ROW_BYTES * 8) for _ in range(HEIGHT)]
    size = len(code)
    scale = WIDTH // (size + 2 * QUIET) if size else 0
    if size and not scale:
        raise OSError(f"a code of {size} modules does not fit on {WIDTH}×{HEIGHT}")
    left, top = (WIDTH - size * scale) // 2, (HEIGHT - size * scale) // 2
    for y in range(size * scale):
        for x in range(size * scale):
            rows[top + y][left + x] = 0 if code[y // scale][x // scale] else 1
    return bytes(
        int("".join(map(str, row[at : at + 8])), 2) for row in rows for at in range(0, ROW_BYTES * 8, 8)
    )
