"""Topping up on a phone: one payment however often it is pressed, believed from the provider alone."""

from __future__ import annotations

import asyncio

import pytest

from coinslot.fleet.topup_rules import Choice, TopupChanges, set_topup_rules
from coinslot.ledger.events import late_usage
from coinslot.ledger.store import post
from coinslot.payments.port import Channel
from coinslot.payments.states import AttemptState, IntentState
from coinslot.wire.ids import new_id
from tests.postgres.web.arriving import shown
from tests.postgres.web.paying import (
    ALIPAY,
    COMPUTER,
    WECHAT,
    Shop,
    mall,
    payment_of,
    shop,
    with_field,
)
from tests.support.played_provider import Fault

__all__ = ["mall", "shop"]
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def gives(shop: Shop, *choices: tuple[int, int], **changes: object) -> None:
    """The operator sets what may be topped up, and what it earns."""
    async with shop.api.pool.acquire() as connection:
        rules = TopupChanges(choices=[Choice(*each) for each in choices], **changes)  # type: ignore[arg-type]
        await set_topup_rules(connection, shop.house.operator, rules, by="test")


async def shuts(shop: Shop, provider: str) -> None:
    """The operator takes no new payments there."""
    await shop.api.pool.execute(
        "UPDATE merchant SET active = false WHERE merchant_id = $1", shop.merchants[provider].merchant_id
    )


async def test_a_phone_pays_by_alipay_and_finds_it_in_the_wallet(shop: Shop) -> None:
    await gives(shop, (50_00, 5_00), (100_00, 15_00))
    async with await shop.visitor() as lin:
        page = await lin.open("/topup?back=/m/CODE.abc")
        for words in ("¥50.00", "+¥5.00 bonus", "+¥15.00 bonus", "WeChat Pay", "Alipay", "¥1.00 to ¥1000.00"):
            assert words in page.text, words
        assert f"?lang=zh&operator={shop.house.operator}&back=/m/CODE.abc" in page.links
        page = await lin.press(page.main, amount="50.00", way=shop.merchants["alipay"].merchant_id)
        assert "Waiting for payment" in page.text
        [intent], [attempt] = await shop.intents(), await shop.attempts()
        assert (intent.amount_minor, intent.bonus_minor, intent.about) == (50_00, 5_00, "/m/CODE.abc")
        assert (attempt.channel, attempt.provider) == (Channel.BROWSER, "alipay")
        assert f"https://alipay.example/{attempt.number}" in page.links
        assert page.answer.headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
        path = f"/pay/{intent.intent_id}"
        before = (await lin.http.get(f"{path}/state")).text
        await shop.pays(attempt)
        assert (await lin.http.get(f"{path}/state")).text != before
        page = await lin.open(path)
        for words in ("It is in your wallet", "¥50.00", "+¥5.00", "¥75.00", "Back to the appliance"):
            assert words in page.text, words
        assert "/m/CODE.abc" in page.links
    assert (await shop.principal(), await shop.bonus()) == (70_00, 5_00)


async def test_pressed_twice_and_from_two_tabs_it_is_one_payment(shop: Shop) -> None:
    async with await shop.visitor() as lin:
        form = with_field((await lin.open("/topup")).main, amount="50.00")
        answers = await asyncio.gather(*(lin.send(form) for _ in range(4)))
        assert {answer.headers["location"] for answer in answers} == {answers[0].headers["location"]}
        later = await lin.send(form)
        assert later.headers["location"] == answers[0].headers["location"]
        other = shown(await lin.send(with_field(form, amount="20.00")))
        assert (other.status, "used for another amount" in other.text) == (409, True)
    assert len(await shop.intents()) == len(await shop.attempts()) == 1


async def test_no_other_amount_is_taken(shop: Shop) -> None:
    refused = (
        ("-5", "This is no amount"),
        ("0", "The least"),
        ("0.001", "at most 2 digits"),
        ("9223372036854775808", "This is no amount"),
        ("92233720368547758.07", "The most that can be topped up"),
        ("NaN", "This is no amount"),
        ("1e3", "This is no amount"),
        ("12,50", "This is no amount"),
        ("1000.01", "The most that can be topped up"),
        ("", "Choose an amount"),
    )
    async with await shop.visitor() as lin:
        form = with_field((await lin.open("/topup")).main, amount="", own="")
        for typed, words in refused:
            for field in ("own", "amount"):
                page = shown(await lin.send(with_field(form, **{field: typed})))
                assert (page.status, words in page.text) == (422, True), (field, typed)
    assert await shop.intents() == []


async def test_amounts_are_read_as_people_write_them(shop: Shop) -> None:
    async with await shop.visitor() as lin:
        for typed in ("¥12.50", "12.50", "12.5元", "12。50"):
            await lin.tops_up(own=typed)
    assert {intent.amount_minor for intent in await shop.intents()} == {12_50}


