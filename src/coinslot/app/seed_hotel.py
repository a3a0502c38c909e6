"""The demonstration's hotel: an appliance in each of four rooms, what it sells, and who has a share in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from coinslot.app.hotel_tariffs import HOTEL
from coinslot.audit import Connection
from coinslot.fields import MissingError
from coinslot.fleet.bulk import OutletPlan, TerminalCredentials, make_terminals
from coinslot.fleet.models import Appliance, Operator, Site
from coinslot.fleet.outlets import list_outlets
from coinslot.fleet.provisioning import rotate
from coinslot.fleet.rules import ApplianceKind
from coinslot.fleet.store import add_site, find_site, list_appliances
from coinslot.fleet.tariff_store import add_tariff, find_tariff
from coinslot.sharing import Part, PartyKind, Target
from coinslot.sharing.rules import parse_share
from coinslot.sharing.store import Terms, add_agreement, add_party
from coinslot.tariffs import dump_tariff
from coinslot.terminal.simulated import Model
from coinslot.wire.ids import OperatorId, TariffId

BY: Final = "seed"
HOTEL_SITE: Final = "云栖酒店 · Yunqi Hotel"
_AGREEMENT: Final = "云栖酒店 · Yunqi Hotel"


class Room(Struct, frozen=True, kw_only=True):
    """What stands in one room."""

    number: str
    name: str
    """The appliance's, in both languages."""
    model: Model
    kind: ApplianceKind
    tariff: str


ROOMS: Final = (
    Room(
        number="801",
        name="烘干机 · Dryer",
        model=Model.DRYER,
        kind=ApplianceKind.DRYER,
        tariff="hotel-dryer",
    ),
    Room(
        number="802",
        name="空气净化器 · Air purifier",
        model=Model.AIR_PURIFIER,
        kind=ApplianceKind.PURIFIER,
        tariff="hotel-air",
    ),
    Room(
        number="803",
        name="净水机 · Water purifier",
        model=Model.WATER_PURIFIER,
        kind=ApplianceKind.PURIFIER,
        tariff="hotel-water",
    ),
    Room(
        number="804",
        name="香薰机 · Aroma diffuser",
        model=Model.DIFFUSER,
        kind=ApplianceKind.DIFFUSER,
        tariff="hotel-diffuser",
    ),
)
_PARTIES: Final = (
    (PartyKind.SITE_OWNER, "云栖酒店 · Yunqi Hotel", "40", 0),
    (PartyKind.MANUFACTURER, "清风电器 · Qingfeng Appliances", "15", 5),
    (PartyKind.PLATFORM, "coinslot", "5", 2),
)
"""Each with its percentage and, before it, its fixed minor units of every use; the rest is the operator's."""


class RoomTerminal(Struct, frozen=True, kw_only=True):
    """A room's terminal, with a secret that works."""

    room: Room
    credentials: TerminalCredentials


async def ensure_hotel(connection: Connection, operator: Operator) -> tuple[Site, list[RoomTerminal]]:
    """The hotel's site and terminals: made where there are none yet, found where there are. In one transaction of the
    caller's; each terminal that is found gets a new secret.
    """
    own = operator.operator_id
    try:
        site = await find_site(connection, own, HOTEL_SITE)
    except MissingError:
        return await _make(connection, operator)
    appliances = {one.name: one for one in await list_appliances(connection, own, site.site_id)}
    found = [
        (room, await found_terminal(connection, appliances[room.name]))
        for room in ROOMS
        if room.name in appliances
    ]
    return site, [RoomTerminal(room=room, credentials=one) for room, one in found if one is not None]


async def _make(connection: Connection, operator: Operator) -> tuple[Site, list[RoomTerminal]]:
    own = operator.operator_id
    site = await add_site(connection, own, name=HOTEL_SITE, by=BY)
    rooms = []
    for room in ROOMS:
        tariff = await _tariff(connection, own, room.tariff)
        (made,) = await make_terminals(
            connection,
            own,
            site.site_id,
            names=(room.name,),
            kind=room.kind,
            outlets=(OutletPlan(name="Socket", tariff_id=tariff),),
            by=BY,
        )
        await connection.execute(
            "UPDATE appliance SET room = $3 WHERE operator_id = $1 AND appliance_id = $2",
            own,
            made.appliance_id,
            room.number,
        )
        rooms.append(RoomTerminal(room=room, credentials=made))
    await _share(connection, operator, site)
    return site, rooms


async def _share(connection: Connection, operator: Operator, site: Site) -> None:
    parts = []
    for kind, name, percent, fixed_minor in _PARTIES:
        party = await add_party(connection, operator.operator_id, kind=kind, name=name, by=BY)
        parts.append(Part(party.party_id, parse_share(f"{percent}%"), fixed_minor))
    terms = Terms(
        target=Target(site=site.site_id),
        parts=parts,
        valid_from=datetime.now(UTC).astimezone(ZoneInfo(operator.timezone)).date(),
    )
    await add_agreement(connection, operator.operator_id, name=_AGREEMENT, terms=terms, by=BY)


async def _tariff(connection: Connection, own: OperatorId, name: str) -> TariffId:
    try:
        return (await find_tariff(connection, own, name)).tariff_id
    except MissingError:
        return (await add_tariff(connection, own, name=name, body=dump_tariff(HOTEL[name]), by=BY)).tariff_id


async def found_terminal(connection: Connection, appliance: Appliance) -> TerminalCredentials | None:
    """The terminal that drives an appliance, with a new secret; None when it has none that is trusted."""
    outlets = await list_outlets(connection, appliance.operator_id, appliance.appliance_id)
    if not outlets:
        return None
    try:
        renewed = await rotate(connection, appliance.operator_id, outlets[0].terminal_id, by=BY)
    except MissingError:
        return None  # revoked by somebody who tried that out
    return TerminalCredentials(
        operator_id=appliance.operator_id,
        site_id=appliance.site_id,
        appliance_id=appliance.appliance_id,
        appliance_code=appliance.code,
        terminal_id=renewed.terminal_id,
        secret=renewed.secret,
        outlets=tuple(outlet.outlet for outlet in outlets),
    )
