"""A device on an SPI bus, through /dev/spidev*."""

from __future__ import annotations

import fcntl
import os
import struct

SPI_WR_MODE, SPI_WR_SPEED = 0x40016B01, 0x40046B04
MOST_BYTES = 4096
"""What the kernel takes at once, unless told otherwise at boot."""


class Spi:
    """Opened when first written to, and anew after every error."""

    def __init__(self, path: str, speed_hz: int, mode: int = 0) -> None:
        self._path, self._speed_hz, self._mode = path, speed_hz, mode
        self._fd: int | None = None

    def write(self, data: bytes) -> None:
        """In transfers of as much as the kernel takes. OSError with the device's name."""
        try:
            if self._fd is None:
                self._fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
                fcntl.ioctl(self._fd, SPI_WR_MODE, struct.pack("B", self._mode))
                fcntl.ioctl(self._fd, SPI_WR_SPEED, struct.pack("I", self._speed_hz))
            for at in range(0, len(data), MOST_BYTES):
                os.write(self._fd, data[at : at + MOST_BYTES])
        except OSError as error:
            self.close()
            raise OSError(error.errno, f"{self._path}: {error.strerror}") from None

    def close(self) -> None:
        """Let go of the bus."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)
