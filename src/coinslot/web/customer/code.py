"""The code's page: huge, with the time that is left; it leads on by itself once the code was typed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct

from coinslot.people.logins import Login
from coinslot.settlement.codes.issuing import cancel, find, issue, issue_for_friend
from coinslot.settlement.codes.model import CodeRefusal, CodeRefused, CodeView
from coinslot.settlement.ports import Conflict
from coinslot.web.customer.bathrooms import STYLES, UNDECIDED
from coinslot.web.customer.code_text import Phase, Place, code_text, phase_of
from coinslot.web.customer.code_words import refusal_status, refusal_words
from coinslot.web.customer.limits import count_form, count_view, limits_of
from coinslot.web.customer.places import place_of, place_of_room
from coinslot.web.customer.visit import new_key
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf
from coinslot.wire.ids import SessionId

if TYPE_CHECKING:
    from coinslot.web.reading import Reader

_key = re.compile(r"[A-Za-z0-9_-]{16,64}")


class CodeNews(Struct, frozen=True, kw_only=True):
    """What the page asks for while it waits."""

    phase: Phase
    left_ms: int
    go: str
    """Where to go now; empty: stay."""


class Own(Struct, frozen=True):
    """A code of the visitor's."""

    code: CodeView
    place: Place

    @property
    def go(self) -> str:
        """The use that it opened, where that is the next thing to see."""
        mine = self.code.session is not None and not self.code.for_friend
        return f"/s/{self.code.session}" if mine else ""


@get("/code/{code_id:str}")
async def code_page(page: PageOf, code_id: FromPath[str]) -> Response[bytes]:
    """The code while it can be typed; then what became of it."""
    count_view(page)
    own = await _find(page, code_id)
    if own is None:
        return no_code(page)
    return page.go(own.go) if own.go else _show(page, own)


@get("/code/{code_id:str}/state")
async def code_state(page: PageOf, code_id: FromPath[str]) -> Response[bytes]:
    """The same for the page's own questions. Digits are not in it.

    It is not counted as a view: a dormitory behind one address waits with many phones at once.
    """
    own = await _find(page, code_id)
    if own is None:
        return no_code(page)
    text = code_text(page, own.code, own.place, datetime.now(UTC))
    news = CodeNews(phase=text.phase, left_ms=text.left_ms, go=own.go)
    return Response(msgspec.json.encode(news), media_type="application/json")


@get(["/code/{code_id:str}/new", "/code/{code_id:str}/cancel"])
async def code_again(page: PageOf, code_id: FromPath[str]) -> Response[bytes]:
    """Somebody loads again what was only an order."""
    return page.go(f"/code/{code_id}") if await _find(page, code_id) else no_code(page)


@post("/code/{code_id:str}/new", status_code=200)
async def new_code(page: PageOf, code_id: FromPath[str]) -> Response[bytes]:
    """Another code for the same place, in place of this one. Pressed twice it is one."""
    count_form(page)
    own = await _find(page, code_id)
    if own is None:
        return no_code(page)
    key = (await page.form()).text("key")
    if own.go:
        return page.go(own.go)
    if not _key.fullmatch(key):
        return page.go(f"/code/{code_id}")
    async with limits_of(page).press(page):
        try:
            answer = await _renew(page, own.code, f"page:{key}")
        except Conflict:
            return _show(page, own, status=503, notice=page.say(UNDECIDED), key=key)
    if isinstance(answer, CodeView):
        return page.go(f"/code/{answer.code_id}")
    notice = refusal_words(page, answer, own.place.currency, own.place.timezone, friend=own.code.for_friend)
    return _show(page, own, status=refusal_status(answer), notice=notice, refusal=answer.reason)


@post("/code/{code_id:str}/cancel", status_code=200)
async def cancel_code(page: PageOf, code_id: FromPath[str]) -> Response[bytes]:
    """Take it back: it opens nothing from now on, unless it was just typed."""
    count_form(page)
    own = await _find(page, code_id)
    if own is None:
        return no_code(page)
    await page.form()
    await cancel(
        page.services.pool, operator=own.code.operator, customer=own.code.customer, code_id=own.code.code_id
    )
    return page.go(f"/code/{own.code.code_id}")


async def _renew(page: Page, code: CodeView, key: str) -> CodeView | CodeRefused:
    pool, keyring = page.services.pool, page.services.keyring
    if code.appliance is not None and code.cap_minor is not None:
        # A friend's code is one at a time, too: the one before goes first, and nothing was held for it.
        if phase_of(code, datetime.now(UTC)) is Phase.LIVE:
            await cancel(pool, operator=code.operator, customer=code.customer, code_id=code.code_id)
        return await issue_for_friend(
            pool,
            keyring,
            operator=code.operator,
            customer=code.customer,
            appliance=code.appliance,
            cap_minor=code.cap_minor,
            key=key,
        )
    in_room = code.appliance is None
    return await issue(
        pool,
        keyring,
        operator=code.operator,
        customer=code.customer,
        appliance=None if in_room else code.appliance,
        outlet=None if in_room else code.outlet,
        room=code.room if in_room else None,
        site=code.site if in_room else None,
        key=key,
        renew=True,
    )


def no_code(page: Page) -> Response[bytes]:
    """The one answer to whatever code is not the visitor's, or is none at all."""
    return page.show("keypad/not_yours.html", status=404)


async def _find(page: Page, code_id: str) -> Own | None:
    for login in page.logins:
        code = await _find_at(page, login, code_id)
        if code is not None:
            return Own(code, await find_place(page.services.pool, code))
    return None


async def _find_at(page: Page, login: Login, code_id: str) -> CodeView | None:
    return await find(
        page.services.pool,
        page.services.keyring,
        operator=login.operator_id,
        customer=login.customer_id,
        code_id=code_id,
    )


async def find_place(reader: Reader, code: CodeView) -> Place:
    """Where this code is typed."""
    if code.appliance is None:
        return await place_of_room(reader, code.operator, code.site, code.room)
    return await place_of(reader, code.operator, code.appliance, code.outlet)


def _show(
    page: Page,
    own: Own,
    *,
    status: int = 200,
    notice: str = "",
    key: str = "",
    refusal: CodeRefusal | None = None,
) -> Response[bytes]:
    text = code_text(page, own.code, own.place, datetime.now(UTC))
    live = text.phase is Phase.LIVE
    used = SessionId(own.code.session) if own.code.session is not None else None
    return page.show(
        "keypad/code.html",
        status=status,
        styles=STYLES,
        scripts=("once.js", "typed.js") if live else ("once.js",),
        text=text,
        live=live,
        code=own.code,
        place=own.place,
        notice=notice,
        needs_money=refusal in (CodeRefusal.NO_BALANCE, CodeRefusal.ARREARS),
        key=key or new_key(),
        used=used,
        help_phone=own.place.help_phone,
        about=own.place.code,
    )
