"""Codes on pages: pressed twice they are one, another's look like none, and what stands in the way is told with figures."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from coinslot.fleet.bulk import TerminalCredentials
from coinslot.fleet.front_desks import Browser as Kind
from coinslot.fleet.front_desks import add_desk, find_desk_here, open_desk
from coinslot.fleet.rules import ApplianceKind
from coinslot.fleet.store import find_appliance
from coinslot.people.cards import give_card
from coinslot.tariffs.named import NAMED
from tests.postgres.web.arriving import Browser, Shown, customer_of, dispenser, path_of, pay_in
from tests.postgres.web.conftest import KEYRING, Api, House

MOST_BYTES = 8_000
_place = re.compile(r'name="place" value="([^"]+)"')
_groups = re.compile(r"<span>([0-9]{4})</span>")


@pytest.fixture
async def shower(api: Api, house: House) -> TerminalCredentials:
    return await dispenser(
        api, house, name="Shower 1", kind=ApplianceKind.SHOWER, tariffs=(NAMED["shower-litre"],)
    )


def digits_of(page: Shown) -> str:
    """The code on a page; empty where it shows none."""
    return "".join(_groups.findall(page.text))


def code_path(page: Shown) -> str:
    """Of the code that this page shows."""
    return urlsplit(str(page.answer.url)).path


async def with_money(api: Api, house: House, browser: Browser, path: str, amount_minor: int = 20_00) -> Shown:
    """Logged in at the appliance's page, with this on the wallet."""
    await browser.log_in(path)
    await pay_in(api, house, await customer_of(api, house), amount_minor)
    return await browser.open(path)


async def test_a_code_pressed_twice_is_one_and_nobody_elses(
    api: Api, house: House, shower: TerminalCredentials
) -> None:
    path = path_of(shower)
    async with Browser(api) as owner, Browser(api, address="198.51.100.8") as other:
        form = (await with_money(api, house, owner, path)).form("/bathrooms")
        first, again = await owner.press(form), await owner.press(form)
        digits, own = digits_of(first), code_path(first)
        assert len(digits) == 8
        assert (digits_of(again), code_path(again)) == (digits, own)
        state = await owner.http.get(f"{own}/state")
        assert digits not in state.text + own
        for ending in ("new", "cancel"):
            assert code_path(await owner.open(f"{own}/{ending}")) == own
            assert (await owner.http.post(f"{own}/{ending}", data={"form": "old"})).status_code == 403

        await other.log_in(path, "138 0013 8009")
        for ending in ("", "/state", "/new"):
            theirs, none = await other.open(own + ending), await other.open(f"/code/cod_nobodys{ending}")
            assert theirs.status == none.status == 404
            assert digits not in theirs.text
        sent = await other.http.post(f"{own}/cancel", data={"form": "old"})
        assert sent.status_code in (403, 404)
        assert digits_of(await owner.open(own)) == digits


async def test_a_code_that_cannot_be_had_says_why_with_figures(
    api: Api, house: House, shower: TerminalCredentials
) -> None:
    async with Browser(api) as browser:
        page = await with_money(api, house, browser, path_of(shower))
        form = page.form("/bathrooms")
        changed = await browser.press(form, seen="another")
        assert (changed.status, "The price has changed" in changed.text) == (409, True)
        nowhere = await browser.press(form, place="app_nobodys.0")
        assert (nowhere.status, "Choose a shower" in nowhere.text) == (409, True)
        elsewhere = await browser.press(form, operator="opr_nobodys")
        assert elsewhere.headings == 1
        assert (await browser.press(form, key="?")).status == 409

        async with api.pool.acquire() as connection:
            here = await find_appliance(connection, house.operator, shower.appliance_code)
            await connection.execute(
                "UPDATE appliance SET closed = true WHERE appliance_id = $1", here.appliance_id
            )
        closed = await browser.press(form)
        assert (closed.status, "The operator has just closed it" in closed.text) == (409, True)
        assert await api.pool.fetchval("SELECT count(*) FROM keypad_code") == 0


async def test_the_pages_of_codes_are_small(api: Api, house: House, shower: TerminalCredentials) -> None:
    async with Browser(api) as browser:
        page = await with_money(api, house, browser, path_of(shower))
        code = await browser.press(page.form("/bathrooms"))
        for path in (path_of(shower), "/bathrooms", code_path(code), "/me"):
            answer = await browser.http.get(path, headers={"Accept-Encoding": "br"})
            assert answer.headers["content-encoding"] == "br"
            assert int(answer.headers["content-length"]) <= MOST_BYTES, path


async def test_a_kiosk_is_no_front_desk_and_a_front_desk_no_kiosk(
    api: Api, house: House, shower: TerminalCredentials
) -> None:
    async with api.pool.acquire() as connection:
        site = await connection.fetchval(
            "SELECT site_id FROM site WHERE operator_id = $1 ORDER BY name LIMIT 1", house.operator
        )
        for kind in Kind:
            _, link = await add_desk(connection, house.operator, site, name=kind.value, by="test")
            secret = await open_desk(connection, link, kind)
            assert secret is not None
            found = {each: await find_desk_here(connection, secret, each) for each in Kind}
            assert [each for each, here in found.items() if here is not None] == [kind]
            assert await open_desk(connection, link, kind) is None
    async with Browser(api) as browser:
        for path in ("/kiosk", "/desk"):
            assert (await browser.open(path)).status == 401


async def test_a_kiosk_knows_somebody_only_there_and_only_until_the_code(
    api: Api, house: House, shower: TerminalCredentials
) -> None:
    async with api.pool.acquire() as connection:
        site = await connection.fetchval(
            "SELECT site_id FROM appliance WHERE code = $1", shower.appliance_code
        )
        _, link = await add_desk(connection, house.operator, site, name="Hall", by="test")
        customer = house.customers[0]
        card = await give_card(connection, KEYRING, house.operator, customer, by="test")
    async with Browser(api) as kiosk, Browser(api) as other:
        shown = await kiosk.open(f"/desk/open/{link}")
        page = await kiosk.press(shown.form(f"/kiosk/open/{link}"))
        wrong = await kiosk.press(page.form("/kiosk/in"), card=card.card_no, pin="000000")
        assert (wrong.status, "do not belong together" in wrong.text) == (422, True)
        chosen = await kiosk.press(page.form("/kiosk/in"), card=card.card_no, pin=card.pin)
        assert card.card_no not in chosen.text
        form = chosen.form("/kiosk/code")

        other.http.cookies.set("cs_kiosk", kiosk.http.cookies["cs_kiosk"])
        other.http.cookies.set("cs_kiosk_who", kiosk.http.cookies["cs_kiosk_who"])
        assert "/kiosk/in" in [each.action for each in (await other.open("/kiosk")).forms]

        place = _place.findall(chosen.text)[0]
        code = await kiosk.press(form, place=place)
        assert len(digits_of(code)) == 8
        assert digits_of(await kiosk.press(form, place=place)) == ""
        assert "/kiosk/in" in [each.action for each in (await kiosk.open("/kiosk")).forms]
