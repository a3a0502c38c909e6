"""The hotel's appliances on the wall, as a guest with a browser has them: choose, scan, pay, run, unplug, money back."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from coinslot.engines.broker import EmbeddedBroker
from coinslot.terminal.simulated import curves
from tests.browser.conftest import Visit
from tests.support.browser import Phone, Visitor
from tests.support.engines import create_database, drop_database
from tests.support.looks import faults, scan
from tests.support.town import Town, open_town

DESK = Phone(desktop=True, width=1280, height=900, language="en")


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def town(
    admin_url: str,
    template_name: str,
    broker_engine: EmbeddedBroker,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Town]:
    """The hotel's rooms, with payment providers beside the server, for all tests here: each leaves them free."""
    url = await create_database(admin_url, template_name)
    try:
        async with open_town(
            url, broker_engine.access, tmp_path_factory.mktemp("hotel"), hotel=True
        ) as opened:
            yield opened
    finally:
        await drop_database(admin_url, url)


async def expect_phase(page: Page, phase: str) -> None:
    """The dryer's display has come so far."""
    await shows(page.locator("[data-room=dryer]"), phase)


async def shows(room: Locator, *phases: str) -> None:
    """The room's display has come to one of these."""
    await expect(room).to_have_attribute("data-phase", re.compile(f"^({'|'.join(phases)})$"), timeout=20_000)


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


class Guest:
    """Somebody before one appliance on the wall, with a payer's phone in hand."""

    def __init__(self, town: Town, wall: Visitor, model: str) -> None:
        self.town = town
        self.wall = wall
        self.room = wall.page.locator(f"[data-room={model}]")
        self.terminal = next(one for one in town.terminals if one.board.model.value == model)
        self.code = ""
        """What the display's QR holds."""
        wall.forgive(f"^request to elsewhere: {town.wall.payers_at}/")

    async def chooses(self, package: str, provider: str) -> str:
        """A package and a way to pay; the address in the code that is shown then."""
        await shows(self.room, "choose")
        await self.room.locator(f"label:has([data-test=package-{package}])").click()
        await self.room.locator(f"[data-test=provider-{provider}]").click()
        await shows(self.room, "qr")
        picture = self.room.locator("[data-test=pay-qr]")
        await picture.scroll_into_view_if_needed()
        # A display that is drawn anew in this very moment is looked at once more.
        for _ in range(20):
            if found := scan(await picture.screenshot()):
                break
        [self.code] = found
        return self.code

    async def presses(self, act: str, code: str = "") -> str:
        """On the provider's page of the code: what it says then."""
        phone = await self.wall.another_tab()
        await phone.goto(code or self.code)
        button = phone.locator(f"button[value={act}]")
        if not await button.is_visible():
            await phone.locator("summary").click()
        await button.click()
        said = await phone.locator("[role=status]").inner_text()
        await phone.close()
        return said

    async def came_back(self, code: str) -> list[int]:
        """What went back of the payment behind a code, each refund for itself, minor units."""
        rows = await self.town.pool.fetch(
            "SELECT r.amount_minor FROM refund r JOIN payment_attempt a"
            " ON (a.operator_id, a.number) = (r.operator_id, r.attempt_number)"
            " WHERE r.state = 'succeeded' AND strpos(a.created, $1) > 0",
            code.rsplit("/", 1)[1],
        )
        return [row[0] for row in rows]

    async def gets_back(self, code: str, *amounts_minor: int) -> None:
        """Wait for exactly these refunds."""

        async def all_of_it() -> bool:
            return await self.came_back(code) == list(amounts_minor)

        await self.town.until(all_of_it, f"{amounts_minor} back")

    async def stops(self) -> None:
        """The stop button, and the display free again."""
        await self.room.locator("[data-test=stop-room]").click()
        await shows(self.room, "finished")
        await self.room.locator("[data-test=again]").click()
        await shows(self.room, "choose")


