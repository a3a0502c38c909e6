"""A guest before the wall's hotel: chooses, pays with a phone, and has back what was not used."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from coinslot.engines.broker import BrokerAccess
from coinslot.sandbox.appliances.terminal import SimulatedTerminal
from coinslot.terminal.simulated import curves
from coinslot.web.wall.acting import Said
from coinslot.web.wall.room_views import RoomView
from coinslot.web.wall.rooms import RoomTrouble
from coinslot.web.wall.stream import News
from tests.support.engines import create_database, drop_database
from tests.support.town import Town, open_town

_SEAL = re.compile(r'name="form" value="([^"]+)"')
_PAY = re.compile(r'href="([^"]+)"[^>]*data-payer')


class Guest:
    """A browser before the wall, and a phone."""

    def __init__(self, town: Town, http: httpx.AsyncClient) -> None:
        self.town = town
        self.http = http
        self.seal = ""

    async def come(self) -> httpx.Response:
        """Load the page."""
        page = await self.http.get("/wall")
        assert page.status_code == 200, page.text
        self.seal = _SEAL.findall(page.text)[0]
        return page

    async def news(self) -> News:
        """What the page's script asks for."""
        return msgspec.json.decode((await self.http.get("/wall/state")).content, type=News)

    async def room(self, terminal: SimulatedTerminal) -> RoomView:
        """One appliance as it is shown now."""
        return next(one for one in (await self.news()).rooms if one.id == terminal.id)

    async def press(self, path: str, terminal: str, **fields: object) -> tuple[int, Said | None]:
        """Press something, as the script does."""
        body = {"form": self.seal, "terminal": terminal, "outlet": "0"}
        body |= {name: str(value) for name, value in fields.items()}
        answer = await self.http.post(path, data=body, headers={"Accept": "application/json"})
        if answer.status_code == 404:
            return 404, None
        return answer.status_code, msgspec.json.decode(answer.content, type=Said)

    async def until(
        self, terminal: SimulatedTerminal, phase: str, word: str = "", text: str = ""
    ) -> RoomView:
        """Wait until its display shows this phase and this text, and its front this word."""

        async def shown() -> bool:
            one = await self.room(terminal)
            return one.phase == phase and word in one.word and text in one.glass

        await self.town.until(shown, f"{terminal.name}: {phase} {word} {text}")
        return await self.room(terminal)

    async def drawn(self, terminal: SimulatedTerminal, mwh: int) -> None:
        """Wait until so much went through its socket."""

        async def enough() -> bool:
            return terminal.socket(0).drawn_mwh >= mwh

        await self.town.until(enough, f"{mwh} mWh at {terminal.name}")

    async def buys(self, terminal: SimulatedTerminal, package: str, provider: str) -> None:
        """Choose, scan, pay, until it runs."""
        await self.until(terminal, "choose")
        assert (await self.press("/wall/choose", terminal.id, package=package, provider=provider))[0] == 200
        shown = await self.until(terminal, "qr")
        [page] = _PAY.findall(shown.glass)
        async with httpx.AsyncClient(timeout=10, follow_redirects=True) as phone:
            asked = await phone.get(page)
            assert "frame-ancestors" not in asked.headers.get("content-security-policy", "")
            assert "x-frame-options" not in asked.headers
            assert (await phone.post(asked.url, data={"act": "pay"})).status_code == 200
        await self.until(terminal, "running")


@pytest.fixture
async def guest(
    admin_url: str, template_name: str, broker: BrokerAccess, tmp_path: Path
) -> AsyncIterator[Guest]:
    """Server, sandbox, wall and four rooms."""
    url = await create_database(admin_url, template_name)
    try:
        async with (
            open_town(url, broker, tmp_path, hotel=True) as town,
            httpx.AsyncClient(base_url=town.url, headers={"Accept-Language": "en"}, timeout=10) as http,
        ):
            come = Guest(town, http)
            await come.come()
            yield come
    finally:
        await drop_database(admin_url, url)


