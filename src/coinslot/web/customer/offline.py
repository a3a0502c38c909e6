"""Codes that work without the link: asked for while the appliance has none, followed until they are accounted for."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec
from litestar import get, post
from litestar.params import FromPath, QueryParameter
from litestar.response import Response
from msgspec import Struct

from coinslot import tariffs
from coinslot.fields import storable
from coinslot.people.logins import Login
from coinslot.settlement.offline.ending import cancel_offline
from coinslot.settlement.offline.issuing import issue_offline, offer
from coinslot.settlement.offline.model import (
    OfflineCode,
    OfflineOffer,
    OfflineRefusal,
    OfflineRefused,
)
from coinslot.settlement.offline.reading import code_of
from coinslot.settlement.ports import Conflict
from coinslot.web import reading
from coinslot.web.customer.bathrooms import STYLES
from coinslot.web.customer.code import no_code
from coinslot.web.customer.code_text import Place
from coinslot.web.customer.history import nobody
from coinslot.web.customer.limits import count_form, count_view, limits_of
from coinslot.web.customer.offline_text import OfflinePhase, offline_text, refusal_words
from coinslot.web.customer.places import place_of
from coinslot.web.customer.visit import new_key
from coinslot.web.customer.wording import unit_prices
from coinslot.web.pages import figures
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf
from coinslot.web.views import quote_view
from coinslot.wire.ids import ApplianceId, SessionId, is_id

_key = re.compile(r"[A-Za-z0-9_-]{16,64}")
_outlet = re.compile(r"[0-9]{1,3}")
_NEEDS_MONEY: Final = (OfflineRefusal.NO_BALANCE, OfflineRefusal.ARREARS)
_ENDED: Final = (OfflinePhase.USED, OfflinePhase.RETURNED)

Text = Annotated[str, QueryParameter(max_length=64)]


class OfflineNews(Struct, frozen=True, kw_only=True):
    """What the page asks for while it waits."""

    phase: OfflinePhase
    left_ms: int
    go: str


class _Asked(Struct, frozen=True):
    """An outlet, as the address or the form names it, and who asks."""

    login: Login
    appliance: ApplianceId
    outlet: int


@get("/offline")
async def offer_page(
    page: PageOf, operator: Text = "", appliance: Text = "", outlet: Text = ""
) -> Response[bytes]:
    """What such a code is and what it holds, before there is one."""
    count_view(page)
    if not page.logins:
        return nobody(page)
    asked = _asked(page, operator, appliance, outlet)
    found = None if asked is None else await _offer(page, asked)
    if asked is None or found is None:
        return page.go("/bathrooms")
    return await _show_offer(page, asked, found)


@post("/offline", status_code=200)
async def offline_code(page: PageOf) -> Response[bytes]:
    """Make it, and hold its credit. The same page pressed twice is one code."""
    count_form(page)
    form = await page.form()
    asked = _asked(page, form.text("operator"), form.text("appliance"), form.text("outlet"))
    found = None if asked is None else await _offer(page, asked)
    if asked is None or found is None:
        return page.go("/bathrooms")
    key = form.text("key")
    if not _key.fullmatch(key):
        notice = marked("The page was not complete. Press once more.")
        return await _show_offer(page, asked, found, status=409, notice=page.say(notice))
    if form.text("credit") != str(found.credit_minor):
        notice = marked(
            "The amount has changed since the page was loaded. Look at it again, then press once more."
        )
        return await _show_offer(page, asked, found, status=409, notice=page.say(notice))
    async with limits_of(page).press(page):
        try:
            answer = await issue_offline(
                page.services.pool,
                page.services.keyring,
                operator=asked.login.operator_id,
                customer=asked.login.customer_id,
                appliance=asked.appliance,
                outlet=asked.outlet,
                key=f"page:{key}",
            )
        except Conflict:
            return await _show_offer(page, asked, found, status=503, notice=page.say(_UNDECIDED), key=key)
    if isinstance(answer, OfflineCode):
        return page.go(f"/offline/{answer.session}")
    if answer.session is not None:
        return page.go(f"/offline/{answer.session}")
    place = await _place(page, asked.login.operator_id, asked.appliance, asked.outlet)
    notice = refusal_words(page, answer, found.currency, place.timezone)
    return await _show_offer(page, asked, found, status=409, notice=notice, refused=answer)


_UNDECIDED: Final = marked(
    "The server could not decide at this moment. Pressing again is safe: it makes one code and holds once, not twice."
)


@get("/offline/{session_id:str}")
async def offline_page(page: PageOf, session_id: FromPath[str]) -> Response[bytes]:
    """The code while it can be typed; then what became of it."""
    count_view(page)
    code = await _find(page, session_id)
    if code is None:
        return no_code(page)
    return await _show_code(page, code)


@get("/offline/{session_id:str}/state")
async def offline_state(page: PageOf, session_id: FromPath[str]) -> Response[bytes]:
    """The same for the page's own questions. Digits are not in it.

    It is not counted as a view: a dormitory behind one address waits with many phones at once.
    """
    code = await _find(page, session_id)
    if code is None:
        return no_code(page)
    text = offline_text(page, code, datetime.now(UTC))
    go = f"/s/{code.session}" if text.phase is OfflinePhase.USED else ""
    news = OfflineNews(phase=text.phase, left_ms=text.left_ms, go=go)
    return Response(msgspec.json.encode(news), media_type="application/json")


@get("/offline/{session_id:str}/cancel")
async def not_wanted_again(page: PageOf, session_id: FromPath[str]) -> Response[bytes]:
    """Somebody loads again what was only an order."""
    return page.go(f"/offline/{session_id}") if await _find(page, session_id) else no_code(page)


@post("/offline/{session_id:str}/cancel", status_code=200)
async def not_wanted(page: PageOf, session_id: FromPath[str]) -> Response[bytes]:
    """Take it back. Pressed twice, or when it was just typed, it changes nothing."""
    count_form(page)
    code = await _find(page, session_id)
    if code is None:
        return no_code(page)
    await page.form()
    services = page.services
    try:
        _, sends = await cancel_offline(
            services.pool,
            services.keyring,
            operator=code.operator,
            customer=code.customer,
            session=code.session,
        )
    except Conflict:
        return await _show_code(page, code, status=503, notice=page.say(_NOT_TAKEN_BACK))
    await services.starter.tell(sends)
    return page.go(f"/offline/{code.session}")


_NOT_TAKEN_BACK: Final = marked(
    "The server could not decide at this moment, and the code still works. Press once more."
)


def _asked(page: Page, operator: str, appliance: str, outlet: str) -> _Asked | None:
    login = next((one for one in page.logins if one.operator_id == operator), None)
    if login is None or not _outlet.fullmatch(outlet) or not storable(appliance):
        return None
    return _Asked(login, ApplianceId(appliance), int(outlet))


async def _offer(page: Page, asked: _Asked) -> OfflineOffer | None:
    return await offer(
        page.services.pool, operator=asked.login.operator_id, appliance=asked.appliance, outlet=asked.outlet
    )


async def _find(page: Page, session_id: str) -> OfflineCode | None:
    pool, keyring = page.services.pool, page.services.keyring
    for login in page.logins if is_id(session_id) else ():
        code = await code_of(pool, keyring, login.operator_id, login.customer_id, SessionId(session_id))
        if code is not None:
            return code
    return None


async def _place(page: Page, operator: str, appliance: str, outlet: int) -> Place:
    return await place_of(page.services.pool, operator, appliance, outlet)


async def _show_code(
    page: Page, code: OfflineCode, *, status: int = 200, notice: str = ""
) -> Response[bytes]:
    text = offline_text(page, code, datetime.now(UTC))
    if text.phase is OfflinePhase.USED:
        return page.go(f"/s/{code.session}")
    place = await _place(page, code.operator, code.appliance, code.outlet)
    live, waits = text.phase is OfflinePhase.LIVE, text.phase not in _ENDED
    return page.show(
        "keypad/offline.html",
        status=status,
        styles=STYLES,
        scripts=(*(("once.js",) if live else ()), *(("typed.js",) if waits else ())),
        text=text,
        live=live,
        waits=waits,
        notice=notice,
        code=code,
        place=place,
        help_phone=place.help_phone,
        about=place.code,
    )


async def _show_offer(
    page: Page,
    asked: _Asked,
    found: OfflineOffer,
    *,
    status: int = 200,
    notice: str = "",
    key: str = "",
    refused: OfflineRefused | None = None,
) -> Response[bytes]:
    place = await _place(page, asked.login.operator_id, asked.appliance, asked.outlet)
    balance = await reading.find_balance(page.services.pool, asked.login.operator_id, asked.login.customer_id)
    assert balance is not None  # whoever is logged in is a customer
    spendable = balance.principal_minor + balance.bonus_minor
    wanted = {
        "operator": asked.login.operator_id,
        "appliance": asked.appliance,
        "outlet": asked.outlet,
    }
    quote = quote_view(tariffs.decode_quote(found.quote.encode()))
    return page.show(
        "keypad/offer.html",
        status=status,
        styles=STYLES,
        scripts=("once.js",),
        asked=asked,
        place=place,
        notice=notice,
        key=key or new_key(),
        credit_minor=found.credit_minor,
        credit=figures.money(found.credit_minor, found.currency),
        hours=found.life // timedelta(hours=1),
        prices=unit_prices(page, quote, found.currency),
        balance=figures.money(spendable, balance.currency),
        linked=not found.link_down or (refused is not None and refused.reason is OfflineRefusal.LINKED),
        keep="&" + urlencode(wanted),
        poor=spendable < found.credit_minor or (refused is not None and refused.reason in _NEEDS_MONEY),
        topup=f"/topup?operator={asked.login.operator_id}",
        help_phone=place.help_phone,
        about=place.code,
    )
