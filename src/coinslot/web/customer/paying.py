"""A top-up while it is paid, and what became of it. Nothing is believed that a phone says: providers are asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec
import segno
from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response

from coinslot.engines.connect import UNANSWERED
from coinslot.payments.model import Attempt
from coinslot.payments.port import Channel, Created
from coinslot.payments.standing import Standing
from coinslot.settlement.payments.errors import Unpayable
from coinslot.settlement.payments.offering import ask_now
from coinslot.settlement.payments.topups import repaid_of
from coinslot.web.customer import payers
from coinslot.web.customer.limits import count_form, count_view, limits_of
from coinslot.web.customer.own_payment import OwnPayment, find_own_payment, not_your_payment, sign_of
from coinslot.web.customer.paying_text import given_back_lines, notice_words, standing_text
from coinslot.web.customer.topup import STYLES, offered
from coinslot.web.customer.visit import new_key
from coinslot.web.customer.wallets import Wallet, chosen, wallets, way_back
from coinslot.web.customer.ways import Around, Way, around, provider_name, ways
from coinslot.web.pages import figures
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf
from coinslot.web.streams import event, sse

LOOK_S: Final = 1.0
"""Between two looks of one stream at the database: the provider's word is on the page a second after ours."""
_PAYABLE: Final = frozenset({Standing.CHOOSING, Standing.MAKING, Standing.WAITING})
_UNDER_WAY: Final = _PAYABLE | {Standing.ENDING, Standing.REVIEW}


class Leading(msgspec.Struct, frozen=True, kw_only=True):
    """How the payer comes to pay, from where the page is shown; at most one of them."""

    qr: str = ""
    """SVG."""
    url: str = ""
    bridge: str = ""
    """JSON, for WeChat's own browser."""
    code: str = ""
    """What to show at the counter, in two halves."""
    elsewhere: bool = False
    """It was begun inside WeChat and can be paid nowhere else."""


@get("/pay/{intent_id:str}")
async def pay_page(page: PageOf, intent_id: FromPath[str]) -> Response[bytes]:
    """How it stands, and what to do next."""
    count_view(page)
    own = await find_own_payment(page, intent_id)
    if own is None:
        return not_your_payment(page)
    wallet = chosen(await wallets(page), own.operator)
    if wallet is None:
        return not_your_payment(page)
    return await _show(page, own, wallet)


@get("/pay/{intent_id:str}/state")
async def pay_state(page: PageOf, intent_id: FromPath[str]) -> Response[bytes]:
    """A short text that changes when the page would."""
    count_view(page)
    sign = await sign_of(page, intent_id)
    if sign is None:
        return not_your_payment(page)
    return Response(sign.encode(), media_type="text/plain; charset=utf-8")


@get("/pay/{intent_id:str}/events")
async def pay_events(page: PageOf, intent_id: FromPath[str]) -> Response[bytes] | Response[None]:
    """The same as a stream."""
    count_view(page)
    if await sign_of(page, intent_id) is None:
        return not_your_payment(page)
    return sse(_events(page, intent_id), page.services.streams)


@get(["/pay/{intent_id:str}/way", "/pay/{intent_id:str}/asked"])
async def pay_again(page: PageOf, intent_id: FromPath[str]) -> Response[bytes]:
    """Somebody loads again what was only an order."""
    count_view(page)
    own = await sign_of(page, intent_id)
    return not_your_payment(page) if own is None else page.go(f"/pay/{intent_id}")


@post("/pay/{intent_id:str}/way")
async def choose_way(page: PageOf, intent_id: FromPath[str]) -> Response[bytes]:
    """Pay it in another way, or try the same once more: what was begun before is closed with its provider."""
    count_form(page)
    own = await find_own_payment(page, intent_id)
    wallet = None if own is None else chosen(await wallets(page), own.operator)
    if own is None or wallet is None:
        return not_your_payment(page)
    form = await page.form()
    path = f"/pay/{own.intent.intent_id}"
    if own.stand.standing not in _PAYABLE:
        return page.go(path)
    found = await ways(page, own.operator, own.intent.currency)
    way = next((one for one in found if one.choice == form.text("way")), None)
    if way is None:
        return page.go(f"{path}?not={Unpayable.NO_MERCHANT.value}")
    if way.channel is Channel.IN_APP and not payers.payer_of(page, way.merchant):
        # The next page says so, with a link: a form may not lead to another site.
        return page.go(f"{path}?payer=ask")
    # Where the provider has not answered, the same is asked of it again.
    anew = own.stand.standing is not Standing.MAKING
    async with limits_of(page).press(page):
        return await offered(page, wallet, own.intent, way, key=form.text("key")[:64], anew=anew)


