"""Pictures for tests: made here, good ones and bad ones."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image


def card(width: int = 640, height: int = 400, mode: str = "RGB") -> Image.Image:
    """A picture with a light upper left quarter, so that it shows which way is up."""
    picture = Image.new("L", (width, height), 40)
    picture.paste(220, (0, 0, width // 2, height // 2))
    if mode.startswith("I"):
        return picture.convert("I").point(lambda shade: shade * 256).convert(mode)
    return picture.convert(mode, dither=Image.Dither.NONE)


def encoded(picture: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    """The picture as a file."""
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def png_chunk(name: bytes, body: bytes) -> bytes:
    """One chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_header(width: int, height: int) -> bytes:
    """A PNG of two chunks that promises this size."""
    ihdr = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", ihdr) + png_chunk(b"IDAT", zlib.compress(b"\0" * 64))


def jpeg_header(width: int, height: int) -> bytes:
    """A small JPEG's bytes with another size in its frame header."""
    raw = bytearray(encoded(card()))
    at = raw.index(b"\xff\xc0")
    raw[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(raw)


def webp_header(width: int, height: int) -> bytes:
    """An extended WebP's canvas, and nothing on it."""
    body = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunk = b"VP8X" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk
