"""The pages up to the start of a session: the appliance, logging in, the real name."""

from __future__ import annotations

from litestar import get
from litestar.response import Response

from coinslot.web.pages.routes import PageOf


@get("/")
async def front_door(page: PageOf) -> Response[bytes]:
    """Where somebody lands who typed the address: the way in is the code on an appliance."""
    if page.services.wall is not None:
        return page.go("/wall")
    return page.show("front.html")


ARRIVING = [front_door]
