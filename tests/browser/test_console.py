"""Staff in a browser: they log in, find a payment, give part of it back by two people, and read a statement."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser, Page, expect

from coinslot.engines.connect import open_pool
from coinslot.keyring import Keyring
from coinslot.people import passwords
from coinslot.people.rules import Role
from coinslot.people.staff import add_staff
from coinslot.web.app import build_app
from tests.postgres.console.history import History, make_history
from tests.support.browser import Phone, Visitor
from tests.support.console import console_services
from tests.support.engines import create_database, drop_database
from tests.support.given_up import given_up
from tests.support.looks import axe, overflow, small_targets

PASSWORD = "correct horse battery"
LEAST_PX = 24
DESKTOP = Phone(language="zh", width=1440, height=900, desktop=True)
ENGLISH = Phone(language="en", width=1440, height=900, desktop=True)


@dataclass
class Office:
    """A served console with a past, and people who may log in."""

    url: str
    browser: Browser
    history: History
    ending: contextlib.AsyncExitStack

    async def comes(self, login: str, phone: Phone = ENGLISH) -> Visitor:
        """Somebody logs in by the form."""
        visitor = await self.ending.enter_async_context(Visitor(self.browser, self.url, phone))
        page = await visitor.opens("/console")
        await page.fill("input[name=login]", login)
        await page.fill("input[name=password]", PASSWORD)
        await page.locator("form.card button").click()
        await expect(page.locator("nav a[aria-current]")).to_be_visible()
        return visitor


@pytest_asyncio.fixture(loop_scope="session")
async def office(
    browser: Browser, admin_url: str, template_name: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Office]:
    # The parameters of passwords are tested where they belong.
    monkeypatch.setattr(passwords, "_LOG_N", 4)
    database = await create_database(admin_url, template_name)
    pool = await open_pool(database, min_size=1, max_size=4)
    listening = socket.create_server(("127.0.0.1", 0))
    app = build_app(console_services(pool, Keyring("a secret for tests alone, 32 letters")))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve([listening]))
    try:
        async with contextlib.AsyncExitStack() as ending:
            history = await make_history(pool)
            async with pool.acquire() as connection:
                for role in (Role.OWNER, Role.DESK):
                    await add_staff(
                        connection, history.till.operator, login=role.value, name=role.value.title(),
                        role=role.value, password=PASSWORD, by="test",
                    )  # fmt: skip
            port = listening.getsockname()[1]
            yield Office(f"http://127.0.0.1:{port}", browser, history, ending)
    finally:
        server.should_exit = True
        await serving
        pool.terminate()
        await drop_database(admin_url, database)


async def test_part_of_a_payment_is_given_back_by_two_people(office: Office) -> None:
    desk = await office.comes("desk")
    page = desk.page
    await page.get_by_role("link", name="Payments", exact=True).click()
    await page.fill("input[name=q]", "138 0013 8000")
    await page.get_by_role("button", name="Find").click()
    await page.get_by_role("row").filter(has_text="¥10.00").get_by_role("link").click()
    await page.get_by_role("link", name="Give back").click()
    await page.fill("input[name=amount]", "2.50")
    await page.select_option("select[name=reason]", "not_wanted")
    await page.fill("textarea[name=words]", "asked for at the counter")
    await page.get_by_role("button", name="See what it does").click()
    await expect(page.get_by_text("What it does")).to_be_visible()
    await page.get_by_role("button", name="Give back ¥2.50").click()
    await expect(page.get_by_text("Waits for a second person")).to_be_visible()
    before = await office.history.till.principal(office.history.customer)
    owner = await office.comes("owner")
    page = owner.page
    await page.get_by_role("link", name="Refunds wait for a second person").click()
    await page.get_by_role("row").filter(has_text="¥2.50").get_by_role("link").click()
    await page.get_by_role("button", name="Agree: give back ¥2.50").click()
    await expect(page.locator("h1").get_by_text("Done")).to_be_visible()
    assert await office.history.till.principal(office.history.customer) == before - 250


@pytest.mark.long
async def test_every_page_looks_as_it_should(office: Office) -> None:
    history, found = office.history, []
    visitor = await office.comes("owner", DESKTOP)
    page = visitor.page
    endpoint, event_id = await given_up(history.till.pool, history.till.operator)
    entry = await history.till.pool.fetchval("SELECT max(entry_id) FROM ledger_entry")
    for path in (
        "/console",
        "/console/payments",
        f"/console/payments/{history.given_back.intent_id}",
        f"/console/payments/{history.paid.intent_id}/refund",
        f"/console/sessions/{history.session.id}",
        "/console/refunds",
        "/console/reviews",
        f"/console/entries/{entry}",
        "/console/statements",
        f"/console/statements?party={history.hotel.party_id}",
        "/console/messages",
        f"/console/messages/{endpoint.endpoint_id}/{event_id}",
        "/console/desks",
    ):
        await visitor.opens(path)
        found += [f"{path}: {one}" for one in await looks(page)]
    await visitor.opens("/console/nothing", status=404)
    await visitor.opens(f"/console/sessions/{history.paid.intent_id}", status=404)
    found += [f"nothing there: {one}" for one in await looks(page)]
    await visitor.context.clear_cookies()
    await visitor.opens("/console/log-in")
    found += [f"log in: {one}" for one in await looks(page)]
    assert not found, "\n".join(found)


async def looks(page: Page) -> list[str]:
    """At a desk and on a phone, light and dark: wide tables scroll in themselves, nothing else does."""
    found = await axe(page)
    await page.emulate_media(color_scheme="dark")
    found += [f"dark: {one}" for one in await axe(page, "color-contrast")]
    await page.emulate_media(color_scheme="light")
    for width in (390, 1440):
        await page.set_viewport_size({"width": width, "height": 900})
        found += [f"at {width} px: {one}" for one in await overflow(page)]
        found += [f"at {width} px: {one}" for one in await small_targets(page, LEAST_PX)]
    return found


async def test_the_desk_hands_out_a_card_and_a_file_is_looked_at(office: Office) -> None:
    owner = await office.comes("owner")
    page = owner.page
    found = []
    await page.goto(f"{office.url}/console/customers")
    found += [f"customers: {one}" for one in await looks(page)]
    await page.get_by_role("button", name="Register, and print the slip").click()
    await expect(page.locator(".slip dd")).to_have_count(2)
    found += [f"slip: {one}" for one in await looks(page)]
    await page.get_by_role("link", name="Go on to the customer").click()
    await expect(page.get_by_role("button", name="New PIN")).to_be_visible()
    found += [f"customer: {one}" for one in await looks(page)]
    await page.goto(f"{office.url}/console/import")
    raw = b"phone,card_no,language,balance,bonus\n13800138001,,zh,12.50,1.00\n13800138002,,en,x,\n13800138003,,zh,3,\n"
    await page.set_input_files("input[type=file]", {"name": "c.csv", "mimeType": "text/csv", "buffer": raw})
    await page.get_by_role("button", name="Look at it").click()
    await expect(page.get_by_text("is no plain amount")).to_be_visible()
    found += [f"import: {one}" for one in await looks(page)]
    await page.get_by_role("checkbox").check()
    await page.get_by_role("button", name="Bring the good ones in").click()
    await expect(page.get_by_text("2 customers")).to_be_visible()
    assert found == []
