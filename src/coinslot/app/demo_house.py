"""What the demo's operator has beside its appliances: people in the console, a desk in the hotel's lobby, a kiosk in the
bathroom's hall, and the hotel's own system, which is told of what happens.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct

from coinslot.app import demo_bath_house
from coinslot.app.demo_bath_house import HALL, Card, ensure_card, kiosk_link
from coinslot.app.demo_staff import BY, StaffLogin, ensure_staff
from coinslot.app.demo_system import HotelSystem
from coinslot.app.demo_world import World
from coinslot.audit import Connection
from coinslot.fleet.front_desks import add_desk, list_desks, new_link
from coinslot.keyring import Keyring
from coinslot.webhooks.destinations import networks
from coinslot.webhooks.endpoints import add_endpoint, list_endpoints, remove_endpoint
from coinslot.webhooks.model import Endpoint
from coinslot.webhooks.signing import secret
from coinslot.wire.ids import OperatorId, SiteId

HERE: Final = ("127.0.0.0/8", "::1/128")
"""Private networks that the demo's webhooks may go to: this machine."""
LOBBY: Final = "大堂 · Lobby"
BESIDE_THE_WALL: Final = "展示墙旁 · Beside the wall"
_SYSTEM: Final = "酒店管理系统 · Hotel's own system"


class House(Struct, frozen=True, kw_only=True):
    """All of it, as the first lines name it."""

    logins: tuple[StaffLogin, ...]
    desk_path: str
    """Makes whichever browser opens it first the lobby's desk."""
    system_url: str
    kiosk_path: str
    """Makes whichever browser opens it first the kiosk of the bathroom."""
    card: Card
    """For the kiosk."""


async def furnish(
    connection: Connection, world: World, system: HotelSystem, keyring: Keyring, folder: Path
) -> House:
    """Made in the first demo, found in every other; the lobby's desk gets a new link each time."""
    own, site = world.operator, world.demo.hotel.site_id
    logins = await ensure_staff(connection, own, folder / "console-logins")
    desk = await desk_link(connection, own, site, LOBBY)
    # Made now, so that two who press at once find it.
    await desk_link(connection, own, site, BESIDE_THE_WALL)
    bath = world.demo.bath.site_id
    kiosk = await kiosk_link(connection, own, bath, HALL)
    await kiosk_link(connection, own, bath, demo_bath_house.BESIDE_THE_WALL)
    card = await ensure_card(connection, keyring, own, world.currency, folder / "customer-card")
    system.secret = secret(keyring, await _endpoint(connection, own, site, system.url))
    return House(logins=logins, desk_path=desk, system_url=system.url, kiosk_path=kiosk, card=card)


async def desk_link(connection: Connection, own: OperatorId, site: SiteId, name: str) -> str:
    """The path that opens this desk of the site, once; the browser that was the desk has to go."""
    known = [one for one in await list_desks(connection, own) if (one.site_id, one.name) == (site, name)]
    if known:
        _, link = await new_link(connection, own, known[0].desk_id, by=BY)
    else:
        _, link = await add_desk(connection, own, site, name=name, by=BY)
    return f"/desk/open/{link}"


async def _endpoint(connection: Connection, own: OperatorId, site: SiteId, url: str) -> Endpoint:
    """The hotel's system as it listens now: another port is another endpoint."""
    for known in await list_endpoints(connection, own):
        if known.name == _SYSTEM:
            if known.url == url and known.off_since is None:
                return known
            await remove_endpoint(connection, own, known.endpoint_id, by=BY)
    return await add_endpoint(
        connection, own, name=_SYSTEM, url=url, site_id=site, private=networks(HERE), by=BY
    )
