"""What a picture says of itself in its first bytes, read before any decoder sees it.

A decoder makes room for what the header promises: a file of fifty bytes can ask for gigabytes, and a
progressive JPEG of a few megabytes for minutes. Pure.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple


class PictureKind(StrEnum):
    """The formats that are taken, as the decoder names them."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WEBP"


class Header(NamedTuple):
    """Size and effort."""

    kind: PictureKind
    width: int
    height: int
    scans: int = 1
    """How often a decoder goes over the whole picture."""
    animated: bool = False


_JPEG_START: Final = b"\xff\xd8\xff"
_PNG_START: Final = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
_SOS, _EOI = 0xDA, 0xD9
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15 without DHT, JPG and DAC
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length: TEM, RST0 to RST7, SOI
_next_marker = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")


def read_header(raw: bytes) -> Header | None:
    """What the first bytes promise; None when it is no JPEG, PNG or WebP, or promises no size."""
    if raw.startswith(_JPEG_START):
        return _jpeg(raw)
    if raw.startswith(_PNG_START) and len(raw) >= 24:
        width, height = (int.from_bytes(raw[at : at + 4], "big") for at in (16, 20))
        return Header(PictureKind.PNG, width, height, animated=_animated_png(raw))
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP" and len(raw) >= 30:
        return _webp(raw)
    return None


def _jpeg(raw: bytes) -> Header | None:
    """Walks the segments up to the end of the first picture, as libjpeg does: junk between them is passed over."""
    width = height = scans = 0
    found = _next_marker.search(raw, 2)
    while found is not None:
        marker, at = found[1][0], found.end()
        if marker == _EOI:
            break
        if marker not in _BARE:
            length = int.from_bytes(raw[at : at + 2], "big")
            if marker in _SIZES:
                height = max(height, int.from_bytes(raw[at + 3 : at + 5], "big"))
                width = max(width, int.from_bytes(raw[at + 5 : at + 7], "big"))
            scans += marker == _SOS
            at += max(length, 2)
        # After a scan's header come its data, in which no marker but RST occurs; else the next one is here.
        found = _next_marker.search(raw, at)
    return Header(PictureKind.JPEG, width, height, max(scans, 1)) if width and height else None


def _animated_png(raw: bytes) -> bool:
    """Whether a chunk before the picture's data announces frames."""
    at = 8
    while at + 8 <= len(raw):
        name = raw[at + 4 : at + 8]
        if name in (b"acTL", b"IDAT", b"IEND"):
            return name == b"acTL"
        at += 12 + int.from_bytes(raw[at : at + 4], "big")
    return False


def _webp(raw: bytes) -> Header | None:
    match raw[12:16]:
        case b"VP8X":
            width, height = (1 + int.from_bytes(raw[at : at + 3], "little") for at in (24, 27))
            return Header(PictureKind.WEBP, width, height, animated=bool(raw[20] & 0x02))
        case b"VP8 " if raw[23:26] == b"\x9d\x01\x2a":
            width, height = (int.from_bytes(raw[at : at + 2], "little") & 0x3FFF for at in (26, 28))
            return Header(PictureKind.WEBP, width, height)
        case b"VP8L" if raw[20] == 0x2F:
            bits = int.from_bytes(raw[21:25], "little")
            return Header(PictureKind.WEBP, 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
        case _:
            return None
