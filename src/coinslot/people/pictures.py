"""Pictures that people send: made anew from their pixels, so that nothing else of the file is kept.

Owns: which pictures are taken, and the one form in which they are kept.
Does not decide: what becomes of them.
Invariants: no decoder sees a file that promises more than the bounds; what comes out is a plain JPEG without
    EXIF, comments, profiles, thumbnails or anything that was before, between or behind the picture's data.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Final

from PIL import Image

from coinslot.fields import FieldError
from coinslot.people.picture_headers import PictureKind, read_header

FIELD: Final = "picture"
MAX_PICTURE_BYTES: Final = 8 * 1024 * 1024
MAX_PIXELS: Final = 40_000_000
MAX_SIDE: Final = 1600
"""Of what is kept; the letters of a card that fills the picture are 20 pixels high then."""
MIN_SIDE: Final = 300
QUALITY: Final = 85

# A progressive picture from a camera has about ten scans. A scan of nothing but blanks takes a few hundred bytes
# and a pass over every pixel, so that eight megabytes could keep a core busy for minutes.
_MAX_SCANNED_PIXELS: Final = 12 * MAX_PIXELS

# Whole sentences without figures but these: they are translated as they stand.
_NONE = "choose a picture"
_TOO_LARGE = "may be at most 8 MB; take it with a lower resolution"
_KIND = "must be a JPEG, PNG or WebP picture"
_TOO_MANY_PIXELS = "has more than 40 megapixels; take it with a lower resolution"
_TOO_SMALL = "is too small to be read: each side must be at least 300 pixels"
_TOO_NARROW = "is too narrow: its longer side may be at most five times the shorter"
_MOVES = "must be a single picture, not an animation"
_DAMAGED = "is damaged or was cut short; take it again"
REASONS: Final = (
    _NONE,
    _TOO_LARGE,
    _KIND,
    _TOO_MANY_PIXELS,
    _TOO_SMALL,
    _TOO_NARROW,
    _MOVES,
    _DAMAGED,
)
"""All that can be said of a picture, for whoever translates it."""

# What Pillow's readers end in when a file is not what its header promises.
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    MemoryError,
    NotImplementedError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112

# Its readers log every EXIF value while the level is DEBUG: where somebody lives, among others.
logging.getLogger("PIL").setLevel(logging.WARNING)

# Of their own and few: each may need 300 MB for a second, and whoever waits for another thread is not kept waiting.
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="picture")


async def clean_picture_apart(raw: bytes) -> bytes:
    """`clean_picture` in a thread; at most two at once in a process."""
    return await asyncio.get_running_loop().run_in_executor(_threads, clean_picture, raw)


def clean_picture(raw: bytes) -> bytes:
    """The picture upright as a plain JPEG of at most 1600 pixels. FieldError. Takes up to a second: use a thread."""
    kind = _check(raw)
    try:
        with Image.open(BytesIO(raw), formats=[kind.value]) as opened:
            _check_size(*opened.size)
            # A reader that can decode to an eighth, a quarter or a half is told what is enough.
            opened.draft("RGB", (MAX_SIDE, MAX_SIDE))
            opened.load()
            turn = _TURNS.get(_orientation(opened))
            pixels = _on_white(opened)
            pixels.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
        return _encoded(pixels if turn is None else pixels.transpose(turn))
    except _UNREADABLE:
        raise FieldError(FIELD, _DAMAGED) from None


def _check(raw: bytes) -> PictureKind:
    if not raw:
        raise FieldError(FIELD, _NONE)
    if len(raw) > MAX_PICTURE_BYTES:
        raise FieldError(FIELD, _TOO_LARGE)
    header = read_header(raw)
    if header is None:
        raise FieldError(FIELD, _KIND)
    if header.animated:
        raise FieldError(FIELD, _MOVES)
    _check_size(header.width, header.height)
    if header.width * header.height * header.scans > _MAX_SCANNED_PIXELS:
        raise FieldError(FIELD, _TOO_MANY_PIXELS)
    return header.kind


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise FieldError(FIELD, _TOO_MANY_PIXELS)
    if min(width, height) < MIN_SIDE:
        raise FieldError(FIELD, _TOO_SMALL)
    if max(width, height) > 5 * min(width, height):
        raise FieldError(FIELD, _TOO_NARROW)


def _orientation(opened: Image.Image) -> int:
    """How the camera was held; upright when its EXIF cannot be read, which spoils no picture."""
    try:
        return int(opened.getexif().get(_ORIENTATION, 1))
    except _UNREADABLE:
        return 1


def _on_white(opened: Image.Image) -> Image.Image:
    """Any mode as RGB: 16 bits as 8, transparent parts white."""
    if opened.mode == "RGB" and "transparency" not in opened.info:
        return opened
    if opened.mode.startswith("I"):
        # Plain conversion would cut every shade above 255 off to white.
        opened = opened.convert("I").point(lambda shade: shade * (1 / 256)).convert("L")
    if "A" in opened.getbands() or "a" in opened.getbands() or "transparency" in opened.info:
        clear = opened.convert("RGBA")
        white = Image.new("RGB", clear.size, "white")
        white.paste(clear, mask=clear.getchannel("A"))
        return white
    return opened.convert("RGB")


def _encoded(pixels: Image.Image) -> bytes:
    # A new picture: the old one still knows comments and profiles, and the encoder would write them out again.
    plain = Image.new("RGB", pixels.size)
    plain.paste(pixels)
    out = BytesIO()
    plain.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
