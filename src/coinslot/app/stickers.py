"""Stickers for appliances: the signed QR, and beside it what a customer checks it against."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import segno
from msgspec import Struct

from coinslot.access import stickers
from coinslot.keyring import Keyring

_WIDTH_MM: Final = 70
_HEIGHT_MM: Final = 100
_QR_MM: Final = 54
_QUIET_MODULES: Final = 4
_FONTS: Final = "'PingFang SC','Noto Sans CJK SC','Microsoft YaHei',system-ui,sans-serif"


class Sticker(Struct, frozen=True, kw_only=True):
    """What is printed."""

    url: str
    name: str
    site: str
    code: str
    help_phone: str

    @property
    def domain(self) -> str:
        """The address the page must show: a pasted-over sticker leads elsewhere."""
        return urlsplit(self.url).netloc


def appliance_url(keyring: Keyring, public_url: str, code: str) -> str:
    """Where an appliance's QR leads."""
    return f"{public_url}/m/{stickers.sign(keyring, code)}"


def draw(sticker: Sticker) -> str:
    """An SVG of 70 × 100 mm, ready for a printer; error correction Q stands a quarter of the code worn off."""
    code = segno.make(sticker.url, error="q", boost_error=False, micro=False)
    modules = code.symbol_size(scale=1, border=_QUIET_MODULES)[0]
    left = (_WIDTH_MM - _QR_MM) / 2
    path = "".join(
        f"M{x} {y}h1v1h-1z"
        for y, line in enumerate(code.matrix_iter(scale=1, border=_QUIET_MODULES))
        for x, dark in enumerate(line)
        if dark
    )
    lines = [
        _text(sticker.name, 9, 5.2, bold=True),
        _text(sticker.site, 14.5, 3.6),
        f'<g transform="translate({left} 17) scale({_QR_MM / modules:.6f})"><path d="{path}"/></g>',
        _text("扫码使用 · Scan to use", 76.5, 4.4, bold=True),
        _text(sticker.domain, 82, 3.4),
        _text(sticker.code, 87.5, 3.4),
    ]
    if sticker.help_phone:
        lines.append(_text(f"☎ {sticker.help_phone}", 94, 3.8))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH_MM}mm" height="{_HEIGHT_MM}mm"'
        f' viewBox="0 0 {_WIDTH_MM} {_HEIGHT_MM}" shape-rendering="crispEdges">'
        f'<rect width="{_WIDTH_MM}" height="{_HEIGHT_MM}" fill="#fff"/>' + "".join(lines) + "</svg>\n"
    )


def _text(text: str, y: float, size: float, *, bold: bool = False) -> str:
    # Long names are set narrower rather than cut: 70 mm less the margins hold about 62 / (size / 2) characters.
    wide = sum(2 if ord(character) > 0x2E7F else 1 for character in text) * size * 0.55
    fit = f' textLength="{_WIDTH_MM - 8}" lengthAdjust="spacingAndGlyphs"' if wide > _WIDTH_MM - 8 else ""
    weight = ' font-weight="700"' if bold else ""
    return (
        f'<text x="{_WIDTH_MM / 2}" y="{y}" font-size="{size}" text-anchor="middle" fill="#12201c"'
        f' font-family="{_FONTS}"{weight}{fit}>{escape(text)}</text>'
    )
