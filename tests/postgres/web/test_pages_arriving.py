"""The appliance's page: who may see it, what it promises, how it stands."""

from __future__ import annotations

import asyncio

import brotli
import pytest

from coinslot.access import stickers
from coinslot.fleet.rules import ApplianceKind
from coinslot.keyring import Keyring
from coinslot.tariffs import Band, Rate, Tariff, Tier
from coinslot.tariffs.named import NAMED
from coinslot.web.customer import limits
from coinslot.wire.registers import Register
from tests.postgres.web.arriving import Browser, customer_of, dispenser, path_of, pay_in
from tests.postgres.web.conftest import Api, House


async def test_a_stranger_sees_price_typical_total_hold_and_stop_before_anything_is_asked(
    api: Api, house: House
) -> None:
    terminal = await dispenser(api, house)
    async with Browser(api) as browser:
        page = await browser.open(path_of(terminal))
    assert page.status == 200
    for text in (
        *("Dispenser 1", "Hall of Dispenser 1", "North", terminal.appliance_code, "api.test"),
        *("Cold", "¥0.21 / L", "A 550 ml bottle: about ¥0.12", "Boiling", "¥0.26 / L", "Free now"),
        *("Held while you use it", "¥5.00", "after 90 s without water", "23.8 L", "10.0 L"),
    ):
        assert text in page.text, text
    assert page.headings == 1
    assert page.main is not None
    assert page.main.action.endswith("/code")


async def test_the_first_page_is_one_small_answer(api: Api, house: House) -> None:
    terminal = await dispenser(api, house)
    async with Browser(api, language="zh") as browser:
        raw = await browser.http.get(path_of(terminal), headers={"Accept-Encoding": "br"})
    assert raw.headers["content-encoding"] == "br"
    assert int(raw.headers["content-length"]) <= 8_000
    text = raw.text if raw.text.startswith("<!doctype") else brotli.decompress(raw.content).decode()
    assert "src=" not in text
    assert 'rel="stylesheet"' not in text
    assert "@import" not in text
    assert raw.headers["cache-control"] == "no-store"


async def test_whatever_is_no_sticker_of_ours_looks_alike(api: Api, house: House) -> None:
    terminal = await dispenser(api, house)
    revoked = await dispenser(api, house, name="Old one")
    await api.pool.execute(
        "UPDATE terminal SET revoked_at = now() WHERE terminal_id = $1", revoked.terminal_id
    )
    token = path_of(terminal).removeprefix("/m/")
    other = Keyring("another installation's secret")
    bad = (
        f"/m/{terminal.appliance_code}",
        f"/m/{token[:-1]}{'0' if token[-1] != '0' else '1'}",
        f"/m/{stickers.sign(other, terminal.appliance_code)}",
        f"/m/{terminal.appliance_code.swapcase()}.{token.split('.')[1]}",
        f"/m/{revoked.appliance_code}.{'0' * 12}",
        path_of(revoked),
        "/m/%00",
        f"/m/{'x' * 3000}",
    )
    answers = []
    for path in bad:
        async with Browser(api) as browser:
            answers.append(await browser.http.get(path, headers={"Accept-Encoding": "identity"}))
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert len({tuple(sorted(set(answer.headers) - {"x-request-id"})) for answer in answers}) == 1
    async with Browser(api) as browser:
        for step in ("code", "login", "yours", "anew", "start", "name"):
            sent = await browser.http.post(f"{bad[0]}/{step}", data={"phone": "1"})
            assert (sent.status_code, sent.text) == (404, answers[0].text), step


@pytest.mark.parametrize(
    ("change", "word", "open_to_all"),
    [
        ("UPDATE terminal_link SET online = false WHERE operator_id = $1", "Offline", False),
        ("UPDATE appliance SET closed = true WHERE operator_id = $1", "Closed", False),
        ("UPDATE site SET hours = 'closed 2024-01-01..2024-12-31' WHERE operator_id = $1", "Free now", True),
        (
            "UPDATE site SET hours = 'closed ' || (now()::date - 1) || '..' || (now()::date + 1) WHERE operator_id = $1",
            "It is open again from",
            False,
        ),
        ("UPDATE outlet SET tariff_id = NULL WHERE operator_id = $1", "Not ready", False),
        (
            "INSERT INTO alarm (operator_id, terminal_id, kind) SELECT operator_id, terminal_id, 'leak'"
            " FROM terminal WHERE operator_id = $1",
            "Out of order",
            False,
        ),
        (
            "INSERT INTO alarm (operator_id, terminal_id, kind) SELECT operator_id, terminal_id, 'sensor'"
            " FROM terminal WHERE operator_id = $1",
            "Free now",
            True,
        ),
    ],
)
async def test_what_cannot_be_used_says_why_and_asks_nobody_for_a_number(
    api: Api, house: House, change: str, word: str, open_to_all: bool
) -> None:
    terminal = await dispenser(api, house)
    await api.pool.execute(change, house.operator)
    async with Browser(api) as browser:
        page = await browser.open(path_of(terminal))
    assert word in page.text
    assert (page.main is not None) is open_to_all


async def test_a_tap_in_use_says_how_that_ends_and_the_other_can_be_had(api: Api, house: House) -> None:
    terminal = await dispenser(api, house)
    answer = await api.start(house, terminal=terminal.terminal_id)
    assert answer.status_code == 201
    async with Browser(api) as browser:
        page = await browser.open(path_of(terminal))
        assert "or 90 s after the water has stopped" in page.text
        assert house.customers[0] not in page.text
        assert answer.json()["id"] not in page.text
        await browser.log_in(path_of(terminal))
        await pay_in(api, house, await customer_of(api, house), 1_000)
        page = await browser.open(path_of(terminal))
        assert page.main is not None
        assert page.main.fields["outlet"] == "1"
        await api.pool.execute("UPDATE session SET state = 'unknown' WHERE operator_id = $1", house.operator)
        page = await browser.open(path_of(terminal))
        assert "has not answered to the last start yet" in page.text


