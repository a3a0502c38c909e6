"""What a refused, odd or lost request is told: a page, in the visitor's words, that says what to do next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.postgres.web.arriving import Browser, dispenser, path_of, shown
from tests.postgres.web.conftest import Api, House
from tests.support.using import log_in

FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=x"


def part(value: bytes, kind: bytes = b"") -> bytes:
    """A form with one field."""
    return (
        b'--x\r\nContent-Disposition: form-data; name="phone"\r\n' + kind + b"\r\n" + value + b"\r\n--x--\r\n"
    )


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (PARTS, part(b"\xff\xfe")),
        (PARTS, part(b"1", b"Content-Type: text/plain; charset=nosuch\r\n")),
        (PARTS, b"".join(part(b"1")[:-5] for _ in range(2000)) + b"--x--\r\n"),
        ("multipart/form-data", b"--x"),
        ("multipart/form-data; boundary=\xff", b"--x"),
        (FORM, b"phone=%ED%A0%80"),
        (FORM, b"&".join(b"a=1" for _ in range(3000))),
        ("application/json", b"{"),
        ("", b"phone=1"),
    ],
)
async def test_a_form_that_is_none_gets_a_page_and_no_error_of_ours(
    api: Api, house: House, kind: str, body: bytes
) -> None:
    path = path_of(await dispenser(api, house))
    async with Browser(api) as browser:
        answer = await browser.http.post(
            f"{path}/code", content=body, headers=[(b"Content-Type", kind.encode("latin-1"))]
        )
    assert answer.status_code in (400, 413, 415)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Load the page again" in answer.text or "Send less" in answer.text


async def test_a_query_that_cannot_be_read_gets_a_page(api: Api) -> None:
    async with Browser(api) as browser:
        answer = await browser.http.get(f"/history?before={'a' * 65}")
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_method_that_no_page_has_gets_a_page(api: Api, house: House) -> None:
    path = path_of(await dispenser(api, house))
    async with Browser(api) as browser:
        answer = await browser.http.put(path)
        bare = await browser.http.put(path, headers={"Accept": "*/*"})
    assert answer.headers["content-type"].startswith("text/html")
    assert bare.status_code == 405


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_an_old_form_says_so_in_the_visitors_language_and_its_link_leads_on(
    api: Api, house: House, language: str
) -> None:
    path = path_of(await dispenser(api, house))
    said = {"en": "Nothing was done", "zh": "没有执行任何操作"}[language]
    async with Browser(api, language=language) as browser:
        await browser.log_in(path)
        for place in (f"{path}/start", "/logout", "/me/log-out", "/me/language"):
            page = shown(await browser.http.post(place, data={"form": "old"}))
            assert (page.status, said in page.text, "Please" in page.text) == (403, True, language == "en")
            assert place in page.links
            assert (await browser.open(place)).status == 200, place
            # So does a link that changes the language: it stands on the refused page, at the same address.
            assert (await browser.open(f"{place}?lang={language}")).status == 200, place


async def test_a_browser_without_cookies_is_told_of_them(api: Api, house: House) -> None:
    path = path_of(await dispenser(api, house))
    async with Browser(api) as browser:
        form = (await browser.open(path)).main
        assert form is not None
        browser.http.cookies.clear()
        page = shown(await browser.send(form, phone="13800138000"))
    assert page.status == 403
    assert "allow cookies" in page.text


async def test_a_bill_in_another_browser_says_where_it_opens(api: Api, house: House) -> None:
    session = (await api.start(house)).json()["id"]
    async with Browser(api) as browser:
        page = await browser.open(f"/s/{session}/bill")
    assert page.status == 404
    assert "in the browser you used at the appliance" in page.text
    assert "sticker is not ours" not in page.text


async def test_a_stop_without_a_database_names_the_button(api: Api, house: House) -> None:
    session = (await api.start(house)).json()["id"]
    async with Browser(api) as browser:
        await asyncio.wait_for(api.pool.close(), 5)
        browser.http.cookies.set("cs", "x" * 43)
        for answer in (
            await browser.http.post(f"/s/{session}/stop", data={"form": "x"}),
            await browser.http.get(f"/s/{session}"),
        ):
            assert answer.status_code == 503
            assert "the button on the appliance" in answer.text.lower()


async def test_nobody_sends_a_picture_who_was_not_asked_for_one(api: Api, house: House) -> None:
    path = path_of(await dispenser(api, house))
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(64):
            read += 1
            yield b"x" * 65536

    async with Browser(api) as browser:
        answer = await browser.http.post(f"{path}/name", content=body(), headers={"Content-Type": PARTS})
    assert answer.status_code == 303
    assert read == 0


async def test_a_cookie_lasts_as_long_as_its_login(api: Api, house: House) -> None:
    token = await log_in(api.pool, house.operator, house.customers[0])

    async def cookies() -> list[str]:
        async with Browser(api) as browser:
            browser.http.cookies.set("cs", token)
            answer = await browser.http.get("/me")
        return [one for one in answer.headers.get_list("set-cookie") if "cs=" in one]

    assert await cookies() == []
    await api.pool.execute("UPDATE browser_login SET seen_at = now() - interval '2 hours'")
    found = await cookies()
    assert len(found) == 1
    assert f"cs={token}" in found[0]
    assert "Max-Age=7776000" in found[0]
    assert await cookies() == []
