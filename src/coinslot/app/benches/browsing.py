"""A page in a real browser on a weak network, where there is a browser and what drives it."""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import TYPE_CHECKING, Self

from msgspec import Struct

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Request

KBIT_S = 400
LATENCY_MS = 400


class NoBrowser(Exception):
    """There is none here, and why."""


class Load(Struct, frozen=True):
    """One load of a page by somebody who has never been here."""

    requests: int
    interactive_s: float
    """From the tap on the link to the end of the page's scripts."""


class Browsing:
    """`with Browsing(program)`: a browser, ended after the block. NoBrowser where there is none."""

    def __init__(self, program: str | None) -> None:
        self._program = program
        self._ending = contextlib.ExitStack()
        self._browser: Browser

    def __enter__(self) -> Self:
        if self._program is None:
            raise NoBrowser("no browser (COINSLOT_CHROMIUM names one)")
        try:
            from playwright.sync_api import sync_playwright
        except ImportError:
            raise NoBrowser("playwright is not installed") from None
        playwright = self._ending.enter_context(sync_playwright())
        try:
            self._browser = playwright.chromium.launch(
                executable_path=self._program,
                args=["--disable-gpu", "--disable-quic"],
                chromium_sandbox=False,
            )
        except BaseException:
            self._ending.close()
            raise
        self._ending.callback(self._browser.close)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.close()

    def load(self, url: str) -> Load:
        """Open it on a phone that holds nothing of it yet."""
        context = self._browser.new_context(
            viewport={"width": 390, "height": 780}, is_mobile=True, locale="zh-CN"
        )
        with contextlib.closing(context):
            page = context.new_page()
            asked: list[str] = []

            def note(request: Request) -> None:
                if request.url.startswith("http"):
                    asked.append(request.url)

            page.on("request", note)
            session = context.new_cdp_session(page)
            session.send("Network.enable")
            bytes_s = KBIT_S * 1000 / 8
            session.send(
                "Network.emulateNetworkConditions",
                {
                    "offline": False,
                    "latency": LATENCY_MS,
                    "downloadThroughput": bytes_s,
                    "uploadThroughput": bytes_s,
                },
            )
            page.goto(url, wait_until="networkidle")
            ready_ms = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
        return Load(requests=len(asked), interactive_s=ready_ms / 1000)
