"""Pressing start: once is once, what was promised is what is held, and no is told in words."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec
import pytest

from coinslot.fleet.bulk import TerminalCredentials
from coinslot.fleet.outlets import set_tariff
from coinslot.fleet.tariff_store import add_tariff
from coinslot.settlement.ports import Conflict
from coinslot.settlement.requests import StartRequest
from coinslot.settlement.starter import Starter
from coinslot.tariffs import dump_tariff
from coinslot.tariffs.named import NAMED
from coinslot.wire.ids import CustomerId
from tests.postgres.web.arriving import Browser, Form, Shown, customer_of, dispenser, path_of, pay_in
from tests.postgres.web.conftest import Api, House


async def ready(
    api: Api, house: House, browser: Browser, amount_minor: int = 2_000
) -> tuple[TerminalCredentials, CustomerId, Shown]:
    """A dispenser, and its page for somebody with money."""
    terminal = await dispenser(api, house)
    await browser.log_in(path_of(terminal))
    customer = await customer_of(api, house)
    if amount_minor:
        await pay_in(api, house, customer, amount_minor)
    return terminal, customer, await browser.open(path_of(terminal))


async def sessions(api: Api) -> int:
    return int(await api.pool.fetchval("SELECT count(*) FROM session"))


async def test_start_holds_what_the_button_says_and_leads_to_the_meter(api: Api, house: House) -> None:
    async with Browser(api) as browser:
        _, customer, page = await ready(api, house, browser)
        assert "Start: ¥5.00 is held" in page.text
        page = await browser.press(page.main)
        assert page.status == 303
        row = await api.pool.fetchrow("SELECT * FROM session")
    assert row is not None
    assert page.url == f"/s/{row['session_id']}"
    assert (row["customer_id"], row["outlet"], row["hold_principal_minor"]) == (customer, 0, 500)


async def test_pressed_twice_is_one_session_however_the_answers_come(api: Api, house: House) -> None:
    async with Browser(api) as browser:
        _, _, page = await ready(api, house, browser)
        assert page.main is not None
        form = page.main
        answers = await asyncio.gather(*(browser.send(form) for _ in range(8)))
        later = await browser.send(form)
    places = {answer.headers["location"] for answer in [*answers, later]}
    assert len(places) == 1
    assert places.pop().startswith("/s/")
    assert await sessions(api) == 1


async def test_two_tabs_are_one_session_too(api: Api, house: House) -> None:
    async with Browser(api) as browser:
        terminal, _, page = await ready(api, house, browser)
        other = await browser.open(path_of(terminal))
        first = await browser.press(page.main)
        second = await browser.press(other.main)
    assert first.url == second.url
    assert await sessions(api) == 1


async def test_what_the_client_claims_is_ignored(api: Api, house: House) -> None:
    async with Browser(api) as browser:
        _, customer, page = await ready(api, house, browser, amount_minor=120)
        await browser.press(
            page.main,
            balance="100000",
            hold="1",
            hold_minor="1",
            price="0",
            role="owner",
            customer=house.customers[0],
            customer_id=house.customers[0],
            operator="another",
            terminal=house.terminals[0].terminal_id,
        )
        row = await api.pool.fetchrow("SELECT * FROM session")
    assert row is not None
    assert (row["customer_id"], row["hold_principal_minor"]) == (customer, 120)
    assert row["terminal_id"] != house.terminals[0].terminal_id


@pytest.mark.parametrize(
    "changes", [{"outlet": ""}, {"outlet": "7"}, {"outlet": "0.0"}, {"key": ""}, {"key": "x y"}]
)
async def test_an_incomplete_form_starts_nothing_and_says_what_to_do(
    api: Api, house: House, changes: dict[str, str]
) -> None:
    async with Browser(api) as browser:
        _, _, page = await ready(api, house, browser)
        page = await browser.press(page.main, **changes)
        assert page.status == 409
        assert "ress" in page.text
        assert page.main is not None
        assert (await browser.press(page.main)).status == 303
    assert await sessions(api) == 1


async def test_a_price_that_changed_meanwhile_is_shown_before_it_counts(api: Api, house: House) -> None:
    async with Browser(api) as browser:
        terminal, _, page = await ready(api, house, browser)
        dearer = msgspec.structs.replace(
            NAMED["dispenser-cold"],
            rates=(msgspec.structs.replace(NAMED["dispenser-cold"].rates[0], price="0.99"),),
        )
        async with api.pool.acquire() as connection:
            tariff = await add_tariff(
                connection, house.operator, name="dearer", body=dump_tariff(dearer), by="test"
            )
            await set_tariff(connection, house.operator, terminal.terminal_id, 0, tariff.tariff_id, by="test")
        page = await browser.press(page.main)
        assert page.status == 409
        assert "The price has changed" in page.text
        assert "¥0.99 / L" in page.text
        assert await sessions(api) == 0
        assert (await browser.press(page.main)).status == 303


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE terminal_link SET online = false WHERE operator_id = $1", "not connected"),
        ("UPDATE appliance SET closed = true WHERE operator_id = $1", "closed"),
        (
            "UPDATE site SET hours = 'closed ' || (now()::date - 1) || '..' || (now()::date + 1) WHERE operator_id = $1",
            "It can be started again from",
        ),
        ("UPDATE outlet SET tariff_id = NULL WHERE operator_id = $1", "no price"),
        ("UPDATE customer SET blocked_at = now() WHERE operator_id = $1", "Your account is blocked"),
        ("UPDATE operator SET real_name = 'before_first_use' WHERE operator_id = $1", "real name is needed"),
    ],
)
async def test_a_refusal_is_told_with_what_to_do_and_holds_nothing(
    api: Api, house: House, change: str, told: str
) -> None:
    async with Browser(api) as browser:
        _, _, page = await ready(api, house, browser)
        before = await api.entries()
        await api.pool.execute(change, house.operator)
        page = await browser.press(page.main)
    assert page.status in (409, 503)
    assert told in page.text
    assert "Nothing was held." in page.text
    assert page.main is None
    assert (await sessions(api), await api.entries()) == (0, before)


async def test_too_little_money_leads_to_a_top_up_and_back(api: Api, house: House) -> None:
    async with Browser(api) as browser:
        terminal, _, page = await ready(api, house, browser, amount_minor=49)
        assert page.main is None
        assert f"/topup?operator={house.operator}&back={path_of(terminal)}" in page.links
        forged = Form(f"{path_of(terminal)}/start", {**page.forms[0].fields, "outlet": "0", "key": "k" * 20})
        answer = await browser.press(forged)
        assert answer.status == 409
        assert await sessions(api) == 0


async def test_somebody_quicker_is_told_of_without_a_word_about_them(api: Api, house: House) -> None:
    async with Browser(api) as browser:
        terminal, _, page = await ready(api, house, browser)
        taken = await api.start(house, terminal=terminal.terminal_id)
        page = await browser.press(page.main)
    assert page.status == 409
    assert "Somebody else was quicker" in page.text
    assert taken.json()["id"] not in page.text
    assert page.main is not None
    assert page.main.fields["outlet"] == "1"


async def test_ones_own_use_is_found_from_the_sticker(api: Api, house: House) -> None:
    async with Browser(api) as browser:
        terminal, _, page = await ready(api, house, browser)
        started = await browser.press(page.main)
        page = await browser.open(path_of(terminal))
        assert "In use by you" in page.text
        assert started.url in page.links
        assert "/history" in page.links
        assert page.main is None
        await api.pool.execute("UPDATE session SET state = 'unknown'")
        page = await browser.open(path_of(terminal))
        assert "We are finding out what became of it" in page.text
        assert started.url in page.links


async def test_a_start_that_cannot_be_decided_can_be_pressed_again_with_the_same_key(
    api: Api, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Browser(api) as browser:
        _, _, page = await ready(api, house, browser)
        assert page.main is not None
        key = page.main.fields["key"]
        decide = Starter.start

        async def lost(self: Starter, request: StartRequest) -> object:
            await decide(self, request)  # it happens, and its answer is lost
            raise Conflict

        monkeypatch.setattr(Starter, "start", lost)
        page = await browser.press(page.main)
        assert page.status == 503
        assert "Pressing again is safe" in page.text
        assert page.main is not None
        assert page.main.fields["key"] == key
        monkeypatch.undo()
        page = await browser.press(page.main)
        assert page.status == 303
    assert await sessions(api) == 1


async def test_anothers_key_opens_nothing(api: Api, house: House) -> None:
    async with Browser(api) as browser, Browser(api, address="203.0.113.9") as thief:
        terminal, _, page = await ready(api, house, browser)
        assert page.main is not None
        first = await browser.press(page.main)
        await thief.log_in(path_of(terminal), phone="13900139000")
        await pay_in(api, house, await customer_of(api, house, "+8613900139000"), 900)
        own = (await thief.open(path_of(terminal))).main
        assert own is not None
        answer = await thief.press(replace(own, fields={**own.fields, "key": page.main.fields["key"]}))
    assert first.url not in answer.text
    assert answer.url != first.url
    assert answer.status == 409


async def test_who_is_not_logged_in_any_more_is_led_back(api: Api, house: House) -> None:
    async with Browser(api) as browser:
        terminal, _, page = await ready(api, house, browser)
        await api.pool.execute("UPDATE browser_login SET ended_at = now(), expires_at = now()")
        page = await browser.press(page.main)
        assert "Get a code" in page.text
        assert page.status == 200
    assert await sessions(api) == 0
    assert path_of(terminal)
