"""Character displays with an HD44780 behind a PCF8574 on I²C: four data lines, written through /dev/i2c-*."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable

from coinslot.terminal.drivers.fronts import Hd44780Table, Rom
from coinslot.terminal.drivers.grid import wrapped
from coinslot.terminal.drivers.painter import Device

I2C_SLAVE = 0x0703
_DATA, _ENABLE, _LIGHT = 0x01, 0x04, 0x08
"""Pins of the PCF8574 on every common board: register select, enable, backlight; the data are its upper four."""
_CLEAR, _ENTRY, _ON, _MODE, _AT = 0x01, 0x06, 0x0C, 0x28, 0x80
_ROWS = {16: (0x00, 0x40, 0x10, 0x50), 20: (0x00, 0x40, 0x14, 0x54)}
CLEAR_S = 0.002
"""1.52 ms by its data sheet; every other command is over within the next byte's 90 µs on the bus."""
RESET_S = 0.005

_A00 = {"¥": 0x5C, "→": 0x7E, "←": 0x7F, "°": 0xDF, "÷": 0xFD, "Ω": 0xF4, "µ": 0xE4, "·": 0xA5, "￥": 0x5C}
_A00_LACKS = frozenset("\\~")
_A02 = {"¥": 0xA5, "￥": 0xA5, "°": 0xB0, "→": 0x1A, "←": 0x1B, "€": 0x80, "·": 0xB7}


class Hd44780:
    """The panel."""

    def __init__(
        self, table: Hd44780Table, device: Device, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._table, self._device, self._pause = table, device, pause
        self._shown: list[bytes] = []

    def prepare(self) -> None:
        """The data sheet's own way out of any state, in mid-byte too."""
        for _ in range(3):
            self._nibble(0x30)
            self._pause(RESET_S)
        self._nibble(0x20)
        for command in (_MODE, _ON, _CLEAR):
            self._send(bytes((command,)))
        self._pause(CLEAR_S)
        self._send(bytes((_ENTRY,)))
        self._shown = [b" " * self._table.columns] * self._table.rows

    def paint(self, lines: tuple[str, ...], qr: str | None) -> None:
        """From the first sign that differs to the last one, row by row."""
        columns, rows = self._table.columns, self._table.rows
        for row, text in enumerate(wrapped(lines, columns, rows)):
            wanted = signs(text, self._table.rom)[:columns].ljust(columns)
            differing = [at for at in range(columns) if wanted[at] != self._shown[row][at]]
            if not differing:
                continue
            first, last = differing[0], differing[-1]
            self._send(bytes((_AT | (_ROWS[columns][row] + first),)))
            self._send(wanted[first : last + 1], _DATA)
            self._shown[row] = wanted

    def close(self) -> None:
        """Let go of the bus; the last picture stays."""
        self._device.close()

    def _nibble(self, high: int, select: int = 0) -> None:
        self._device.write(bytes((high | _LIGHT | select | _ENABLE, high | _LIGHT | select)))

    def _send(self, data: bytes, select: int = 0) -> None:
        out = bytearray()
        for byte in data:
            for high in (byte & 0xF0, byte << 4 & 0xF0):
                out += bytes((high | _LIGHT | select | _ENABLE, high | _LIGHT | select))
        self._device.write(bytes(out))


def signs(text: str, rom: Rom) -> bytes:
    """The codes of a text; `?` for what the character set does not have, Chinese among it."""
    return bytes(_code(sign, rom) for sign in text)


def _code(sign: str, rom: Rom) -> int:
    table = _A00 if rom is Rom.A00 else _A02
    if sign in table:
        return table[sign]
    if rom is Rom.A00 and sign in _A00_LACKS:
        return ord("?")
    if " " <= sign <= "~":
        return ord(sign)
    if rom is Rom.A02 and "À" <= sign <= "ÿ":
        return ord(sign)  # its upper rows are those of Latin 1
    return ord("?")


class I2c:
    """One device on an I²C bus, opened anew after every error."""

    def __init__(self, path: str, address: int) -> None:
        self._path, self._address = path, address
        self._fd: int | None = None

    def write(self, data: bytes) -> None:
        """All of it in one transfer. OSError when the device does not acknowledge."""
        try:
            if self._fd is None:
                self._fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
                fcntl.ioctl(self._fd, I2C_SLAVE, self._address)
            os.write(self._fd, data)
        except OSError as error:
            self.close()
            raise OSError(
                error.errno, f"{self._path} address {self._address:#04x}: {error.strerror}"
            ) from None

    def close(self) -> None:
        """Let go of the bus."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)
