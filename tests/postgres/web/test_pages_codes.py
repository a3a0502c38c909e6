"""Codes on pages: pressed twice they are one, another's look like none, and what stands in the way is told with figures."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from nats.aio.client import Client

from coinslot.fleet.bulk import TerminalCredentials
from coinslot.fleet.front_desks import Browser as Kind
from coinslot.fleet.front_desks import add_desk, find_desk_here, list_desks, open_desk
from coinslot.fleet.rules import ApplianceKind
from coinslot.fleet.store import find_appliance
from coinslot.ledger.events import cash_topup
from coinslot.ledger.store import post
from coinslot.money import parse_currency
from coinslot.people.cards import give_card
from coinslot.tariffs.named import NAMED
from coinslot.wire import codec
from coinslot.wire.ids import CustomerId
from coinslot.wire.messages import Burn
from coinslot.wire.topics import Channel, subject
from tests.postgres.web.arriving import (
    LIN_E164,
    Browser,
    Shown,
    customer_of,
    dispenser,
    path_of,
    pay_in,
)
from tests.postgres.web.conftest import KEYRING, Api, House
from tests.support.bath import CREDIT_MINOR, Bath

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
        for name in ("operator", "site", "room"):  # nobody's; a query would not survive it
            assert (await browser.press(form, **{name: "\0"})).status == 200
        no_such = await browser.http.post("/offline", data={**form.fields, "appliance": "\0", "outlet": "0"})
        assert (no_such.status_code, no_such.headers["location"]) == (303, "/bathrooms")
        odd = await browser.http.post("/kiosk/open/a%0D%0Ab%00", data=form.fields)
        assert odd.headers["location"] == "/desk/open/a%0D%0Ab%00"

        async with api.pool.acquire() as connection:
            here = await find_appliance(connection, house.operator, shower.appliance_code)
            await connection.execute(
                "UPDATE appliance SET closed = true WHERE appliance_id = $1", here.appliance_id
            )
        closed = await browser.press(form)
        assert (closed.status, "The operator has just closed it" in closed.text) == (409, True)
        await api.pool.execute("UPDATE appliance SET closed = false, keypad = false")
        bare = await browser.press(form)
        assert (bare.status, bare.headings) == (elsewhere.status, 1)
        assert all(
            not each.action.endswith("/bathrooms") for each in (await browser.open(path_of(shower))).forms
        )
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
        assert {desk.name: desk.browser for desk in await list_desks(connection, house.operator)} == {
            kind.value: kind for kind in Kind
        }
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


@pytest.fixture
async def away(api: Api) -> Bath:
    """A shower without network whose terminal takes codes."""
    bath = Bath(api.pool)
    bath.keyring = KEYRING
    return await bath.open()


async def test_a_code_without_network_is_taken_back_once_and_by_nobody_else(
    api: Api, away: Bath, client: Client
) -> None:
    sticker = path_of(away.terminal.credentials)
    heard = await client.subscribe(subject(away.terminal.id, Channel.DOWN))
    async with Browser(api) as owner, Browser(api, address="198.51.100.8") as other:
        await away.returns()
        await owner.log_in(sticker)
        await other.log_in(sticker, "138 0013 8009")
        await away.terminal.goes()
        row = await api.pool.fetchrow(
            "SELECT operator_id, customer_id FROM customer WHERE phone = $1", LIN_E164
        )
        assert row is not None
        lin = CustomerId(row["customer_id"])
        async with api.pool.acquire() as connection:
            entry = cash_topup(away.desk.operator, "cash", lin, parse_currency("CNY"), amount_minor=20_00)
            await post(connection, [entry])
        code = await away.code(lin)
        page = await owner.open(f"/offline/{code.session}")
        assert code.digits in page.text.replace("</span> <span>", "")
        press = page.form("/cancel")

        theirs = await other.open(f"/offline/{code.session}")
        assert (theirs.status, (await other.send(press)).status_code in (403, 404)) == (404, True)
        # The terminal is back when its customer thinks better of it: it is told at once.
        await away.returns()
        for _ in range(2):
            back = await owner.press(press)
            assert "This code is being taken back" in back.text
            assert [form for form in back.forms if form.action.endswith("/cancel")] == []
        assert await away.desk.principal(lin) == 20_00 - CREDIT_MINOR
        said = codec.decode_down((await heard.next_msg(timeout=10)).data)
        assert isinstance(said, Burn)
        assert said.session == code.session
        await away.terminal.records(away.burnt(code.session, 2))
        assert "¥3.00 returned" in (await owner.open(f"/offline/{code.session}/cancel")).text
        assert await away.desk.principal(lin) == 20_00
