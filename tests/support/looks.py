"""What a page looks like, judged: accessibility, overflow, targets for thumbs, codes for cameras."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import TypedDict

import axe_playwright_python
import zxingcpp
from PIL import Image
from playwright.async_api import Page

TOUCH_PX = 44
"""Wet thumbs; WCAG 2.2 asks for 24."""
USUAL_TEXT_PX = 16
LARGE_TEXT_PX = 32
"""Twice the usual: what people with weak eyes choose in its settings."""


class _Node(TypedDict):
    html: str
    failureSummary: str


class _Violation(TypedDict):
    id: str
    impact: str
    help: str
    nodes: list[_Node]


@lru_cache(maxsize=1)
def _axe() -> str:
    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


async def axe(page: Page, *rules: str) -> list[str]:
    """Every rule that the page breaks, or of these `rules`; those of best practice too. Each place is a line.

    The script is evaluated by the debugger, which no Content-Security-Policy concerns, so the page is judged
    under its own. A page without JavaScript cannot be judged: timers do not run there.
    """
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(_axe())
    options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    found: list[_Violation] = await page.evaluate(
        "async options => (await axe.run(document, options)).violations", options
    )
    return [
        f"{one['id']} ({one['impact']}): {node['html']}: {node['failureSummary']}"
        for one in found
        for node in one["nodes"]
    ]


async def overflow(page: Page) -> list[str]:
    """What is wider than the screen, or has its text cut off: elements with how far they reach."""
    found: list[str] = await page.evaluate(_OVERFLOW)
    return found


_OVERFLOW = """() => {
  const wide = document.documentElement.clientWidth, found = [];
  const name = e => e.tagName.toLowerCase() + (e.id ? '#' + e.id : '') +
    [...e.classList].map(c => '.' + c).join('') + ' "' + (e.textContent || '').trim().slice(0, 30) + '"';
  if (document.scrollingElement.scrollWidth > wide + 1)
    found.push(`the page scrolls to ${document.scrollingElement.scrollWidth} px of ${wide}`);
  const scrolls = e => {
    for (let up = e.parentElement; up && up !== document.body; up = up.parentElement)
      if (['auto', 'scroll'].includes(getComputedStyle(up).overflowX)) return true;
    return false;
  };
  for (const e of document.body.querySelectorAll('*')) {
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    if (box.width <= 1 || box.height <= 1 || style.visibility === 'hidden' || e.closest('svg') !== null) continue;
    if ((box.right > wide + 1 || box.left < -1) && !scrolls(e))
      found.push(`${name(e)} reaches from ${Math.round(box.left)} to ${Math.round(box.right)} px`);
    if (['hidden', 'clip'].includes(style.overflowX) && e.scrollWidth > e.clientWidth + 1)
      found.push(`${name(e)} is cut at ${e.clientWidth} of ${e.scrollWidth} px`);
    if (['hidden', 'clip'].includes(style.overflowY) && e.scrollHeight > e.clientHeight + 1)
      found.push(`${name(e)} is cut at ${e.clientHeight} of ${e.scrollHeight} px of height`);
  }
  return found;
}"""


async def small_targets(page: Page, least_px: int = TOUCH_PX) -> list[str]:
    """Whatever can be tapped and is smaller than a thumb wants; links within a sentence may be."""
    found: list[str] = await page.evaluate(_SMALL_TARGETS, least_px)
    return found


_SMALL_TARGETS = """least => {
  const found = [];
  for (const e of document.querySelectorAll('a[href], button, input, select, textarea, summary, [role=button]')) {
    if (e.type === 'hidden' || !e.checkVisibility({opacityProperty: false, visibilityProperty: true})) continue;
    const style = getComputedStyle(e), parent = e.parentElement;
    const sentence = style.display === 'inline' && parent !== null &&
      [...parent.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.textContent.trim() !== '');
    if (e.tagName === 'A' && sentence) continue;
    const boxes = [e, ...(e.labels || [])].map(one => one.getBoundingClientRect());
    const width = Math.max(...boxes.map(b => b.width)), height = Math.max(...boxes.map(b => b.height));
    if (width < least - .5 || height < least - .5)
      found.push(`${e.tagName.toLowerCase()} "${(e.textContent || e.name || '').trim().slice(0, 30)}" is ` +
                 `${Math.round(width)} × ${Math.round(height)} px`);
  }
  return found;
}"""


@asynccontextmanager
async def enlarged_text(page: Page) -> AsyncIterator[None]:
    """All text twice as large, as by the browser's own setting. AssertionError where the page does not follow it."""
    measure = """() => parseFloat(getComputedStyle(
        document.querySelector('main p') ?? document.querySelector('main')).fontSize)"""
    before = await page.evaluate(measure)
    session = await page.context.new_cdp_session(page)
    await session.send("Page.setFontSizes", {"fontSizes": {"standard": LARGE_TEXT_PX, "fixed": 26}})
    after = await page.evaluate(measure)
    assert after == 2 * before, f"text of {before} px is {after} px where twice as large is asked for"
    try:
        yield
    finally:
        await session.send("Page.setFontSizes", {"fontSizes": {"standard": USUAL_TEXT_PX, "fixed": 13}})
        await session.detach()


async def faults(page: Page, widths: Sequence[int] = (280, 320, 390)) -> list[str]:
    """Everything the checks here find, in light and dark, on screens so wide, and with text twice as large."""
    found = await axe(page)
    await page.emulate_media(color_scheme="dark")
    found += [f"dark: {one}" for one in await axe(page, "color-contrast")]
    await page.emulate_media(color_scheme="light")
    found += await small_targets(page)
    size = page.viewport_size
    assert size is not None
    for width in widths:
        await page.set_viewport_size({"width": width, "height": size["height"]})
        found += [f"at {width} px: {one}" for one in await overflow(page)]
    async with enlarged_text(page):
        found += [f"at {widths[-1]} px with text twice as large: {one}" for one in await overflow(page)]
    await page.set_viewport_size(size)
    return found


def scan(picture: bytes) -> list[str]:
    """What a camera reads from the QR codes in a PNG, from the top down."""
    with Image.open(io.BytesIO(picture)) as image:
        found = zxingcpp.read_barcodes(image.convert("L"), formats=zxingcpp.BarcodeFormat.QRCode)
    return [
        one.text for one in sorted(found, key=lambda one: (one.position.top_left.y, one.position.top_left.x))
    ]
