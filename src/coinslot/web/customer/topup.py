"""Topping up: how much, and by which way; then on to the payment itself."""

from __future__ import annotations

import re
from typing import Final

from litestar import get, post
from litestar.response import Response
from msgspec import Struct
from msgspec.structs import replace

from coinslot.fleet.topup_rules import AmountRefused, TopupRules, find_topup_rules
from coinslot.money import format_amount
from coinslot.payments.model import Intent
from coinslot.payments.port import Channel
from coinslot.settlement.payments.errors import KeyReused, NotPayable, Unpayable
from coinslot.settlement.payments.offering import Offer, offer
from coinslot.settlement.payments.topups import TooManyOpen, TopupWish, is_bonus_paused, open_topup
from coinslot.web.customer import payers
from coinslot.web.customer.amounts import WrongAmount, fault_words, read_amount, unreadable_words
from coinslot.web.customer.limits import count_form, count_view, limits_of
from coinslot.web.customer.visit import new_key
from coinslot.web.customer.wallets import Wallet, chosen, wallets, way_back
from coinslot.web.customer.ways import Around, Way, around, payable, provider_name, ways
from coinslot.web.pages import figures
from coinslot.web.pages.forms import Form
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf

STYLES: Final = ("base.css", "arrive.css", "pay.css")
UNPAYABLE: Final = {
    Unpayable.OVER: marked("This top-up is over. Begin a new one."),
    Unpayable.TOO_LATE: marked("The time for this top-up is nearly over. Begin a new one."),
    Unpayable.TOO_MANY: marked("This top-up was tried too often. Begin a new one."),
    Unpayable.NO_MERCHANT: marked("This way to pay is closed at the moment. Choose another one."),
}
_key = re.compile(r"[A-Za-z0-9_-]{16,64}")


class Chip(Struct, frozen=True, kw_only=True):
    """An amount to be tapped."""

    value: str
    amount: str
    bonus: str
    """Empty where it earns none."""


class Choosing(Struct, frozen=True, kw_only=True):
    """What the page offers to one wallet."""

    wallet: Wallet
    rules: TopupRules
    ways: list[Way]
    paused: bool
    """Whether nothing earns a bonus at the moment."""
    back: str


class Typed(Struct, frozen=True, kw_only=True):
    """What the form held, to be shown again."""

    key: str = ""
    amount: str = ""
    own: str = ""
    way: str = ""
    notice: str = ""
    error: str = ""
    status: int = 200


@get("/topup")
async def topup_page(page: PageOf) -> Response[bytes]:
    """Balance, amounts and ways to pay; where there are none, the counter."""
    count_view(page)
    asked = page.request.query_params
    found = await wallets(page)
    wallet = chosen(found, asked.get("operator", "")) or chosen(found, "")
    back = way_back(asked.get("back", ""))
    choosing = None if wallet is None else await _choosing(page, wallet, back)
    if wallet is None or choosing is None:
        return await _counter(page, found, wallet)
    if _payer_needed(page, choosing.ways) and asked.get("payer") != "no":
        return page.go(payers.payer_step(wallet.operator_id, _here(wallet, back)))
    return _show(page, found, choosing, Typed())


@post("/topup", status_code=200)
async def topup(page: PageOf) -> Response[bytes]:
    """Open it, ask the provider how it is to be paid, and show that. Pressed twice it is one top-up."""
    count_form(page)
    form = await page.form()
    found = await wallets(page)
    wallet = chosen(found, form.text("operator"))
    if wallet is None:
        return page.go("/topup")
    back = way_back(form.text("back"))
    async with limits_of(page).press(page):
        choosing = await _choosing(page, wallet, back)
        if choosing is None:
            return await _counter(page, found, wallet)
        answer = await _open(page, choosing, form)
    return _show(page, found, choosing, answer) if isinstance(answer, Typed) else answer


async def _open(page: Page, choosing: Choosing, form: Form) -> Response[bytes] | Typed:
    wallet, typed = choosing.wallet, _typed(form)
    if not _key.fullmatch(typed.key):
        return _with(typed, notice=page.say(marked("The page was not complete. Press once more.")), key="")
    way = next((one for one in choosing.ways if one.choice == typed.way), None)
    if way is None:
        return _with(typed, notice=page.say(UNPAYABLE[Unpayable.NO_MERCHANT]))
    if form.text("seen") != choosing.rules.seal:
        said = marked(
            "The amounts have changed since the page was loaded. Look at them again, then press once more."
        )
        return _with(typed, notice=page.say(said))
    try:
        amount_minor = read_amount(typed.own or typed.amount, wallet.currency)
    except WrongAmount as wrong:
        return _with(typed, error=unreadable_words(page, wrong.why, wallet.currency), status=422)
    if _payer_needed(page, [way]):
        return _with(typed, notice=page.say(marked("WeChat has to tell us who pays. Load the page again.")))
    try:
        intent = await open_topup(
            page.services.pool,
            TopupWish(
                purse=wallet.purse,
                key=f"page:{wallet.customer_id}:{typed.key}",
                amount_minor=amount_minor,
                about=choosing.back,
            ),
        )
    except AmountRefused as refused:
        words = fault_words(page, refused.fault, choosing.rules, wallet.currency)
        return _with(typed, error=words, status=422)
    except TooManyOpen:
        said = marked(
            "You have begun several top-ups that are not paid. Pay one of them, or wait half an hour."
        )
        return _with(typed, notice=page.say(said), status=429)
    except KeyReused:
        said = marked("This page was used for another amount already. Press once more.")
        return _with(typed, notice=page.say(said), key="")
    return await offered(page, wallet, intent, way, key=typed.key)