async def test_a_guest_pays_on_the_dryer_and_has_back_what_a_short_circuit_left(guest: Guest) -> None:
    dryer, air = guest.town.terminals[:2]
    dryer.socket(0).curve = curves.recorded([curves.Stretch(3_600_000, 3_600_000)])
    free = await guest.until(dryer, "choose", "free")
    page = await guest.come()
    policy = page.headers["content-security-policy"]
    assert f"frame-src 'self' {guest.town.wall.payers_at};" in policy
    assert "frame-src 'self';" in (await guest.http.get("/use")).headers["content-security-policy"]
    for words in ("30 min", "¥5.00", "By use, rest back", "deposit", "WeChat Pay", "Alipay", "Room 801"):
        assert words in page.text
    assert (free.word, free.power, free.runs) == ("free", "0 W", False)
    assert "style=" not in page.text

    await guest.buys(dryer, "min-30", "wechat")
    await guest.buys(air, "by-use", "alipay")
    running = await guest.until(dryer, "running", "in use")
    assert running.runs
    assert running.left.startswith(("29:", "30:"))
    assert (await guest.room(air)).left == ""

    # What drew less than two watt-hours has done nothing for anybody.
    await guest.drawn(dryer, 2_500)
    await guest.press("/wall/room", dryer.id, trouble="shorted", on=1)
    ended = await guest.until(dryer, "finished", text="Goes back")
    assert "¥4." in ended.glass
    assert not dryer.socket(0).is_open
    assert ended.troubles == ("shorted",)
    await guest.press("/wall/stop", air.id)
    by_use = await guest.until(air, "finished", text="Goes back")
    assert "¥5.00" in by_use.glass

    async def told() -> bool:
        facts = (await guest.news()).facts
        return (facts.orders, facts.guest_payments, facts.guest_starts, facts.cut_short, facts.refunds) == (
            *(2, 2, 2, 1, 2),
        )

    await guest.town.until(told, "what the tour ticks by")
    await guest.press("/wall/back", air.id)
    await guest.until(air, "choose")


async def test_what_is_not_there_cannot_be_pressed_and_what_is_dark_feels_nothing(guest: Guest) -> None:
    dryer = guest.town.terminals[0]
    await guest.until(dryer, "choose")
    for fields in (
        {"package": "../x", "provider": "wechat"},
        {"package": "min-2", "provider": ""},
        {"package": "min-2", "provider": "wechat", "outlet": "7"},
        {"package": "min-2", "provider": "wechat", "terminal": "trm_nobody"},
    ):
        there = {"terminal": dryer.id, **fields}
        assert await guest.press("/wall/choose", **there) == (404, None)
    assert await guest.press("/wall/back", "trm_nobody") == (404, None)
    assert await guest.press("/wall/room", dryer.id, trouble="leak", on=1) == (404, None)
    assert await guest.press("/wall/trouble", dryer.id, trouble="leak", on=1) == (404, None)
    # Chosen without a script, with the form as it stands in the page, and taken back again.
    page = (await guest.come()).text
    form = page[page.index(f'value="{dryer.id}"') - 200 :]
    body = {"terminal": dryer.id, "outlet": "0", "package": "min-2", "provider": "alipay"}
    sent = await guest.http.post("/wall/choose", data={**body, "form": _SEAL.findall(form)[0]})
    assert (sent.status_code, sent.headers["location"]) == (303, "/wall")
    await guest.until(dryer, "qr")
    await guest.press("/wall/back", dryer.id)
    await guest.until(dryer, "choose")
    await guest.press("/wall/room", dryer.id, trouble=RoomTrouble.POWER_CUT.value, on=1)
    dark = await guest.until(dryer, "dark")
    assert (dark.word, dark.glass, dark.power) == ("no power", "", "0 W")
    status, said = await guest.press("/wall/choose", dryer.id, package="min-2", provider="wechat")
    assert status == 200
    assert said is not None
    assert said.text == "No power: the button does nothing."
    zh = (await guest.http.get("/wall?lang=zh")).text
    for words in ("在酒店：在设备上付款", "801 房", "短路", "30 分钟", "微信支付"):
        assert words in zh