async def test_amounts_that_are_not_offered_are_refused_where_only_those_are_taken(shop: Shop) -> None:
    await gives(shop, (50_00, 5_00), own_amounts=False)
    async with await shop.visitor() as lin:
        page = await lin.open("/topup")
        assert 'name="own"' not in page.text
        refused = shown(
            await lin.send(with_field(page.main, amount="49.00", bonus_minor="99", currency="USD"))
        )
        assert (refused.status, "Choose one of the amounts" in refused.text) == (422, True)
        await lin.tops_up("50.00", bonus_minor="9900", currency="USD", customer="someone")
    [intent] = await shop.intents()
    assert (intent.bonus_minor, intent.currency, intent.customer_id) == (5_00, "CNY", shop.customer)


async def test_a_bonus_that_was_promised_is_kept_and_one_that_changed_is_shown_first(shop: Shop) -> None:
    await gives(shop, (50_00, 5_00))
    async with await shop.visitor() as lin:
        form = with_field((await lin.open("/topup")).main, amount="50.00")
        first = await lin.send(form)
        await gives(shop, (50_00, 1_00))
        again = shown(await lin.send(form))
        assert "The amounts have changed" in again.text
        assert (await lin.send(again.main or form)).headers["location"] == first.headers["location"]
        [attempt] = await shop.attempts()
        await shop.pays(attempt)
    assert await shop.bonus() == 5_00


async def test_whoever_withdrew_lately_earns_no_bonus(shop: Shop) -> None:
    await gives(shop, (50_00, 5_00))
    async with await shop.visitor() as lin:
        page = await lin.press((await lin.open("/me/withdraw")).main)
        await lin.press(page.main)
        page = await lin.open("/topup")
        assert "earns no bonus" in page.text
        assert "+¥5.00" not in page.text
        await lin.tops_up("50.00")
    [intent] = await shop.intents()
    assert intent.bonus_minor == 0


async def test_coming_back_from_the_provider_proves_nothing_and_asking_it_does(shop: Shop) -> None:
    async with await shop.visitor() as lin:
        page = await lin.tops_up()
        [attempt] = await shop.attempts()
        path = f"/pay/{attempt.intent_id}"
        for back in (f"{path}?asked=1", f"{path}?paid=1&state=paid", f"{path}?trade_status=TRADE_SUCCESS"):
            page = await lin.open(back)
            assert "Waiting for payment" in page.text
        page = await lin.press(page.form("/asked"))
        assert "has no payment of yours yet" in page.text
        shop.wechat.pays(attempt.number)
        page = await lin.press(page.form("/asked"))
        assert "It is in your wallet" in page.text
    assert await shop.principal() == 70_00


async def test_a_provider_is_not_asked_as_often_as_somebody_presses(shop: Shop) -> None:
    async with await shop.visitor() as lin:
        page = await lin.tops_up()
        for _ in range(12):
            page = await lin.press(page.form("/asked"))
    assert shop.wechat.calls.count("query") <= 5


async def test_choosing_another_way_closes_the_first_and_what_is_paid_there_all_the_same_goes_back(
    shop: Shop,
) -> None:
    async with await shop.visitor(agent=COMPUTER) as lin:
        page = await lin.tops_up()
        assert "<svg" in page.text
        page = await lin.press(page.form("/way"), way=shop.merchants["alipay"].merchant_id)
        first, second = await shop.attempts()
        assert (first.state, second.state) == (AttemptState.CLOSED, AttemptState.PENDING)
        assert second.channel is Channel.QR
        again = await lin.press(page.form("/way"), way=shop.merchants["alipay"].merchant_id)
        assert "Waiting for payment" in again.text
        await shop.pays((await shop.attempts())[-1])
        shop.wechat.sheet.orders[first.number].state = shop.wechat.sheet.orders[first.number].state.WAITING
        await shop.pays(first)
        page = await lin.open(f"/pay/{first.intent_id}")
        for words in ("It is in your wallet", "Going back to you", "It was paid a second time", "WeChat Pay"):
            assert words in page.text, words
    assert await shop.principal() == 70_00


async def test_a_provider_that_is_down_costs_nothing_and_trying_again_is_the_same_payment(shop: Shop) -> None:
    shop.wechat.faults["create"] = [Fault.UNANSWERED]
    async with await shop.visitor() as lin:
        page = await lin.tops_up()
        assert "has not answered yet" in page.text
        assert page.main is not None
        page = await lin.press(page.main)
        assert "Waiting for payment" in page.text
        shop.wechat.faults["create"] = [Fault.REJECTED]
        page = await lin.tops_up("20.00")
        assert "did not take this payment" in page.text
        page = await lin.press(page.main, way=shop.merchants["alipay"].merchant_id)
        assert "Waiting for payment" in page.text
    assert [one.state for one in await shop.attempts()] == [
        AttemptState.PENDING,
        AttemptState.FAILED,
        AttemptState.PENDING,
    ]


