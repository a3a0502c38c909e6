"""QR codes on a Linux framebuffer: black on white, as large as fits, for phones at arm's length."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Sequence

from msgspec import Struct

FBIOGET_VSCREENINFO, FBIOGET_FSCREENINFO = 0x4600, 0x4602
VAR_BYTES = 160
QUIET = 4
"""White modules around the code, by ISO/IEC 18004."""
_FIX = struct.Struct("@16sLIIIIHHHI")
"""fb_fix_screeninfo as far as the bytes of a line, which are its last field here."""
_FIX_BYTES = 256


class Geometry(Struct, frozen=True, kw_only=True):
    """What there is to write on."""

    width: int
    height: int
    bits: int
    """Of each pixel: 16 or 32."""
    line_bytes: int
    """From one line to the next; at least width × bits ÷ 8."""

    @property
    def pixel_bytes(self) -> int:
        """Of each pixel."""
        return self.bits // 8


def geometry(variable: bytes, fixed: bytes) -> Geometry:
    """From the kernel's two structures. OSError for a picture that is not 16 or 32 bits deep, or makes no sense."""
    width, height, _, _, _, _, bits = struct.unpack_from("@7I", variable)
    line_bytes = _FIX.unpack_from(fixed)[-1]
    if bits not in (16, 32):
        raise OSError(f"a framebuffer of {bits} bits per pixel is not supported; set it to 16 or 32")
    if not width or not height or line_bytes < width * bits // 8:
        raise OSError(f"a framebuffer of {width}×{height} with lines of {line_bytes} bytes")
    return Geometry(width=width, height=height, bits=bits, line_bytes=line_bytes)


def asked(fd: int) -> Geometry:
    """Ask the kernel. OSError when this is no framebuffer."""
    variable = fcntl.ioctl(fd, FBIOGET_VSCREENINFO, bytes(VAR_BYTES))
    return geometry(variable, fcntl.ioctl(fd, FBIOGET_FSCREENINFO, bytes(_FIX_BYTES)))


def picture(modules: Sequence[Sequence[int]], shape: Geometry) -> bytes:
    """All bytes of the picture: white, the code in the middle, every module a square of whole pixels. OSError when
    it does not fit even with one pixel each. 0 and all ones are black and white at any depth and colour order."""
    white = b"\xff" * shape.pixel_bytes
    blank = (white * shape.width).ljust(shape.line_bytes, b"\x00")
    size = len(modules)
    scale = min(shape.width, shape.height) // (size + 2 * QUIET) if size else 0
    if not size:
        return blank * shape.height
    if not scale:
        raise OSError(f"a code of {size} modules does not fit on {shape.width}×{shape.height}")
    left, top = (shape.width - size * scale) // 2, (shape.height - size * scale) // 2
    black = bytes(shape.pixel_bytes)
    out = bytearray(blank * top)
    for row in modules:
        dots = b"".join((black if dark else white) * scale for dark in row)
        right = shape.width - left - size * scale
        out += (white * left + dots + white * right).ljust(shape.line_bytes, b"\x00") * scale
    return bytes(out + blank * (shape.height - top - size * scale))


class Framebuffer:
    """The panel. It shows codes alone; text goes to a character display beside it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd: int | None = None
        self._memory: mmap.mmap | None = None
        self._shape: Geometry | None = None
        self._shown: str | None = None

    def prepare(self) -> None:
        """Ask for its shape, and blank it."""
        self.close()
        self._fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        self.draw_on(self._fd, asked(self._fd))

    def draw_on(self, fd: int, shape: Geometry) -> None:
        """Draw on this file, which has this shape."""
        self._shape = shape
        self._memory = mmap.mmap(fd, shape.line_bytes * shape.height)
        self._put(None)

    def paint(self, lines: tuple[str, ...], qr: str | None) -> None:
        """The code, or white."""
        if qr != self._shown:
            self._put(qr)

    def close(self) -> None:
        """Let go of it."""
        memory, self._memory = self._memory, None
        fd, self._fd = self._fd, None
        if memory is not None:
            memory.close()
        if fd is not None:
            os.close(fd)

    def _put(self, qr: str | None) -> None:
        if self._memory is None or self._shape is None:
            raise OSError(f"{self._path} is not open")
        self._memory[:] = picture(modules(qr), self._shape)
        self._shown = qr


def modules(text: str | None) -> Sequence[Sequence[int]]:
    """The dark and light modules of a text's code; none of no text."""
    if text is None:
        return ()
    import segno

    return segno.make(text, error="m", micro=False).matrix
