"""The wall's routes: the page, its stream, the same for who cannot have a stream, and what is pressed."""

from __future__ import annotations

from collections.abc import Sized
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
from coinslot.web.wall import acting, bath_views, room_views, showing, told_views
from coinslot.web.wall.acting import Act, Said
from coinslot.web.wall.port import WallPort
from coinslot.web.wall.stream import Watcher, events
from coinslot.web.wall.tour import TOURS

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


@post("/wall/keys", status_code=200)
async def wall_keys(page: PageOf) -> Response[bytes]:
    """Keys of a keypad."""
    return await _pressed(page, acting.press_keys)


@post("/wall/guess", status_code=200)
async def wall_guess(page: PageOf) -> Response[bytes]:
    """A wrong code at a keypad."""
    return await _pressed(page, acting.guess)


@post("/wall/trouble", status_code=200)
async def wall_trouble(page: PageOf) -> Response[bytes]:
    """A switch that breaks something, or mends it."""
    return await _pressed(page, acting.make_trouble)


@post("/wall/choose", status_code=200)
async def wall_choose(page: PageOf) -> Response[bytes]:
    """A package and a way to pay, on a touch display."""
    return await _pressed(page, acting.choose)


@post("/wall/back", status_code=200)
async def wall_back(page: PageOf) -> Response[bytes]:
    """Back, or again, on a touch display."""
    return await _pressed(page, acting.back)


@post("/wall/room", status_code=200)
async def wall_room(page: PageOf) -> Response[bytes]:
    """A switch that breaks something of an appliance in a room, or mends it."""
    return await _pressed(page, acting.break_room)


@post("/wall/counter", status_code=200)
async def wall_counter(page: PageOf) -> Response[bytes]:
    """Cash at the counter."""
    return await _pressed(page, acting.pay)


@post("/wall/desk", status_code=200)
async def wall_desk(page: PageOf) -> Response[bytes]:
    """The hotel's front desk in this browser."""
    return await _pressed(page, acting.open_desk)


@post("/wall/kiosk", status_code=200)
async def wall_kiosk(page: PageOf) -> Response[bytes]:
    """The bathroom's kiosk in this browser."""
    return await _pressed(page, acting.open_kiosk)


async def _pressed(page: Page, act: Act) -> Response[bytes]:
    said = await acting.outcome(page, _wall(page), act)
    if "application/json" in page.request.headers.get("accept", ""):
        return acting.as_json(page, said)
    if said.ok and not said.text:
        return page.go(said.go or "/wall")
    return _page(page, said)


def _page(page: Page, said: Said) -> Response[bytes]:
    wall = _wall(page)
    shown = wall.look(page.language.value)
    rooms = wall.rooms(page.language.value)
    bathrooms = bath_views.bathrooms(wall, page.words)
    return page.show(
        "wall/wall.html",
        status=200 if said.ok else 403 if said.again else 422,
        styles=("base.css", "wall.css"),
        scripts=("wall.js", "wall_stalls.js", "wall_rooms.js", "wall_told.js", "wall_tour.js"),
        frames=wall.payers_at,
        payers_at=wall.payers_at,
        shown=[(one, showing.appliance(one, page.words)) for one in shown],
        qr_of=lambda path: showing.qr(page.base_url + path),
        troubles=showing.TROUBLES,
        texts=showing.texts(wall)[::-1],
        lines=showing.lines(wall)[::-1],
        told=told_views.told(wall, page.words)[::-1],
        logins=wall.console_logins,
        facts=msgspec.json.encode(wall.facts()).decode(),
        rooms=[(one, room_views.room(one, wall.payers_at, page.words)) for one in rooms],
        room_troubles=room_views.ROOM_TROUBLES,
        filled=lambda view: room_views.filled(view, forms.seal(page.services.keyring, page.token)),
        bathrooms=bathrooms,
        beside=lambda one: bath_views.beside_words(one, page.language),
        wide=bath_views.WIDE,
        card=wall.card,
        tours=[tour for tour in TOURS if tour.id in _stands(shown, rooms, bathrooms)],
        choices=[(format_amount(minor, wall.currency), minor) for minor in _CHOICES_MINOR],
        currency=wall.currency,
        key=acting.new_key(),
        reachable=wall.reachable,
        said=said,
    )


def _stands(dispensers: Sized, rooms: Sized, bathrooms: Sized) -> set[str]:
    """The tours for which there is something on the wall."""
    there = {"campus": dispensers, "hotel": rooms, "bath": bathrooms}
    return {tour for tour, what in there.items() if len(what)}


def _wall(page: Page) -> WallPort:
    wall = page.services.wall
    if wall is None:  # the routes are there only with one
        raise not_found()
    return wall


def wall_pages() -> list[ControllerRouterHandler]:
    """All of them."""
    return [
        wall_page,
        wall_events,
        wall_state,
        wall_stop,
        wall_keys,
        wall_guess,
        wall_trouble,
        wall_choose,
        wall_back,
        wall_room,
        wall_counter,
        wall_desk,
        wall_kiosk,
    ]
