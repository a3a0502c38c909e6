"""A guest asks for a fapiao: the form of web/customer/fapiao.py, behind the address of the bill."""

from __future__ import annotations

from litestar import get, post
from litestar.params import FromPath
from litestar.response import Response

from coinslot.web.customer.fapiao import show_form, take_form
from coinslot.web.customer.limits import count_view
from coinslot.web.guest.finding import Stage, find_guest, nothing_here, private
from coinslot.web.guest.page import about_guest
from coinslot.web.pages.routes import PageOf


@get("/b/{token:str}/fapiao")
async def guest_fapiao_page(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """The form, or what became of it."""
    count_view(page)
    guest = await find_guest(page, token)
    if guest is None:
        return nothing_here(page)
    if guest.stage is not Stage.FINISHED:
        return private(page.go(guest.path))
    return private(await show_form(page, about_guest(page, guest)))


@post("/b/{token:str}/fapiao")
async def guest_fapiao(page: PageOf, token: FromPath[str]) -> Response[bytes]:
    """Ask, or correct."""
    guest = await find_guest(page, token)
    if guest is None:
        return nothing_here(page)
    if guest.stage is not Stage.FINISHED:
        return private(page.go(guest.path))
    return private(await take_form(page, about_guest(page, guest)))
