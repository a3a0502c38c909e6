"""Withdrawing on a phone, and paying inside WeChat: what is shown beforehand is done, once, and nobody else's."""

from __future__ import annotations

import asyncio
import re

import pytest

from coinslot.settlement.payments.withdrawals import pay_by_hand
from coinslot.web.customer import payers
from tests.postgres.web.arriving import shown
from tests.postgres.web.paying import COMPUTER, WECHAT, Shop, Visitor, mall, payment_of, shop, with_field
from tests.support.played_provider import Fault

__all__ = ["mall", "shop"]
pytestmark = pytest.mark.asyncio(loop_scope="module")

_STATE = re.compile(r"state=([0-9a-f]+)")


async def paid_in(shop: Shop, visitor: Visitor, amount: str = "50.00") -> None:
    """Topped up all the way."""
    await visitor.tops_up(amount)
    await shop.pays((await shop.attempts())[-1])


async def made(shop: Shop) -> str:
    """The operator's first withdrawal."""
    found = await shop.api.pool.fetchval(
        "SELECT withdrawal_id FROM withdrawal WHERE operator_id = $1 ORDER BY asked_at LIMIT 1",
        shop.house.operator,
    )
    return str(found)


async def test_everything_goes_back_after_one_more_question(shop: Shop) -> None:
    async with await shop.visitor() as lin:
        await paid_in(shop, lin)
        page = await lin.open("/me/withdraw")
        for words in ("¥70.00", "back to WeChat Pay", "¥20.00", "to be fetched at the counter"):
            assert words in page.text, words
        page = await lin.press(page.main)
        assert "Withdraw ¥70.00?" in page.text
        assert await shop.principal() == 70_00
        answers = await asyncio.gather(*(lin.send(with_field(page.main)) for _ in range(3)))
        assert len({answer.headers["location"] for answer in answers}) == 1
        assert await shop.principal() == 0
        path = answers[0].headers["location"]
        page = await lin.open(path)
        for words in ("requested", "ready to be fetched"):
            assert words in page.text, words
        before = (await lin.http.get(f"{path}/state")).text
        await shop.cashier.once()
        assert (await lin.http.get(f"{path}/state")).text != before
        assert "arrived, 20" in (await lin.open(path)).text
        await pay_by_hand(
            shop.api.pool,
            shop.house.operator,
            path.rpartition("/")[2],
            paid_from="operator/cash",
            by="test",
        )
        page = await lin.open(path)
        assert "paid out" in page.text
        page = await lin.open("/me/money")
        for words in (
            "Withdrawal",
            "−¥70.00",
            "Top-up by WeChat Pay",
            "Paid, withdrawn since",
            "Cash at the counter",
        ):
            assert words in page.text, words
        assert "There is nothing to be withdrawn" in (await lin.open("/me/withdraw")).text


async def test_only_what_is_free_can_be_withdrawn_and_a_start_at_the_same_time_takes_its_hold_or_finds_nothing(
    shop: Shop,
) -> None:
    async with await shop.visitor() as lin:
        page = await lin.press((await lin.open("/me/withdraw")).main)
        asked = with_field(page.main)
        started, withdrawn = await asyncio.gather(shop.api.start(shop.house), lin.send(asked))
        held = started.json()["hold_minor"] if started.status_code == 201 else 0
        if withdrawn.status_code == 303:
            assert (held, await shop.principal()) == (0, 0)
        else:
            assert (withdrawn.status_code, await shop.principal()) == (409, 20_00 - held)
            page = await lin.open("/me/withdraw")
            for words in ("¥15.00", "What is set aside comes free"):
                assert words in page.text, words


async def test_amounts_that_are_more_or_none_are_refused_and_a_plan_that_changed_is_shown_again(
    shop: Shop,
) -> None:
    async with await shop.visitor() as lin:
        form = with_field((await lin.open("/me/withdraw")).main)
        for amount, words in (
            ("20.01", "You can withdraw up to ¥20.00"),
            ("-1", "no amount"),
            ("0", "up to"),
            ("1e1", "no amount"),
        ):
            page = shown(await lin.send(with_field(form, amount=amount)))
            assert (page.status, words in page.text) == (422, True), amount
        page = await lin.press(with_field(form, amount="10"))
        sure = with_field(page.main)
        page = shown(await lin.send(with_field(sure, amount="20.00")))
        assert (page.status, "Something has changed" in page.text) == (409, True)
        assert await shop.principal() == 20_00


async def test_a_refund_that_fails_is_in_the_wallet_again_and_said_so(shop: Shop) -> None:
    shop.wechat.faults["refund"] = [Fault.REJECTED]
    async with await shop.visitor() as lin:
        await paid_in(shop, lin)
        page = await lin.press((await lin.open("/me/withdraw")).main, amount="50")
        page = await lin.press(page.main)
        await shop.cashier.once()
        page = await lin.open(f"/me/withdraw/{await made(shop)}")
        assert "did not work; it is in your wallet again" in page.text
    assert await shop.principal() == 70_00


