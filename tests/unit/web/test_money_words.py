"""Ways that fit where the page is shown, amounts as people type them, and a word for everything that can be refused."""

from __future__ import annotations

import pytest

from coinslot.fleet.topup_rules import AmountFault, usual_rules
from coinslot.payments.model import Merchant
from coinslot.payments.port import Channel
from coinslot.settlement.payments.errors import Unpayable
from coinslot.web.customer.amounts import (
    Unreadable,
    WrongAmount,
    fault_words,
    read_amount,
    unreadable_words,
)
from coinslot.web.customer.paying_text import REFUND_WORDS
from coinslot.web.customer.topup import UNPAYABLE
from coinslot.web.customer.wallets import way_back
from coinslot.web.customer.ways import Around, around_of, ways_among
from coinslot.web.pages.languages import Language
from coinslot.wire.ids import OperatorId
from tests.unit.web.test_customer_words import Speaker


def merchant(provider: str, number: int = 1) -> Merchant:
    return Merchant(
        operator_id=OperatorId("opr_1"),
        merchant_id=f"mer_{provider}{number}",
        provider=provider,
        account="1",
        app="",
        name=provider,
        active=True,
    )


EVERY = [
    merchant("counter"),
    merchant("stripe"),
    merchant("alipay"),
    merchant("wechat"),
    merchant("wechat", 2),
]


@pytest.mark.parametrize(
    ("where", "currency", "offered"),
    [
        (Around.WECHAT, "CNY", {"mer_wechat1": Channel.IN_APP}),
        (Around.ALIPAY, "CNY", {"mer_alipay1": Channel.BROWSER}),
        (
            Around.PHONE,
            "CNY",
            {"mer_wechat1": Channel.BROWSER, "mer_alipay1": Channel.BROWSER, "mer_stripe1": Channel.BROWSER},
        ),
        (
            Around.COMPUTER,
            "CNY",
            {"mer_wechat1": Channel.QR, "mer_alipay1": Channel.QR, "mer_stripe1": Channel.BROWSER},
        ),
        (Around.COMPUTER, "EUR", {"mer_stripe1": Channel.BROWSER}),
        (Around.WECHAT, "EUR", {}),
    ],
)
def test_only_what_works_there_is_offered(where: Around, currency: str, offered: dict[str, Channel]) -> None:
    at_the_counter = {"mer_counter1": Channel.COUNTER}
    assert {way.choice: way.channel for way in ways_among(EVERY, where, currency)} == offered | at_the_counter


@pytest.mark.parametrize(
    ("agent", "where"),
    [
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) MicroMessenger/8.0.50 NetType/WIFI",
            Around.WECHAT,
        ),
        ("Mozilla/5.0 (Linux; Android 14) Mobile Safari/537.36 AlipayClient/10.6", Around.ALIPAY),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1",
            Around.PHONE,
        ),
        ("Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 Mobile", Around.PHONE),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_0) Safari/605.1.15", Around.COMPUTER),
        ("", Around.COMPUTER),
    ],
)
def test_a_browser_is_known_by_what_it_says(agent: str, where: Around) -> None:
    assert around_of(agent) is where


@pytest.mark.parametrize(
    ("typed", "minor"),
    [
        ("50", 50_00),
        ("12.5", 12_50),
        ("¥12.50", 12_50),
        ("￥50", 50_00),
        ("５０．００", 50_00),
        ("12。5元", 12_50),
    ],
)
def test_amounts_are_read_as_people_type_them(typed: str, minor: int) -> None:
    assert read_amount(typed, "CNY") == minor


@pytest.mark.parametrize(
    ("typed", "currency", "why"),
    [
        ("", "CNY", Unreadable.EMPTY),
        (" ¥ ", "CNY", Unreadable.EMPTY),
        ("0.001", "CNY", Unreadable.TOO_FINE),
        ("5.5", "JPY", Unreadable.TOO_FINE),
        *(
            (text, "CNY", Unreadable.NO_AMOUNT)
            for text in ("-1", "1e3", "NaN", "inf", "1,5", "1.2.3", "0x10", "٥٠", "99999999999999999999")
        ),
    ],
)
def test_nothing_else_is_an_amount(typed: str, currency: str, why: Unreadable) -> None:
    with pytest.raises(WrongAmount) as wrong:
        read_amount(typed, currency)
    assert wrong.value.why is why


@pytest.mark.parametrize("language", Language)
def test_everything_that_is_refused_has_words_of_its_own(language: Language) -> None:
    page, rules = Speaker(language), usual_rules("CNY")
    told = [unreadable_words(page, why, "CNY") for why in Unreadable]  # type: ignore[arg-type]
    told += [fault_words(page, fault, rules, "CNY") for fault in AmountFault]  # type: ignore[arg-type]
    told += [page.say(UNPAYABLE[why]) for why in Unpayable]
    told += [page.say(word) for word in REFUND_WORDS.values()]
    assert len(set(told)) == len(told)
    assert all(told)


def test_one_comes_back_to_pages_that_one_can_come_from() -> None:
    assert way_back("/m/7KQ2M4XR.0a1b2c3d4e5f") == "/m/7KQ2M4XR.0a1b2c3d4e5f"
    for text in (
        "",
        "/",
        "//x",
        "/m/",
        "/m/a/b",
        "/m/a?x",
        "/m/a#x",
        "https://x",
        "/logout",
        "/m/a\n",
        "/me/x",
    ):
        assert way_back(text) == ""
