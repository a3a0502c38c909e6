"""What customers do on their phone, step by step, in whatever language: found by what forms send, not by words."""

from __future__ import annotations

import re

from playwright.async_api import Locator, Page, expect

from coinslot.wire.ids import SessionId
from tests.support.browser import Visitor
from tests.support.town import Town

METER = re.compile(r"/s/([^/?]+)$")
BILL = re.compile(r"/s/([^/?]+)/bill$")
_LITRES = re.compile(r"(\d+)\.(\d)")


async def ask_for_code(page: Page, phone: str) -> None:
    """Type the number and ask for a code; wait for the field it goes into."""
    await page.fill("input[name=phone]", phone)
    await main_button(page).click()
    await expect(page.locator("input[name=code]")).to_be_visible()


async def type_code(visitor: Visitor, code: str) -> None:
    """Type it: where scripts run the sixth digit sends the form."""
    field = visitor.page.locator("input[name=code]")
    await field.fill(code)
    if not visitor.phone.javascript:
        await main_button(visitor.page).click()
    await expect(field).to_have_count(0)


async def register(visitor: Visitor, town: Town, phone: str) -> None:
    """From an appliance's page to being logged in, with the code from the message."""
    await ask_for_code(visitor.page, phone)
    await type_code(visitor, town.code(phone))


async def start(visitor: Visitor, outlet: int = 0) -> SessionId:
    """Choose and start; the session, its meter on the screen."""
    page = visitor.page
    await page.check(f"input[name=outlet][value='{outlet}']")
    await main_button(page).click()
    await page.wait_for_url(METER)
    return session_on(page)


async def stop(visitor: Visitor) -> None:
    """Press the red button; the bill follows by itself."""
    await stop_button(visitor.page).click()


async def bill_comes(page: Page) -> None:
    """Wait for the bill on the screen."""
    await page.wait_for_url(BILL)
    await expect(page.locator(".bill h1")).to_be_visible()


def session_on(page: Page) -> SessionId:
    """Which session the address speaks of."""
    found = METER.search(page.url) or BILL.search(page.url)
    assert found is not None, f"no session's page: {page.url}"
    return SessionId(found[1])


def main_button(page: Page) -> Locator:
    """The one big button at the bottom."""
    return page.locator("footer button[form=go]")


def stop_button(page: Page) -> Locator:
    """The red one."""
    return page.locator("button.stop")


def phase(page: Page) -> Locator:
    """Carries what the meter says of itself in `data-phase`."""
    return page.locator("[data-live]")


async def expect_phase(page: Page, name: str) -> None:
    """Wait until the meter says so."""
    await expect(phase(page)).to_have_attribute("data-phase", name)


async def shown_ml(page: Page) -> int:
    """What the meter shows, to the 100 ml."""
    text = await page.inner_text("[data-text=main]")
    found = _LITRES.fullmatch(text)
    assert found is not None, f"no litres: {text!r}"
    return int(found[1]) * 1000 + int(found[2]) * 100


async def shown_at_least(page: Page, least_ml: int) -> None:
    """Wait until the meter shows so much, live."""
    await page.wait_for_function(
        "least => Number(document.querySelector('[data-text=main]').textContent) * 1000 >= least",
        arg=least_ml,
    )
