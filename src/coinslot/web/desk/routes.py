"""The desk's page, its stream and the question behind it, and the link that lets a browser in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from litestar import get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath
from litestar.response import Response
from litestar.types import ControllerRouterHandler
from msgspec import Struct
from msgspec.structs import replace

from coinslot.engines.connect import UNANSWERED
from coinslot.fleet.front_desks import DeskHere, find_desk_here, link_opens, open_desk
from coinslot.web.desk.reading import read_today
from coinslot.web.desk.text import desk_view
from coinslot.web.desk.views import DeskView
from coinslot.web.pages import rendering
from coinslot.web.pages.languages import marked
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf
from coinslot.web.services import Services
from coinslot.web.streams import event, sse

STYLES: Final = ("base.css", "desk.css")
EVERY_S: Final = 1.0
"""The bell rings within about a second of the provider's word."""
SAME_S: Final = 3.0
"""A page is told that often that nothing has changed: its badge says how old it is after 6."""
_LIFE_S: Final = 400 * 24 * 3600
"""Browsers keep no cookie longer; each look at the page begins it anew."""
_TOKEN_LENGTH: Final = (16, 100)


class News(Struct, frozen=True, kw_only=True):
    """What the page puts in place, and what it rings for."""

    html: str
    clock: str
    paid: list[str]
    faults: list[str]


@get("/desk")
async def desk_page(page: PageOf) -> Response[bytes]:
    """Today at this desk's site."""
    token = _token_of(page)
    desk = await _desk_here(page, token)
    if desk is None:
        return no_desk(page)
    view = await _view(page, desk)
    answer = page.show(
        "desk/desk.html",
        styles=STYLES,
        scripts=("desk.js",),
        desk=desk,
        view=view,
        news=_news(page, view),
        sound="off",
    )
    return _keep(page, answer, token)


@get("/desk/state")
async def desk_state(page: PageOf) -> Response[bytes]:
    """The same for the page's own questions, when its stream is silent."""
    desk = await _desk_here(page, _token_of(page))
    if desk is None:
        return no_desk(page)
    news = _news(page, await _view(page, desk))
    return Response(msgspec.json.encode(news), media_type="application/json")


@get("/desk/events")
async def desk_events(page: PageOf) -> Response[bytes] | Response[None]:
    """The same as a stream, until the desk is revoked."""
    token = _token_of(page)
    if await _desk_here(page, token) is None:
        return no_desk(page)
    return sse(_events(page, token), page.services.streams)


@get("/desk/open/{link:str}")
async def opening_page(page: PageOf, link: FromPath[str]) -> Response[bytes]:
    """What a link shows: who only looks at it, such as a program that previews links, does not use it up."""
    async with page.services.pool.acquire() as connection:
        opens = await link_opens(connection, link)
    if not opens:
        return _opens_nothing(page)
    return page.show("desk/open.html", styles=STYLES, link=link)


@post("/desk/open/{link:str}")
async def open_here(page: PageOf, link: FromPath[str]) -> Response[bytes]:
    """This browser is the desk from now on; the link opens nothing any more."""
    await page.form()
    async with page.services.pool.acquire() as connection:
        browser = await open_desk(connection, link)
    return _opens_nothing(page) if browser is None else _keep(page, page.go("/desk"), browser)


DESK: Final[list[ControllerRouterHandler]] = [desk_page, desk_state, desk_events, opening_page, open_here]


def no_desk(page: Page) -> Response[bytes]:
    """The one answer to every browser that is no desk: never was, was revoked, or has lost its cookie."""
    return page.show(
        "desk/sorry.html",
        status=401,
        styles=STYLES,
        title=page.say(marked("This browser is no front desk")),
        detail=page.say(
            marked(
                "Ask the operator for an opening link and open it here. Each link opens one browser, once."
            )
        ),
    )


def _opens_nothing(page: Page) -> Response[bytes]:
    return page.show(
        "desk/sorry.html",
        status=404,
        styles=STYLES,
        title=page.say(marked("This link opens nothing")),
        detail=page.say(
            marked(
                "It was used already, it is older than a day, or it is not ours. Ask the operator for a new one."
            )
        ),
    )


async def is_desk(page: Page) -> bool:
    """Whether this browser is one."""
    return await _desk_here(page, _token_of(page)) is not None


async def _desk_here(page: Page, token: str) -> DeskHere | None:
    return await find_desk_here(page.services.pool, token) if token else None


async def _view(page: Page, desk: DeskHere) -> DeskView:
    async with page.services.pool.acquire() as connection:
        return desk_view(page.say, desk, await read_today(connection, desk))


def _news(page: Page, view: DeskView) -> News:
    html = rendering.render("desk/board.html", page.language, {"view": view}, (), ())
    return News(html=html, clock=view.clock, paid=view.paid_keys(), faults=view.fault_keys())


async def _events(page: Page, token: str) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    told, told_s = None, 0.0
    while True:
        try:
            # Each time anew: a desk that is revoked sees nothing more.
            desk = await _desk_here(page, token)
            if desk is None:
                return
            view = await _view(page, desk)
        except UNANSWERED:
            # The page asks again by itself, as after any end of the stream.
            return
        still = _still(view)
        if still != told:
            told, told_s = still, loop.time()
            yield event(msgspec.json.encode(_news(page, view)))
        elif loop.time() - told_s >= SAME_S:
            told_s = loop.time()
            yield event(view.clock.encode(), "same")
        await asyncio.sleep(EVERY_S)


def _still(view: DeskView) -> DeskView:
    """The view without what runs by itself: the page counts down alone."""
    return replace(view, clock="", uses=tuple(replace(use, left_s=None) for use in view.uses))


def _cookie_name(services: Services) -> str:
    """With TLS a name that no subdomain and no plain connection can set."""
    return "__Host-cs_desk" if services.public_url.startswith("https:") else "cs_desk"


def _token_of(page: Page) -> str:
    token = page.request.cookies.get(_cookie_name(page.services), "")
    return token if _TOKEN_LENGTH[0] <= len(token) <= _TOKEN_LENGTH[1] and token.isascii() else ""


def _keep(page: Page, answer: Response[bytes], token: str) -> Response[bytes]:
    answer.set_cookie(
        Cookie(
            key=_cookie_name(page.services),
            value=token,
            max_age=_LIFE_S,
            path="/",
            secure=page.base_url.startswith("https:"),
            httponly=True,
            samesite="lax",
        )
    )
    return answer
