"""The live meter: the page, the stream and the question behind it, and the stop button.

All three answers come from one text per view, written here in the visitor's language: scripts only put it in place.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

import msgspec
from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response

from coinslot.engines.connect import UNANSWERED
from coinslot.sessions.states import State
from coinslot.settlement.ports import Conflict
from coinslot.web.customer import wording
from coinslot.web.customer.live_text import LiveText, live_text
from coinslot.web.customer.own import Own, find_own, not_yours
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import AnyRequest, Page
from coinslot.web.pages.routes import UNREACHABLE, PageOf, problem_page
from coinslot.web.problems import Problem
from coinslot.web.streams import event, sse
from coinslot.web.views import view_of

log = logging.getLogger(__name__)

STALE_MS: Final = 4000
"""A figure older than this is marked: at ten litres a minute that is a cup of water."""


def _no_stop() -> Problem:
    return Problem(
        503,
        "not_stopped",
        marked("Not stopped yet"),
        marked("We could not pass this on just now. Press the button on the appliance, or try again."),
    )


def _not_stopped(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Also when not even the session could be looked up: water may be running, and the button there stops it."""
    log.error("a stop could not be passed on: %s", type(error).__name__)
    return problem_page(request, _no_stop())


def _not_shown(request: AnyRequest, error: Exception) -> Response[bytes]:
    log.error("a session could not be shown: %s", type(error).__name__)
    return problem_page(
        request,
        Problem(
            503,
            "unavailable",
            marked("Not available right now"),
            marked("What runs goes on; the button on the appliance stops it. Try again in a moment."),
            headers={"Retry-After": "2"},
        ),
    )


@get("/s/{session_id:str}", exception_handlers=dict.fromkeys(UNREACHABLE, _not_shown))
async def live_page(page: PageOf, session_id: FromPath[str]) -> Response[bytes]:
    """The session while it lasts; then its bill."""
    own = await find_own(page, session_id)
    if own is None:
        return not_yours(page)
    if own.session.state is State.PROMISED:
        return page.go(f"/offline/{own.session.id}")
    if not own.session.live:
        return page.go(f"/s/{own.session.id}/bill")
    text = await _text_now(page, own)
    if text is None or text.ended:
        return page.go(f"/s/{own.session.id}/bill")
    session = own.session
    return page.show(
        "use/live.html",
        styles=("base.css", "live.css"),
        scripts=("live.js",),
        own=own,
        live=text,
        stale=text.age_ms is not None and text.age_ms > STALE_MS,
        prices=wording.unit_prices(page, view_of(session).quote, session.currency),
        idle_s=view_of(session).limits.idle_s,
        help_phone=own.place.help_phone,
        about=own.place.code,
    )


@get("/s/{session_id:str}/state")
async def live_state(page: PageOf, session_id: FromPath[str]) -> Response[bytes]:
    """The same as text for programs: what the page asks for when its stream is silent."""
    own = await find_own(page, session_id)
    text = None if own is None else await _text_now(page, own)
    if text is None:
        return not_yours(page)
    return Response(msgspec.json.encode(text), media_type="application/json")


@get("/s/{session_id:str}/events")
async def live_events(page: PageOf, session_id: FromPath[str]) -> Response[bytes] | Response[None]:
    """The same as a stream, until the session ends."""
    own = await find_own(page, session_id)
    if own is None:
        return not_yours(page)
    return sse(_events(page, own), page.services.streams)


@get("/s/{session_id:str}/stop")
async def stop_again(page: PageOf, session_id: FromPath[str]) -> Response[bytes]:
    """Somebody loads again what was only an order: the session itself is what they want to see."""
    return not_yours(page) if await find_own(page, session_id) is None else page.go(f"/s/{session_id}")


@post("/s/{session_id:str}/stop", exception_handlers=dict.fromkeys(UNREACHABLE, _not_stopped))
async def stop_session(page: PageOf, session_id: FromPath[str]) -> Response[bytes]:
    """Ask the appliance to end it. Pressed twice, or too late, it changes nothing."""
    own = await find_own(page, session_id)
    if own is None:
        return not_yours(page)
    await page.form()
    try:
        await page.services.starter.stop(own.session.operator, own.session.id)
    except (Conflict, *UNANSWERED):
        raise _no_stop() from None
    return page.go(f"/s/{own.session.id}")


async def _text_now(page: Page, own: Own) -> LiveText | None:
    view = await page.services.live.look(own.session.operator, own.session.id)
    return None if view is None else live_text(page, view, own, datetime.now(UTC))


async def _events(page: Page, own: Own) -> AsyncIterator[bytes]:
    try:
        async with page.services.live.watch(own.session.operator, own.session.id) as views:
            async for view in views:
                text = live_text(page, view, own, datetime.now(UTC))
                yield event(msgspec.json.encode(text))
    except UNANSWERED:
        # The page asks again by itself, as after any end of the stream.
        return
