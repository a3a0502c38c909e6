"""Paying as people do it: on a phone by WeChat and Alipay, from a computer's screen, inside WeChat, without scripts."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import httpx
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from coinslot.engines.broker import EmbeddedBroker
from coinslot.wire.ids import CustomerId
from tests.support.browser import Phone, Visitor
from tests.support.engines import create_database, drop_database
from tests.support.looks import faults, scan
from tests.support.market import ANDROID, IN_WECHAT, Market, open_market

Come: TypeAlias = Callable[..., Awaitable[tuple[Visitor, CustomerId]]]
PAY = re.compile(r"/pay/pay_[0-9a-z]+$")
SHOTS = os.environ.get("COINSLOT_SHOTS", "")


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def market(admin_url: str, template_name: str, broker_engine: EmbeddedBroker) -> AsyncIterator[Market]:
    """One for all tests here: each comes with a customer of its own."""
    url = await create_database(admin_url, template_name)
    try:
        async with open_market(url, broker_engine.access) as opened:
            yield opened
    finally:
        await drop_database(admin_url, url)


@pytest_asyncio.fixture(loop_scope="session")
async def come(browser: Browser, market: Market) -> AsyncIterator[Come]:
    """`await come(Phone(...), cash_minor=500)`: somebody logged in, with a phone and this much in the wallet."""
    async with contextlib.AsyncExitStack() as ending:

        async def comes(phone: Phone, *, cash_minor: int = 0) -> tuple[Visitor, CustomerId]:
            customer, token = await market.customer(cash_minor=cash_minor)
            visitor = await ending.enter_async_context(Visitor(browser, market.url, phone))
            # The provider's own pages are the only others that anybody is led to.
            visitor.forgive(rf"request to elsewhere: {re.escape(market.server.url)}")
            await visitor.holds(token)
            return visitor, customer

        yield comes


async def shot(page: Page, name: str) -> None:
    """Kept where somebody wants to look at it."""
    if SHOTS:
        await page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def pay_button(page: Page) -> str:
    return "footer button[form=go]"


async def orders(market: Market) -> list[dict[str, str]]:
    """As the payer's phone knows them, newest first."""
    async with httpx.AsyncClient() as http:
        return list((await http.get(f"{market.server.url}/sandbox/orders")).json())


async def pays(market: Market, code: str) -> None:
    """The payer presses Pay."""
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{market.server.url}/sandbox/orders/{code}/pay")
        assert answer.json()["said"] == "Paid."


async def test_a_phone_tops_up_by_wechat_and_goes_back_to_the_appliance(market: Market, come: Come) -> None:
    lin, _ = await come(Phone(language="zh", agent=ANDROID))
    page = await lin.opens(market.sticker)
    await shot(page, "1-start-zh")
    await page.locator("footer a.button").click()
    await expect(page.locator("h1")).to_have_text("充值")
    await shot(page, "2-topup-zh")
    assert await faults(page) == []
    await page.locator("input[name=own]").fill("30")
    await expect(page.locator("input[name=amount]:checked")).to_have_count(0)
    await page.locator("label:has(input[value='50.00'])").click()
    await expect(page.locator("input[name=own]")).to_have_value("")
    await page.locator(pay_button(page)).click()
    # Led to WeChat's own page at once.
    await page.wait_for_url(f"{market.server.url}/pay/**")
    await page.locator("button[value=pay]").click()
    await page.locator("main a").click()
    await page.wait_for_url(re.compile(r"127\.0\.0\.1:\d+/pay/pay_"))
    await expect(page.locator(".state .status")).to_contain_text("已支付")
    await expect(page.locator("main")).to_contain_text("¥55.00")
    await shot(page, "3-paid-zh")
    assert await faults(page) == []
    await page.locator("footer a.button").click()
    await page.wait_for_url(f"**{market.sticker}")
    await expect(page.locator("footer button[form=go]")).to_be_visible()


async def test_without_scripts_it_is_paid_by_alipay_all_the_same(market: Market, come: Come) -> None:
    lin, _ = await come(Phone(language="en", agent=ANDROID, javascript=False))
    page = await lin.opens("/topup")
    await page.locator("input[name=way] >> nth=1").check()
    await page.locator(pay_button(page)).click()
    await expect(page.locator("a[data-go]")).to_have_text("Open Alipay")
    await shot(page, "4-alipay-en")
    refresh = await page.locator("noscript").first.inner_html()
    assert "refresh" in refresh
    await page.locator("a[data-go]").click()
    await page.locator("button[value=pay]").click()
    await page.locator("main a").click()
    await page.wait_for_url(re.compile(r"/pay/pay_"))
    # Nothing moves by itself here: unless Alipay was quicker, one asks.
    if await page.locator("footer button[form=asked]").count():
        await page.locator("footer button[form=asked]").click()
    await expect(page.locator("h1")).to_have_text("It is in your wallet")


