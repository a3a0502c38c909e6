"""Getting a code from afar: choose the place, see what it costs and holds, press once."""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import urlencode

from litestar import get, post
from litestar.params import QueryParameter
from litestar.response import Response

from coinslot.access import stickers
from coinslot.settlement.codes.issuing import issue
from coinslot.settlement.codes.model import CodeRefused, CodeView
from coinslot.settlement.ports import Conflict
from coinslot.web.customer.code_words import refusal_status, refusal_words
from coinslot.web.customer.having import find_waiting
from coinslot.web.customer.history import nobody
from coinslot.web.customer.limits import count_form, count_view, limits_of
from coinslot.web.customer.offline_offers import offline_path
from coinslot.web.customer.rooms import ANY, Choice, RoomVisit, open_room, rooms_of
from coinslot.web.customer.visit import new_key
from coinslot.web.pages import figures
from coinslot.web.pages.forms import Form
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf
from coinslot.wire.ids import OperatorId, SiteId

STYLES: Final = ("base.css", "arrive.css", "keypad.css")
_key = re.compile(r"[A-Za-z0-9_-]{16,64}")
_KEY_PREFIX: Final = "page:"
"""Apart from the keys that an operator's own programs choose."""

Text = Annotated[str | None, QueryParameter(max_length=64)]


@get("/bathrooms")
async def bathrooms(
    page: PageOf, operator: Text = None, site: Text = None, room: Text = None
) -> Response[bytes]:
    """The rooms where this browser is logged in, or the one that the address names."""
    count_view(page)
    if not page.logins:
        return nobody(page)
    if operator is not None and site is not None:
        visit = await open_room(page, OperatorId(operator), SiteId(site), room or "")
        if visit is not None:
            return await show_room(page, visit)
    return await _choose(page)


@post("/bathrooms", status_code=200)
async def get_code(page: PageOf) -> Response[bytes]:
    """Make the code and go to it. The same page pressed twice is one code."""
    count_form(page)
    form = await page.form()
    visit = await open_room(
        page, OperatorId(form.text("operator")), SiteId(form.text("site")), form.exactly("room")
    )
    if visit is None:
        return page.go("/bathrooms")
    key = form.text("key")
    if not _key.fullmatch(key):
        return await show_room(
            page, visit, status=409, notice=page.say(marked("The page was not complete. Press once more."))
        )
    place = form.text("place")
    choice = visit.find(place)
    if choice is None and (place != ANY or not visit.any_free):
        notice = marked("Choose a shower, then press once more. Nothing was held.")
        return await show_room(page, visit, status=409, notice=page.say(notice))
    seen = _changed(page, visit, choice, form)
    if seen:
        return await show_room(page, visit, status=409, notice=seen, chosen=place)
    async with limits_of(page).press(page):
        answer = await _issue(page, visit, choice, _KEY_PREFIX + key, renew=form.text("renew") == "1")
    if isinstance(answer, CodeView):
        return page.go(f"/code/{answer.code_id}")
    if answer is None:
        return await show_room(page, visit, status=503, notice=page.say(UNDECIDED), chosen=place, key=key)
    now = await open_room(page, visit.here.operator, visit.here.site_id, visit.here.room)
    return await show_room(
        page,
        now or visit,
        status=refusal_status(answer),
        notice=refusal_words(page, answer, visit.here.currency, visit.here.timezone),
        chosen=place,
    )


UNDECIDED: Final = marked(
    "The server could not decide at this moment. Nothing was held. Pressing again is safe: it makes one code, not two."
)


async def _issue(
    page: Page, visit: RoomVisit, choice: Choice | None, key: str, *, renew: bool
) -> CodeView | CodeRefused | None:
    """The code, or why there is none; None when that could not be decided."""
    here = visit.here
    try:
        return await issue(
            page.services.pool,
            page.services.keyring,
            operator=here.operator,
            customer=visit.customer.customer_id,
            appliance=None if choice is None else choice.appliance.appliance,
            outlet=None if choice is None else choice.tap.outlet,
            room=here.room if choice is None else None,
            site=here.site_id if choice is None else None,
            key=key,
            renew=renew,
        )
    except Conflict:
        return None


def _changed(page: Page, visit: RoomVisit, choice: Choice | None, form: Form) -> str:
    """What to say when the price is not what the page showed; else empty."""
    seals = {one.value: one.shown.seal for one in visit.choices}
    named = seals if choice is None else {choice.value: seals[choice.value]}
    shown = set(form.text("seen").split())
    if all(not seal or seal in shown for seal in named.values()):
        return ""
    return page.say(
        marked("The price has changed since the page was loaded. Look at it again, then press once more.")
    )


async def _choose(page: Page) -> Response[bytes]:
    async with page.services.pool.acquire() as connection:
        rooms = await rooms_of(connection, [login.operator_id for login in page.logins])
    if len(rooms) == 1:
        only = rooms[0]
        visit = await open_room(page, only.operator_id, only.site_id, only.room)
        if visit is not None:
            return await show_room(page, visit)
    return page.show(
        "keypad/rooms.html",
        styles=STYLES,
        rooms=rooms,
        several=len({one.operator_id for one in rooms}) > 1,
        waiting=await find_waiting(page),
    )


async def show_room(
    page: Page, visit: RoomVisit, *, status: int = 200, notice: str = "", chosen: str = "", key: str = ""
) -> Response[bytes]:
    """The showers of a room, and the button; or what has to be done first."""
    here, customer = visit.here, visit.customer
    step, balance = visit.step, customer.balance
    usable = [one for one in visit.choices if one.usable]
    holds = {one.shown.hold for one in usable}
    values = [one.value for one in usable]
    first = ANY if visit.any_free else (values or [""])[0]
    waiting = await find_waiting(page)
    offline = [
        (one.name, await offline_path(page, one.appliance, one.tap)) for one in visit.choices if one.offline
    ]
    least = min((one.shown.least_minor for one in visit.choices if one.takes_codes), default=0)
    return page.show(
        "keypad/room.html",
        status=status,
        styles=STYLES,
        scripts=("once.js",),
        visit=visit,
        here=here,
        step=step,
        notice=notice,
        key=key or new_key(),
        seen=" ".join(sorted({one.shown.seal for one in visit.choices if one.shown.seal})),
        any=ANY,
        chosen=chosen if chosen in (*values, ANY) else first,
        taps=_prices(visit),
        hold=holds.pop() if len(holds) == 1 else "",
        balance=figures.money(customer.spendable_minor, balance.currency),
        held=figures.money(balance.held_minor, balance.currency) if balance.held_minor else "",
        arrears=figures.money(balance.arrears_minor, balance.currency) if balance.arrears_minor else "",
        least=figures.money(least, balance.currency),
        topup=f"/topup?operator={here.operator}",
        offline=[(name, path) for name, path in offline if path],
        sticker=f"/m/{stickers.sign(page.services.keyring, here.code)}",
        waiting=[one for one in waiting if one.operator == here.operator],
        help_phone=here.help_phone,
        about=here.code if len(visit.choices) == 1 else "",
        has_past=customer.here.has_past,
        keep=f"&{room_query(visit)}",
    )


def room_query(visit: RoomVisit) -> str:
    """What names the room in an address."""
    here = visit.here
    return urlencode({"operator": here.operator, "site": here.site_id, "room": here.room})


def _prices(visit: RoomVisit) -> list[Choice]:
    """One for each price that the room has."""
    found = {(one.shown.price, one.shown.typical): one for one in reversed(visit.choices) if one.shown.price}
    return list(reversed(found.values()))
