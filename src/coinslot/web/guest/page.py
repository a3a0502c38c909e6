"""`/b/{token}`: one page from the code that waits to be paid to the bill."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from litestar import get
from litestar.params import FromPath
from litestar.response import Response

from coinslot.web import reading
from coinslot.web.customer import bill_text, wording
from coinslot.web.customer.fapiao import About, part_of
from coinslot.web.customer.limits import count_view
from coinslot.web.customer.live import STALE_MS
from coinslot.web.guest.asked_by import asked_by
from coinslot.web.guest.finding import Guest, Stage, find_guest, nothing_here, private
from coinslot.web.guest.live_text import guest_text
from coinslot.web.guest.words import ended_by, going_back, paid_lines, part_words, sign_of, stage_text
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf
from coinslot.web.views import view_of

_STYLES: Final = ("base.css", "live.css", "pay.css")


@get("/b/{token:str}")
async def guest_page(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """How the payment and its use stand."""
    count_view(page)
    guest = await find_guest(page, token)
    if guest is None:
        return nothing_here(page)
    match guest.stage:
        case Stage.LIVE:
            return private(await _live(page, guest))
        case Stage.FINISHED:
            return private(await _bill(page, guest))
        case _:
            return private(_waiting(page, guest))


@get("/b/{token:str}/bill")
async def guest_bill(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """Where the live meter's script goes at the end."""
    return nothing_here(page) if await find_guest(page, token) is None else private(page.go(f"/b/{token}"))


def _waiting(page: Page, guest: Guest) -> Response[bytes]:
    back = going_back(page, guest)
    settled = guest.stage in (Stage.EXPIRED, Stage.NOT_STARTED) and not _moves(guest)
    return page.show(
        "guest/waiting.html",
        styles=_STYLES,
        scripts=() if settled else ("watch.js",),
        guest=guest,
        text=stage_text(page, guest),
        paid=paid_lines(page, guest),
        back=back,
        watch="" if settled else sign_of(guest),
        reports=guest.session is not None,
        help_phone=guest.place.help_phone,
        about="",
    )


async def _live(page: Page, guest: Guest) -> Response[bytes]:
    assert guest.session is not None
    view = await page.services.live.look(guest.operator, guest.session.id)
    if view is None or view.ended:
        # It has ended since it was looked up: what comes next is its bill.
        return page.go(guest.path)
    text = guest_text(page, view, guest, datetime.now(UTC))
    return page.show(
        "guest/live.html",
        styles=_STYLES,
        scripts=("live.js",),
        guest=guest,
        live=text,
        stale=text.age_ms is not None and text.age_ms > STALE_MS,
        paid=paid_lines(page, guest),
        prices=wording.unit_prices(page, view_of(guest.session).quote, guest.session.currency),
        help_phone=guest.place.help_phone,
        about=guest.number,
    )


async def _bill(page: Page, guest: Guest) -> Response[bytes]:
    session = guest.session
    assert session is not None
    view = view_of(session)
    assert view.bill is not None  # it has ended
    notes = await reading.list_reviews(page.services.pool, session.operator, session.id)
    moves = _moves(guest)
    return page.show(
        "guest/bill.html",
        styles=_STYLES,
        scripts=("watch.js",) if moves else (),
        guest=guest,
        bill=view.bill,
        ended_by=ended_by(page, session),
        times=bill_text.times(page, guest.own),
        used=bill_text.use_lines(page, view.bill, session.duration_ms, 0),
        working=bill_text.working(page, view.bill, view.quote, session),
        part=part_words(page, session, view.bill.usage),
        paid=paid_lines(page, guest),
        back=going_back(page, guest),
        in_review=bill_text.in_review(notes),
        reported=bill_text.reported_at(notes) is not None,
        fapiao=await part_of(page, about_guest(page, guest)),
        watch=sign_of(guest) if moves else "",
        help_phone=guest.place.help_phone,
        about="",
    )


def about_guest(page: Page, guest: Guest) -> About:
    """A guest's bill: only the browser that asked for a fapiao corrects it."""
    assert guest.session is not None
    return About(session=guest.session, place=guest.place, path=guest.path, asked_by=asked_by(page))


def _moves(guest: Guest) -> bool:
    """Whether money is on its way, so that the page will say something else by itself."""
    session = guest.session
    due = session is not None and (session.released_minor or 0) > 0 and not guest.refunds
    return (
        due or (guest.given_up and not guest.refunds) or any(one.next_at is not None for one in guest.refunds)
    )
