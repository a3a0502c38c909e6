"""The hotel's appliances on the wall, as a guest with a browser has them: choose, scan, pay, run, unplug, money back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Page, expect

from coinslot.engines.broker import BrokerAccess
from coinslot.terminal.simulated import curves
from tests.browser.conftest import Visit
from tests.support.browser import Phone
from tests.support.engines import create_database, drop_database
from tests.support.looks import faults, scan
from tests.support.town import Town, open_town

DESK = Phone(desktop=True, width=1280, height=900, language="en")


@pytest_asyncio.fixture(loop_scope="session")
async def town(
    admin_url: str, template_name: str, broker: BrokerAccess, tmp_path: Path
) -> AsyncIterator[Town]:
    """The hotel's rooms, with payment providers beside the server."""
    url = await create_database(admin_url, template_name)
    try:
        async with open_town(url, broker, tmp_path, hotel=True) as opened:
            yield opened
    finally:
        await drop_database(admin_url, url)


async def expect_phase(page: Page, phase: str) -> None:
    """The dryer's display has come so far."""
    await expect(page.locator("[data-room=dryer]")).to_have_attribute("data-phase", phase, timeout=20_000)


async def test_a_guest_goes_the_whole_way_beside_the_wall_and_the_tour_goes_along(
    town: Town, visit: Visit
) -> None:
    dryer = town.terminals[0]
    # More than a real one, so that two watt-hours are soon drawn.
    dryer.socket(0).curve = curves.recorded([curves.Stretch(3_600_000, 3_900_000)])
    wall = await visit(DESK)
    wall.forgive(f"^request to elsewhere: {town.wall.payers_at}/pay/")
    page = await wall.opens("/wall")
    room = page.locator("[data-room=dryer]")
    await expect_phase(page, "choose")
    found = await faults(page, (1280,))

    # By keyboard alone: the second package, then the way to pay.
    await room.locator("[data-test=package-min-2]").focus()
    await page.keyboard.press("ArrowDown")
    await expect(room.locator("[data-test=package-min-30]")).to_be_checked()
    await page.keyboard.press("Tab")
    await expect(room.locator("[data-test=provider-wechat]")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect_phase(page, "qr")
    await expect(room.locator("[data-test=pay-amount]")).to_have_text("¥5.00")
    link = room.locator("[data-test=open-as-payer]")
    assert scan(await room.locator("[data-test=pay-qr]").screenshot()) == [await link.get_attribute("href")]
    found += await faults(page, (1280,))

    await link.click()
    phone = page.frame_locator("#screen")
    await expect(phone.locator("body")).to_contain_text("5.00")
    await expect(room).to_be_in_viewport()
    await phone.locator("button[value=pay]").click()
    await expect_phase(page, "running")
    await page.click("[data-test=phone-close]")
    await expect(room.locator("[data-test=power]")).to_have_text("3,900 W")
    found += await faults(page, (1280,))
    await drawn(town, 2_500)

    await room.locator("summary").click()
    await room.locator("[data-test=trouble-power_cut]").click()
    await expect_phase(page, "dark")
    await room.locator("[data-test=trouble-power_cut]").click()
    await expect_phase(page, "finished")
    await expect(room.locator("[data-test=refund]")).to_be_visible()
    await expect(page.locator("[data-tour-of=hotel] [data-state=done]")).to_have_count(5)
    found += await faults(page, (1280,))
    await room.locator("[data-test=again]").click()
    await expect_phase(page, "choose")
    assert not found, "\n".join(found)


async def drawn(town: Town, mwh: int) -> None:
    """Wait until the dryer has drawn so much."""

    async def enough() -> bool:
        return town.terminals[0].socket(0).drawn_mwh >= mwh

    await town.until(enough, f"{mwh} mWh")


async def test_the_rooms_on_every_screen(town: Town, visit: Visit) -> None:
    found: list[str] = []
    for phone in (Phone(width=280, height=560), Phone(width=390, dark=True, language="en")):
        page = await (await visit(phone)).opens("/wall")
        await expect_phase(page, "choose")
        await page.locator("[data-room=dryer] summary").click()
        found += [f"{phone.width} px: {one}" for one in await faults(page, (phone.width,))]
    assert not found, "\n".join(found)
