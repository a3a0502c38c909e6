"""The demonstration's public bathroom: a room of four showers that are used with a code typed at a keypad."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from coinslot.app.seed_hotel import BY, found_terminal
from coinslot.audit import Connection
from coinslot.fields import MissingError
from coinslot.fleet.bulk import OutletPlan, TerminalCredentials, make_terminals
from coinslot.fleet.hours_store import set_site_hours
from coinslot.fleet.models import Operator, Site
from coinslot.fleet.offline_credit import set_offline_credit
from coinslot.fleet.outlets import add_outlet
from coinslot.fleet.rules import ApplianceKind
from coinslot.fleet.store import add_appliance, add_site, find_site, list_appliances, set_room
from coinslot.terminal.simulated import Model
from coinslot.wire.ids import TariffId

BATH_SITE: Final = "南苑浴室 · South Court Bathhouse"
BATH_ROOM: Final = "东间 · East room"
BATH_CREDIT_MINOR: Final = 3_00
"""What one code for the time without the link is good for."""
_HOURS: Final = "mon-sun 00:00-24:00"
_OUTLET: Final = "Shower"


class Stalls(Struct, frozen=True, kw_only=True):
    """What one board drives: a stall on each of its outlets, from 0 on."""

    names: tuple[str, ...]
    """Of the appliances, in both languages."""
    model: Model


BOARDS: Final = (
    Stalls(names=("淋浴间 1 · Stall 1",), model=Model.STALL),
    Stalls(names=("淋浴间 2 · Stall 2",), model=Model.STALL),
    Stalls(names=("淋浴间 3 · Stall 3", "淋浴间 4 · Stall 4"), model=Model.STALLS),
)


class BathTerminal(Struct, frozen=True, kw_only=True):
    """A board's terminal, with a secret that works."""

    stalls: Stalls
    credentials: TerminalCredentials


async def ensure_bath(
    connection: Connection, operator: Operator, tariff: TariffId
) -> tuple[Site, list[BathTerminal]]:
    """The bathroom's site and terminals: made where there are none yet, found where there are. In one transaction of the
    caller's; each terminal that is found gets a new secret.
    """
    own = operator.operator_id
    try:
        site = await find_site(connection, own, BATH_SITE)
    except MissingError:
        return await _make(connection, operator, tariff)
    appliances = {one.name: one for one in await list_appliances(connection, own, site.site_id)}
    found = [
        (stalls, await found_terminal(connection, appliances[stalls.names[0]]))
        for stalls in BOARDS
        if stalls.names[0] in appliances
    ]
    return site, [BathTerminal(stalls=stalls, credentials=one) for stalls, one in found if one is not None]


async def _make(
    connection: Connection, operator: Operator, tariff: TariffId
) -> tuple[Site, list[BathTerminal]]:
    own = operator.operator_id
    site = await add_site(connection, own, name=BATH_SITE, by=BY)
    made = [await _board(connection, site, stalls, tariff) for stalls in BOARDS]
    await set_site_hours(connection, own, site.site_id, _HOURS, by=BY)
    return await set_offline_credit(connection, own, site.site_id, BATH_CREDIT_MINOR, by=BY), made


async def _board(connection: Connection, site: Site, stalls: Stalls, tariff: TariffId) -> BathTerminal:
    own, first, others = site.operator_id, stalls.names[0], stalls.names[1:]
    (made,) = await make_terminals(
        connection,
        own,
        site.site_id,
        names=(first,),
        kind=ApplianceKind.SHOWER,
        outlets=(OutletPlan(name=_OUTLET, tariff_id=tariff),),
        by=BY,
    )
    await set_room(connection, own, made.appliance_id, BATH_ROOM, by=BY)
    for outlet, name in enumerate(others, 1):
        stall = await add_appliance(
            connection, own, site.site_id, kind=ApplianceKind.SHOWER, name=name, room=BATH_ROOM, by=BY
        )
        await add_outlet(
            connection,
            own,
            appliance_id=stall.appliance_id,
            terminal_id=made.terminal_id,
            outlet=outlet,
            name=_OUTLET,
            tariff_id=tariff,
            by=BY,
        )
    return BathTerminal(stalls=stalls, credentials=made)
