"""The showers that a kiosk's site has, as whoever stands before it may use them."""

from __future__ import annotations

from typing import Final

from coinslot.fleet.front_desks import DeskHere
from coinslot.web.customer.appliances import keypads_in
from coinslot.web.customer.rooms import RoomVisit, room_of
from coinslot.web.customer.visit import find_customer
from coinslot.web.pages.page import Page
from coinslot.wire.ids import CustomerId

_MOST_OUTLETS: Final = 60
_ROOMS: Final = """
    SELECT DISTINCT room, length(room) AS long, lower(room) AS low FROM appliance
    WHERE operator_id = $1 AND site_id = $2 AND keypad ORDER BY long, low LIMIT 20
"""


async def site_rooms(page: Page, kiosk: DeskHere, customer: CustomerId) -> list[RoomVisit]:
    """The site's rooms with keypads, for this customer."""
    rooms = []
    async with page.services.pool.acquire() as connection:
        for row in await connection.fetch(_ROOMS, kiosk.operator_id, kiosk.site_id):
            found = await keypads_in(
                connection, kiosk.operator_id, kiosk.site_id, row["room"], most=_MOST_OUTLETS
            )
            known = await find_customer(connection, found[0], customer) if found else None
            if known is not None:
                rooms.append(await room_of(connection, page, found, known))
    return rooms
