"""Codes for keypads, from the phone through the real agent to the bill: one's own, a friend's, without a link, at a kiosk."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from functools import partial
from urllib.parse import urljoin

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from coinslot.engines.broker import EmbeddedBroker
from coinslot.engines.connect import connect_owner
from coinslot.fleet.front_desks import add_desk
from coinslot.ledger.verify import verify
from coinslot.people.cards import give_card
from coinslot.sandbox.appliances.terminal import SimulatedTerminal
from coinslot.wire.ids import SessionId, new_id
from tests.browser.conftest import Visit
from tests.support.bathhouse import (
    CREDIT_MINOR,
    NO_SCRIPTS,
    comes,
    digits_in,
    digits_on,
    gets_code,
    knows_terms,
    open_bathhouse,
    room_path,
    runs,
    typed,
)
from tests.support.browser import Phone, Visitor
from tests.support.customer_steps import BILL, METER, bill_comes, expect_phase, session_on
from tests.support.engines import create_database, drop_database
from tests.support.looks import faults, overflow, small_targets
from tests.support.town import Town

MINE, OTHERS, GIVERS, AWAYS, CARDS = (f"1380013800{number}" for number in range(5))
"""Each test has a customer and a shower of its own: they share the town."""


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def bathhouse(
    admin_url: str,
    template_name: str,
    broker_engine: EmbeddedBroker,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Town]:
    url = await create_database(admin_url, template_name)
    try:
        async with open_bathhouse(
            url, broker_engine.access, tmp_path_factory.mktemp("bathhouse"), showers=4
        ) as opened:
            yield opened
    finally:
        await drop_database(admin_url, url)


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, bathhouse: Town) -> AsyncIterator[Visit]:
    async with contextlib.AsyncExitStack() as ending:

        async def come(phone: Phone = Phone()) -> Visitor:  # noqa: B008 - it is frozen
            return await ending.enter_async_context(Visitor(browser, bathhouse.url, phone))

        yield come


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def walker(browser: Browser, bathhouse: Town) -> AsyncIterator[Visitor]:
    """One phone for those who come one after the other: a browser that is opened costs as much as five pages."""
    async with Visitor(browser, bathhouse.url, Phone(language="en", dark=True)) as opened:
        yield opened


async def read(page: Page, path: str) -> str:
    """What the same browser gets from there, without drawing it."""
    answer = await page.request.get(urljoin(page.url, path))
    assert answer.ok, f"{path} answered {answer.status}"
    return await answer.text()


async def sound(town: Town) -> None:
    """Nothing is missing in the books."""
    async with town.pool.acquire() as connection:
        report = await verify(connection)
    assert report.sound, report.faults


async def sessions_of(town: Town, phone: str) -> list[SessionId]:
    """All that this number has used."""
    return await town.sessions(await town.customer(phone))


async def test_a_code_is_typed_paused_and_billed(bathhouse: Town, walker: Visitor) -> None:
    shower = bathhouse.terminals[0]
    page = await comes(bathhouse, walker, MINE)
    digits = await gets_code(page, 0)
    assert len(digits) == 8
    assert await faults(page) == []
    assert digits_in(await read(page, "/use")) == digits

    bathhouse.type(shower, f"{digits}#")
    # The page has noticed by itself.
    await page.wait_for_url(METER)
    session = session_on(page)
    assert await runs(bathhouse, shower) == session
    bathhouse.type(shower, "*")
    await expect_phase(page, "paused")
    await bathhouse.until(lambda: goes_on(bathhouse, shower), "the end of the pause")
    await expect_phase(page, "running")
    bathhouse.type(shower, "#")
    await bill_comes(page)
    row = await bathhouse.settled(session)
    assert row.captured_minor is not None
    assert await bathhouse.principal(await bathhouse.customer(MINE)) == 20_00 - row.captured_minor
    await sound(bathhouse)


async def test_renewed_cancelled_and_expired_codes_open_nothing(bathhouse: Town, visit: Visit) -> None:
    customer, shower = await visit(NO_SCRIPTS), bathhouse.terminals[1]
    page = await comes(bathhouse, customer, OTHERS)
    first = await gets_code(page, 1)
    await page.click("button[form=new]")
    second = await digits_on(page)
    assert second != first
    await page.click("button[form=cancel]")
    await expect(typed(page)).to_have_count(0)
    await page.click("button[form=new]")
    third = await digits_on(page)
    code = page.url.rsplit("/", 1)[-1]
    owner = await connect_owner(bathhouse.owner_url)
    await owner.execute("UPDATE keypad_code SET expires_at = now() - interval '1 s' WHERE code_id = $1", code)
    await owner.close()
    over = await read(page, page.url)
    assert (digits_in(over), 'button form="new"' in over) == ("", True)

    for number, digits in enumerate((first, second, third), 1):
        bathhouse.type(shower, f"{digits}#")
        await bathhouse.until(partial(refused, bathhouse, shower, number), "an answer")
    assert await sessions_of(bathhouse, OTHERS) == []


async def refused(town: Town, shower: SimulatedTerminal, times: int) -> bool:
    """Whether so many codes were answered there, the last one on the display: that it opens nothing."""
    answers = "SELECT count(*) FROM keypad_answer WHERE terminal_id = $1"
    if await town.pool.fetchval(answers, shower.id) < times:
        return False
    return any(words in line for line in shower.outlet(0).lines for words in ("Wrong code", "Code expired"))


async def goes_on(town: Town, shower: SimulatedTerminal) -> bool:
    """Press the key once more; so soon after the pause began it may be taken for a bounce."""
    if not shower.outlet(0).is_open:
        town.type(shower, "*")
    return shower.outlet(0).is_open


async def test_a_friends_code_costs_no_more_than_its_limit(bathhouse: Town, walker: Visitor) -> None:
    shower = bathhouse.terminals[2]
    page = await comes(bathhouse, walker, GIVERS)
    await page.click("a[href^='/friend']")
    walker.forgive("status of 422")
    await page.fill("input[name=own]", "99")
    await page.locator("input[name=place]").nth(2).check()
    await page.click("button[form=go]")
    await expect(page.locator(".wrong")).to_contain_text("¥20.00")
    await page.fill("input[name=own]", "")
    await page.check("input[name=cap][value='2']")
    await page.click("button[form=go]")
    digits = await digits_on(page)
    assert digits in (await page.inner_text(".share")).replace(" ", "")

    bathhouse.type(shower, f"{digits}#")
    await expect(page.locator("a[href^='/s/']")).to_be_visible()
    [session] = await sessions_of(bathhouse, GIVERS)
    assert await runs(bathhouse, shower) == session
    bathhouse.type(shower, "#")
    row = await bathhouse.settled(session)
    assert row.hold_minor == 2_00
    await sound(bathhouse)


async def test_a_code_works_while_the_shower_has_no_link(bathhouse: Town, walker: Visitor) -> None:
    shower = bathhouse.terminals[3]
    await knows_terms(bathhouse, shower)
    shower.cable.pull()
    await bathhouse.online(shower, there=False)
    page = await comes(bathhouse, walker, AWAYS)
    await page.click("a[href^='/offline?']")
    await page.click("button[form=go]")
    digits = await digits_on(page)
    assert len(digits) == 9
    owner = await bathhouse.customer(AWAYS)
    assert await bathhouse.principal(owner) == 20_00 - CREDIT_MINOR
    found = re.search(r"/s/off_\w+", await read(page, "/history"))
    assert found is not None
    assert digits_in(await read(page, found[0])) == digits

    bathhouse.type(shower, f"{digits}#")
    session = await runs(bathhouse, shower)
    bathhouse.type(shower, "#")
    shower.cable.plug()
    await page.wait_for_url(BILL, timeout=20_000)
    assert session_on(page) == session
    row = await bathhouse.settled(SessionId(session))
    assert row.captured_minor
    assert await bathhouse.principal(owner) == 20_00 - row.captured_minor
    await sound(bathhouse)


async def at_kiosk(bathhouse: Town, walker: Visitor) -> tuple[Page, str, str]:
    """A kiosk's page, and somebody's card and PIN."""
    await bathhouse.login(CARDS)
    await bathhouse.pays_at_counter(CARDS, 20_00)
    async with bathhouse.pool.acquire() as connection:
        _, link = await add_desk(
            connection, bathhouse.operator, bathhouse.world.demo.site_id, name=new_id("Hall"), by="test"
        )
        owner = await bathhouse.customer(CARDS)
        card = await give_card(connection, bathhouse.keyring, bathhouse.operator, owner, by="test")
    # A screen on a wall, where nobody is logged in.
    await walker.context.clear_cookies()
    await walker.page.set_viewport_size({"width": 1024, "height": 768})
    page = await walker.opens(f"/desk/open/{link}")
    await page.click("form[action^='/kiosk/open'] button")
    await expect(page.locator("[data-keys]")).to_be_visible()
    # What walks up to the kiosk walks into no front desk.
    assert (await page.request.get(f"{bathhouse.url}/desk")).status == 401
    return page, card.card_no, card.pin


async def test_somebody_without_a_phone_gets_a_code_at_the_kiosk(bathhouse: Town, walker: Visitor) -> None:
    page, number, pin = await at_kiosk(bathhouse, walker)
    for digit in number + pin:
        await page.click(f"[data-key='{digit}']")
    await page.click("form[action='/kiosk/in'] button:not([type=button])")
    await expect(page.locator(".tiles")).to_be_visible()
    assert await small_targets(page) + await overflow(page) == []
    assert CARDS not in await page.content()
    await page.locator("button[name=place][value^='any:']").click()
    digits = await digits_on(page)
    assert len(digits) == 9
    # It knows nobody any more, whatever is pressed next.
    assert 'action="/kiosk/in"' in await read(page, "/kiosk")

    shower = bathhouse.terminals[0]
    bathhouse.type(shower, f"{digits}#")
    await runs(bathhouse, shower)
    bathhouse.type(shower, "#")
    [session] = await sessions_of(bathhouse, CARDS)
    await bathhouse.settled(session)


@pytest.mark.long
async def test_a_kiosk_has_nothing_to_complain_of(bathhouse: Town, walker: Visitor) -> None:
    page, number, pin = await at_kiosk(bathhouse, walker)
    found = await faults(page, (1024,))
    await page.fill("input[name=card]", number)
    await page.fill("input[name=pin]", pin)
    await page.click("form[action='/kiosk/in'] button:not([type=button])")
    await expect(page.locator(".tiles")).to_be_visible()
    assert found + await faults(page, (1024,)) == []


@pytest.mark.long
@pytest.mark.parametrize("phone", [Phone(), Phone(language="en", dark=True)], ids=["zh", "en, dark"])
async def test_every_page_of_codes_has_nothing_to_complain_of(
    bathhouse: Town, visit: Visit, phone: Phone
) -> None:
    customer = await visit(phone)
    found: list[str] = []
    number = f"1390013900{phone.dark:d}"
    page = await comes(bathhouse, customer, number, 9_00)

    async def judge(state: str) -> None:
        found.extend(f"{state}: {fault}" for fault in await faults(page))

    await judge("the room")
    await gets_code(page, None)
    await judge("nine digits")
    await customer.opens("/me")
    await judge("me")
    await customer.opens(room_path(bathhouse))
    await judge("the room, with a code")
    await page.click("a.having")
    await page.click("button[form=cancel]")
    await expect(typed(page)).to_have_count(0)
    await judge("cancelled")
    await customer.opens(room_path(bathhouse))
    await page.click("a[href^='/friend']")
    await judge("for a friend")
    await page.click("button[form=go]")
    await digits_on(page)
    await judge("a friend's code")
    away = bathhouse.terminals[3]
    await knows_terms(bathhouse, away)
    away.cable.pull()
    await bathhouse.online(away, there=False)
    await customer.opens(room_path(bathhouse))
    await judge("the room, one without network")
    await page.click("a[href^='/offline?']")
    await judge("a code without network, before")
    await page.click("button[form=go]")
    await digits_on(page)
    await judge("a code without network")
    away.cable.plug()
    await bathhouse.online(away)
    await customer.opens("/code/cod_nobodys", status=404)
    await judge("nobody's")
    await customer.opens(bathhouse.sticker(bathhouse.terminals[0]))
    await judge("the shower")
    assert not found, "\n".join(found)