Come: TypeAlias = Callable[[str], Awaitable[Guest]]


@pytest_asyncio.fixture(loop_scope="session")
async def guest(town: Town, visit: Visit) -> Come:
    """`await guest("dryer")`: a guest before it."""

    async def come(model: str) -> Guest:
        wall = await visit(DESK)
        await wall.opens("/wall")
        return Guest(town, wall, model)

    return come


async def test_declined_first_and_then_paid_with_alipay(guest: Come) -> None:
    someone = await guest("air_purifier")
    await someone.chooses("min-2", "alipay")
    await someone.presses("decline")
    await shows(someone.room, "qr", "scanned")
    assert await someone.presses("pay") == "Paid."
    await shows(someone.room, "running")
    await expect(someone.room.locator("[data-test=left]")).to_contain_text("1:5")
    await someone.stops()


async def test_who_pays_for_what_was_not_wanted_any_more_has_it_back(guest: Come) -> None:
    someone = await guest("water_purifier")
    first = await someone.chooses("min-2", "wechat")
    await someone.room.locator("[data-test=cancel]").click()
    second = await someone.chooses("min-30", "alipay")
    await someone.presses("pay_after_close", first)
    await someone.gets_back(first, 20)
    # The one who stands there now is not disturbed, and what is wanted now starts.
    await shows(someone.room, "qr")
    await someone.presses("pay", second)
    await shows(someone.room, "running")
    assert await someone.came_back(second) == []
    await someone.stops()


async def test_a_terminal_that_is_away_for_a_moment_starts_and_for_long_gives_all_back_once(
    guest: Come,
) -> None:
    someone = await guest("diffuser")
    town, terminal = someone.town, someone.terminal
    code = await someone.chooses("min-2", "wechat")
    terminal.cable.pull()
    await town.online(terminal, there=False)
    await someone.presses("pay")
    terminal.cable.plug()
    await shows(someone.room, "running")
    assert await someone.came_back(code) == []
    await someone.stops()

    code = await someone.chooses("min-2", "alipay")
    terminal.cable.pull()
    await town.online(terminal, there=False)
    await someone.presses("pay")

    async def long_ago() -> bool:
        done = await town.pool.execute(
            "UPDATE payment_intent SET paid_at = paid_at - interval '61 s'"
            " WHERE state = 'paid' AND follow_at IS NOT NULL AND paid_at > now() - interval '60 s'"
        )
        return bool(done == "UPDATE 1")

    await town.until(long_ago, "a payment that waits for its terminal")
    await someone.gets_back(code, 20)
    terminal.cable.plug()
    await town.online(terminal)
    await shows(someone.room, "refunded", "choose")
    assert terminal.use(0) is None
    assert await someone.came_back(code) == [20]


async def test_cut_short_by_a_fault_it_costs_the_time_it_ran_on_display_and_bill_alike(guest: Come) -> None:
    someone = await guest("dryer")
    code = await someone.chooses("min-2", "wechat")
    await someone.presses("pay")
    await shows(someone.room, "running")
    someone.terminal.socket(0).short(on=True)
    await shows(someone.room, "finished")
    someone.terminal.socket(0).short(on=False)
    charged = minor(await someone.room.locator("[data-test=charge]").inner_text())
    back = minor(await someone.room.locator("[data-test=refund]").inner_text())
    assert 0 < charged < 10
    assert charged + back == 50
    await someone.gets_back(code, back)

    phone = await someone.wall.another_tab()
    [address] = scan(await someone.room.locator("[data-test=bill-qr]").screenshot())
    answer = await phone.goto(address)
    assert answer is not None
    assert answer.status == 200
    await expect(phone.locator(".amount").first).to_contain_text(f"0.{charged:02d}")
    await expect(phone.locator("main")).to_contain_text(f"0.{back:02d}")


def minor(text: str) -> int:
    """Of `¥0.48`."""
    return int(text.strip().removeprefix("¥").replace(".", ""))
