"""The checks themselves: each finds what it is for, and the browser leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import segno
from playwright.async_api import Browser

from tests.support.browser import Phone, Visitor, browser_path
from tests.support.looks import axe, enlarged_text, overflow, scan, small_targets

ROOT = Path(__file__).resolve().parents[2]
GOOD = """<!doctype html><html lang="en"><head><meta name="viewport" content="width=device-width">
<title>Good</title><link rel="icon" href="data:,"><style>body { margin: 0 } p { font-size: 1rem }</style></head>
<body><main><h1>Good</h1><p>All is well.</p></main>%s</body></html>"""


@contextlib.asynccontextmanager
async def serving(body: str, *headers: str) -> AsyncIterator[str]:
    """A server that answers everything with this page; its URL."""
    content = body.encode()
    head = "\r\n".join(["HTTP/1.1 200 OK", "Content-Type: text/html; charset=utf-8", *headers])
    answer = f"{head}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode() + content

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())


async def seen(browser: Browser, body: str, *headers: str) -> list[str]:
    """The faults that a visit notes."""
    async with serving(body, *headers) as url:
        visitor = Visitor(browser, url, Phone())
        async with visitor:
            page = await visitor.opens("/")
            await page.evaluate("0")  # what the page has thrown by now is told before this is answered
            faults, visitor.watch.faults = visitor.watch.faults, []
    return faults


async def test_a_good_page_has_no_faults(browser: Browser) -> None:
    async with serving(GOOD % "") as url, Visitor(browser, url, Phone(width=280)) as visitor:
        page = await visitor.opens("/")
        assert await axe(page) == []
        assert await overflow(page) == []
        assert await small_targets(page) == []
        assert visitor.watch.requests == [f"{url}/"]


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        ('<img alt="" src="http://192.0.2.1/x.png">', "request to elsewhere: http://192.0.2.1/x.png"),
        ("<script>console.error('no')</script>", "console error: no"),
        ("<script>throw new Error('lost')</script>", "error in the page: lost"),
        ("<script>Promise.reject(new Error('late'))</script>", "error in the page: late"),
    ],
)
async def test_a_visit_notes_what_must_not_happen(browser: Browser, extra: str, fault: str) -> None:
    faults = await seen(browser, GOOD % extra)
    assert [one for one in faults if one.startswith(fault)], faults


async def test_what_the_page_forbids_itself_is_noted_and_hinders_no_check(browser: Browser) -> None:
    policy = "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    async with serving(GOOD % "<script>1</script>", policy) as url:
        visitor = Visitor(browser, url, Phone())
        async with visitor:
            page = await visitor.opens("/")
            assert [one for one in visitor.watch.faults if "Content Security Policy" in one]
            visitor.watch.faults.clear()
            assert await axe(page) == []


async def test_a_visit_with_faults_fails(browser: Browser) -> None:
    async with serving(GOOD % "<script>console.error('no')</script>") as url:
        with pytest.raises(AssertionError, match="console error: no"):
            async with Visitor(browser, url, Phone()) as visitor:
                await visitor.opens("/")


async def test_checks_find_what_they_are_for(browser: Browser) -> None:
    bad = """<div style="width:300px">wide</div><button style="width:30px;height:30px">x</button>
    <p style="color:#999;background:#fff">Too pale</p><p>A <a href="/">link</a> within a sentence</p>
    <div style="width:90px;white-space:nowrap;overflow:hidden">Far too long for this</div>"""
    async with serving(GOOD % bad) as url, Visitor(browser, url, Phone(width=280)) as visitor:
        page = await visitor.opens("/")
        assert {one.split(" ")[0] for one in await axe(page)} >= {"color-contrast", "region"}
        found = await overflow(page)
        assert any('"wide"' in one for one in found)
        assert any("is cut at 90" in one for one in found)
        [small] = await small_targets(page)
        assert small == 'button "x" is 30 × 30 px'


async def test_text_can_be_enlarged_where_the_page_allows_it(browser: Browser) -> None:
    async with serving(GOOD % "") as url, Visitor(browser, url, Phone()) as visitor:
        page = await visitor.opens("/")
        async with enlarged_text(page):
            assert await page.evaluate("getComputedStyle(document.querySelector('p')).fontSize") == "32px"
        assert await page.evaluate("getComputedStyle(document.querySelector('p')).fontSize") == "16px"
    async with serving(GOOD.replace("1rem", "16px") % "") as url, Visitor(browser, url, Phone()) as visitor:
        page = await visitor.opens("/")
        with pytest.raises(AssertionError, match="text of 16 px is 16 px"):
            await enlarged_text(page).__aenter__()


async def test_a_phone_without_scripts_runs_none(browser: Browser) -> None:
    async with (
        serving(GOOD % "<script>document.querySelector('h1').textContent = 'Ran'</script>") as url,
        Visitor(browser, url, Phone(javascript=False, language="en", dark=True)) as visitor,
    ):
        page = await visitor.opens("/")
        assert await page.inner_text("h1") == "Good"
        assert await page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        assert await page.evaluate("navigator.language") == "en-US"


async def test_a_weak_network_is_slow(browser: Browser) -> None:
    async with serving(GOOD % "") as url, Visitor(browser, url, Phone()) as visitor:
        page = visitor.page
        await visitor.slow_network(page, latency_ms=400)
        await visitor.opens("/")
        took = await page.evaluate("performance.getEntriesByType('navigation')[0].domInteractive")
        assert took >= 400


async def test_a_code_is_read_from_a_screenshot(browser: Browser) -> None:
    picture = segno.make("https://water.example/m/AB12.0123456789ab", error="q").svg_inline(
        border=4, omitsize=True
    )
    async with (
        serving(GOOD % f'<div style="width:200px">{picture}</div>') as url,
        Visitor(browser, url, Phone()) as visitor,
    ):
        page = await visitor.opens("/")
        assert scan(await page.screenshot()) == ["https://water.example/m/AB12.0123456789ab"]


def test_a_plain_picture_holds_no_code() -> None:
    kept = io.BytesIO()
    segno.make("x").save(kept, kind="png", scale=1, border=0, dark="white")
    assert scan(kept.getvalue()) == []


def test_a_worker_that_is_killed_leaves_no_browser() -> None:
    script = (
        "import asyncio\n"
        "from tests.support.browser import open_browser\n"
        "async def main():\n"
        "    async with open_browser() as browser:\n"
        "        await browser.new_page()\n"
        "        print('open', flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) > 2
    finally:
        process.kill()
        process.communicate()
    _, alive = psutil.wait_procs(family, 15)
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []


def test_a_browser_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COINSLOT_CHROMIUM", "/nowhere/chromium")
    with pytest.raises(AssertionError, match="no browser at /nowhere/chromium: run sh tools/browser"):
        browser_path()
