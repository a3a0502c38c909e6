"""The bathroom on the wall, as somebody with a browser has it: a code typed at a stall, a pause, a stall without its link."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import FrameLocator, Locator, Page, expect

from coinslot.engines.broker import EmbeddedBroker
from coinslot.ledger.verify import verify
from tests.browser.conftest import Visit
from tests.support.bathhouse import knows_terms
from tests.support.browser import Phone
from tests.support.engines import create_database, drop_database
from tests.support.looks import faults
from tests.support.town import Town, open_town

PHONE = "13800138000"
SCREEN = Phone(desktop=True, width=1280, height=900, language="en")


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def town(
    admin_url: str,
    template_name: str,
    broker_engine: EmbeddedBroker,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Town]:
    """The bathroom's first stall and the board with two, for all tests here."""
    url = await create_database(admin_url, template_name)
    try:
        async with open_town(url, broker_engine.access, tmp_path_factory.mktemp("bath"), stalls=3) as opened:
            yield opened
    finally:
        await drop_database(admin_url, url)


class Stall:
    """Somebody before one stall."""

    def __init__(self, page: Page, number: int) -> None:
        self.page = page
        self.at = page.locator(f"[data-stall='{number}']")

    async def shows(self, *words: str) -> None:
        """Wait until its display does."""
        for text in words:
            await expect(self.at.locator("[data-test=display]")).to_contain_text(text)

    async def is_said_to_be(self, word: str) -> None:
        """Wait until its front says so."""
        await expect(self.at.locator("[data-word]")).to_have_text(word)

    async def clicks(self, keys: str) -> None:
        """With the mouse, as fast as it goes."""
        for key in keys:
            await self.at.locator(f"[data-key='{key}']").click()

    async def types(self, keys: str) -> None:
        """With the keyboard: whoever pressed the display types at this stall."""
        await self.at.locator("[data-test=display]").click()
        await self.page.keyboard.type(keys)

    async def switches(self, trouble: str) -> None:
        """Break it or mend it."""
        if await self.at.locator("details[open]").count() == 0:
            await self.at.locator("summary").click()
        await self.at.locator(f"[data-trouble={trouble}]").click()


async def code_on(phone: FrameLocator) -> str:
    """The digits on the phone beside the wall."""
    digits = phone.locator("[data-typed]")
    await expect(digits).to_be_visible()
    return re.sub(r"\s", "", await digits.inner_text())


def done(page: Page) -> Locator:
    """The tour's steps that were ticked."""
    return page.locator("[data-tour-of=bath] [data-state=done]")


async def test_a_code_is_typed_paused_and_ended_then_without_the_link_and_the_tour_goes_along(
    town: Town, visit: Visit
) -> None:
    board = town.terminals[0]
    await knows_terms(town, board)
    someone = await visit(SCREEN)
    login = await town.login(PHONE, "en")
    await town.pays_at_counter(PHONE, 10_00)
    await someone.holds(login.token)
    page = await someone.opens("/wall")
    stall, phone = Stall(page, 1), page.frame_locator("#screen")
    await stall.shows("Scan / type code")

    await stall.at.locator("[data-test=open-as-phone]").click()
    await phone.locator("form.code-too button").click()
    digits = await code_on(phone)
    await stall.clicks(f"{digits[:3]}9*")
    await stall.types(digits[3:])
    await stall.shows(f"Code {digits[:4]} {digits[4:]}")
    await page.keyboard.press("Enter")
    await stall.is_said_to_be("in use")
    await town.poured(board, 1_000)
    await page.keyboard.press("*")
    await stall.is_said_to_be("paused")
    await expect(done(page)).to_have_count(3)
    await stall.types("#")
    await stall.is_said_to_be("free")
    await stall.shows("Charged", "Balance")
    await stall.types("*")  # read, and out of the way

    await stall.switches("unplugged")
    await town.online(board, there=False)
    await stall.shows("Link down", "Use offline code")
    await stall.at.locator("[data-test=open-as-phone]").click()
    await phone.locator("a[href^='/offline?']").click()
    await phone.locator("button[form=go]").click()
    digits = await code_on(phone)
    assert len(digits) == 9
    await stall.types(f"{digits}#")
    await stall.is_said_to_be("in use, offline")
    await town.poured(board, 500)
    found = await faults(page, (1280,))
    await expect(done(page)).to_have_count(5)
    await stall.types("#")
    await stall.switches("unplugged")
    await expect(done(page)).to_have_count(6)
    await expect(phone.locator(".bill h1")).to_be_visible()
    assert not found, "\n".join(found)

    owner = await town.customer(PHONE)
    paid = [(await town.settled(session)).captured_minor or 0 for session in await town.sessions(owner)]
    assert len(paid) == 2
    assert all(paid)
    assert await town.principal(owner) == 10_00 - sum(paid)
    async with town.pool.acquire() as connection:
        assert (await verify(connection, operator=town.operator)).sound


async def test_wrong_codes_lock_a_stall_and_not_the_one_beside_it_on_its_board(
    town: Town, visit: Visit
) -> None:
    page = await (await visit(SCREEN)).opens("/wall")
    third, fourth = Stall(page, 3), Stall(page, 4)
    await third.at.locator("summary").click()
    await expect(third.at.locator("details > p")).to_contain_text("Stall 4")
    for tries in range(5):
        await third.at.locator("[data-test=guess]").click()
        await town.until(lambda least=tries + 1: wrong(town, least), "a wrong code that counts")
    await third.shows("Keypad locked 1 min", "12-digit code")
    await fourth.types("12345678")
    await fourth.shows("Code 1234 5678")
    await page.goto("/wall?lang=zh")
    await Stall(page, 3).shows("键盘已锁定 1 分钟")
    await Stall(page, 4).shows("授权码 1234 5678")


async def wrong(town: Town, least: int) -> bool:
    """Whether so many wrong codes count at the first stall of the board with two."""
    query = "SELECT cardinality(wrong_ms) FROM keypad_guard WHERE terminal_id = $1 AND outlet = 0"
    return (await town.pool.fetchval(query, town.terminals[2].id) or 0) >= least


@pytest.mark.parametrize(
    "fields",
    [
        {"keys": ""},
        {"keys": "A"},
        {"keys": "１"},
        {"keys": "1" * 33},
        {"outlet": "1"},
        {"terminal": "trm_nobody"},
        {"terminal": "../x"},
    ],
)
async def test_a_key_that_is_not_there_cannot_be_pressed(town: Town, fields: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=town.url, timeout=10) as http:
        [seal, *_] = re.findall(r'name="form" value="([^"]+)"', (await http.get("/wall")).text)
        body = {"form": seal, "terminal": town.terminals[0].id, "outlet": "0", "keys": "1"}
        assert (await http.post("/wall/keys", data={**body, **fields})).status_code == 404
        assert (await http.post("/wall/keys", data={**body, "keys": "*"})).status_code == 303


@pytest.mark.long
async def test_the_stalls_on_every_screen(town: Town, visit: Visit) -> None:
    found: list[str] = []
    for phone in (Phone(width=280, height=560), Phone(width=390, dark=True, language="en")):
        page = await (await visit(phone)).opens("/wall")
        await page.locator("[data-stall] summary").first.click()
        found += [f"{phone.width} px: {one}" for one in await faults(page, (phone.width,))]
    assert not found, "\n".join(found)