async def test_a_computer_shows_a_code_that_a_camera_reads_and_goes_on_by_itself(
    market: Market, come: Come
) -> None:
    lin, _ = await come(Phone(language="en", desktop=True, width=1100, height=800, dark=True))
    page = await lin.opens("/topup")
    await page.locator(pay_button(page)).dblclick()
    await page.wait_for_url(PAY)
    [text] = scan(await page.locator(".scan").screenshot())
    assert text.startswith(f"{market.server.url}/pay/")
    await shot(page, "5-qr-en-dark")
    assert await faults(page) == []
    # Another way closes this one.
    await page.locator("main button[name=way]").click()
    await expect(page.locator("main h1")).to_have_text("Pay with Alipay")
    [code] = scan(await page.locator(".scan").screenshot())
    await pays(market, code.rpartition("/")[2])
    await expect(page.locator("h1")).to_have_text("It is in your wallet")


BRIDGE = """
    window.WeixinJSBridge = { invoke: (what, order, told) => {
        const code = order.package.replace("prepay_id=", "");
        window.sandboxPays(what, code).then(() => told({ err_msg: "get_brand_wcpay_request:ok" }));
    } };
"""


async def test_inside_wechat_it_is_paid_in_wechat_itself(market: Market, come: Come) -> None:
    lin, _ = await come(Phone(language="zh", agent=IN_WECHAT))
    called: list[str] = []

    async def sandbox_pays(what: str, prepay_id: str) -> None:
        called.append(what)
        [order] = [one for one in market.wechat.book.orders() if one.prepay_id == prepay_id]
        market.wechat.pay_order(order)

    await lin.context.expose_function("sandboxPays", sandbox_pays)
    await lin.context.add_init_script(BRIDGE)
    # On the way WeChat says who pays, without anybody seeing it.
    page = await lin.opens("/topup")
    assert page.url.startswith(f"{market.url}/topup")
    await expect(page.locator("input[name=way]")).to_have_value(re.compile("^mer_"))
    await page.locator(pay_button(page)).click()
    await expect(page.locator(".state .status")).to_contain_text("已支付")
    assert called == ["getBrandWCPayRequest"]
    cookies = {cookie["name"]: cookie for cookie in await lin.context.cookies()}
    assert cookies["cs_payer"]["httpOnly"]
    assert market.wechat.openids.default not in str(cookies)


async def test_everything_is_withdrawn_to_where_it_came_from(market: Market, come: Come) -> None:
    lin, customer = await come(Phone(language="en", agent=ANDROID), cash_minor=5_00)
    page = await lin.opens("/topup")
    await page.locator(pay_button(page)).click()
    await page.wait_for_url(f"{market.server.url}/pay/**")
    await page.locator("button[value=pay]").click()
    await page.locator("main a").click()
    await expect(page.locator("h1")).to_have_text("It is in your wallet")
    page = await lin.opens(f"/me/withdraw?operator={market.operator}")
    for words in (
        "¥55.00",
        "back to WeChat Pay",
        "to be fetched at the counter",
        "its part of the bonus goes",
    ):
        await expect(page.locator("main")).to_contain_text(words)
    await shot(page, "6-withdraw-en")
    assert await faults(page) == []
    await page.locator(pay_button(page)).click()
    await expect(page.locator("h1")).to_have_text("Withdraw ¥55.00?")
    await shot(page, "7-sure-en")
    assert await faults(page) == []
    await page.locator(pay_button(page)).dblclick()
    await page.wait_for_url("**/me/withdraw/wdr_*")
    await expect(page.locator("main")).to_contain_text("ready to be fetched")
    await shot(page, "8-withdrawal-en")
    assert await faults(page) == []
    page = await lin.opens("/me/money?lang=zh")
    await shot(page, "9-money-zh")
    assert await faults(page) == []
    page = await lin.opens("/me?lang=zh")
    await shot(page, "10-me-zh")
    assert (
        await market.stack.pool.fetchval(
            "SELECT amount_minor FROM ledger_balance WHERE account = $1", f"customer/{customer}/principal"
        )
        == 0
    )
