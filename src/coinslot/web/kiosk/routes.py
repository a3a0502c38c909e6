"""The kiosk's pages: card and PIN, which shower, the code."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response
from litestar.types import ControllerRouterHandler

from coinslot.fleet.front_desks import Browser, DeskHere, open_desk
from coinslot.people.cards import CardRefusal, CardRefused, log_in
from coinslot.settlement.codes.issuing import issue
from coinslot.settlement.codes.model import CodeRefused, CodeView
from coinslot.settlement.ports import Conflict
from coinslot.web.customer.bathrooms import UNDECIDED
from coinslot.web.customer.code import find_place
from coinslot.web.customer.code_text import code_text
from coinslot.web.customer.code_words import refusal_status, refusal_words
from coinslot.web.customer.limits import count_form, count_view, limits_of
from coinslot.web.customer.rooms import ANY, Choice, RoomVisit
from coinslot.web.customer.visit import new_key
from coinslot.web.customer.wait_words import again_words
from coinslot.web.kiosk import door
from coinslot.web.kiosk.choosing import site_rooms
from coinslot.web.pages import figures
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf
from coinslot.wire.ids import CustomerId

STYLES: Final = ("base.css", "arrive.css", "keypad.css", "kiosk.css")
_key = re.compile(r"[A-Za-z0-9_-]{16,64}")


@get("/kiosk")
async def kiosk_page(page: PageOf) -> Response[bytes]:
    """For whoever comes; for whoever has logged in, the showers."""
    count_view(page)
    kiosk = await door.kiosk_here(page)
    if kiosk is None:
        return _no_kiosk(page)
    customer = door.who(page, kiosk)
    answer = _login(page, kiosk) if customer is None else await _choose(page, kiosk, customer)
    return door.keep_kiosk(page, answer, door.token_of(page))


@post("/kiosk/in", status_code=200)
async def kiosk_in(page: PageOf) -> Response[bytes]:
    """Card and PIN."""
    count_form(page)
    kiosk = await door.kiosk_here(page)
    if kiosk is None:
        return _no_kiosk(page)
    form = await page.form()
    answer = await log_in(
        page.services.pool,
        page.services.keyring,
        kiosk.operator_id,
        form.text("card"),
        form.text("pin"),
        source=page.source,
    )
    if isinstance(answer, CardRefused):
        return _login(page, kiosk, card=form.text("card")[:20], refused=answer)
    return door.know(page, kiosk, page.go("/kiosk"), answer)


@get(["/kiosk/out", "/kiosk/in", "/kiosk/code"])
async def kiosk_out(page: PageOf) -> Response[bytes]:
    """Whoever was here has left. Also what a form's address is when it is loaded by itself."""
    return door.forget_language(page, door.forget(page, page.go("/kiosk")))


@post("/kiosk/code", status_code=200)
async def kiosk_code(page: PageOf) -> Response[bytes]:
    """The code, in place of an earlier one; from then on the kiosk knows nobody."""
    count_form(page)
    kiosk = await door.kiosk_here(page)
    if kiosk is None:
        return _no_kiosk(page)
    form = await page.form()
    customer = door.who(page, kiosk)
    if customer is None:
        return page.go("/kiosk")
    rooms = await site_rooms(page, kiosk, customer)
    found = _find(rooms, form.text("place"))
    key = form.text("key")
    if found is None or not _key.fullmatch(key):
        notice = page.say(marked("Choose a shower, then press once more. Nothing was held."))
        return await _choose(page, kiosk, customer, status=409, notice=notice)
    visit, choice = found
    async with limits_of(page).press(page):
        answer = await _issue(page, visit, choice, customer, f"page:{key}")
    if isinstance(answer, CodeView):
        return door.forget(page, await _show(page, answer))
    if answer is None:
        return await _choose(page, kiosk, customer, status=503, notice=page.say(UNDECIDED))
    return await _choose(
        page,
        kiosk,
        customer,
        status=refusal_status(answer),
        notice=refusal_words(page, answer, visit.here.currency, visit.here.timezone),
    )


@post("/kiosk/open/{link:str}")
async def open_here(page: PageOf, link: FromPath[str]) -> Response[bytes]:
    """This browser is a kiosk from now on; the link opens nothing any more. Its page is the front desk's."""
    count_form(page)
    await page.form()
    async with page.services.pool.acquire() as connection:
        token = await open_desk(connection, link, Browser.KIOSK)
    # A link that opens nothing says so on its own page.
    return page.go(f"/desk/open/{link}") if token is None else door.keep_kiosk(page, page.go("/kiosk"), token)


