"""The wall's routes: the page, its stream, the same for who cannot have a stream, and what is pressed."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from litestar import get, post
from litestar.params import QueryParameter
from litestar.response import Response
from litestar.types import ControllerRouterHandler

from coinslot.money import format_amount
from coinslot.web.pages import forms
from coinslot.web.pages.page import Page
from coinslot.web.pages.routes import PageOf
from coinslot.web.problems import not_found
from coinslot.web.streams import sse
from coinslot.web.wall import acting, showing
from coinslot.web.wall.acting import Act, Said
from coinslot.web.wall.port import WallPort
from coinslot.web.wall.stream import Watcher, events
from coinslot.web.wall.tour import STEPS

_CHOICES_MINOR: Final = (5_00, 10_00, 20_00)


@get("/wall")
async def wall_page(page: PageOf) -> Response[bytes]:
    """The whole wall as it stands now."""
    return _page(page, Said(ok=True))


@get("/wall/events")
async def wall_events(page: PageOf) -> Response[None]:
    """Everything, then every change."""
    return sse(events(_wall(page), page.words), page.services.streams)


@get("/wall/state")
async def wall_state(
    page: PageOf,
    texts: Annotated[int, QueryParameter(name="texts", ge=0)] = 0,
    lines: Annotated[int, QueryParameter(name="lines", ge=0)] = 0,
) -> Response[bytes]:
    """Everything as it stands now; of messages only those after these numbers."""
    news = Watcher(_wall(page), page.words, texts=texts, lines=lines).news()
    assert news is not None  # the first word tells everything
    seal = forms.seal(page.services.keyring, page.token)
    body = msgspec.json.encode(msgspec.structs.replace(news, form=seal))
    return Response(body, media_type="application/json")


@post("/wall/stop", status_code=200)
async def wall_stop(page: PageOf) -> Response[bytes]:
    """A tap's stop button."""
    return await _pressed(page, acting.press_stop)


@post("/wall/trouble", status_code=200)
async def wall_trouble(page: PageOf) -> Response[bytes]:
    """A switch that breaks something, or mends it."""
    return await _pressed(page, acting.make_trouble)


@post("/wall/counter", status_code=200)
async def wall_counter(page: PageOf) -> Response[bytes]:
    """Cash at the counter."""
    return await _pressed(page, acting.pay)


async def _pressed(page: Page, act: Act) -> Response[bytes]:
    said = await acting.outcome(page, _wall(page), act)
    if "application/json" in page.request.headers.get("accept", ""):
        return acting.as_json(page, said)
    if said.ok and not said.text:
        return page.go("/wall")
    return _page(page, said)


def _page(page: Page, said: Said) -> Response[bytes]:
    wall = _wall(page)
    shown = wall.look(page.language.value)
    return page.show(
        "wall/wall.html",
        status=200 if said.ok else 403 if said.again else 422,
        styles=("base.css", "wall.css"),
        scripts=("wall.js",),
        shown=[(one, showing.appliance(one, page.words)) for one in shown],
        qr_of=lambda path: showing.qr(page.base_url + path),
        troubles=showing.TROUBLES,
        texts=showing.texts(wall)[::-1],
        lines=showing.lines(wall)[::-1],
        facts=msgspec.json.encode(wall.facts()).decode(),
        steps=STEPS,
        choices=[(format_amount(minor, wall.currency), minor) for minor in _CHOICES_MINOR],
        currency=wall.currency,
        key=acting.new_key(),
        reachable=wall.reachable,
        said=said,
    )


def _wall(page: Page) -> WallPort:
    wall = page.services.wall
    if wall is None:  # the routes are there only with one
        raise not_found()
    return wall


def wall_pages() -> list[ControllerRouterHandler]:
    """All of them."""
    return [wall_page, wall_events, wall_state, wall_stop, wall_trouble, wall_counter]
