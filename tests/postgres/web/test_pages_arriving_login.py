"""Logging in at an appliance by number and code, without JavaScript, and everything that goes wrong on the way."""

from __future__ import annotations

import asyncio
import logging

import pytest

from coinslot.engines.connect import Connection
from coinslot.people.notices import LoginCodeNotice, NotSent
from coinslot.web.customer import login
from tests.postgres.web.arriving import LIN, LIN_E164, Browser, Form, customer_of, dispenser, path_of, pay_in
from tests.postgres.web.conftest import Api, House

_WRONG = {"000000": "111111"}


def other(code: str) -> str:
    """A code that is not this one."""
    return _WRONG.get(code, "000000")


async def test_a_newcomer_gets_a_code_types_it_and_is_a_customer(api: Api, house: House) -> None:
    terminal = await dispenser(api, house)
    async with Browser(api) as browser:
        page = await browser.open(path_of(terminal))
        page = await browser.press(page.main, phone=LIN)
        assert "138****8000" in page.text
        assert 'autocomplete="one-time-code"' in page.text
        assert 'inputmode="numeric"' in page.text
        to, notice = api.phones.sent[-1]
        assert (to.phone, to.language) == (LIN_E164, "en")
        assert isinstance(notice, LoginCodeNotice)
        assert notice.operator_name == "North"
        page = await browser.press(page.main, code=f" {notice.code[:3]} {notice.code[3:]} ")
        assert "Your balance" in page.text
        assert "/history" not in page.links  # no menu before anything was used
    assert await customer_of(api, house)