KIOSK: Final[list[ControllerRouterHandler]] = [kiosk_page, kiosk_in, kiosk_out, kiosk_code, open_here]


async def _issue(
    page: Page, visit: RoomVisit, choice: Choice | None, customer: CustomerId, key: str
) -> CodeView | CodeRefused | None:
    here = visit.here
    try:
        return await issue(
            page.services.pool,
            page.services.keyring,
            operator=here.operator,
            customer=customer,
            appliance=None if choice is None else choice.appliance.appliance,
            outlet=None if choice is None else choice.tap.outlet,
            room=here.room if choice is None else None,
            site=here.site_id if choice is None else None,
            key=key,
            # An earlier one was shown for a minute on a screen in a hall: the newest is the one that they hold.
            renew=True,
        )
    except Conflict:
        return None


def _find(rooms: list[RoomVisit], place: str) -> tuple[RoomVisit, Choice | None] | None:
    name, _, room = place.partition(":")
    for visit in rooms:
        if name == ANY and visit.here.room == room and visit.any_free:
            return visit, None
        choice = visit.find(place)
        if choice is not None and choice.usable:
            return visit, choice
    return None


def _login(
    page: Page, kiosk: DeskHere, *, card: str = "", refused: CardRefused | None = None
) -> Response[bytes]:
    notice, status = "", 200
    if refused is not None and refused.reason is CardRefusal.WRONG:
        status = 422
        notice = page.say(
            marked("This card number and PIN do not belong together. Look at the card and try again.")
        )
    elif refused is not None and refused.again_at is not None:
        status = 429
        notice = page.say(
            "Too many wrong tries. Try again %(again)s, or ask at the desk.",
            again=again_words(page, refused.again_at, kiosk.timezone),
        )
    return page.show(
        "kiosk/card.html",
        status=status,
        styles=STYLES,
        scripts=("once.js", "kiosk.js"),
        kiosk=kiosk,
        notice=notice,
        card=card,
    )


async def _choose(
    page: Page, kiosk: DeskHere, customer: CustomerId, *, status: int = 200, notice: str = ""
) -> Response[bytes]:
    rooms = await site_rooms(page, kiosk, customer)
    spendable = max((room.customer.spendable_minor for room in rooms), default=0)
    arrears = max((room.customer.balance.arrears_minor for room in rooms), default=0)
    answer = page.show(
        "kiosk/choose.html",
        status=status,
        styles=STYLES,
        scripts=("once.js", "leave.js"),
        kiosk=kiosk,
        rooms=rooms,
        any=ANY,
        notice=notice,
        key=new_key(),
        barred=_barred(page, rooms),
        balance=figures.money(spendable, kiosk.currency),
        arrears=figures.money(arrears, kiosk.currency) if arrears else "",
        seconds=door.KNOWN_S,
    )
    return door.know(page, kiosk, answer, customer)


def _barred(page: Page, rooms: list[RoomVisit]) -> str:
    """Why nothing can be chosen, and what to do; empty where something can."""
    steps = {room.step for room in rooms}
    if "choose" in steps:
        return ""
    for step, words in _BARRED:
        if step in steps:
            return page.say(words)
    return page.say(marked("No shower here takes a code at this moment."))


_BARRED: Final = (
    (
        "blocked",
        marked("Your account is blocked, so nothing can be started. The help line can tell you why."),
    ),
    ("arrears", marked("You still owe for earlier use. Pay that at the desk first.")),
    ("name", marked("The operator wants to know who uses its showers first. Ask at the desk.")),
    ("checking", marked("Your real name is being checked. You can start as soon as that is done.")),
    ("topup", marked("Your balance is too small for a start. Top it up at the desk.")),
)


async def _show(page: Page, code: CodeView) -> Response[bytes]:
    place = await find_place(page.services.pool, code)
    return page.show(
        "kiosk/code.html",
        styles=STYLES,
        scripts=("leave.js",),
        place=place,
        text=code_text(page, code, place, datetime.now(UTC)),
        seconds=door.KNOWN_S,
    )


def _no_kiosk(page: Page) -> Response[bytes]:
    """The one answer to every browser that is no kiosk."""
    return page.show(
        "desk/sorry.html",
        status=401,
        styles=("base.css", "desk.css"),
        title=page.say(marked("This browser is no kiosk")),
        detail=page.say(
            marked(
                "Ask the operator for an opening link and open it here. Each link opens one browser, once."
            )
        ),
    )
