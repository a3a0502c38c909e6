"""A code for a friend: digits to be sent, which cost their giver no more than a limit."""

from __future__ import annotations

import re
from typing import Annotated, Final

from litestar import get, post
from litestar.params import QueryParameter
from litestar.response import Response
from msgspec import Struct

from coinslot.money import exponent
from coinslot.settlement.codes.issuing import issue_for_friend
from coinslot.settlement.codes.model import CodeView
from coinslot.settlement.ports import Conflict
from coinslot.web.customer.amounts import WrongAmount, read_amount, unreadable_words
from coinslot.web.customer.bathrooms import UNDECIDED, room_query
from coinslot.web.customer.code_words import refusal_status, refusal_words
from coinslot.web.customer.history import nobody
from coinslot.web.customer.limits import count_form, count_view, limits_of
from coinslot.web.customer.rooms import Choice, RoomVisit, open_room
from coinslot.web.customer.visit import new_key
from coinslot.web.pages import figures
from coinslot.web.pages.forms import Form
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf
from coinslot.wire.ids import OperatorId, SiteId

CAPS_MAJOR: Final = (2, 5, 10)
"""What is offered to be tapped: a short shower, a usual one, a long one."""
_key = re.compile(r"[A-Za-z0-9_-]{16,64}")

Text = Annotated[str, QueryParameter(max_length=64)]


class Typed(Struct, frozen=True, kw_only=True):
    """What the form held, to be shown again with what is wrong."""

    place: str = ""
    cap: str = ""
    own: str = ""
    key: str = ""
    notice: str = ""
    error: str = ""
    status: int = 200


def caps(currency: str) -> list[int]:
    """The limits that are offered, minor units."""
    return [major * 10 ** exponent(currency) for major in CAPS_MAJOR]


def read_cap(typed: Typed, currency: str, *, least_minor: int, most_minor: int) -> int | str:
    """The limit in minor units; else a text that says what is wrong, untranslated. WrongAmount for what is none."""
    cap_minor = read_amount(typed.own or typed.cap, currency)
    if cap_minor < least_minor:
        return marked("A use there takes at least %(least)s.")
    if cap_minor > most_minor:
        return marked("You have %(most)s: choose a limit up to that.")
    return cap_minor


@get("/friend")
async def friend_page(page: PageOf, operator: Text = "", site: Text = "", room: Text = "") -> Response[bytes]:
    """Which shower, and how much at most."""
    count_view(page)
    if not page.logins:
        return nobody(page)
    visit = await open_room(page, OperatorId(operator), SiteId(site), room)
    return page.go("/bathrooms") if visit is None else _show(page, visit, Typed())


@post("/friend", status_code=200)
async def friend_code(page: PageOf) -> Response[bytes]:
    """Make it and show it. The same page pressed twice is one code."""
    count_form(page)
    form = await page.form()
    visit = await open_room(
        page, OperatorId(form.text("operator")), SiteId(form.text("site")), form.exactly("room")
    )
    if visit is None:
        return page.go("/bathrooms")
    typed = _typed(form)
    async with limits_of(page).press(page):
        answer = await _make(page, visit, typed)
    return page.go(f"/code/{answer.code_id}") if isinstance(answer, CodeView) else _show(page, visit, answer)


async def _make(page: Page, visit: RoomVisit, typed: Typed) -> CodeView | Typed:
    choice, currency = visit.find(typed.place), visit.here.currency
    if not _key.fullmatch(typed.key):
        return _wrong(typed, notice=page.say(marked("The page was not complete. Press once more.")))
    if choice is None:
        return _wrong(
            typed, notice=page.say(marked("Choose a shower, then press once more. Nothing was held."))
        )
    least, most = choice.shown.least_minor, visit.customer.spendable_minor
    try:
        cap = read_cap(typed, currency, least_minor=least, most_minor=most)
    except WrongAmount as error:
        return _wrong(typed, error=unreadable_words(page, error.why, currency))
    if isinstance(cap, str):
        return _wrong(
            typed,
            error=page.say(cap, least=figures.money(least, currency), most=figures.money(most, currency)),
        )
    return await _issue(page, visit, choice, typed, cap)


async def _issue(
    page: Page, visit: RoomVisit, choice: Choice, typed: Typed, cap_minor: int
) -> CodeView | Typed:
    try:
        answer = await issue_for_friend(
            page.services.pool,
            page.services.keyring,
            operator=visit.here.operator,
            customer=visit.customer.customer_id,
            appliance=choice.appliance.appliance,
            cap_minor=cap_minor,
            key=f"page:{typed.key}",
        )
    except Conflict:
        return _wrong(typed, notice=page.say(UNDECIDED), status=503)
    if isinstance(answer, CodeView):
        return answer
    return _wrong(
        typed,
        notice=refusal_words(page, answer, visit.here.currency, visit.here.timezone, friend=True),
        status=refusal_status(answer),
        key="",
    )


def _typed(form: Form) -> Typed:
    return Typed(
        place=form.text("place"), cap=form.text("cap"), own=form.text("own")[:20], key=form.text("key")
    )


def _wrong(
    typed: Typed, *, notice: str = "", error: str = "", status: int = 422, key: str | None = None
) -> Typed:
    return Typed(
        place=typed.place,
        cap=typed.cap,
        own=typed.own,
        key=typed.key if key is None else key,
        notice=notice,
        error=error,
        status=status,
    )


def _show(page: Page, visit: RoomVisit, typed: Typed) -> Response[bytes]:
    here, most = visit.here, visit.customer.spendable_minor
    usable = [one.value for one in visit.choices if one.usable]
    offered = [cap for cap in caps(here.currency) if cap <= most]
    return page.show(
        "keypad/friend.html",
        status=typed.status,
        styles=("base.css", "arrive.css", "pay.css", "keypad.css"),
        scripts=("once.js",),
        visit=visit,
        here=here,
        typed=typed,
        key=typed.key if _key.fullmatch(typed.key) else new_key(),
        chosen=typed.place if typed.place in usable else (usable or [""])[0],
        caps=[
            (str(cap // 10 ** exponent(here.currency)), figures.money(cap, here.currency)) for cap in offered
        ],
        picked=typed.cap or str(CAPS_MAJOR[0]),
        balance=figures.money(most, here.currency),
        ready=visit.step == "choose",
        help_phone=here.help_phone,
        has_past=visit.customer.here.has_past,
        keep=f"&{room_query(visit)}",
    )
