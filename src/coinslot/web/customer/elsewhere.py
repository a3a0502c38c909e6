"""Pages that belong to no single appliance: the front door, logging out."""

from __future__ import annotations

import secrets

from litestar import get, post
from litestar.response import Response

from coinslot.people.logins import log_out
from coinslot.web.customer.having import find_waiting
from coinslot.web.customer.limits import count_form, count_view
from coinslot.web.customer.rooms import has_keypads
from coinslot.web.pages.routes import PageOf


@get("/")
async def front_door(page: PageOf) -> Response[bytes]:
    """Where somebody lands who typed the address: what waits for them, and else the code on an appliance."""
    if page.services.wall is not None:
        return page.go("/wall")
    count_view(page)
    return page.show(
        "front.html",
        styles=("base.css", "keypad.css"),
        waiting=await find_waiting(page),
        has_keypads=await has_keypads(page.services.pool, [one.operator_id for one in page.logins]),
    )


@get("/logout")
async def logged_out(page: PageOf) -> Response[bytes]:
    """Somebody loads again what was only an order: the way out is on this page."""
    return page.go("/me")


@post("/logout", status_code=200)
async def logout(page: PageOf) -> Response[bytes]:
    """End every login of this browser, and give it a new token."""
    count_form(page)
    await page.form()
    async with page.services.pool.acquire() as connection:
        await log_out(connection, page.token)
    page.keep(secrets.token_urlsafe(24))
    return page.go("/me")