@post("/pay/{intent_id:str}/asked")
async def ask_provider(page: PageOf, intent_id: FromPath[str]) -> Response[bytes]:
    """Somebody says that they have paid: the provider is asked, at most so often."""
    count_form(page)
    own = await find_own_payment(page, intent_id)
    if own is None:
        return not_your_payment(page)
    await page.form()
    door, attempt = page.services.payments, own.attempt
    path = f"/pay/{own.intent.intent_id}"
    if door is not None and attempt is not None and own.stand.standing in _UNDER_WAY:
        asked = limits_of(page).asked
        if not asked.wait_s(own.intent.intent_id):
            asked.failed(own.intent.intent_id)
            await ask_now(door, attempt, own.now)
            door.nudge()
    return page.go(f"{path}?asked=1")


async def _events(page: Page, intent_id: str) -> AsyncIterator[bytes]:
    told = ""
    try:
        while (sign := await sign_of(page, intent_id)) is not None:
            if sign != told:
                told = sign
                yield event(sign.encode())
            await asyncio.sleep(LOOK_S)
    except UNANSWERED:
        # The page asks again by itself, as after any end of the stream.
        return


async def _show(page: Page, own: OwnPayment, wallet: Wallet) -> Response[bytes]:
    intent, standing = own.intent, own.stand.standing
    asked = page.request.query_params
    payable = standing in _PAYABLE
    found = await ways(page, own.operator, intent.currency) if payable else []
    leading = _leading(page, own.attempt) if standing is Standing.WAITING and own.attempt else Leading()
    paid = standing is Standing.PAID
    answer = page.show(
        "pay/pay.html",
        styles=STYLES,
        scripts=("once.js", "paying.js") if standing in _UNDER_WAY else ("once.js",),
        intent=intent,
        wallet=wallet,
        text=standing_text(page, own, wallet.timezone),
        standing=standing.value,
        under_way=standing in _UNDER_WAY,
        leading=leading,
        open_now=asked.get("open") == "1",
        notice=notice_words(page, own, asked),
        provider="" if own.attempt is None else provider_name(page, own.attempt.provider),
        others=[(way.choice, provider_name(page, way.merchant.provider)) for way in _others(own, found)],
        same=next((way.choice for way in found if _is_same(own.attempt, way)), ""),
        payer_step=payers.payer_step(own.operator, f"/pay/{intent.intent_id}")
        if _lacks_payer(page, found)
        else "",
        amount=figures.money(intent.amount_minor, intent.currency),
        bonus=figures.money(intent.bonus_minor, intent.currency) if intent.bonus_minor else "",
        repaid=await _repaid(page, own) if paid else "",
        balance=figures.money(wallet.spendable_minor, wallet.currency) if paid else "",
        back=way_back(intent.about),
        given_back=given_back_lines(page, own, wallet.timezone),
        sign=own.sign,
        key=new_key(),
        help_phone=wallet.help_phone,
        about="",
    )
    # WeChat's page for browsers wants to know from whose site it was opened: the site, and nothing more of it.
    answer.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    return answer


def _leading(page: Page, attempt: Attempt) -> Leading:
    assert attempt.created is not None  # or it would not be waiting
    created = msgspec.json.decode(attempt.created, type=Created)
    if created.code:
        return Leading(code=f"{created.code[:3]} {created.code[3:]}")
    if created.qr:
        return Leading(qr=segno.make(created.qr, error="m", micro=False).svg_inline(border=4, omitsize=True))
    if created.in_app:
        if around(page) is not Around.WECHAT:
            return Leading(elsewhere=True)
        return Leading(bridge=msgspec.json.encode(created.in_app).decode())
    # Anything else than an address of the web would be no provider's page.
    is_page = created.url.startswith(("https://", "http://"))
    return Leading(url=created.url) if is_page else Leading()


def _is_same(attempt: Attempt | None, way: Way) -> bool:
    return attempt is not None and (attempt.merchant_id, attempt.channel) == (
        way.merchant.merchant_id,
        way.channel,
    )


def _others(own: OwnPayment, found: list[Way]) -> list[Way]:
    """Every way, but the one that can be paid at this moment."""
    if own.stand.standing is Standing.CHOOSING:
        return found
    return [way for way in found if not _is_same(own.attempt, way)]


def _lacks_payer(page: Page, found: list[Way]) -> bool:
    return any(way.channel is Channel.IN_APP and not payers.payer_of(page, way.merchant) for way in found)


async def _repaid(page: Page, own: OwnPayment) -> str:
    repaid_minor = await repaid_of(page.services.pool, own.intent)
    return figures.money(repaid_minor, own.intent.currency) if repaid_minor else ""
