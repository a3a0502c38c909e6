"""Chromium for tests of pages: one per worker, a context of its own for each visitor, and no word to the outside.

The browser is Debian's, or the one that COINSLOT_CHROMIUM names; nothing is ever fetched. It is a child of
Playwright's driver, which ends it when our end of its pipe closes: so it is gone however the worker ends.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeAlias
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    async_playwright,
    expect,
)

Speech: TypeAlias = Literal["zh", "en"]

LOCALES: dict[Speech, str] = {"zh": "zh-CN", "en": "en-US"}
PATIENCE_MS = 10_000
"""Two cores are shared by several browsers, engines and servers."""
SWITCHES = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    # Whatever asks for another host finds none, so that nothing leaves even where a check fails to see it.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
expect.set_options(timeout=PATIENCE_MS)
_INSIDE = ("data", "blob", "about")
_STATUS = re.compile(r"the server responded with a status of (\d+)")


def browser_path() -> Path:
    """The program. AssertionError that says what to do where there is none."""
    path = Path(os.environ.get("COINSLOT_CHROMIUM", "/usr/bin/chromium"))
    found = shutil.which(path)
    assert found is not None, f"no browser at {path}: run sh tools/browser, or set COINSLOT_CHROMIUM"
    return Path(found)


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """A browser with a new profile, ended after the block."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=browser_path(), args=list(SWITCHES), headless=True, chromium_sandbox=False
        )
        try:
            yield browser
        finally:
            await browser.close()


@dataclass(frozen=True, kw_only=True)
class Phone:
    """What a visitor holds, and how it is set."""

    language: Speech = "zh"
    width: int = 390
    height: int = 780
    dark: bool = False
    javascript: bool = True
    desktop: bool = False
    """No phone at all: a mouse and no touch."""
    agent: str = ""
    """What the browser says it is; empty: what it is."""


@dataclass
class Watch:
    """Everything that must not happen in a context, in words; `forgiven` are patterns of what the test provokes."""

    origin: str
    faults: list[str] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    """Every URL that was asked for over the network, in order."""

    def attach(self, context: BrowserContext) -> None:
        """Listen to every page of the context, also to those that it opens by itself."""
        context.on("request", self._requested)
        context.on("console", self._said)
        context.on("weberror", lambda error: self._note(f"error in the page: {error.error}"))

    def _requested(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in _INSIDE:
            return
        self.requests.append(request.url)
        if f"{parts.scheme}://{parts.netloc}" != self.origin:
            self._note(f"request to elsewhere: {request.url}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self._note(f"console {message.type}: {message.text}")

    def _note(self, fault: str) -> None:
        if not any(re.search(pattern, fault) for pattern in self.forgiven):
            self.faults.append(fault)


class Visitor:
    """Somebody with a browser of their own (cookies, language, screen): `async with Visitor(...)`.

    After the block it is an AssertionError if a page asked another host for anything, or complained.
    """

    def __init__(self, browser: Browser, origin: str, phone: Phone) -> None:
        self._browser = browser
        self.origin = origin
        self.phone = phone
        self.watch = Watch(origin)
        self.context: BrowserContext
        self.page: Page

    async def __aenter__(self) -> Self:
        phone = self.phone
        self.context = await self._browser.new_context(
            base_url=self.origin,
            locale=LOCALES[phone.language],
            timezone_id="Asia/Shanghai",
            viewport={"width": phone.width, "height": phone.height},
            color_scheme="dark" if phone.dark else "light",
            java_script_enabled=phone.javascript,
            is_mobile=not phone.desktop,
            has_touch=not phone.desktop,
            device_scale_factor=1 if phone.desktop else 2,
            reduced_motion="reduce",
            user_agent=phone.agent or None,
            service_workers="block",
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.watch.attach(self.context)
        self.page = await self.context.new_page()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.context.close()
        if error is None:
            assert not self.watch.faults, "\n".join(self.watch.faults)

    def forgive(self, *patterns: str) -> None:
        """Do not take these complaints for faults from now on: the test provokes them."""
        self.watch.forgiven += patterns

    async def holds(self, token: str) -> None:
        """Have the browser's cookie hold this token, as after a login."""
        await self.context.add_cookies([{"name": "cs", "value": token, "url": self.origin, "httpOnly": True}])

    async def opens(self, path: str, *, status: int = 200) -> Page:
        """Go there. AssertionError when the answer has another status."""
        if status >= 400:
            self.forgive(rf"status of {status}")
        answer = await self.page.goto(path)
        assert answer is not None
        assert answer.status == status, f"{path} answered {answer.status}"
        return self.page

    async def another_tab(self) -> Page:
        """A second page of the same browser."""
        return await self.context.new_page()

    async def slow_network(self, page: Page, *, kbit_s: int = 400, latency_ms: int = 400) -> None:
        """A weak network for this page: so much both ways, and so long before each answer."""
        session = await self.context.new_cdp_session(page)
        bytes_s = kbit_s * 1000 / 8
        await session.send("Network.enable")
        await session.send(
            "Network.emulateNetworkConditions",
            {
                "offline": False,
                "latency": latency_ms,
                "downloadThroughput": bytes_s,
                "uploadThroughput": bytes_s,
            },
        )