async def test_a_waiting_page_learns_that_something_changed(api: Api, house: House) -> None:
    terminal = await dispenser(api, house)
    async with Browser(api) as browser:
        before = (await browser.http.get(f"{path_of(terminal)}/state")).text
        assert (await browser.http.get(f"{path_of(terminal)}/state")).text == before
        await api.start(house, terminal=terminal.terminal_id)
        assert (await browser.http.get(f"{path_of(terminal)}/state")).text != before


async def test_prices_with_steps_allowance_and_bands_are_told_as_they_are(api: Api, house: House) -> None:
    steps = Tariff(
        currency="CNY",
        hold="5.00",
        start_fee="0.10",
        maximum="4.00",
        free_daily={Register.ML: 2_000},
        rates=(
            Rate(register=Register.ML, per=1000, tiers=(Tier(price="0.30", up_to=5_000), Tier(price="0.2"))),
        ),
    )
    bands = Tariff(
        currency="CNY",
        hold="5.00",
        rates=(
            Rate(
                register=Register.ML,
                per=1000,
                bands=(
                    Band(starts="00:00", ends="12:00", price="0.40"),
                    Band(starts="12:00", ends="24:00", price="0.40"),
                ),
            ),
        ),
    )
    terminal = await dispenser(api, house, tariffs=(steps, bands))
    async with Browser(api) as browser:
        page = await browser.open(path_of(terminal))
    for text in (
        *("from ¥0.20 / L", "Up to 5.0 L", "¥0.30 / L", "Beyond that", "Free for you today", "2.0 L"),
        *("Once for each use", "¥0.10", "A use costs at most", "¥4.00", "for a start at this hour"),
    ):
        assert text in page.text, text


async def test_an_allowance_used_elsewhere_is_gone_for_its_customer_only(api: Api, house: House) -> None:
    terminal = await dispenser(api, house, tariffs=(NAMED["hot-water-5s"],), kind=ApplianceKind.SHOWER)
    async with Browser(api) as browser:
        assert "Free for you today" in (await browser.open(path_of(terminal))).text
        await browser.log_in(path_of(terminal))
        customer = await customer_of(api, house)
        await pay_in(api, house, customer, 1_000)
        started = await browser.press((await browser.open(path_of(terminal))).main)
        assert started.status == 303
        await api.pool.execute("UPDATE customer_use SET used = 180 WHERE customer_id = $1", customer)
        await api.pool.execute(
            "UPDATE session SET state = 'released', settled_at = now() WHERE customer_id = $1", customer
        )
        assert "Free for you today" not in (await browser.open(path_of(terminal))).text
    async with Browser(api) as stranger:
        assert "Free for you today" in (await stranger.open(path_of(terminal))).text


async def test_the_language_is_chosen_and_kept_also_from_a_forms_address(api: Api, house: House) -> None:
    terminal = await dispenser(api, house)
    async with Browser(api, language="zh-CN") as browser:
        assert "获取验证码" in (await browser.open(path_of(terminal))).text
        page = await browser.open(f"{path_of(terminal)}/code?lang=en")
        assert "Get a code" in page.text
        assert "Get a code" in (await browser.open(path_of(terminal))).text


async def test_one_address_may_look_often_but_not_without_end(
    api: Api, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "VIEWS", 5)
    monkeypatch.setattr(limits, "VIEW_EVERY_S", 3_600.0)
    terminal = await dispenser(api, house)
    async with Browser(api) as browser:
        for _ in range(5):
            assert (await browser.open(path_of(terminal))).status == 200
        page = await browser.open(path_of(terminal))
        assert page.status == 429
        assert page.answer.headers["retry-after"]
        assert "Many people use this network" in page.text
    async with Browser(api, address="203.0.113.9") as neighbour:
        assert (await neighbour.open(path_of(terminal))).status == 200


async def test_where_to_top_up_is_told_to_whoever_is_logged_in(api: Api, house: House) -> None:
    terminal = await dispenser(api, house)
    async with Browser(api) as browser:
        assert "Scan the code on an appliance" in (await browser.open("/topup")).text
        page = await browser.log_in(path_of(terminal))
        assert "Your wallet has ¥0.00; a start here takes at least ¥0.50" in page.text
        assert f"/topup?operator={house.operator}&back={path_of(terminal)}" in page.links
        page = await browser.open("/topup")
        for text in ("North", "¥0.00", "138****8000", "Hall of Dispenser 1"):
            assert text in page.text, text


async def test_logging_out_ends_every_login_and_takes_the_token(api: Api, house: House) -> None:
    terminal = await dispenser(api, house)
    async with Browser(api) as browser:
        page = await browser.log_in(path_of(terminal))
        before = browser.http.cookies["cs"]
        await browser.press(page.form("/logout"))
        assert browser.http.cookies["cs"] != before
        assert "Get a code" in (await browser.open(path_of(terminal))).text
        browser.http.cookies.set("cs", before)
        assert "Get a code" in (await browser.open(path_of(terminal))).text


async def test_a_database_that_does_not_answer_is_told_as_a_page(api: Api, house: House) -> None:
    terminal = await dispenser(api, house)
    async with Browser(api) as browser:
        await asyncio.wait_for(api.pool.close(), 5)
        answer = await browser.http.get(path_of(terminal))
    assert answer.status_code == 503
    assert "text/html" in answer.headers["content-type"]
    assert "Try again in a moment" in answer.text