async def test_a_payment_that_expires_says_so_and_one_that_comes_too_late_goes_back(shop: Shop) -> None:
    async with await shop.visitor() as lin:
        await lin.tops_up()
        [attempt] = await shop.attempts()
        path = f"/pay/{attempt.intent_id}"
        await shop.passes(31)
        page = await lin.open(path)
        assert "The time for this payment is over" in page.text
        await shop.cashier.once()
        await shop.cashier.once()
        page = await lin.open(path)
        for words in ("Nobody paid in time", "Top up anew"):
            assert words in page.text, words
        shop.wechat.sheet.orders[attempt.number].state = shop.wechat.sheet.orders[
            attempt.number
        ].state.WAITING
        await shop.pays(attempt)
        page = await lin.open(path)
        for words in ("Nobody paid in time", "It was paid after its time was over", "Going back to you"):
            assert words in page.text, words
    [intent] = await shop.intents()
    assert (intent.state, await shop.principal()) == (IntentState.EXPIRED, 20_00)


async def test_a_merchant_that_shuts_between_the_page_and_the_press_is_told_of(shop: Shop) -> None:
    async with await shop.visitor() as lin:
        page = await lin.open("/topup")
        await shuts(shop, "wechat")
        page = shown(await lin.send(with_field(page.main, amount="50.00")))
        assert (page.status, "closed at the moment" in page.text) == (409, True)
        await shuts(shop, "alipay")
        assert "Top up at the counter" in (await lin.open("/topup")).text
    assert await shop.intents() == []


async def test_what_is_not_ones_own_looks_as_if_it_did_not_exist(shop: Shop) -> None:
    south = await shop.api.house(new_id("South"))
    async with await shop.visitor() as lin, await shop.visitor(1) as mei, shop.browser() as nobody:
        payment = payment_of(await lin.tops_up())
        own = await lin.open("/topup")
        answers = set()
        for who in (mei, nobody):
            for path in ("", "/state", "/events", "/way", "/asked"):
                answer = await who.http.get(f"/pay/{payment}{path}")
                answers.add((answer.status_code, answer.text))
            for guessed in ("pay_0000000000000000000000", "%00", "'--", "a" * 60):
                answer = await who.http.get(f"/pay/{guessed}")
                answers.add((answer.status_code, answer.text))
            for path in ("way", "asked"):
                answer = await who.http.post(f"/pay/{payment}/{path}", data={"form": "x"})
                answers.add((answer.status_code, answer.text))
        assert len(answers) == 1
        assert payment not in answers.pop()[1]
        elsewhere = await lin.send(with_field(own.main, amount="50.00", operator=south.operator))
        assert elsewhere.headers["location"] == "/topup"
    assert {intent.operator_id for intent in await shop.intents()} == {shop.house.operator}


async def test_one_is_led_back_to_pages_of_ours_alone(shop: Shop) -> None:
    async with await shop.visitor() as lin:
        for back in (
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/m/../x",
            "/logout",
            "/m/a?b",
        ):
            page = await lin.open(f"/topup?back={back}")
            assert page.main is not None
            assert page.main.fields["back"] == ""
        await lin.tops_up("50.00", back="//evil.example")
    assert [intent.about for intent in await shop.intents()] == [""]


async def test_what_is_owed_is_repaid_first_and_the_page_says_so(shop: Shop) -> None:
    async with shop.api.pool.acquire() as connection:
        await post(
            connection, [late_usage(shop.house.operator, "s0", shop.customer, "CNY", arrears_minor=3_00)]
        )
    async with await shop.visitor() as lin:
        assert "What you owe is repaid first" in (await lin.open("/topup")).text
        page = await lin.tops_up("10.00")
        await shop.pays((await shop.attempts())[0])
        page = await lin.open(f"/pay/{payment_of(page)}")
        for words in ("Repaid of what you owed", "¥3.00", "¥27.00"):
            assert words in page.text, words


async def test_somebody_who_begins_too_many_is_told_to_finish_one(shop: Shop) -> None:
    async with await shop.visitor() as lin:
        for _ in range(10):
            await lin.tops_up()
        page = await lin.open("/topup")
        refused = shown(await lin.send(with_field(page.main, amount="50.00")))
    assert (refused.status, "several top-ups" in refused.text) == (429, True)
    assert len(await shop.intents()) == 10


async def test_inside_an_app_only_its_own_way_is_offered(shop: Shop) -> None:
    async with await shop.visitor(agent=ALIPAY) as lin:
        page = await lin.open("/topup")
        assert ("Pay with Alipay" in page.text, "WeChat" in page.text) == (True, False)
    shop.wechat.knows_payers = False
    async with await shop.visitor(agent=WECHAT) as lin:
        page = await lin.open("/topup")
        assert "Nothing can be paid inside this app" in page.text
