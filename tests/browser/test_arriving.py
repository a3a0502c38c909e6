"""What scripts add on the way in: smaller pictures, pages that go on by themselves, a field that sends itself."""

from __future__ import annotations

import io

from PIL import Image
from playwright.async_api import Request, expect

from coinslot.fleet.operator_rules import RealNameRule, set_rules
from coinslot.people.real_name_review import approve, list_pending
from tests.browser.conftest import Visit
from tests.support.browser import Phone
from tests.support.customer_steps import ask_for_code, main_button, start
from tests.support.town import Town

PHONE = "13800138000"
OTHER = "13900139000"
_SOON_MS = 15_000
"""A waiting page looks every 5 s."""


def camera_picture() -> bytes:
    """12 megapixels with a camera's noise: several megabytes."""
    noise = Image.effect_noise((1000, 750), 80).resize((4000, 3000)).convert("RGB")
    out = io.BytesIO()
    noise.save(out, "JPEG", quality=95)
    return out.getvalue()


async def asks_for_names(town: Town) -> None:
    async with town.pool.acquire() as connection:
        await set_rules(connection, town.operator, real_name=RealNameRule.BEFORE_FIRST_USE, by="test")


async def test_a_cameras_picture_is_made_small_before_it_is_sent_and_the_page_goes_on_once_it_is_checked(
    town: Town, visit: Visit
) -> None:
    visitor, raw = await visit(), camera_picture()
    await visitor.holds((await town.login(PHONE)).token)
    await town.pays_at_counter(PHONE, 5_00)
    await asks_for_names(town)
    page = await visitor.opens(f"{town.sticker(town.terminals[0])}/name")
    sent: list[int] = []

    async def note(request: Request) -> None:
        if request.method == "POST":
            sent.append(int((await request.all_headers())["content-length"]))

    page.on("requestfinished", note)
    await page.fill("input[name=name]", "张三")
    await page.fill("input[name=id_number]", "11010519491231002x")
    await page.set_input_files(
        "input[name=picture]", {"name": "card.jpg", "mimeType": "image/jpeg", "buffer": raw}
    )
    await page.wait_for_function(
        "most => document.querySelector('input[type=file]').files[0].size < most", arg=len(raw) // 2
    )
    await main_button(page).click()
    await expect(page.locator("#watch")).to_have_count(1)
    await expect(page.locator("input[name=picture]")).to_have_count(0)
    assert sent
    assert sent[0] < len(raw) // 2
    async with town.pool.acquire() as connection:
        [pending] = await list_pending(connection, town.operator, 10)
        await approve(connection, town.operator, pending.real_name_id, by="test")
    await expect(page.locator("input[name=outlet]").first).to_be_visible(timeout=_SOON_MS)


async def test_a_page_that_waits_for_a_dispenser_goes_on_when_it_is_there_again(
    town: Town, visit: Visit
) -> None:
    visitor, terminal = await visit(), town.terminals[0]
    await visitor.holds((await town.login(PHONE)).token)
    await town.pays_at_counter(PHONE, 5_00)
    await town.pool.execute("UPDATE appliance SET closed = true")
    page = await visitor.opens(town.sticker(terminal))
    await expect(main_button(page)).to_have_count(0)
    await town.pool.execute("UPDATE appliance SET closed = false")
    await expect(main_button(page)).to_be_visible(timeout=_SOON_MS)


async def test_a_code_pasted_with_its_spaces_sends_itself_and_a_wrong_one_can_be_typed_over(
    town: Town, visit: Visit
) -> None:
    visitor = await visit()
    visitor.forgive("status of 422")
    page = await visitor.opens(town.sticker(town.terminals[0]))
    await ask_for_code(page, PHONE)
    code = town.code(PHONE)
    await page.fill("input[name=code]", "000000" if code != "000000" else "111111")
    await expect(page.locator(".wrong")).to_be_visible()
    await expect(page.locator("#resend")).to_be_disabled()
    await page.fill("input[name=code]", f"{code[:3]} {code[3:]}")
    await expect(page.locator("input[name=code]")).to_have_count(0)


async def test_going_back_in_the_browser_leaves_nothing_that_cannot_be_pressed(
    town: Town, visit: Visit
) -> None:
    visitor = await visit(Phone(language="en"))
    await visitor.holds((await town.login(OTHER)).token)
    await town.pays_at_counter(OTHER, 5_00)
    page = await visitor.opens(town.sticker(town.terminals[0]))
    session = await start(visitor)
    await page.go_back()
    button = page.locator("footer .button, footer button").first
    await expect(button).to_be_visible()
    await button.click()
    await page.wait_for_url(f"**/s/{session}")
