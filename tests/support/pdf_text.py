"""The words of a PDF that fpdf2 wrote, page by page: enough of the format for that, and no more."""

from __future__ import annotations

import re
import zlib

_OBJECT = re.compile(rb"(?<![0-9])(\d+) 0 obj\n(.*?)endobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_SHOWN = re.compile(rb"\((?P<text>(?:\\.|[^\\()])*)\) ?Tj", re.DOTALL)
_PAIR = re.compile(rb"<([0-9A-Fa-f]{4})> ?<([0-9A-Fa-f]{4,})>")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def pages_of(pdf: bytes) -> list[list[str]]:
    """Each page's texts in their order."""
    streams = [
        (body, _unpacked(found[1]))
        for _, body in _OBJECT.findall(pdf)
        if (found := _STREAM.search(body)) is not None
    ]
    letters: dict[int, str] = {}
    for _, data in streams:
        if b"beginbfchar" in data:
            letters |= {
                int(code, 16): bytes.fromhex(sign.decode()).decode("utf-16-be")
                for code, sign in _PAIR.findall(data)
            }
    return [
        [_text(shown["text"], letters) for shown in _SHOWN.finditer(data)]
        for _, data in streams
        if b"Tj" in data and b" Tf" in data
    ]


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error:
        return data


def _text(raw: bytes, letters: dict[int, str]) -> str:
    raw = _ESCAPED.sub(lambda match: _PLAIN.get(match[1], match[1]), raw)
    codes = [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]
    return "".join(letters.get(code, "?") for code in codes)
