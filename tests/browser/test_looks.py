"""Every page in every state, as people with other eyes, hands, screens and languages have it: nothing to complain of."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from coinslot.fleet.operator_rules import RealNameRule, set_rules
from coinslot.people.customers import block_customer
from coinslot.people.real_name_review import reject
from coinslot.people.real_names import submit
from tests.browser.conftest import Visit
from tests.support.browser import Phone, Visitor
from tests.support.customer_steps import (
    ask_for_code,
    bill_comes,
    expect_phase,
    main_button,
    shown_at_least,
    start,
    stop,
)
from tests.support.looks import faults, scan
from tests.support.town import Town
from tests.unit.people.pictures import card, encoded

PHONE = "13800138000"
ID_NUMBER = "11010519491231002X"


class Judge:
    """Gathers what is wrong with one page after the other, in both languages."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.found: list[str] = []

    async def page(self, state: str, path: str = "", *, status: int = 200) -> None:
        """The page at this path, or the one on the screen loaded anew, in Chinese and in English."""
        path = path or urlsplit(self.visitor.page.url).path
        for language in ("en", "zh"):
            await self.visitor.opens(f"{path}?lang={language}", status=status)
            await self.as_it_is(f"{state}, {language}")

    async def as_it_is(self, state: str) -> None:
        """The page as it is on the screen: the answer to a form, or one that changes by itself."""
        self.found += [f"{state}: {fault}" for fault in await faults(self.visitor.page)]

    def verdict(self) -> None:
        """AssertionError with everything that was found."""
        assert not self.found, "\n".join(self.found)


async def money_and_login(town: Town, visitor: Visitor, amount_minor: int = 5_00) -> None:
    """Logged in, with this on the wallet."""
    login = await town.login(PHONE)
    if amount_minor:
        await town.pays_at_counter(PHONE, amount_minor)
    await visitor.holds(login.token)


async def test_pages_on_the_way_in(town: Town, visit: Visit) -> None:
    visitor = await visit()
    judge, path = Judge(visitor), town.sticker(town.terminals[0])
    page = visitor.page
    await judge.page("nothing there", "/m/nothing.0123456789ab", status=404)
    await judge.page("logged out", path)
    visitor.forgive("status of 422", "status of 429")
    await page.fill("input[name=phone]", "12")
    await main_button(page).click()
    await expect(page.locator(".wrong")).to_be_visible()
    await judge.as_it_is("no number")
    await ask_for_code(page, PHONE)
    await judge.page("code")
    await page.fill("input[name=code]", "000000" if town.code(PHONE) != "000000" else "000001")
    await expect(page.locator(".wrong")).to_be_visible()
    await judge.as_it_is("wrong code")
    judge.verdict()


@pytest.mark.long
async def test_pages_of_somebody_without_money(town: Town, visit: Visit) -> None:
    visitor = await visit()
    judge, path = Judge(visitor), town.sticker(town.terminals[0])
    await money_and_login(town, visitor, 0)
    await judge.page("no money", path)
    await judge.page("how to top up", "/topup")
    await judge.page("me", "/me")
    await judge.page("no history", "/history")
    async with town.pool.acquire() as connection:
        await block_customer(connection, town.operator, await town.customer(PHONE), by="test")
    await judge.page("blocked", path)
    judge.verdict()


async def test_pages_of_a_use(town: Town, visit: Visit) -> None:
    visitor = await visit()
    judge, dispenser = Judge(visitor), town.terminals[0]
    await money_and_login(town, visitor)
    page = await visitor.opens(town.sticker(dispenser))
    await judge.page("ready to start")
    session = await start(visitor)
    await shown_at_least(page, 100)
    await judge.page("in use")
    await judge.page("the appliance while it is mine", town.sticker(dispenser))
    await visitor.opens(f"/s/{session}")
    await stop(visitor)
    await bill_comes(page)
    await judge.page("bill")
    await judge.page("what is wrong", f"/s/{session}/report")
    await page.check("input[name=reason] >> nth=0")
    await page.locator("button[form=report]").click()
    await expect(page.locator(".number")).to_be_visible()
    await judge.page("reported")
    await judge.page("history", "/history")
    await judge.page("me after a use", "/me")
    judge.verdict()