async def test_the_number_and_the_code_are_in_no_address_no_page_and_no_log(
    api: Api, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    terminal = await dispenser(api, house)
    asked: list[str] = []
    async with Browser(api) as browser:

        async def note(request: object) -> None:
            asked.append(str(getattr(request, "url", "")))

        browser.http.event_hooks["request"].append(note)
        page = await browser.open(path_of(terminal))
        page = await browser.press(page.main, phone=LIN)
        assert "13800138000" not in page.text
        code = api.phones.last_code
        page = await browser.press(page.main, code=code)
        assert "13800138000" not in page.text
        cookies = str(browser.http.cookies)
    told = " ".join([*asked, cookies, *(f"{one.name} {one.getMessage()}" for one in caplog.records)])
    for secret in ("13800138000", code):
        assert secret not in told


async def test_the_code_field_is_there_again_after_the_page_was_lost(api: Api, house: House) -> None:
    terminal = await dispenser(api, house)
    async with Browser(api) as browser:
        page = await browser.open(path_of(terminal))
        await browser.press(page.main, phone=LIN)
        page = await browser.open(path_of(terminal))  # the sticker was scanned once more
        assert page.main is not None
        assert page.main.action.endswith("/login")
        page = await browser.open(f"{path_of(terminal)}?step=phone")
        assert page.main is not None
        assert page.main.action.endswith("/code")
        page = await browser.open(path_of(terminal))
        page = await browser.press(page.main, code=api.phones.last_code)
        assert "Your balance" in page.text


async def test_a_login_under_way_opens_in_its_own_browser_only(api: Api, house: House) -> None:
    terminal = await dispenser(api, house)
    async with Browser(api) as browser, Browser(api) as thief:
        page = await browser.open(path_of(terminal))
        await browser.press(page.main, phone=LIN)
        await thief.open(path_of(terminal))
        thief.http.cookies.set("cs_step", browser.http.cookies["cs_step"], path="/m/")
        page = await thief.open(path_of(terminal))
        assert page.main is not None
        assert page.main.action.endswith("/code")
        for planted in ("", "x", "A" * 5_000, "%%%", "AAAA"):
            thief.http.cookies.set("cs_step", planted, path="/m/")
            assert (await thief.open(path_of(terminal))).status == 200


@pytest.mark.parametrize("phone", ["", "12", "nobody", "+86 139", "1" * 5_000])
async def test_a_bad_number_is_named_beside_its_field_and_sends_nothing(
    api: Api, house: House, phone: str
) -> None:
    terminal = await dispenser(api, house)
    async with Browser(api) as browser:
        page = await browser.open(path_of(terminal))
        page = await browser.press(page.main, phone=phone)
    assert page.status == 422
    assert 'aria-invalid="true"' in page.text
    assert "mobile number" in page.text
    assert not api.phones.sent


async def test_a_wrong_code_tells_how_often_it_can_still_be_tried_and_then_it_is_over(
    api: Api, house: House
) -> None:
    terminal = await dispenser(api, house)
    async with Browser(api) as browser:
        page = await browser.open(path_of(terminal))
        page = await browser.press(page.main, phone=LIN)
        wrong = other(api.phones.last_code)
        for left in ("4 times more", "3 times more", "2 times more", "once more"):
            page = await browser.press(page.main, code=wrong)
            assert (page.status, left in page.text) == (422, True), left
        page = await browser.press(page.main, code="12")  # no code at all costs no try
        assert "once more" in page.text
        page = await browser.press(page.main, code=wrong)
        assert "cannot be used any more" in page.text
        assert page.main is not None
        assert page.main.action.endswith("/code")
        assert page.main.fields["phone"] == LIN_E164
        page = await browser.open(path_of(terminal))
        assert page.main is not None
        assert page.main.action.endswith("/code")
    assert await api.pool.fetchval("SELECT count(*) FROM browser_login") == 0


async def test_another_code_can_be_had_after_a_minute_and_the_old_one_is_typed_meanwhile(
    api: Api, house: House, owner: Connection
) -> None:
    terminal = await dispenser(api, house)
    async with Browser(api) as browser:
        page = await browser.open(path_of(terminal))
        page = await browser.press(page.main, phone=LIN)
        first = api.phones.last_code
        page = await browser.press(page.form("/code"))
        assert page.status == 429
        assert "You can have another one in" in page.text
        assert page.main is not None
        assert page.main.action.endswith("/login")
        assert len(api.phones.sent) == 1
        await owner.execute("UPDATE login_code SET made_at = made_at - interval '61 seconds'")
        page = await browser.press(page.form("/code"))
        assert len(api.phones.sent) == 2
        page = await browser.press(page.main, code=first) if first != api.phones.last_code else page
        page = await browser.press(page.main, code=api.phones.last_code)
        assert "Your balance" in page.text


async def test_too_many_codes_say_when_there_is_room_again(api: Api, house: House) -> None:
    terminal = await dispenser(api, house)
    async with Browser(api) as browser, Browser(api) as another:
        page = await browser.open(path_of(terminal))
        await browser.press(page.main, phone=LIN)
        page = await another.open(path_of(terminal))
        page = await another.press(page.main, phone=LIN)
        assert page.status == 429
        assert "Too many codes were asked for. You can have one in" in page.text
        assert page.main is not None
        assert page.main.action.endswith("/code")  # another browser gets no field for this browser's code


async def test_a_number_sent_twice_in_a_hurry_leads_to_the_code_field_and_one_message(
    api: Api, house: House
) -> None:
    """The browser drops the first answer with its cookie; what it shows is the second."""
    terminal = await dispenser(api, house)
    async with Browser(api) as browser, Browser(api) as same:
        page = await browser.open(path_of(terminal))
        same.http.cookies.update(browser.http.cookies)
        assert page.main is not None
        api.phones.gate = asyncio.Event()
        first = asyncio.create_task(same.send(page.main, phone=LIN))
        await asyncio.wait_for(api.phones.asked.wait(), 10)
        answer = await browser.press(page.main, phone=LIN)
        api.phones.gate.set()
        await first
        assert "A code is on its way" in answer.text
        assert len(api.phones.sent) == 1
        answer = await browser.press(answer.main, code=api.phones.last_code)
        assert "Your balance" in answer.text


async def test_a_code_sent_twice_in_a_hurry_logs_in_whichever_answer_is_shown(api: Api, house: House) -> None:
    terminal = await dispenser(api, house)
    async with Browser(api) as browser, Browser(api) as same:
        page = await browser.open(path_of(terminal))
        page = await browser.press(page.main, phone=LIN)
        assert page.main is not None
        same.http.cookies.update(browser.http.cookies)
        code = api.phones.last_code
        await asyncio.gather(browser.send(page.main, code=code), same.send(page.main, code=code))
        for one in (browser, same):
            assert "Your balance" in (await one.open(path_of(terminal))).text
    assert await api.pool.fetchval("SELECT count(*) FROM customer WHERE phone IS NOT NULL") == 1


async def test_a_message_that_cannot_leave_is_told_and_one_that_may_have_left_can_be_typed(
    api: Api, house: House, owner: Connection
) -> None:
    terminal = await dispenser(api, house)
    async with Browser(api) as browser:
        api.phones.failure = NotSent("there is no way to send", again=False)
        page = await browser.press((await browser.open(path_of(terminal))).main, phone=LIN)
        assert page.status == 503
        assert "cannot be sent here at the moment" in page.text
        assert page.main is not None
        assert page.main.fields["phone"] == LIN_E164
        await owner.execute("DELETE FROM login_code")
        api.phones.failure = NotSent("the provider was busy", again=True)
        page = await browser.press(page.main, phone=LIN)
        assert page.status == 503
        assert "We cannot see whether the message has left" in page.text
        assert page.main is not None
        assert page.main.action.endswith("/login")


async def test_a_provider_that_does_not_answer_keeps_nobody_waiting(
    api: Api, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "SEND_S", 0.05)
    terminal = await dispenser(api, house)
    api.phones.gate = asyncio.Event()
    async with Browser(api) as browser:
        page = await browser.press((await browser.open(path_of(terminal))).main, phone=LIN)
    assert "We cannot see whether the message has left" in page.text


async def test_a_form_from_elsewhere_or_from_another_browser_does_nothing(api: Api, house: House) -> None:
    terminal = await dispenser(api, house)
    async with Browser(api) as browser, Browser(api) as another:
        page = await browser.open(path_of(terminal))
        assert page.main is not None
        await another.open(path_of(terminal))
        assert (await another.send(page.main, phone=LIN)).status_code == 403
        unsealed = Form(page.main.action, {**page.main.fields, "form": ""})
        assert (await browser.send(unsealed, phone=LIN)).status_code == 403
        foreign = await browser.http.post(
            page.main.action, data={**page.main.fields, "phone": LIN}, headers={"Origin": "http://evil.test"}
        )
        assert foreign.status_code == 403
        json = await browser.http.post(page.main.action, json={"phone": LIN})
        assert json.status_code == 415
    assert not api.phones.sent


async def test_nobody_is_sent_codes_in_turn_by_one_address_without_end(api: Api, house: House) -> None:
    terminal = await dispenser(api, house)
    statuses = []
    async with Browser(api) as browser:
        page = await browser.open(path_of(terminal))
        assert page.main is not None
        for number in range(22):
            answer = await browser.send(page.main, phone=f"138001380{number:02d}")
            statuses.append(answer.status_code)
    assert statuses == [303] * 20 + [429] * 2
    assert len(api.phones.sent) == 20


class TestANumberThatMayHaveChangedHands:
    """The code was right; the wallet behind the number is not opened by it alone."""

    async def to_the_question(self, api: Api, house: House, browser: Browser, path: str) -> None:
        async with Browser(api) as earlier:
            await earlier.log_in(path)
        await pay_in(api, house, await customer_of(api, house), 777)
        await api.pool.execute("UPDATE customer SET phone_proved_at = now() - interval '400 days'")
        await api.pool.execute("UPDATE login_code SET made_at = made_at - interval '2 minutes'")
        page = await browser.log_in(path)
        assert "Is this number still the same person" in page.text
        assert "7.77" not in page.text

    async def test_a_stranger_begins_anew_and_sees_nothing_of_the_earlier_owner(
        self, api: Api, house: House
    ) -> None:
        terminal = await dispenser(api, house)
        async with Browser(api) as browser:
            await self.to_the_question(api, house, browser, path_of(terminal))
            before = await customer_of(api, house)
            page = await browser.open(path_of(terminal))  # the page survives a reload
            page = await browser.press(page.form("/anew"))
            assert "Your wallet has ¥0.00" in page.text
            assert await customer_of(api, house) != before

    async def test_three_wrong_tails_and_only_the_new_account_is_left(self, api: Api, house: House) -> None:
        terminal = await dispenser(api, house)
        async with Browser(api) as browser:
            await self.to_the_question(api, house, browser, path_of(terminal))
            page = await browser.open(path_of(terminal))
            for told in ("2 times more", "once more", "No more tries today"):
                page = await browser.press(page.main, tail="002x")
                assert (page.status, told in page.text) == (422, True), told
            assert page.main is None
            page = await browser.press(page.form("/anew"))
            assert "Your wallet has ¥0.00" in page.text

    async def test_the_choice_without_the_code_leads_back(self, api: Api, house: House) -> None:
        terminal = await dispenser(api, house)
        async with Browser(api) as browser:
            page = await browser.open(path_of(terminal))
            assert page.main is not None
            for step in ("yours", "anew"):
                page.main.action = f"{path_of(terminal)}/{step}"
                answer = await browser.send(page.main, tail="002X")
                assert (answer.status_code, answer.headers["location"]) == (303, path_of(terminal))
