"""Withdrawing: what is in the wallet goes back to where it came from, by the customer alone, after one more question."""

from __future__ import annotations

import re
from typing import Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct

from coinslot.money import format_amount
from coinslot.payments.states import RefundState
from coinslot.settlement.payments.errors import BonusHeld, KeyReused, TooMuch
from coinslot.settlement.payments.withdrawal_views import (
    Preview,
    WithdrawalView,
    find_withdrawal,
    preview_withdrawal,
    withdrawals_lately,
)
from coinslot.settlement.payments.withdrawals import WithdrawalRequest, withdraw
from coinslot.web.customer.amounts import WrongAmount, read_amount, unreadable_words
from coinslot.web.customer.history import nobody
from coinslot.web.customer.limits import count_form, count_view, limits_of
from coinslot.web.customer.own_payment import not_your_payment
from coinslot.web.customer.paying_text import refund_words
from coinslot.web.customer.topup import STYLES
from coinslot.web.customer.visit import new_key
from coinslot.web.customer.wallets import Wallet, chosen, wallets
from coinslot.web.customer.ways import provider_name
from coinslot.web.pages import figures
from coinslot.web.pages.forms import Form
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf
from coinslot.wire.ids import is_id

MOST_A_DAY: Final = 5
"""Providers take fifty refunds of one payment; in parts of a cent these would soon be used up."""
_key = re.compile(r"[A-Za-z0-9_-]{16,64}")
_CHANGED: Final = marked("Something has changed meanwhile. Look at it again, then press once more.")
_INCOMPLETE: Final = marked("The page was not complete. Press once more.")
_LOOKS: Final = {
    RefundState.SUCCEEDED: "",
    RefundState.REQUESTED: "warn",
    RefundState.PROCESSING: "warn",
    RefundState.CLOSED: "bad",
    RefundState.ABNORMAL: "bad",
}


class Line(Struct, frozen=True, kw_only=True):
    """A part: how much, to where, how far."""

    amount: str
    where: str
    word: str = ""
    look: str = ""


@get("/me/withdraw")
async def withdraw_page(page: PageOf) -> Response[bytes]:
    """How much, where it goes, what becomes of the bonus."""
    count_view(page)
    wallet = chosen(await wallets(page), page.request.query_params.get("operator", ""))
    return nobody(page) if wallet is None else await _show(page, wallet)


@get("/me/withdraw/sure")
async def withdraw_again(page: PageOf) -> Response[bytes]:
    """Somebody loads again what was only an order."""
    count_view(page)
    return page.go("/me/withdraw")


@post("/me/withdraw", status_code=200)
async def review_withdrawal(page: PageOf) -> Response[bytes]:
    """The same amount once more, with what will become of it: asked before it is done."""
    count_form(page)
    form = await page.form()
    wallet = chosen(await wallets(page), form.text("operator"))
    if wallet is None:
        return nobody(page)
    amount = await _amount(page, wallet, form)
    return amount if isinstance(amount, Response) else await _ask(page, wallet, amount)


@post("/me/withdraw/sure", status_code=200)
async def withdraw_for_sure(page: PageOf) -> Response[bytes]:
    """Do it, if it is still what was shown. Pressed twice it is one withdrawal."""
    count_form(page)
    form = await page.form()
    wallet, key = chosen(await wallets(page), form.text("operator")), form.text("key")
    if wallet is None:
        return nobody(page)
    if not _key.fullmatch(key):
        return await _show(page, wallet, notice=page.say(_INCOMPLETE))
    async with limits_of(page).press(page):
        return await _withdraw(page, wallet, form, f"page:{wallet.customer_id}:{key}")


@get("/me/withdraw/{withdrawal_id:str}")
async def withdrawal_page(page: PageOf, withdrawal_id: FromPath[str]) -> Response[bytes]:
    """How far a withdrawal of one's own is."""
    count_view(page)
    found = await _own(page, withdrawal_id)
    wallet = None if found is None else chosen(await wallets(page), found.withdrawal.operator_id)
    if found is None or wallet is None:
        return not_your_payment(page)
    return _show_made(page, wallet, found)


@get("/me/withdraw/{withdrawal_id:str}/state")
async def withdrawal_state(page: PageOf, withdrawal_id: FromPath[str]) -> Response[bytes]:
    """A short text that changes when the page would."""
    count_view(page)
    found = await _own(page, withdrawal_id)
    if found is None:
        return not_your_payment(page)
    return Response(found.sign.encode(), media_type="text/plain; charset=utf-8")


async def _own(page: Page, withdrawal_id: str) -> WithdrawalView | None:
    """The visitor's; None for another's, and for any other text whatever."""
    if not is_id(withdrawal_id):
        return None
    for login in page.logins:
        found = await find_withdrawal(page.services.pool, login.operator_id, withdrawal_id, login.customer_id)
        if found is not None:
            return found
    return None


