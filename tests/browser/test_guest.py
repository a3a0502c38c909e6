"""A guest's page as phones show it: from the code that waits to be paid to the bill, and the form for a fapiao."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import cast

import httpx
import pytest_asyncio
from nats.aio.client import Client
from playwright.async_api import Browser, Page, expect

from coinslot.access import receipts
from coinslot.app.http import HttpOptions, HttpServer
from coinslot.engines.connect import open_pool
from coinslot.payments.model import Attempt
from coinslot.settlement.starter import Starter
from coinslot.settlement.store import PostgresBooks
from coinslot.web.app import build_app
from coinslot.web.live.board import LiveBoard
from coinslot.wire.records import StopReason
from tests.support.browser import Phone, Visitor
from tests.support.console import console_services
from tests.support.desk import PlayedTerminal
from tests.support.engines import create_database, drop_database
from tests.support.inn import KEYRING, Inn
from tests.support.looks import faults

SHOTS = os.environ.get("COINSLOT_SHOTS", "")
MOST_BYTES = 8 * 1024


@dataclass
class House:
    """A hotel whose pages are served."""

    inn: Inn
    server: HttpServer

    def path(self, attempt: Attempt) -> str:
        """Of this payment's page."""
        return f"/b/{receipts.sign(KEYRING, attempt.intent_id)}"

    async def dryer(self) -> PlayedTerminal:
        """In room 801."""
        terminal = await self.inn.appliance()
        await self.inn.pool.execute(
            "UPDATE appliance SET name = '吹风机 Dryer 3', room = '801' WHERE operator_id = $1",
            self.inn.desk.operator,
        )
        return terminal

    async def weighs(self, path: str) -> int:
        """Bytes of the page as it goes over the network."""
        headers = {"accept-encoding": "br", "accept-language": "zh"}
        async with (
            httpx.AsyncClient(base_url=self.server.url) as http,
            http.stream("GET", path, headers=headers) as got,
        ):
            return len(b"".join([chunk async for chunk in got.aiter_raw()]))


@pytest_asyncio.fixture(loop_scope="session")
async def house(admin_url: str, template_name: str) -> AsyncIterator[House]:
    url = await create_database(admin_url, template_name)
    pool = await open_pool(url, min_size=1, max_size=8)
    inn = await Inn(pool, url).open()
    await inn.spoil("UPDATE operator SET name = 'Hotel am See', help_phone = '400 800 1234'")
    starter = Starter(PostgresBooks(pool), inn._send_all)
    live = LiveBoard(pool, cast(Client, None))  # not started: what is stored is shown
    services = replace(console_services(pool, KEYRING), starter=starter, live=live)
    server = HttpServer(build_app(services), HttpOptions())
    await server.start()
    try:
        yield House(inn, server)
    finally:
        services.streams.stopping.set()
        await server.stop()
        await starter.close()
        pool.terminate()
        await drop_database(admin_url, url)


async def shot(page: Page, name: str) -> None:
    """Kept where somebody wants to look at it."""
    if SHOTS:
        await page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


async def test_from_the_code_to_the_fapiao(house: House, browser: Browser) -> None:
    inn, dryer = house.inn, await house.dryer()
    attempt = await inn.shown(dryer)
    path = house.path(attempt)
    async with Visitor(browser, house.server.url, Phone(language="zh")) as guest:
        await guest.page.clock.install()
        page = await guest.opens(path)
        await expect(page.locator("h1")).to_contain_text("付款")
        assert guest.watch.requests == [house.server.url + path]
        assert await house.weighs(path) <= MOST_BYTES
        await shot(page, "guest-1-waiting-zh")
        assert await faults(page) == []

        await inn.pays(attempt)
        await inn.starts.once()
        session = await inn.session_of(attempt)
        assert session is not None
        await dryer.records(inn.started(dryer, session), inn.checkpoint(dryer, session, s=600, wh=150))
        # It has changed: the page goes on by itself, as it looks every five seconds.
        await page.clock.fast_forward(5_000)
        await expect(page.locator("[data-live] .figure")).to_contain_text("20:00")
        await shot(page, "guest-2-live-zh")
        assert await house.weighs(path) <= MOST_BYTES
        assert await faults(page) == []
        # Sold whole: it is ended at the appliance.
        await expect(page.locator("button.stop")).to_be_hidden()

        await dryer.records(inn.stopped(dryer, session, reason=StopReason.COMMAND, s=605, wh=151))
        await inn.starts.once()
        await page.goto(path)
        await expect(page.locator(".amount")).to_have_text("¥1.68")
        assert await house.weighs(path) <= MOST_BYTES
        await shot(page, "guest-4-bill-zh")
        assert await faults(page) == []

        await page.locator(f"main a[href='{path}/fapiao']").click()
        await page.locator("label:has(input[value=company])").click()
        await page.locator("#title").fill("福州某某有限公司")
        guest.forgive("status of 422")
        await page.locator("#tax_number").fill("9135")
        await page.locator("#mail").fill("bill@example.com")
        await page.locator("button[form=fapiao]").click()
        await expect(page.locator("#tax_number-note")).to_contain_text("18")
        await shot(page, "guest-5-fapiao-zh")
        assert await faults(page) == []
        await page.locator("#tax_number").fill("91350100M000100Y43")
        await page.locator("button[form=fapiao]").click()
        await page.wait_for_url(f"**{path}")
        await inn.works()
        await page.goto(path)
        await expect(page.locator(".parts .status").first).to_contain_text("已到账")
        await shot(page, "guest-6-asked-zh")


async def test_without_scripts_and_in_english_what_failed_is_told_and_reported(
    house: House, browser: Browser
) -> None:
    inn, dryer = house.inn, await house.dryer()
    attempt = await inn.paid(dryer)
    await inn.starts.once()
    session = await inn.session_of(attempt)
    assert session is not None
    await dryer.records(inn.declined(dryer, session))
    await inn.works()
    path = house.path(attempt)
    async with Visitor(browser, house.server.url, Phone(language="en", dark=True, javascript=False)) as guest:
        page = await guest.opens(path)
        await expect(page.locator("h1")).to_have_text("You pay nothing")
        await shot(page, "guest-7-not-started-en")
        await page.locator(f"main a[href='{path}/report']").click()
        await page.locator("label:has(input[value=no_service])").click()
        await page.locator("button[form=report]").click()
        await expect(page.locator("h1")).to_contain_text("A person will look")
        await shot(page, "guest-8-reported-en")
    async with Visitor(browser, house.server.url, Phone(language="en", dark=True)) as guest:
        # A broken one: half of it.
        other = await inn.running(dryer)
        await inn.ends(dryer, other, reason=StopReason.FAULT, s=900, wh=200)
        page = await guest.opens(house.path(await inn.payment_of(other)))
        await expect(page.locator("main")).to_contain_text("15:00 min of 30:00 min")
        await shot(page, "guest-9-broken-en-dark")
        assert await faults(page) == []
