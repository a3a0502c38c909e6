"""The live meter: the page, the stream and the question behind it, and the stop button.

All three answers come from one text per view, written here in the visitor's language: scripts only put it in place.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

import msgspec
from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response

from coinslot.engines.connect import UNANSWERED
from coinslot.settlement.ports import Conflict
from coinslot.web.customer import wording
from coinslot.web.customer.live_text import LiveText, live_text
from coinslot.web.customer.own import Own, find_own
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf, unknown_page
from coinslot.web.problems import Problem
from coinslot.web.streams import event, sse
from coinslot.web.views import view_of

STALE_MS: Final = 4000
"""A figure older than this is marked: at ten litres a minute that is a cup of water."""


@get("/s/{session_id:str}")
async def live_page(page: PageOf, session_id: FromPath[str]) -> Response[bytes]:
    """The session while it lasts; then its bill."""
    own = await find_own(page, session_id)
    if own is None:
        return unknown_page(page)
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
        return unknown_page(page)
    return Response(msgspec.json.encode(text), media_type="application/json")


@get("/s/{session_id:str}/events")
async def live_events(page: PageOf, session_id: FromPath[str]) -> Response[bytes] | Response[None]:
    """The same as a stream, until the session ends."""
    own = await find_own(page, session_id)
    if own is None:
        return unknown_page(page)
    return sse(_events(page, own), page.services.streams)


@get("/s/{session_id:str}/stop")
async def stop_again(page: PageOf, session_id: FromPath[str]) -> Response[bytes]:
    """Somebody loads again what was only an order: the session itself is what they want to see."""
    return unknown_page(page) if await find_own(page, session_id) is None else page.go(f"/s/{session_id}")


@post("/s/{session_id:str}/stop")
async def stop_session(page: PageOf, session_id: FromPath[str]) -> Response[bytes]:
    """Ask the appliance to end it. Pressed twice, or too late, it changes nothing."""
    own = await find_own(page, session_id)
    if own is None:
        return unknown_page(page)
    await page.form()
    try:
        await page.services.starter.stop(own.session.operator, own.session.id)
    except (Conflict, *UNANSWERED):
        raise Problem(
            503,
            "not_stopped",
            marked("Not stopped yet"),
            marked("We could not pass this on just now. Press the button on the appliance, or try again."),
        ) from None
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