async def test_nobody_sees_anothers_withdrawal_and_five_a_day_are_enough(shop: Shop) -> None:
    async with await shop.visitor() as lin, await shop.visitor(1) as mei:
        for number in range(6):
            page = await lin.press((await lin.open("/me/withdraw")).main, amount="1")
            page = await lin.press(page.main)
            assert ("5 times within a day" in page.text) == (number == 5)
        first = await made(shop)
        answers = set()
        for path in (first, "wdr_0000000000000000000000", "'--"):
            for end in ("", "/state"):
                answer = await mei.http.get(f"/me/withdraw/{path}{end}")
                answers.add((answer.status_code, answer.text))
        assert len(answers) == 1
    assert await shop.principal() == 15_00


async def test_every_page_about_money_is_one_small_answer(shop: Shop) -> None:
    async with await shop.visitor(agent=COMPUTER, language="zh") as lin:
        await paid_in(shop, lin)
        page = await lin.press((await lin.open("/me/withdraw")).main)
        await lin.press(page.main)
        waiting = payment_of(await lin.tops_up("20.00"))
        for path in (
            "/topup",
            f"/pay/{waiting}",
            "/me/withdraw",
            f"/me/withdraw/{await made(shop)}",
            "/me/money",
        ):
            answer = await lin.http.get(path, headers={"Accept-Encoding": "br"})
            assert answer.headers["content-encoding"] == "br"
            assert int(answer.headers["content-length"]) <= 8192, path
            assert not re.search(r'(src|href)="https?:', answer.text), path


# ------------------------------------------------------------ inside WeChat


async def begun(visitor: Visitor) -> str:
    """The step to WeChat, and the state that goes with it."""
    first = await visitor.http.get("/topup")
    step = await visitor.http.get(first.headers["location"])
    assert step.status_code == 302
    found = _STATE.search(step.headers["location"])
    assert found is not None
    return found[1]


async def test_inside_wechat_the_payer_is_learnt_once_and_kept_in_the_browser_alone(shop: Shop) -> None:
    async with await shop.visitor(agent=WECHAT) as lin:
        state = await begun(lin)
        shop.wechat.codes["c1"] = "openid-lin"
        page = await lin.open(f"/payer/back?code=c1&state={state}")
        assert "Pay with WeChat Pay" in page.text
        page = await lin.press(page.main, amount="50.00")
        assert "prepay_id=" in page.text
        assert shop.wechat.asked[-1].payer == "openid-lin"
        assert "openid-lin" not in page.text + str(dict(lin.http.cookies))
        everything = await shop.api.pool.fetch(
            "SELECT i::text, a::text FROM payment_intent i, payment_attempt a"
        )
        assert "openid-lin" not in str(everything)


async def test_a_foreign_replayed_or_invented_step_tells_us_nothing(shop: Shop) -> None:
    async with await shop.visitor(agent=WECHAT) as lin, await shop.visitor(1, agent=WECHAT) as mei:
        hers, his = await begun(mei), await begun(lin)
        shop.wechat.codes |= {"c1": "openid-mei", "c2": "openid-lin", "c3": "openid-mei"}
        kept = dict(lin.http.cookies)
        for state in (hers, "", "0" * 32):
            answer = await lin.http.get(f"/payer/back?code=c1&state={state}")
            assert answer.headers["location"] == "/topup?payer=no"
            assert payers.COOKIE not in lin.http.cookies
        assert "c1" in shop.wechat.codes
        await lin.http.get(f"/payer/back?code=c2&state={his}")
        payer = lin.http.cookies[payers.COOKIE]
        # The same once more, with the cookie of the step brought back by hand.
        lin.http.cookies.delete(payers.COOKIE)
        lin.http.cookies.set(payers.STEP_COOKIE, kept[payers.STEP_COOKIE], domain="api.test")
        answer = await lin.http.get(f"/payer/back?code=c3&state={his}")
        assert (answer.headers["location"].endswith("payer=no"), "c3" in shop.wechat.codes) == (True, True)
        # A payer that was sealed for another browser is nobody here.
        mei.http.cookies.set(payers.COOKIE, payer, domain="api.test")
        page = await mei.open("/topup?payer=no")
        assert "WeChat has not told us who pays" in page.text
        refused = shown(await mei.send(with_field(page.main, amount="50.00")))
        assert refused.status == 409
    assert await shop.intents() == []


async def test_a_code_that_wechat_does_not_take_leads_back_with_a_word_and_no_circle(shop: Shop) -> None:
    async with await shop.visitor(agent=WECHAT) as lin:
        state = await begun(lin)
        page = await lin.open(f"/payer/back?code=used&state={state}")
        assert (page.status, "WeChat has not told us who pays" in page.text) == (200, True)
        for path in (
            "/payer?operator=opr_x&back=/topup",
            f"/payer?operator={shop.house.operator}&back=//evil.example",
            f"/payer?operator={shop.house.operator}&back=https://evil.example",
        ):
            assert (await lin.http.get(path)).status_code == 404