async def offered(
    page: Page, wallet: Wallet, intent: Intent, way: Way, *, key: str, anew: bool = False
) -> Response[bytes]:
    """Have the way made with its provider, and see the payment's page; whatever became of it stands there."""
    door = page.services.payments
    assert door is not None  # without it there are no ways
    wanted = Offer(
        intent=intent,
        merchant=way.merchant,
        channel=way.channel,
        key=f"page:{intent.intent_id}:{key}",
        # The same however often and in whatever language it is asked: providers compare.
        subject=f"{wallet.operator} · 充值 top-up",
        return_url=f"{page.base_url}/pay/{intent.intent_id}",
        payer=payers.payer_of(page, way.merchant) if way.channel is Channel.IN_APP else "",
        client_ip=page.source,
        anew=anew,
    )
    path = f"/pay/{intent.intent_id}"
    try:
        await offer(door, wanted)
    except NotPayable as refused:
        return page.go(path if refused.reason is Unpayable.OVER else f"{path}?not={refused.reason.value}")
    except KeyReused:
        return page.go(path)
    # It may be about to be closed, or its refund to be asked for.
    door.nudge()
    return page.go(f"{path}?open=1")


def _payer_needed(page: Page, found: list[Way]) -> bool:
    """Whether it is paid inside WeChat, by somebody whom this browser does not know there."""
    return any(way.channel is Channel.IN_APP and not payers.payer_of(page, way.merchant) for way in found)


def _here(wallet: Wallet, back: str) -> str:
    return f"/topup?operator={wallet.operator_id}" + (f"&back={back}" if back else "")


async def _choosing(page: Page, wallet: Wallet, back: str) -> Choosing | None:
    """None where nothing can be paid here."""
    found = await ways(page, wallet.operator_id, wallet.currency)
    if not found:
        return None
    pool = page.services.pool
    async with pool.acquire() as connection:
        rules = await find_topup_rules(connection, wallet.operator_id)
        paused = await is_bonus_paused(connection, wallet.purse, rules)
    return Choosing(wallet=wallet, rules=rules, ways=found, paused=paused, back=back)


async def _counter(page: Page, found: list[Wallet], wallet: Wallet | None) -> Response[bytes]:
    elsewhere = wallet is not None and bool(await payable(page, wallet.operator_id))
    where = around(page)
    return page.show(
        "arrive/topup.html",
        styles=STYLES,
        wallets=found,
        help_phone=found[0].help_phone if len(found) == 1 else "",
        other_browser=elsewhere and where in (Around.WECHAT, Around.ALIPAY),
    )


def _typed(form: Form) -> Typed:
    return Typed(
        key=form.text("key"), amount=form.text("amount"), own=form.text("own")[:40], way=form.text("way")
    )


def _with(
    typed: Typed, *, notice: str = "", error: str = "", status: int = 409, key: str | None = None
) -> Typed:
    return replace(typed, notice=notice, error=error, status=status, key=typed.key if key is None else key)


def _show(page: Page, found: list[Wallet], choosing: Choosing, typed: Typed) -> Response[bytes]:
    wallet, rules = choosing.wallet, choosing.rules
    currency = wallet.currency
    chips = [
        Chip(
            value=format_amount(choice.amount_minor, currency),
            amount=figures.money(choice.amount_minor, currency),
            bonus=figures.money(choice.bonus_minor, currency)
            if choice.bonus_minor and not choosing.paused
            else "",
        )
        for choice in rules.choices
    ]
    values = [chip.value for chip in chips]
    named = [way.choice for way in choosing.ways]
    return page.show(
        "pay/topup.html",
        status=typed.status,
        styles=STYLES,
        scripts=("once.js", "topup.js"),
        wallet=wallet,
        others=[one for one in found if one.operator_id != wallet.operator_id],
        chips=chips,
        picked=typed.amount if typed.amount in values else values[len(values) // 2],
        own_allowed=rules.own_amounts,
        least=figures.money(rules.least_minor, currency),
        most=figures.money(rules.most_minor, currency),
        own=typed.own,
        ways=[(way.choice, provider_name(page, way.merchant.provider)) for way in choosing.ways],
        way=typed.way if typed.way in named else named[0],
        notice=typed.notice,
        error=typed.error,
        pause_days=rules.bonus_pause_days
        if choosing.paused and any(c.bonus_minor for c in rules.choices)
        else 0,
        payer_step=payers.payer_step(wallet.operator_id, _here(wallet, choosing.back))
        if _payer_needed(page, choosing.ways)
        else "",
        seen=rules.seal,
        key=typed.key or new_key(),
        back=choosing.back,
        # What else the address said, for the same page in another language.
        keep=f"&operator={wallet.operator_id}" + (f"&back={choosing.back}" if choosing.back else ""),
        help_phone=wallet.help_phone,
    )
