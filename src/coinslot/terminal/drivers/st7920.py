"""Displays of 128×64 dots with an ST7920 and its GB 2312 font, written serially through /dev/spidev*."""

from __future__ import annotations

import time
from collections.abc import Callable

from coinslot.terminal.drivers.grid import width, wrapped
from coinslot.terminal.drivers.painter import Device

COLUMNS, ROWS = 16, 4
_AT = (0x80, 0x90, 0x88, 0x98)
"""Where each line begins in the display's memory."""
_COMMAND, _DATA = 0xF8, 0xFA
_BASIC, _ON, _CLEAR, _ENTRY = 0x30, 0x0C, 0x01, 0x06
CLEAR_S = 0.003
"""1.6 ms by its data sheet at 540 kHz; its oscillator may be slower."""

SPI_MODE = 0x03 | 0x04
"""Mode 3, and its select line is active high."""


class St7920:
    """The panel."""

    def __init__(self, device: Device, pause: Callable[[float], None] = time.sleep) -> None:
        self._device, self._pause = device, pause
        self._shown: list[bytes] = []

    def prepare(self) -> None:
        """As after power-on."""
        for command in (_BASIC, _BASIC, _ON, _CLEAR):
            self._send(_COMMAND, bytes((command,)))
        self._pause(CLEAR_S)
        self._send(_COMMAND, bytes((_ENTRY,)))
        self._shown = [b" " * COLUMNS] * ROWS

    def paint(self, lines: tuple[str, ...], qr: str | None) -> None:
        """Whole cells of two columns, from the first that differs to the last."""
        for row, text in enumerate(wrapped(lines, COLUMNS, ROWS)):
            wanted = cells(text)
            differing = [
                at for at in range(0, COLUMNS, 2) if wanted[at : at + 2] != self._shown[row][at : at + 2]
            ]
            if not differing:
                continue
            first, last = differing[0], differing[-1]
            self._send(_COMMAND, bytes((_AT[row] + first // 2,)))
            self._send(_DATA, wanted[first : last + 2])
            self._shown[row] = wanted

    def close(self) -> None:
        """Let go of the bus; the last picture stays."""
        self._device.close()

    def _send(self, kind: int, data: bytes) -> None:
        out = bytearray()
        for byte in data:
            out += bytes((kind, byte & 0xF0, byte << 4 & 0xF0))
        self._device.write(bytes(out))


def cells(text: str) -> bytes:
    """One line's codes. A Chinese character fills one cell of two columns, so a space goes before one that would
    begin in a cell's middle; `?` for what the font does not have."""
    out = b""
    for sign in text:
        if width(sign) == 2:
            out += b" " * (len(out) % 2)
            out += _chinese(sign)
        elif sign.isascii() and sign.isprintable():
            out += sign.encode()
        elif sign in "¥￥":
            out += b"Y"
        else:
            out += b"?" * width(sign)
    out = out[:COLUMNS]
    # A character that was cut in two is no character.
    return (out[:-1] if len(out) == COLUMNS and _halved(out) else out).ljust(COLUMNS)


def _chinese(sign: str) -> bytes:
    try:
        code = sign.encode("gb2312")
    except UnicodeEncodeError:
        return b"??"
    return code if len(code) == 2 else code + b" "


def _halved(line: bytes) -> bool:
    at = 0
    while at < len(line):
        at += 2 if line[at] >= 0xA1 else 1
    return at > len(line)
