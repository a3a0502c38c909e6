"""Showers with keypads for tests of pages: the demo's, in one room, with credit for codes that work without the link."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

from playwright.async_api import Locator, Page, expect

from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import connect_owner
from coinslot.fleet.offline_credit import set_offline_credit
from coinslot.sandbox.appliances.terminal import SimulatedTerminal
from tests.support.browser import Phone, Visitor
from tests.support.town import Town, open_town

ROOM = "三层东 · 3F East"
CREDIT_MINOR = 5_00
_HELD = """
    SELECT EXISTS (SELECT FROM offline_terms WHERE terminal_id = $1 AND over_at IS NULL AND held)
"""


@contextlib.asynccontextmanager
async def open_bathhouse(url: str, broker: BrokerAccess, folder: Path, showers: int) -> AsyncIterator[Town]:
    """So many showers of one room, connected."""
    async with open_town(url, broker, folder, showers=showers) as town:
        owner = await connect_owner(url)
        here = town.world.demo.site_id
        await owner.execute(
            "UPDATE appliance SET room = $1 WHERE kind = 'shower' AND site_id = $2", ROOM, here
        )
        await owner.close()
        async with town.pool.acquire() as connection:
            await set_offline_credit(connection, town.operator, here, CREDIT_MINOR, by="test")
        yield town


def room_path(town: Town) -> str:
    """The room's page: the demo has showers elsewhere too."""
    here = {"operator": town.operator, "site": town.world.demo.site_id, "room": ROOM}
    return f"/bathrooms?{urlencode(here)}"


async def comes(town: Town, visitor: Visitor, phone: str, amount_minor: int = 20_00) -> Page:
    """Logged in, with this on the wallet, at the choice of showers."""
    login = await town.login(phone, visitor.phone.language)
    await town.pays_at_counter(phone, amount_minor)
    await visitor.holds(login.token)
    return await visitor.opens(room_path(town))


async def gets_code(page: Page, shower: int | None = 0) -> str:
    """Choose this shower, or any free one, press, and read the digits."""
    any_free = page.locator("input[name=place][value=any]")
    if shower is None:
        await any_free.check()
    else:
        await page.locator("input[name=place]:not([value=any])").nth(shower).check()
    await page.click("button[form=go]")
    return await digits_on(page)


async def digits_on(page: Page) -> str:
    """The code on the screen."""
    await expect(typed(page)).to_be_visible()
    return re.sub(r"\s", "", await typed(page).inner_text())


def digits_in(text: str) -> str:
    """The code in a page's source; empty where there is none."""
    found = re.search(r"data-typed>(.*?)</p>", text, re.DOTALL)
    return "" if found is None else "".join(re.findall(r"[0-9]", found[1]))


def typed(page: Page) -> Locator:
    """Where the digits stand."""
    return page.locator("[data-typed]")


async def knows_terms(town: Town, shower: SimulatedTerminal) -> None:
    """Wait until the server knows that the terminal takes codes without the link."""

    async def held() -> bool:
        return bool(await town.pool.fetchval(_HELD, shower.id))

    await town.until(held, f"terms at {shower.name}")


async def runs(town: Town, shower: SimulatedTerminal, least_ml: int = 200) -> str:
    """Wait until water has run there; the session by the terminal's own knowledge."""
    await town.poured(shower, least_ml)
    use = shower.use(0)
    assert use is not None
    return use.session


NO_SCRIPTS = Phone(javascript=False)