async def _withdraw(page: Page, wallet: Wallet, form: Form, key: str) -> Response[bytes]:
    pool = page.services.pool
    earlier: str | None = await pool.fetchval(_OF_KEY, wallet.operator_id, key, wallet.customer_id)
    if earlier is not None:
        return page.go(f"/me/withdraw/{earlier}")
    amount = await _amount(page, wallet, form)
    if isinstance(amount, Response):
        return amount
    if (await preview_withdrawal(pool, wallet.purse, amount)).seal != form.text("seen"):
        return await _ask(page, wallet, amount, notice=page.say(_CHANGED))
    if await withdrawals_lately(pool, wallet.operator_id, wallet.customer_id) >= MOST_A_DAY:
        said = page.say(
            marked(
                "You have withdrawn %(most)s times within a day. Try again tomorrow, or call the help line."
            ),
            most=MOST_A_DAY,
        )
        return await _show(page, wallet, status=429, notice=said)
    try:
        made = await withdraw(
            pool, WithdrawalRequest(purse=wallet.purse, key=key, amount_minor=amount, by=wallet.customer_id)
        )
    except (TooMuch, BonusHeld):
        said = page.say(_CHANGED)
        now = chosen(await wallets(page), wallet.operator_id) or wallet
        return await _show(page, now, status=409, notice=said)
    except KeyReused:
        said = page.say(_INCOMPLETE)
        return await _show(page, wallet, status=409, notice=said)
    if page.services.payments is not None:
        page.services.payments.nudge()
    return page.go(f"/me/withdraw/{made.withdrawal_id}")


_OF_KEY: Final = """
    SELECT withdrawal_id FROM withdrawal WHERE operator_id = $1 AND request_key = $2 AND customer_id = $3
"""


async def _amount(page: Page, wallet: Wallet, form: Form) -> int | Response[bytes]:
    typed = form.text("amount")[:40]
    try:
        amount_minor = read_amount(typed, wallet.currency)
    except WrongAmount as wrong:
        words = unreadable_words(page, wrong.why, wallet.currency)
        return await _show(page, wallet, status=422, error=words, typed=typed)
    if 0 < amount_minor <= wallet.free_minor:
        return amount_minor
    if not wallet.free_minor:
        return await _show(page, wallet, status=409)
    words = page.say(
        marked("You can withdraw up to %(free)s."), free=figures.money(wallet.free_minor, wallet.currency)
    )
    return await _show(page, wallet, status=422, error=words, typed=typed)


async def _show(
    page: Page, wallet: Wallet, *, status: int = 200, notice: str = "", error: str = "", typed: str = ""
) -> Response[bytes]:
    free = wallet.free_minor
    found = await preview_withdrawal(page.services.pool, wallet.purse, free) if free else None
    return page.show(
        "pay/withdraw.html",
        status=status,
        styles=STYLES,
        scripts=("once.js",),
        wallet=wallet,
        free=figures.money(free, wallet.currency),
        any_free=free > 0,
        typed=typed or format_amount(free, wallet.currency),
        lines=[] if found is None else _going(page, wallet, found),
        bonus_back=0 if found is None else found.bonus_back_minor,
        notice=notice,
        error=error,
        keep=f"&operator={wallet.operator_id}",
        help_phone=wallet.help_phone,
    )


async def _ask(page: Page, wallet: Wallet, amount_minor: int, *, notice: str = "") -> Response[bytes]:
    found = await preview_withdrawal(page.services.pool, wallet.purse, amount_minor)
    if found.bonus_held_minor:
        words = page.say(
            marked(
                "A use that runs has set aside bonus that goes with it. Withdraw less, or when it is over."
            )
        )
        return await _show(
            page, wallet, status=409, error=words, typed=format_amount(amount_minor, wallet.currency)
        )
    return page.show(
        "pay/withdraw_sure.html",
        status=409 if notice else 200,
        styles=STYLES,
        scripts=("once.js",),
        wallet=wallet,
        amount=figures.money(amount_minor, wallet.currency),
        value=format_amount(amount_minor, wallet.currency),
        lines=_going(page, wallet, found),
        bonus_back=found.bonus_back_minor,
        seen=found.seal,
        key=new_key(),
        notice=notice,
        help_phone=wallet.help_phone,
    )


def _show_made(page: Page, wallet: Wallet, found: WithdrawalView) -> Response[bytes]:
    made = found.withdrawal
    lines = [
        Line(
            amount=figures.money(part.refund.amount_minor, part.refund.currency),
            where=page.say("to %(name)s", name=provider_name(page, part.provider)),
            word=_fetched_with(page, part.code) or refund_words(page, part.refund, wallet.timezone),
            look=_LOOKS[part.refund.state],
        )
        for part in found.parts
    ]
    if made.by_hand_minor:
        paid = found.is_by_hand_paid
        lines.append(
            Line(
                amount=figures.money(made.by_hand_minor, made.currency),
                where=page.say("at the counter"),
                word=page.say("paid out") if paid else page.say("ready to be fetched"),
                look="" if paid else "warn",
            )
        )
    return page.show(
        "pay/withdrawal.html",
        styles=STYLES,
        scripts=() if made.ended_at is not None else ("watch.js",),
        wallet=wallet,
        withdrawal=made,
        sign=found.sign,
        amount=figures.money(made.amount_minor, made.currency),
        asked_at=figures.moment(made.asked_at, wallet.timezone, page.language),
        ended=made.ended_at is not None,
        lines=lines,
        by_hand=bool(made.by_hand_minor) and not found.is_by_hand_paid,
        help_phone=wallet.help_phone,
    )


def _fetched_with(page: Page, code: str | None) -> str:
    """What is ready at a counter is fetched with its code."""
    return page.say("show %(code)s there", code=f"{code[:3]} {code[3:]}") if code else ""


def _going(page: Page, wallet: Wallet, found: Preview) -> list[Line]:
    lines = [
        Line(
            amount=figures.money(part.amount_minor, wallet.currency),
            where=page.say(
                "back to %(name)s, paid %(moment)s",
                name=provider_name(page, part.provider),
                moment=figures.moment(part.paid_at, wallet.timezone, page.language),
            ),
        )
        for part in found.parts
    ]
    if found.by_hand_minor:
        where = page.say("to be fetched at the counter")
        lines.append(Line(amount=figures.money(found.by_hand_minor, wallet.currency), where=where))
    return lines
