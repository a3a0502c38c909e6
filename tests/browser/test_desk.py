"""The front desk: a browser let in by a link, what it shows as a hotel's day goes by, and its bell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from coinslot.app.http import HttpOptions, HttpServer
from coinslot.engines.connect import open_pool
from coinslot.fleet.front_desks import FrontDesk, add_desk, new_link, revoke_desk
from coinslot.fleet.store import add_site
from coinslot.keyring import Keyring
from coinslot.web.app import build_app
from coinslot.web.services import Services
from coinslot.wire.records import Fault, FaultCode, StopReason
from tests.support.browser import Phone, Visitor
from tests.support.console import console_services
from tests.support.desk import PlayedTerminal
from tests.support.engines import create_database, drop_database
from tests.support.inn import Inn
from tests.support.looks import faults

SCREEN = Phone(language="en", width=1280, height=800, desktop=True)
TONES = """
window.tones = [];
const begin = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...at) { window.tones.push(this.frequency.value); return begin.apply(this, at); };
"""
BELL = [659, 880]
ALARM = [440, 311]


@dataclass
class Lobby:
    """A hotel whose pages are served, and its desk's link."""

    inn: Inn
    server: HttpServer
    services: Services
    desk: FrontDesk
    link: str

    async def another_link(self) -> str:
        """For another browser in the place of the one before."""
        async with self.inn.pool.acquire() as connection:
            _, link = await new_link(connection, self.desk.operator_id, self.desk.desk_id, by="test")
        return link

    async def appliance(self, room: str) -> PlayedTerminal:
        """Another one at the desk's site."""
        terminal = await self.inn.appliance()
        await self.inn.pool.execute(
            "UPDATE appliance SET name = 'Dryer ' || $2::text, room = $2::text, site_id = $3 WHERE appliance_id ="
            " (SELECT appliance_id FROM outlet WHERE terminal_id = $1)",
            terminal.id,
            room,
            self.desk.site_id,
        )
        return terminal


@pytest_asyncio.fixture(loop_scope="session")
async def lobby(admin_url: str, template_name: str) -> AsyncIterator[Lobby]:
    url = await create_database(admin_url, template_name)
    pool = await open_pool(url, min_size=1, max_size=8)
    inn = await Inn(pool, url).open()
    services = console_services(pool, Keyring("a secret for tests alone, 32 letters"))
    server = HttpServer(build_app(services), HttpOptions())
    await server.start()
    try:
        async with pool.acquire() as connection:
            operator = inn.desk.operator
            site = await add_site(connection, operator, name="Hotel am See", by="test")
            desk, link = await add_desk(connection, operator, site.site_id, name="Reception", by="test")
        yield Lobby(inn, server, services, desk, link)
    finally:
        services.streams.stopping.set()
        await server.stop()
        pool.terminate()
        await drop_database(admin_url, url)


async def at_the_desk(visitor: Visitor, lobby: Lobby) -> Page:
    """Somebody has opened the link."""
    await visitor.context.add_init_script(TONES)
    page = await visitor.opens(f"/desk/open/{lobby.link}")
    await page.get_by_role("button").first.click()
    await page.wait_for_url("**/desk")
    return page


async def test_the_desk_hears_of_each_paid_use_and_of_each_fault_and_nothing_else(
    lobby: Lobby, browser: Browser
) -> None:
    inn = lobby.inn
    dryer, other = await lobby.appliance("801"), await lobby.appliance("1204")
    async with Visitor(browser, lobby.server.url, SCREEN) as visitor:
        page = await at_the_desk(visitor, lobby)
        bell = page.locator("[data-sound]")
        await expect(bell).to_have_attribute("aria-pressed", "false")
        await bell.click()
        await expect(bell).to_have_attribute("aria-pressed", "true")
        assert await page.evaluate("window.tones.splice(0)") == BELL

        attempt = await inn.shown(dryer)
        line = page.locator(".use").first
        await expect(line).to_contain_text("Waiting for payment")
        assert await page.evaluate("window.tones") == []
        await inn.pays(attempt)
        await expect(line).to_contain_text("Paid, starting")
        await expect(line).to_contain_text("801")
        await expect(line).to_contain_text("confirmed")
        assert await page.evaluate("window.tones.splice(0)") == BELL
        await expect(page.locator("[data-spoken]")).to_contain_text("New paid use")

        await inn.starts.once()
        session = await inn.session_of(attempt)
        assert session is not None
        await dryer.records(inn.started(dryer, session))
        await expect(line).to_contain_text("Under way")
        await expect(line.locator("time")).to_contain_text("29:")
        await inn.ends(dryer, session, reason=StopReason.FAULT, s=600)
        await expect(line).to_contain_text("Broke off")
        await expect(line).to_contain_text("on its way back")
        await page.wait_for_function("window.tones.length >= 2")
        assert await page.evaluate("window.tones.splice(0)") == ALARM

        await other.records(
            Fault(boot=other.boot, ticks_ms=5, outlet=0, code=FaultCode.OVERLOAD, active=True)
        )
        await expect(page.locator(".thing").first).to_contain_text("Out of order")
        assert await page.evaluate("window.tones.splice(0)") == ALARM

        # The same page loaded anew rings for nothing that it has shown; the sound is remembered and waits for a press.
        visitor.forgive("AudioContext was not allowed to start")
        await page.reload()
        await expect(page.locator(".use").first).to_contain_text("Broke off")
        assert await page.evaluate("window.tones") == []
        assert await page.evaluate("localStorage.getItem('coinslot desk sound')") == "on"

        visitor.forgive("status of 401")
        async with inn.pool.acquire() as connection:
            await revoke_desk(connection, lobby.desk.operator_id, lobby.desk.desk_id, by="test")
        await expect(page.locator("h1")).to_contain_text("no front desk", timeout=20_000)


SCREENS = (
    Phone(language="zh", width=1920, height=1080, desktop=True),
    Phone(language="en", width=320, height=700),
    Phone(language="en", width=1280, height=800, desktop=True, dark=True),
    Phone(language="en", width=1280, height=800, desktop=True, javascript=False),
)


@pytest.mark.long
async def test_the_desk_is_read_on_every_screen_and_without_scripts(lobby: Lobby, browser: Browser) -> None:
    await lobby.inn.running(await lobby.appliance("801"))
    for phone in SCREENS:
        async with Visitor(browser, lobby.server.url, phone) as visitor:
            page = await visitor.opens(f"/desk/open/{await lobby.another_link()}")
            if phone.javascript:
                assert await faults(page) == []
            await page.get_by_role("button").first.click()
            await expect(page.locator(".use .status.run")).to_have_count(1)
            if phone.javascript:
                assert await faults(page) == []
            else:
                await expect(page.locator("meta[http-equiv=refresh]")).to_have_count(1)
