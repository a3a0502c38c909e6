"""Pictures of cards: only pixels come through, whatever else was in the file, and no file takes the server down."""

from __future__ import annotations

import asyncio
import io
import logging
import time
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from coinslot.fields import FieldError
from coinslot.people.picture_headers import read_header
from coinslot.people.pictures import (
    MAX_PICTURE_BYTES,
    MAX_SIDE,
    clean_picture,
    clean_picture_apart,
)
from tests.unit.people.pictures import card, encoded, jpeg_header, png_chunk, png_header, webp_header

CANARY = b"canary-7f3a"
SCRIPT = b"<script>alert('" + CANARY + b"')</script>"


def seen(raw: bytes) -> Image.Image:
    """What came out, which is a plain JPEG and nothing before or after it."""
    assert raw.startswith(b"\xff\xd8\xff\xe0")
    assert raw.endswith(b"\xff\xd9")
    with Image.open(io.BytesIO(raw)) as opened:
        opened.load()
        assert (opened.format, opened.mode) == ("JPEG", "RGB")
        assert set(opened.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert not opened.getexif()
        return opened.copy()


def refused(raw: bytes, why: str) -> None:
    with pytest.raises(FieldError) as error:
        clean_picture(raw)
    assert error.value.field == "picture"
    assert why in error.value.reason


def is_light(picture: Image.Image, across: float, down: float) -> bool:
    shade = picture.convert("L").getpixel((int(picture.width * across), int(picture.height * down)))
    assert isinstance(shade, int)
    return shade > 130


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        ("RGB", "JPEG"),
        ("L", "JPEG"),
        ("CMYK", "JPEG"),
        ("RGB", "PNG"),
        ("RGBA", "PNG"),
        ("LA", "PNG"),
        ("L", "PNG"),
        ("P", "PNG"),
        ("1", "PNG"),
        ("I;16", "PNG"),
        ("RGB", "WEBP"),
        ("RGBA", "WEBP"),
    ],
)
def test_every_kind_of_pixel_comes_through(mode: str, form: str) -> None:
    out = seen(clean_picture(encoded(card(mode=mode), form)))
    assert out.size == (640, 400)
    assert is_light(out, 0.25, 0.25)
    assert not is_light(out, 0.75, 0.75)


@pytest.mark.parametrize("lossless", [True, False])
def test_both_kinds_of_webp_and_progressive_jpegs_are_read(lossless: bool) -> None:
    assert seen(clean_picture(encoded(card(), "WEBP", lossless=lossless))).size == (640, 400)
    assert seen(clean_picture(encoded(card(), progressive=True))).size == (640, 400)


def test_a_large_picture_becomes_smaller_and_keeps_its_shape() -> None:
    assert seen(clean_picture(encoded(card(4000, 3000)))).size == (MAX_SIDE, 1200)
    assert seen(clean_picture(encoded(card(3000, 4000), "PNG"))).size == (1200, MAX_SIDE)


def test_transparent_parts_are_white() -> None:
    clear = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    assert is_light(seen(clean_picture(encoded(clear, "PNG"))), 0.5, 0.5)
    palette = card(400, 400, "P")
    assert seen(clean_picture(encoded(palette, "PNG", transparency=0))).size == (400, 400)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_card_held_any_way_is_upright(orientation: int, form: str) -> None:
    undone = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    taken = card()
    if orientation in undone:
        taken = taken.transpose(undone[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = seen(clean_picture(encoded(taken, form, exif=exif)))
    assert out.size == (640, 400)
    assert is_light(out, 0.25, 0.25)
    assert not is_light(out, 0.75, 0.25)
    assert not is_light(out, 0.25, 0.75)


def test_nothing_but_pixels_comes_through(caplog: pytest.LogCaptureFixture) -> None:
    exif = Image.Exif()
    exif[0x010E] = CANARY.decode()
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2], gps[29] = "N", (31.0, 14.0, 5.0), CANARY.decode()
    exif[0x8825] = gps
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + CANARY
    xmp = b"<x:xmpmeta>" + CANARY + b"</x:xmpmeta>"
    texts = PngInfo()
    texts.add_text("Comment", CANARY.decode())
    texts.add_itxt("Author", CANARY.decode(), zip=False)
    pictures = [
        encoded(card(), exif=exif, icc_profile=profile, comment=CANARY, xmp=xmp),
        encoded(card(), "PNG", exif=exif, icc_profile=profile, pnginfo=texts),
        encoded(card(), "WEBP", exif=exif, icc_profile=profile, xmp=xmp),
    ]
    caplog.set_level(logging.DEBUG)
    for raw in pictures:
        assert CANARY in raw
        out = clean_picture(raw)
        seen(out)
        assert CANARY not in out
        assert b"Exif" not in out
    assert CANARY.decode() not in caplog.text


def test_what_is_a_picture_and_something_else_too_is_only_a_picture() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("evil.js", SCRIPT)
    plain = encoded(card())
    in_the_middle = plain[:2] + b"\xff\xfe" + (len(SCRIPT) + 2).to_bytes(2, "big") + SCRIPT + plain[2:]
    png = encoded(card(), "PNG")
    for raw in (
        plain + archive.getvalue(),
        plain + SCRIPT,
        in_the_middle,
        png + archive.getvalue(),
        png[:33] + png_chunk(b"teXt", SCRIPT) + png[33:],
    ):
        out = clean_picture(raw)
        seen(out)
        assert not zipfile.is_zipfile(io.BytesIO(out))
        assert CANARY not in out
        assert b"script" not in out


@pytest.mark.parametrize(
    "raw",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg' width='400' height='400'>" + SCRIPT + b"</svg>",
        b"%PDF-1.7\n" + SCRIPT,
        b"GIF89a" + bytes(40),
        SCRIPT,
        b"\xff\xd8",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\x04\0\0\0WEBP",
        b"RIFF\xff\0\0\0WEBPVP8Z" + bytes(40),
        b"\0" * 1000,
    ],
    ids=lambda raw: repr(raw[:12]),
)
def test_what_is_no_picture_is_refused(raw: bytes) -> None:
    refused(raw, "JPEG, PNG or WebP")


@pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF", "ICO", "PPM", "TGA", "PCX"])
def test_other_formats_are_refused(form: str) -> None:
    refused(encoded(card(), form), "JPEG, PNG or WebP")


def test_the_empty_and_the_heavy_are_refused() -> None:
    refused(b"", "choose a picture")
    refused(encoded(card()) + bytes(MAX_PICTURE_BYTES), "8 MB")


@pytest.mark.parametrize(
    "raw",
    [
        png_header(50_000, 50_000),
        png_header(2**31 - 1, 2**31 - 1),
        jpeg_header(65_500, 65_500),
        webp_header(16_384, 16_384),
        webp_header(2**24, 256 * 2),
        jpeg_header(8_000, 5_001),
    ],
    ids=["png", "largest png", "jpeg", "webp", "long webp", "just too large"],
)
def test_a_small_file_that_promises_a_huge_picture_is_refused_by_its_header(raw: bytes) -> None:
    began = time.process_time()
    refused(raw, "40 megapixels")
    assert time.process_time() - began < 0.1


def test_a_later_header_does_not_hide_the_size() -> None:
    small, large = encoded(card()), jpeg_header(60_000, 60_000)
    frame = large[large.index(b"\xff\xc0") :][:19]
    refused(small[:2] + frame + small[2:], "40 megapixels")
    at = small.index(b"\xff\xda")
    refused(small[:at] + frame + small[at:], "40 megapixels")


def test_a_second_png_header_does_not_hide_the_size() -> None:
    png = encoded(card(), "PNG")
    second = png_header(50_000, 50_000)[8:33]
    refused(png[:33] + second + png[33:], "")


def test_a_picture_made_of_endless_scans_is_refused() -> None:
    raw = encoded(card(6000, 5000), progressive=True)
    last = raw.rindex(b"\xff\xda")
    scan = raw[last:-2]
    heavy = raw[:-2] + scan * 50 + raw[-2:]
    began = time.process_time()
    refused(heavy, "40 megapixels")
    assert time.process_time() - began < 1
    clean_picture(raw)


def test_small_and_narrow_pictures_are_refused() -> None:
    refused(encoded(card(1000, 299)), "300 pixels")
    refused(encoded(card(1501, 300)), "five times")
    clean_picture(encoded(card(1500, 300)))


def test_animations_are_refused() -> None:
    frames = [card(), Image.new("RGB", (640, 400), "red")]
    for form in ("PNG", "WEBP"):
        refused(
            encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=100), "single picture"
        )


def test_a_phones_picture_with_a_preview_behind_it_is_its_first_picture() -> None:
    raw = encoded(card(), "MPO", save_all=True, append_images=[Image.new("RGB", (640, 400), "white")])
    out = seen(clean_picture(raw))
    assert not is_light(out, 0.75, 0.75)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_what_was_cut_short_is_refused(form: str) -> None:
    picture = Image.effect_noise((640, 400), 80).convert("RGB")
    raw = encoded(picture, form)
    for part in (0.9, 0.5, 0.1):
        refused(raw[: int(len(raw) * part)], "damaged")


def test_a_spoiled_exif_spoils_no_picture() -> None:
    exif = b"Exif\0\0MM\0\x2a\xff\xff\xff\xff" + bytes(20)
    assert seen(clean_picture(encoded(card(), exif=exif))).size == (640, 400)


_SEEDS = [
    encoded(card(320, 300), form, **options)
    for form, options in (
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
    )
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(_SEEDS), st.data())
def test_a_spoiled_file_ends_in_a_picture_or_a_field_error(seed: bytes, data: st.DataObject) -> None:
    raw = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, min(len(raw) - 1, 700)))
        raw[at] = data.draw(st.integers(0, 255))
    read_header(bytes(raw[: data.draw(st.integers(0, 64))]))
    try:
        out = clean_picture(bytes(raw))
    except FieldError:
        return
    seen(out)


async def test_the_loop_is_not_kept_waiting() -> None:
    raw = encoded(card(4000, 3000), "PNG")
    working = [asyncio.create_task(clean_picture_apart(raw)) for _ in range(4)]
    turns = 0
    while not all(task.done() for task in working):
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10
    assert len({task.result() for task in working}) == 1
