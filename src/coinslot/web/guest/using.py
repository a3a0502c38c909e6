"""While it runs: the stream, the question behind it, and the stop.

Whoever has paid and has the address may stop it: there is no login to ask for, the address is as hard to guess as a
password, it is shown only where the guest stands, and a stop takes nothing from anybody, as what was not used goes back.
What was bought for a price is not stopped from here (see `may_stop`). It is asked twice, so that a thumb does not end a wash.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response

from coinslot.engines.connect import UNANSWERED
from coinslot.sessions.model import Session
from coinslot.settlement.ports import Conflict
from coinslot.web.customer.limits import count_form, count_view
from coinslot.web.guest.finding import Guest, find_guest, nothing_here, private
from coinslot.web.guest.live_text import GuestText, guest_text, may_stop
from coinslot.web.guest.words import sign_of
from coinslot.web.live.views import quote_of
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import AnyRequest, Page
from coinslot.web.pages.routes import UNREACHABLE, PageOf, problem_page
from coinslot.web.problems import Problem
from coinslot.web.streams import event, sse

log = logging.getLogger(__name__)


def _no_stop() -> Problem:
    return Problem(
        503,
        "not_stopped",
        marked("Not stopped yet"),
        marked("We could not pass this on just now. Stop it at the appliance, or try again."),
    )


def _not_stopped(request: AnyRequest, error: Exception) -> Response[bytes]:
    log.error("a guest's stop could not be passed on: %s", type(error).__name__)
    return private(problem_page(request, _no_stop()))


@get("/b/{token:str}/sign")
async def guest_sign(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """What changes when the page would, where nothing runs."""
    count_view(page)
    guest = await find_guest(page, token)
    if guest is None:
        return nothing_here(page)
    return private(Response(sign_of(guest).encode(), media_type="text/plain"))


@get("/b/{token:str}/state")
async def guest_state(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """The figures of what runs: what the page asks for when its stream is silent."""
    count_view(page)
    guest = await find_guest(page, token)
    text = None if guest is None or guest.session is None else await _text_now(page, guest)
    if text is None:
        return nothing_here(page)
    return private(Response(msgspec.json.encode(text), media_type="application/json"))


@get("/b/{token:str}/events")
async def guest_events(page: PageOf, token: FromPath[str]) -> Response[bytes] | Response[None]:
    """A running use's figures as a stream, until it ends."""
    guest = await find_guest(page, token)
    if guest is None or guest.session is None:
        return nothing_here(page)
    return sse(_events(page, guest), page.services.streams)


@get("/b/{token:str}/stop")
async def guest_stop_page(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """Asks once more."""
    count_view(page)
    guest = await find_guest(page, token)
    if guest is None:
        return nothing_here(page)
    session = guest.session
    if session is None or not _may_stop(session):
        return private(page.go(guest.path))
    text = await _text_now(page, guest)
    if text is None or text.ended:
        return private(page.go(guest.path))
    return private(
        page.show(
            "guest/stop.html",
            styles=("base.css", "live.css"),
            guest=guest,
            live=text,
            help_phone=guest.place.help_phone,
            about=guest.number,
        )
    )


@post("/b/{token:str}/stop", exception_handlers=dict.fromkeys(UNREACHABLE, _not_stopped))
async def guest_stop(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """Ask the appliance to end it. Pressed twice, or too late, it changes nothing."""
    count_form(page)
    guest = await find_guest(page, token)
    if guest is None:
        return nothing_here(page)
    await page.form()
    if guest.session is not None and _may_stop(guest.session):
        try:
            await page.services.starter.stop(guest.operator, guest.session.id)
        except (Conflict, *UNANSWERED):
            raise _no_stop() from None
    return private(page.go(guest.path))


def _may_stop(session: Session) -> bool:
    return may_stop(session.state, quote_of(session.quote), asked=session.stop_asked_at is not None)


async def _text_now(page: Page, guest: Guest) -> GuestText | None:
    assert guest.session is not None
    view = await page.services.live.look(guest.operator, guest.session.id)
    return None if view is None else guest_text(page, view, guest, datetime.now(UTC))


async def _events(page: Page, guest: Guest) -> AsyncIterator[bytes]:
    assert guest.session is not None
    try:
        async with page.services.live.watch(guest.operator, guest.session.id) as views:
            async for view in views:
                yield event(msgspec.json.encode(guest_text(page, view, guest, datetime.now(UTC))))
    except UNANSWERED:
        # The page asks again by itself, as after any end of the stream.
        return
