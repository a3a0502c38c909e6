"""The appliance's own page: what it costs, whether it is free, and the next step for whoever looks."""

from __future__ import annotations

from litestar import get
from litestar.params import FromPath
from litestar.response import Response

from coinslot.people.real_names import RealNameState
from coinslot.web.customer.appliances import Standing
from coinslot.web.customer.limits import count_view
from coinslot.web.customer.login_steps import show_login
from coinslot.web.customer.offline_offers import offline_path
from coinslot.web.customer.promises import TapShown
from coinslot.web.customer.visit import Customer, Visit, new_key, open_visit, show
from coinslot.web.pages import figures
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf, unknown_page


@get("/m/{token:str}")
async def appliance(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """Where the sticker leads."""
    count_view(page)
    visit = await open_visit(page, token)
    return unknown_page(page) if visit is None else await show_appliance(page, visit)


@get("/m/{token:str}/state")
async def appliance_state(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """A short text that changes when the page would: for pages that wait."""
    count_view(page)
    visit = await open_visit(page, token)
    if visit is None:
        return unknown_page(page)
    return Response(visit.state.encode(), media_type="text/plain; charset=utf-8")


@get([f"/m/{{token:str}}/{step}" for step in ("code", "login", "yours", "anew", "start")])
async def back_to_the_appliance(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """A form's address that was loaded by itself: by the language's link, a reload, a bookmark."""
    count_view(page)
    visit = await open_visit(page, token)
    return unknown_page(page) if visit is None else page.go(visit.path)


async def show_appliance(
    page: Page, visit: Visit, *, status: int = 200, notice: str = "", chosen: str = ""
) -> Response[bytes]:
    """The page with the next step: logging in, starting, or what has to be done first."""
    customer = visit.customer
    if customer is None:
        return show_login(page, visit, status=status, notice=notice)
    step = next_step(visit, customer)
    code_room = keypad_form(visit, customer)
    usable = [tap for tap in visit.taps if tap.usable]
    holds = {tap.hold for tap in usable}
    balance = customer.balance
    return show(
        page,
        visit,
        "start.html",
        status=status,
        # Somebody about to press is not to have the page change under the finger.
        scripts=("once.js",) if step == "start" else ("once.js", "watch.js"),
        step=step,
        notice=notice,
        key=new_key(),
        chosen=_chosen(usable, chosen),
        hold=holds.pop() if len(holds) == 1 else "",
        balance=figures.money(customer.spendable_minor, balance.currency),
        held=figures.money(balance.held_minor, balance.currency) if balance.held_minor else "",
        arrears=figures.money(balance.arrears_minor, balance.currency) if balance.arrears_minor else "",
        least=_least(visit),
        topup=f"/topup?operator={visit.here.operator}&back={visit.path}",
        phone=shown_phone(customer.here.phone),
        code_room=code_room,
        code_key=new_key() if code_room else "",
        offline=await _offline(page, visit),
    )


def keypad_form(visit: Visit, customer: Customer) -> dict[str, str]:
    """What a form for a code of this one appliance sends; empty where none can be had."""
    here, tap = visit.here, visit.taps[0]
    waited_for = tap.standing in (Standing.FREE, Standing.BUSY, Standing.BUSY_UNKNOWN)
    barred = customer.here.blocked or customer.name_needed or customer.balance.arrears_minor > 0
    if not here.keypad or len(visit.taps) > 1 or not waited_for or barred or not tap.affordable:
        return {}
    return {
        "operator": here.operator,
        "site": here.site_id,
        "room": here.room,
        "place": f"{here.appliance}.{tap.choice}",
        "seen": tap.seal,
    }


async def _offline(page: Page, visit: Visit) -> str:
    """Where a code that works without the link can be had, for the outlet that has none; else empty."""
    here = visit.here
    standings = {one.choice: one.standing for one in visit.taps}
    for tap in here.taps if here.keypad else ():
        if standings[tap.choice] is Standing.OFFLINE:
            return await offline_path(page, here, tap)
    return ""


def next_step(visit: Visit, customer: Customer) -> str:
    """What stands between the customer and the start, in the order in which a start would be refused."""
    if visit.mine is not None:
        return "mine"
    if customer.here.blocked:
        return "blocked"
    if visit.hopeless or not any(tap.free for tap in visit.taps):
        return "wait"
    if customer.name_needed:
        waits = customer.name is not None and customer.name.state is RealNameState.PENDING
        return "checking" if waits else "name"
    if customer.balance.arrears_minor > 0:
        return "arrears"
    if not any(tap.usable for tap in visit.taps):
        return "topup"
    return "start"


def shown_phone(phone: str | None) -> str:
    """A number as its owner recognizes it, and nobody else."""
    return "" if phone is None else figures.phone(phone)


def _chosen(usable: list[TapShown], chosen: str) -> str:
    choices = [tap.choice for tap in usable]
    return chosen if chosen in choices else (choices or [""])[0]


def _least(visit: Visit) -> str:
    free = [tap for tap in visit.taps if tap.free]
    return min(free, key=lambda tap: tap.least_minor).least if free else ""
