"""What happens to a use while somebody watches: two tabs, two presses, a cable, a power cut, a server that restarts."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from coinslot.sandbox.appliances.cable import Cable
from coinslot.settlement.changes import Purse
from coinslot.settlement.topup import pay_in_cash
from tests.browser.conftest import Visit
from tests.support.browser import Phone, Visitor
from tests.support.customer_steps import (
    METER,
    bill_comes,
    expect_phase,
    main_button,
    shown_at_least,
    shown_ml,
    start,
    stop,
    stop_button,
)
from tests.support.town import Town

PHONE = "13800138000"
GONE = (
    r"ERR_CONNECTION_REFUSED",
    r"ERR_INCOMPLETE_CHUNKED_ENCODING",
    r"ERR_CONNECTION_RESET",
    r"ERR_EMPTY_RESPONSE",
    r"ERR_SOCKET_NOT_CONNECTED",
    r"ERR_CONNECTION_(CLOSED|ABORTED)",
    r"ERR_NETWORK_CHANGED",
)
"""What Chromium notes while a server is away."""


async def customer(town: Town, visit: Visit, phone: Phone = Phone()) -> Visitor:  # noqa: B008 - it is frozen
    """Somebody logged in with money."""
    visitor = await visit(phone)
    login = await town.login(PHONE, phone.language)
    await town.pays_at_counter(PHONE, 5_00)
    await visitor.holds(login.token)
    return visitor


async def using(town: Town, visit: Visit) -> Visitor:
    """The same, with cold water running at the first dispenser and the meter on the screen."""
    visitor = await customer(town, visit)
    await visitor.opens(town.sticker(town.terminals[0]))
    await start(visitor)
    await expect_phase(visitor.page, "running")
    await shown_at_least(visitor.page, 200)
    return visitor


async def test_two_presses_on_start_are_one_session(town: Town, visit: Visit) -> None:
    visitor = await customer(town, visit)
    page = await visitor.opens(town.sticker(town.terminals[0]))
    await main_button(page).dblclick()
    await page.wait_for_url(METER)
    await expect_phase(page, "running")
    assert len(await town.sessions(await town.customer(PHONE))) == 1


@pytest.mark.long
async def test_two_presses_without_scripts_are_one_session(town: Town, visit: Visit) -> None:
    visitor = await customer(town, visit, Phone(javascript=False))
    page = await visitor.opens(town.sticker(town.terminals[0]))
    await main_button(page).dblclick()
    await page.wait_for_url(METER)
    await town.poured(town.terminals[0], 100)
    assert len(await town.sessions(await town.customer(PHONE))) == 1


async def test_two_tabs_that_start_the_same_tap_show_the_same_session(town: Town, visit: Visit) -> None:
    visitor = await customer(town, visit)
    first, second = visitor.page, await visitor.another_tab()
    path = town.sticker(town.terminals[0])
    await first.goto(path)
    await second.goto(path)
    await main_button(first).click()
    await first.wait_for_url(METER)
    await main_button(second).click()
    await second.wait_for_url(METER)
    assert first.url == second.url
    assert len(await town.sessions(await town.customer(PHONE))) == 1


@pytest.mark.long
async def test_a_stop_in_one_tab_brings_the_bill_in_both(town: Town, visit: Visit) -> None:
    visitor = await using(town, visit)
    other = await visitor.another_tab()
    await other.goto(visitor.page.url)
    await expect_phase(other, "running")
    await stop(visitor)
    await bill_comes(visitor.page)
    await bill_comes(other)


@pytest.mark.long
async def test_a_second_phone_of_the_same_customer_finds_what_runs(town: Town, visit: Visit) -> None:
    visitor = await using(town, visit)
    other = await visit()
    await other.holds((await town.login(PHONE)).token)
    page = await other.opens(town.sticker(town.terminals[0]))
    await page.locator("footer a.button").click()
    await page.wait_for_url(METER)
    assert page.url == visitor.page.url
    await stop(other)
    await bill_comes(page)
    await bill_comes(visitor.page)


async def test_somebody_else_sees_that_it_is_in_use_and_nothing_of_whom(town: Town, visit: Visit) -> None:
    visitor = await using(town, visit)
    stranger = await visit()
    await stranger.holds((await town.login("13900139000")).token)
    await town.pays_at_counter("13900139000", 5_00)
    page = await stranger.opens(town.sticker(town.terminals[0]))
    await expect(page.locator("input[name=outlet][value='0']")).to_be_disabled()
    await expect(page.locator("input[name=outlet][value='1']")).to_be_enabled()
    text = await page.content()
    session = visitor.page.url.rsplit("/", 1)[1]
    assert session not in text
    for path in (f"/s/{session}", f"/s/{session}/bill", f"/s/{session}/state"):
        await stranger.opens(path, status=404)


@pytest.mark.long
async def test_a_pulled_cable_is_shown_and_settled_when_it_is_back(town: Town, visit: Visit) -> None:
    visitor = await using(town, visit)
    page, dispenser = visitor.page, town.terminals[0]
    stale = page.locator("[data-stale]")
    await expect(stale).to_be_hidden()
    dispenser.cable.pull()
    # Old figures are marked 4 s after the last one, and the last one stays to be read.
    await expect(stale).to_be_visible()
    await expect(stale).to_have_text(re.compile(r"\b[4-9]|1\d"))
    await expect_phase(page, "offline")
    before_ml = await shown_ml(page)
    poured = dispenser.use(0)
    assert poured is not None
    dispenser.cable.plug()
    await expect_phase(page, "running")
    await expect(stale).to_be_hidden()
    await shown_at_least(page, max(before_ml, poured.ml // 100 * 100))
    await stop(visitor)
    await bill_comes(page)
    [session] = await town.sessions(await town.customer(PHONE))
    row = await town.settled(session)
    assert row.stop_reason == "command"


@pytest.mark.long
async def test_a_use_that_ended_behind_a_pulled_cable_is_billed_when_it_is_back(
    town: Town, visit: Visit
) -> None:
    visitor = await using(town, visit)
    dispenser = town.terminals[0]
    dispenser.cable.pull()
    town.press_stop(dispenser)
    await expect_phase(visitor.page, "offline")
    dispenser.cable.plug()
    await bill_comes(visitor.page)
    [session] = await town.sessions(await town.customer(PHONE))
    assert (await town.settled(session)).stop_reason == "key"


@pytest.mark.long
async def test_a_stop_asked_for_while_the_cable_is_out_is_obeyed_when_it_is_back(
    town: Town, visit: Visit
) -> None:
    visitor = await using(town, visit)
    dispenser = town.terminals[0]
    dispenser.cable.pull()
    await expect_phase(visitor.page, "offline")
    await stop(visitor)
    # It has been asked for: there is nothing more to press, and nobody pretends that it has stopped.
    await expect(stop_button(visitor.page)).to_be_hidden()
    assert dispenser.outlet(0).is_open
    dispenser.cable.plug()
    await bill_comes(visitor.page)
    [session] = await town.sessions(await town.customer(PHONE))
    assert (await town.settled(session)).stop_reason == "command"


async def test_a_power_cut_ends_at_the_last_certain_figure(town: Town, visit: Visit) -> None:
    visitor = await using(town, visit)
    dispenser = town.terminals[0]
    await dispenser.power_off()
    await expect_phase(visitor.page, "offline")
    dispenser.power_on()
    await bill_comes(visitor.page)
    [session] = await town.sessions(await town.customer(PHONE))
    assert (await town.settled(session)).stop_reason == "power_loss"


async def test_a_leak_stops_it_and_the_bill_says_why(town: Town, visit: Visit) -> None:
    visitor = await using(town, visit)
    town.terminals[0].outlet(0).leak = True
    await bill_comes(visitor.page)
    [session] = await town.sessions(await town.customer(PHONE))
    assert (await town.settled(session)).stop_reason == "fault"


@pytest.mark.long
async def test_a_restarted_server_goes_on_where_it_was(town: Town, visit: Visit) -> None:
    visitor = await using(town, visit)
    page = visitor.page
    visitor.forgive(*GONE)
    await town.stop_server()
    await expect(page.locator("[data-stale]")).to_be_visible()
    await town.start_server()
    await expect(page.locator("[data-stale]")).to_be_hidden()
    await expect_phase(page, "running")
    await shown_at_least(page, await shown_ml(page) + 100)
    await stop(visitor)
    await bill_comes(page)


@pytest.mark.long
async def test_a_phone_without_network_marks_what_is_old_and_comes_back(town: Town, visit: Visit) -> None:
    server = urlsplit(town.url)
    radio = Cable(str(server.hostname), server.port or 80)
    await radio.open()
    try:
        visitor = await visit(origin="http://{}:{}".format(*radio.address))
        await visitor.holds((await town.login(PHONE)).token)
        await town.pays_at_counter(PHONE, 5_00)
        page = await visitor.opens(town.sticker(town.terminals[0]))
        await start(visitor)
        await shown_at_least(page, 200)
        visitor.forgive(*GONE)
        radio.pull()
        await expect(page.locator("[data-stale]")).to_be_visible()
        radio.plug()
        await expect(page.locator("[data-stale]")).to_be_hidden()
        await shown_at_least(page, await shown_ml(page) + 100)
        await stop(visitor)
        await bill_comes(page)
    finally:
        await radio.close()


@pytest.mark.long
async def test_a_phone_whose_stream_never_speaks_asks_instead(town: Town, visit: Visit) -> None:
    visitor = await customer(town, visit)
    # Some browsers inside other apps open a stream and never pass it on.
    await visitor.page.add_init_script(
        "window.EventSource = class { constructor() { this.readyState = 1; } close() { this.readyState = 2; } };"
        "window.EventSource.CLOSED = 2;"
    )
    await visitor.opens(town.sticker(town.terminals[0]))
    await start(visitor)
    await shown_at_least(visitor.page, 300)
    await stop(visitor)
    await bill_comes(visitor.page)
    assert [url for url in visitor.watch.requests if url.endswith("/state")]
    assert not [url for url in visitor.watch.requests if url.endswith("/events")]


@pytest.mark.long
async def test_a_bill_is_told_by_message_with_its_figures(town: Town, visit: Visit) -> None:
    visitor = await using(town, visit)
    await stop(visitor)
    await bill_comes(visitor.page)
    [session] = await town.sessions(await town.customer(PHONE))
    row = await town.settled(session)

    async def told() -> bool:
        return bool(town.bills(PHONE))

    await town.until(told, "the bill's message")
    [bill] = town.bills(PHONE)
    assert (bill.session, bill.captured_minor, bill.released_minor) == (
        session,
        row.captured_minor,
        row.released_minor,
    )


async def test_a_wallet_emptied_elsewhere_meanwhile_is_said_instead_of_started(
    town: Town, visit: Visit
) -> None:
    visitor = await customer(town, visit)
    page = await visitor.opens(town.sticker(town.terminals[0]))
    other = await visitor.another_tab()
    await other.goto(town.sticker(town.terminals[1]))
    await main_button(other).click()
    await other.wait_for_url(METER)
    visitor.forgive("status of 409")
    await main_button(page).click()
    await expect(page.locator("[role=alert]")).to_be_visible()
    assert len(await town.sessions(await town.customer(PHONE))) == 1
    await expect(stop_button(other)).to_be_visible()


async def test_money_at_the_counter_counts_once_however_often_it_is_sent(town: Town) -> None:
    login = await town.login(PHONE)
    purse = Purse(town.operator, login.customer_id, "CNY")
    for _ in range(2):
        async with town.pool.acquire() as connection, connection.transaction():
            await pay_in_cash(connection, purse, key="counter:1", amount_minor=3_00)
    assert await town.principal(login.customer_id) == 3_00
