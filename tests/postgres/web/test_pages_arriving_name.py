"""Giving a real name at an operator that wants one."""

from __future__ import annotations

import io

import httpx
import pytest
from PIL import Image

from coinslot.fleet.operator_rules import RealNameRule, set_rules
from coinslot.people import real_names
from tests.postgres.web.arriving import Browser, Shown, customer_of, dispenser, path_of, pay_in, shown
from tests.postgres.web.conftest import Api, House

NAME, NUMBER = "王小明", "11010519491231002x"


def picture(width: int = 800, height: int = 500) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "gray").save(out, "JPEG")
    return out.getvalue()


async def to_the_form(api: Api, house: House, browser: Browser) -> tuple[str, Shown]:
    async with api.pool.acquire() as connection:
        await set_rules(connection, house.operator, real_name=RealNameRule.BEFORE_FIRST_USE, by="test")
    terminal = await dispenser(api, house)
    path = path_of(terminal)
    page = await browser.log_in(path)
    assert f"{path}/name" in page.links
    assert page.main is None
    return path, await browser.open(f"{path}/name")


async def hand_in(
    browser: Browser, page: Shown, *, raw: bytes | None = None, **fields: str
) -> httpx.Response:
    assert page.main is not None
    data = {**page.main.fields, "name": NAME, "id_number": NUMBER, **fields}
    files = {"picture": ("card.jpg", picture() if raw is None else raw, "image/jpeg")}
    return await browser.http.post(page.main.action, data=data, files=files)


async def test_a_name_is_handed_in_checked_and_then_the_way_is_free(api: Api, house: House) -> None:
    async with Browser(api) as browser:
        path, page = await to_the_form(api, house, browser)
        assert "deleted as soon as it has been checked" in page.text
        answer = await hand_in(browser, page)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{path}/name")
        page = await browser.open(f"{path}/name")
        assert "Your real name is being checked" in page.text
        assert 'http-equiv="refresh"' in page.text
        assert NAME not in page.text
        waiting = (await browser.http.get(f"{path}/state")).text
        await pay_in(api, house, await customer_of(api, house), 1_000)
        assert "is being checked" in (await browser.open(path)).text
        async with api.pool.acquire() as connection:
            pending = await real_names.list_pending(connection, house.operator, 10)
            await real_names.approve(connection, house.operator, pending[0].real_name_id, by="desk")
        assert (await browser.http.get(f"{path}/state")).text != waiting
        page = await browser.open(f"{path}/name")
        assert "Start: ¥5.00 is held" in page.text
        assert (await browser.press(page.main)).status == 303


async def test_a_rejection_tells_the_reason_and_another_can_be_handed_in(api: Api, house: House) -> None:
    async with Browser(api) as browser:
        path, page = await to_the_form(api, house, browser)
        await hand_in(browser, page)
        async with api.pool.acquire() as connection:
            pending = await real_names.list_pending(connection, house.operator, 10)
            await real_names.reject(
                connection, house.operator, pending[0].real_name_id, reason="<b>too dark</b>", by="desk"
            )
        page = await browser.open(f"{path}/name")
        assert "&lt;b&gt;too dark&lt;/b&gt;" in page.text
        assert (await hand_in(browser, page)).status_code == 303


@pytest.mark.parametrize(
    ("fields", "raw", "told"),
    [
        ({"name": ""}, None, "Give the whole name"),
        ({"name": "王<明"}, None, "The name has letters"),
        ({"id_number": "110105194912310021"}, None, "One of the characters is mistyped"),
        ({"id_number": "110105194902300029"}, None, "a date that does not exist"),
        ({}, b"", "Choose a picture"),
        ({}, b"GIF89a, or so it says", "no JPEG, PNG or WebP"),
        ({}, picture(10, 10), "too small"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field_and_the_rest_is_kept(
    api: Api, house: House, fields: dict[str, str], raw: bytes | None, told: str
) -> None:
    async with Browser(api) as browser:
        _, page = await to_the_form(api, house, browser)
        answer = shown(await hand_in(browser, page, raw=raw, **fields))
    assert answer.status == 422
    assert told in answer.text
    assert answer.main is not None
    assert answer.main.fields["id_number"] == fields.get("id_number", NUMBER)
    if "name" not in fields:
        assert answer.main.fields["name"] == NAME
    assert await api.pool.fetchval("SELECT count(*) FROM real_name") == 0


async def test_everything_that_is_wrong_is_told_at_once(api: Api, house: House) -> None:
    async with Browser(api) as browser:
        _, page = await to_the_form(api, house, browser)
        answer = await hand_in(browser, page, raw=b"", name="", id_number="1")
    assert answer.text.count('aria-invalid="true"') == 3


async def test_a_file_beyond_the_limit_is_told_as_a_page(api: Api, house: House) -> None:
    async with Browser(api) as browser:
        _, page = await to_the_form(api, house, browser)
        nearly = await hand_in(browser, page, raw=b"\xff\xd8" + bytes(8 * 1024 * 1024))
        assert nearly.status_code == 422
        assert "more than 8 MB" in nearly.text
        beyond = await hand_in(browser, page, raw=b"\xff\xd8" + bytes(10 * 1024 * 1024))
        assert beyond.status_code == 413
        assert "The picture is too large" in beyond.text


async def test_handed_in_twice_is_one(api: Api, house: House) -> None:
    async with Browser(api) as browser:
        _, page = await to_the_form(api, house, browser)
        for _ in range(2):
            assert (await hand_in(browser, page)).status_code == 303
    assert await api.pool.fetchval("SELECT count(*) FROM real_name") == 1


async def test_where_no_name_is_asked_for_there_is_no_form(api: Api, house: House) -> None:
    terminal = await dispenser(api, house)
    path = path_of(terminal)
    async with Browser(api) as browser:
        assert (await browser.http.get(f"{path}/name")).headers["location"] == path
        await browser.log_in(path)
        assert (await browser.http.get(f"{path}/name")).headers["location"] == path
