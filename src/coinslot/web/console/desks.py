"""Front desks in the console: which browsers see a site, their opening links, revoking."""

from __future__ import annotations

from typing import Final

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct

from coinslot.fields import FieldError
from coinslot.fleet import front_desks
from coinslot.fleet.front_desks import Browser, FrontDesk
from coinslot.fleet.store import find_site, list_sites
from coinslot.web.console.staffed import Staffed, StaffedOf
from coinslot.web.pages.languages import marked

_BROWSERS: Final = {
    Browser.DESK: marked("Front desk"),
    Browser.KIOSK: marked("Kiosk"),
}


class DeskLine(Struct, frozen=True, kw_only=True):
    """A desk in the list."""

    id: str
    site: str
    name: str
    word: str
    colour: str
    seen: str


class NewLink(Struct, frozen=True, kw_only=True):
    """A link that was just made; it is shown this once."""

    desk: str
    url: str
    until: str


@get("/console/desks")
async def desks_page(staffed: StaffedOf) -> Response[bytes]:
    """All desks, and a form for another."""
    return await _page(staffed)


@post("/console/desks")
async def add_desk(staffed: StaffedOf) -> Response[bytes]:
    """A new desk, with its link."""
    form = await staffed.form()
    try:
        async with staffed.pool.acquire() as connection:
            site = await find_site(connection, staffed.operator, form.text("site"))
            made = await front_desks.add_desk(
                connection, staffed.operator, site.site_id, name=form.text("name"), by=staffed.by
            )
    except FieldError as error:
        return await _page(staffed, wrong=error.reason, name=form.text("name"), status=422)
    return await _page(staffed, link=_link(staffed, *made))


@post("/console/desks/{desk_id:str}/link")
async def link_desk(staffed: StaffedOf, desk_id: FromPath[str]) -> Response[bytes]:
    """Another link for a desk; its browser until now sees nothing more."""
    await staffed.form()
    async with staffed.pool.acquire() as connection:
        made = await front_desks.new_link(connection, staffed.operator, desk_id, by=staffed.by)
    return await _page(staffed, link=_link(staffed, *made))


@post("/console/desks/{desk_id:str}/revoke")
async def revoke_desk(staffed: StaffedOf, desk_id: FromPath[str]) -> Response[bytes]:
    """Its browser sees nothing from now on."""
    await staffed.form()
    async with staffed.pool.acquire() as connection:
        await front_desks.revoke_desk(connection, staffed.operator, desk_id, by=staffed.by)
    return staffed.go("/console/desks")


async def _page(
    staffed: Staffed, *, link: NewLink | None = None, wrong: str = "", name: str = "", status: int = 200
) -> Response[bytes]:
    async with staffed.pool.acquire() as connection:
        desks = await front_desks.list_desks(connection, staffed.operator)
        sites = await list_sites(connection, staffed.operator)
    return staffed.show(
        "console/desks.html",
        status=status,
        link=link,
        wrong=wrong,
        name=name,
        sites=sites,
        desks=[_line(staffed, each) for each in desks],
        may_act=staffed.may("POST", "/console/desks"),
    )


def _line(staffed: Staffed, each: FrontDesk) -> DeskLine:
    word, colour = staffed.say(_BROWSERS[each.browser]), "run"
    if each.opened_at is None:
        until = staffed.moment(each.link_expires_at)
        word, colour = staffed.say(marked("Its link opens until %(time)s"), time=until), "warn"
    return DeskLine(
        id=each.desk_id,
        site=each.site,
        name=each.name,
        word=word,
        colour=colour,
        seen=staffed.moment(each.seen_at),
    )


def _link(staffed: Staffed, desk: FrontDesk, link: str) -> NewLink:
    return NewLink(
        desk=f"{desk.site} · {desk.name}",
        url=f"{staffed.page.base_url}/desk/open/{link}",
        until=staffed.moment(desk.link_expires_at),
    )


DESKS: Final[list[HTTPRouteHandler]] = [desks_page, add_desk, link_desk, revoke_desk]
