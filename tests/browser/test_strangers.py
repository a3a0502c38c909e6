"""Codes that are not ours, guessed codes, forms from elsewhere; and what the first page costs on a weak network."""

from __future__ import annotations

import re

import brotli
import httpx
import pytest
from playwright.async_api import expect

from coinslot.access import stickers
from coinslot.keyring import Keyring
from tests.browser.conftest import Visit
from tests.support.browser import Phone
from tests.support.customer_steps import ask_for_code, main_button
from tests.support.town import Town

PHONE = "13800138000"
MOST_FIRST_BYTES = 8 * 1024
SEALED = re.compile(r'name="form" value="[^"]*"')


def test_the_size_of_the_first_page_is_what_a_weak_network_carries_in_a_moment() -> None:
    assert MOST_FIRST_BYTES / (400_000 / 8) < 0.2  # seconds at 400 kbit/s


async def test_the_first_page_is_one_small_request(town: Town, visit: Visit) -> None:
    for terminal in town.terminals:
        path = town.sticker(terminal)
        visitor = await visit()
        page = await visitor.opens(path)
        await page.wait_for_load_state("networkidle")
        assert visitor.watch.requests == [town.url + path]
        for language in ("zh", "en"):
            async with (
                httpx.AsyncClient(base_url=town.url) as client,
                client.stream(
                    "GET", path, headers={"accept-encoding": "br", "accept-language": language}
                ) as answer,
            ):
                raw = b"".join([chunk async for chunk in answer.aiter_raw()])
            assert answer.headers["content-encoding"] == "br"
            assert len(raw) <= MOST_FIRST_BYTES, f"{language}: {len(raw)} bytes"
            assert b"<!doctype html>" in brotli.decompress(raw)


async def test_the_first_page_can_be_used_on_a_weak_network(town: Town, visit: Visit) -> None:
    visitor = await visit()
    await visitor.slow_network(visitor.page)
    page = await visitor.opens(town.sticker(town.terminals[0]))
    await ask_for_code(page, PHONE)
    assert town.code(PHONE)


def tampered(town: Town) -> dict[str, str]:
    """Stickers that are none of ours, each in its own way."""
    ours = town.sticker(town.terminals[0]).removeprefix("/m/")
    code, signature = ours.split(".")
    other, _ = town.sticker(town.terminals[1]).removeprefix("/m/").split(".")
    return {
        "another secret": stickers.sign(Keyring("somebody else's secret, also 32 letters"), code),
        "another code": f"{other}.{signature}",
        "no such appliance, well signed": stickers.sign(town.keyring, "NOSUCH99"),
        "one letter changed": f"{code}.{'0' if signature[0] != '0' else '1'}{signature[1:]}",
        "cut short": ours[:-1],
        "a letter more": f"{ours}0",
        "upper case": ours.upper(),
        "no signature": code,
        "something else": "%F0%9F%92%A9",
        "very long": "A" * 2000,
    }


async def test_codes_that_are_not_ours_all_look_alike(town: Town) -> None:
    answers: dict[str, tuple[int, str, frozenset[str]]] = {}
    async with httpx.AsyncClient(base_url=town.url, headers={"accept-language": "zh"}) as client:
        for what, token in tampered(town).items():
            for suffix in ("", "/name"):
                answer = await client.get(f"/m/{token}{suffix}")
                answers[what + suffix] = (
                    answer.status_code,
                    SEALED.sub("", answer.text),
                    frozenset(answer.headers) - {"set-cookie"},
                )
    [expected] = set(answers.values())
    assert expected[0] == 404


async def test_a_pasted_over_sticker_leads_to_a_page_that_says_so(town: Town, visit: Visit) -> None:
    visitor = await visit()
    page = await visitor.opens(f"/m/{tampered(town)['another secret']}", status=404)
    await expect(page.locator("h1")).to_be_visible()
    await expect(page.locator("form")).to_have_count(0)


@pytest.mark.parametrize("javascript", [True, False])
async def test_after_five_wrong_codes_the_right_one_opens_nothing(
    town: Town, visit: Visit, javascript: bool
) -> None:
    visitor = await visit(Phone(javascript=javascript))
    visitor.forgive("status of 422")
    page = await visitor.opens(town.sticker(town.terminals[0]))
    await ask_for_code(page, PHONE)
    right = town.code(PHONE)
    wrong = [f"{number:06d}" for number in range(6) if f"{number:06d}" != right][:5]
    for code in wrong:
        await page.fill("input[name=code]", code)
        async with page.expect_response(re.compile(r"/login$")) as answer:
            if not javascript:
                await main_button(page).click()
        assert (await answer.value).status == 422
        await expect(page.locator(".wrong")).to_be_visible()
    # The code is over: what follows is the number again, and nothing says whether the last guess was near.
    await expect(page.locator("input[name=phone]")).to_be_visible()
    await page.goto(town.sticker(town.terminals[0]))
    await expect(page.locator("input[name=code]")).to_have_count(0)
    count = await town.pool.fetchval("SELECT count(*) FROM browser_login")
    assert count == 0


async def test_a_form_of_another_site_does_nothing(town: Town, visit: Visit) -> None:
    visitor = await visit()
    login = await town.login(PHONE)
    await town.pays_at_counter(PHONE, 5_00)
    await visitor.holds(login.token)
    page = await visitor.opens(town.sticker(town.terminals[0]))
    fields = await page.eval_on_selector("form#go", "form => Object.fromEntries(new FormData(form))")
    # Another name of the same machine is another site to a browser; the form is the real one, word for word.
    elsewhere = town.url.replace("127.0.0.1", "localhost")
    async with httpx.AsyncClient(cookies={"cs": login.token}) as client:
        for headers in (
            {"origin": elsewhere},
            {"sec-fetch-site": "cross-site"},
            {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        ):
            answer = await client.post(
                f"{town.url}{town.sticker(town.terminals[0])}/start", data=fields, headers=headers
            )
            assert answer.status_code == 403, headers
        without_seal = {**fields, "form": "AAAA"}
        answer = await client.post(f"{town.url}{town.sticker(town.terminals[0])}/start", data=without_seal)
        assert answer.status_code == 403
    assert await town.sessions(login.customer_id) == []


async def test_a_page_asks_only_for_what_it_needs_and_cannot_be_framed_by_others(town: Town) -> None:
    async with httpx.AsyncClient(base_url=town.url) as client:
        answer = await client.get(town.sticker(town.terminals[0]))
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'self'" in policy  # the wall beside it; elsewhere nobody
    assert answer.headers["cache-control"] == "no-store"
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert "samesite=lax" in answer.headers["set-cookie"].lower()


async def test_nothing_of_a_customer_is_in_an_address_or_in_what_a_stranger_gets(
    town: Town, visit: Visit
) -> None:
    visitor = await visit()
    page = await visitor.opens(town.sticker(town.terminals[0]))
    await ask_for_code(page, PHONE)
    digits = PHONE[-8:]
    assert not [url for url in visitor.watch.requests if digits in url]
    async with httpx.AsyncClient(base_url=town.url) as client:
        for path in (town.sticker(town.terminals[0]), "/me", "/history", "/topup"):
            assert digits not in (await client.get(path, follow_redirects=True)).text
