"""The whole way of a customer, from the code on the appliance to the bill, compared with the books."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import msgspec
import pytest
from playwright.async_api import Page, expect

from coinslot.ledger.verify import verify
from coinslot.web.pages.figures import exact_money, litres, money
from coinslot.wire.ids import SessionId
from coinslot.wire.registers import Register
from tests.browser.conftest import Visit
from tests.support.browser import Phone
from tests.support.customer_steps import (
    ask_for_code,
    bill_comes,
    expect_phase,
    main_button,
    register,
    session_on,
    shown_at_least,
    start,
    stop,
    type_code,
)
from tests.support.looks import scan
from tests.support.town import Town

PHONE = "13800138000"


async def expect_bill(page: Page, town: Town, session: SessionId) -> None:
    """Every figure on the bill is the books' own, and nothing of the hold is left."""
    row = await town.settled(session)
    shown = re.sub(r"\s+", " ", await page.inner_text("main"))
    assert row.captured_minor is not None
    assert row.released_minor is not None
    for amount in (row.captured_minor, row.hold_minor, row.released_minor):
        assert money(amount, "CNY") in shown, shown
    assert await page.inner_text(".bill .amount") == money(row.captured_minor, "CNY")
    assert session in shown
    async with town.pool.acquire() as connection:
        report = await verify(connection)
    assert report.sound, report.faults


async def test_from_the_code_on_the_wall_to_the_bill(town: Town, visit: Visit) -> None:
    wall = await visit(Phone(desktop=True, width=1280, height=900))
    customer = await visit()
    floor = await wall.opens("/wall")
    [scanned] = scan(await floor.locator("[data-test=qr]").first.screenshot())
    assert scanned == town.url + town.sticker(town.terminals[0])

    page = await customer.opens(urlsplit(scanned).path)
    await ask_for_code(page, "138 0013 8000")
    message = floor.locator("[data-test=text] [data-said]").first
    await expect(message).to_contain_text(town.code(PHONE))
    await type_code(customer, town.code(PHONE))
    await expect(page.locator("footer a[href^='/topup?']")).to_be_visible()

    await floor.fill("[data-test=counter-phone]", PHONE)
    await floor.locator("label:has([data-test='amount-10.00'])").click()
    await floor.click("[data-test=counter-pay]")
    await expect(floor.locator("[data-test=counter-said]")).to_contain_text(money(10_00, "CNY"))
    # The customer's page notices the money by itself.
    await expect(main_button(page)).to_be_visible()

    session = await start(customer, outlet=1)
    await expect_phase(page, "running")
    await shown_at_least(page, 300)
    taps = floor.locator("[data-test=appliance]").first.locator("[data-test=tap]")
    await expect(taps.nth(1)).to_have_attribute("data-flows", "1")
    await taps.nth(1).locator("[data-test=stop]").click()
    await bill_comes(page)
    await expect_bill(page, town, session)

    row = await town.settled(session)
    owner = await town.customer(PHONE)
    assert row.stop_reason == "key"
    assert row.captured_minor > 0
    assert await town.principal(owner) == 10_00 - row.captured_minor
    told = floor.locator("[data-test=open-bill]").first
    await expect(told).to_have_attribute("href", f"/s/{session}/bill")


@pytest.mark.parametrize(
    "phone",
    [
        pytest.param(Phone(javascript=False), id="without scripts"),
        pytest.param(Phone(language="en", dark=True), id="in English, in the dark", marks=pytest.mark.long),
        pytest.param(Phone(width=280, height=560), id="on a small phone", marks=pytest.mark.long),
    ],
)
async def test_the_same_way_on_other_phones(town: Town, visit: Visit, phone: Phone) -> None:
    customer, dispenser = await visit(phone), town.terminals[1]
    page = await customer.opens(town.sticker(dispenser))
    await expect(page.locator("html")).to_have_attribute("lang", "zh-CN" if phone.language == "zh" else "en")
    await register(customer, town, PHONE)
    await town.pays_at_counter(PHONE, 5_00)
    await page.reload()
    session = await start(customer, outlet=0)
    await town.poured(dispenser, 500)
    if phone.javascript:
        await shown_at_least(page, 500)
    else:
        await page.reload()
    await stop(customer)
    await bill_comes(page)
    await expect_bill(page, town, session)
    row = await town.settled(session)
    assert row.stop_reason == "command"
    await customer.opens("/history")
    await expect(page.locator(f"a[href='/s/{session}/bill']")).to_contain_text(
        money(row.captured_minor, "CNY")
    )
    await customer.opens("/me")
    await expect(page.locator(".amount")).to_have_text(money(5_00 - row.captured_minor, "CNY"))


async def test_the_bill_is_worked_out_to_the_last_fraction(town: Town, visit: Visit) -> None:
    customer, dispenser = await visit(Phone(language="en")), town.terminals[0]
    login = await town.login(PHONE, "en")
    await town.pays_at_counter(PHONE, 5_00)
    await customer.holds(login.token)
    page = await customer.opens(town.sticker(dispenser))
    session = await start(customer)
    await town.poured(dispenser, 700)
    town.press_stop(dispenser)
    await bill_comes(page)
    row = await town.settled(session)
    ml = msgspec.json.decode(row.registers or "", type=dict[Register, int])[Register.ML]
    shown = re.sub(r"\s+", " ", await page.inner_text("main"))
    assert f"{litres(ml, places=3).rstrip('0').rstrip('.')} L" in shown
    assert exact_money(ml * 21, 1000, "CNY") in shown
    assert row.captured_minor == (ml * 21 + 500) // 1000
    assert session == session_on(page)


async def test_changing_the_language_stays_on_the_page_and_lasts(town: Town, visit: Visit) -> None:
    customer = await visit()
    page = await customer.opens(town.sticker(town.terminals[0]))
    await page.click("a[hreflang=en]")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    assert urlsplit(page.url).path == town.sticker(town.terminals[0])
    await customer.opens(town.sticker(town.terminals[1]))
    await expect(page.locator("html")).to_have_attribute("lang", "en")