@pytest.mark.long
async def test_pages_in_trouble(town: Town, visit: Visit) -> None:
    visitor, stranger = await visit(), await visit()
    judge, other, dispenser = Judge(visitor), Judge(stranger), town.terminals[0]
    await money_and_login(town, visitor)
    page = await visitor.opens(town.sticker(dispenser))
    await start(visitor)
    await shown_at_least(page, 100)
    await other.page("both in use or free", town.sticker(dispenser))
    dispenser.cable.pull()
    await town.online(dispenser, there=False)
    await expect_phase(page, "offline")
    await expect(page.locator("[data-stale]")).to_be_visible()
    await judge.page("the meter offline")
    await other.page("offline, logged out", town.sticker(dispenser))
    second = town.terminals[1]
    second.cable.pull()
    await town.online(second, there=False)
    await judge.page("offline, logged in", town.sticker(second))
    judge.verdict()
    other.verdict()


@pytest.mark.long
async def test_pages_about_real_names(town: Town, visit: Visit) -> None:
    visitor = await visit()
    judge, path = Judge(visitor), town.sticker(town.terminals[0])
    await money_and_login(town, visitor)
    customer = await town.customer(PHONE)
    async with town.pool.acquire() as connection:
        await set_rules(connection, town.operator, real_name=RealNameRule.BEFORE_FIRST_USE, by="test")
    await judge.page("a name is wanted", path)
    await judge.page("name", f"{path}/name")
    page = visitor.page
    visitor.forgive("status of 422")
    await page.fill("input[name=name]", "张三")
    await page.fill("input[name=id_number]", "123")
    await page.set_input_files(
        "input[name=picture]", {"name": "card.jpg", "mimeType": "image/jpeg", "buffer": encoded(card())}
    )
    await main_button(page).click()
    await expect(page.locator(".wrong").first).to_be_visible()
    await judge.as_it_is("wrong name")
    async with town.pool.acquire() as connection:
        handed_in = await submit(
            connection,
            town.keyring,
            town.operator,
            customer,
            name="张三",
            id_number=ID_NUMBER,
            picture=encoded(card()),
            by=customer,
        )
    await judge.page("name is being checked", path)
    await judge.page("how far it is", f"{path}/name")
    async with town.pool.acquire() as connection:
        await reject(connection, town.operator, handed_in.real_name_id, reason="unreadable", by="test")
    await judge.page("name was refused", f"{path}/name")
    judge.verdict()


async def test_a_number_that_changed_hands(town: Town, visit: Visit) -> None:
    visitor = await visit()
    judge = Judge(visitor)
    await town.login(PHONE)
    await town.pays_at_counter(PHONE, 5_00)
    await town.pool.execute(
        "UPDATE customer SET phone_proved_at = now() - interval '1 year' WHERE phone IS NOT NULL"
    )
    page = await visitor.opens(town.sticker(town.terminals[0]))
    await ask_for_code(page, PHONE)
    await page.fill("input[name=code]", town.code(PHONE))
    await expect(page.locator("input[name=tail]")).to_be_visible()
    await judge.page("whose number")
    visitor.forgive("status of 422")
    await page.fill("input[name=tail]", "1234")
    await main_button(page).click()
    await expect(page.locator(".wrong")).to_be_visible()
    await judge.as_it_is("wrong tail")
    judge.verdict()


async def test_the_wall(town: Town, visit: Visit) -> None:
    found: list[str] = []
    for phone in (Phone(desktop=True, width=1280, height=900), Phone(width=390)):
        wall = await visit(phone)
        for language in ("en", "zh"):
            page = await wall.opens(f"/wall?lang={language}")
            await expect(page.locator("[data-test=appliance]")).to_have_count(2)
            found += [f"{phone.width} px, {language}: {one}" for one in await faults(page, (phone.width,))]
    assert not found, "\n".join(found)


async def test_every_code_on_the_wall_is_read_by_a_camera(town: Town, visit: Visit) -> None:
    wanted = [town.url + town.sticker(terminal) for terminal in town.terminals]
    for phone in (Phone(desktop=True, width=1280, height=900), Phone(width=390, dark=True)):
        page = await (await visit(phone)).opens("/wall")
        codes = page.locator("[data-test=qr]")
        assert [scan(await code.screenshot()) for code in await codes.all()] == [[one] for one in wanted]
        await codes.first.click()
        large = page.locator("[data-test=large-qr]")
        await expect(large).to_be_visible()
        assert scan(await large.screenshot()) == wanted[:1]
