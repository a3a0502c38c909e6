"""The demo's people and appliances over a running server: the fleet, its simulated terminals, the crowd's doors."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from coinslot.app.seed import BY, Demo, make_paying_customers, seed_demo
from coinslot.app.seed_bath import BATH_ROOM
from coinslot.audit import Connection
from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import Pool
from coinslot.fields import MissingError
from coinslot.fleet.api_keys import create_api_key, key_owner, revoke_api_key
from coinslot.fleet.models import Site
from coinslot.fleet.operator_rules import RealNameRule, find_rules, set_rules
from coinslot.fleet.outlets import list_outlets
from coinslot.fleet.store import list_appliances
from coinslot.people.customers import oldest_named
from coinslot.sandbox.appliances.terminal import Board, SimulatedTerminal
from coinslot.sandbox.customers.crowd import Guest
from coinslot.terminal.simulated import Model
from coinslot.terminal.simulated.curves import Curve
from coinslot.wire.ids import CustomerId, OperatorId, TerminalId

log = logging.getLogger(__name__)

_KEY_NAME = "demo"
_POINTS_PER_MAJOR = 10
_HEADER = "Authorization: Bearer "
_PAYING = ("Ana", "Bao", "Chen", "Dora", "Emil")
_THRIFTY = ("Fang", "Gus", "Hana")
_PAYING_MINOR = 2_00
_THRIFTY_MINOR = 60
"""Enough for 2.8 L of cold water: soon used up, so that limits and top-ups are seen."""


class Place(Struct, frozen=True, kw_only=True):
    """One outlet, as the picture names it."""

    terminal: TerminalId
    outlet: int
    kind: str
    title: str
    """The appliance's name in both languages, as pages show it."""
    name: str
    """The outlet's; pages translate the usual ones."""
    code: str
    site: str
    room: str = ""
    """Where in a hotel or bathroom it stands."""
    model: Model

    @property
    def appliance(self) -> str:
        """The appliance's name in English alone: a terminal has little room."""
        return self.title.rpartition(" · ")[2]


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything of the demo that is in the database, and its key for the API."""

    demo: Demo
    places: tuple[Place, ...]
    """Of the campus: where people come who are known."""
    rooms: tuple[Place, ...]
    """Of the hotel: where guests pay on the appliance."""
    baths: tuple[Place, ...]
    """Of the bathroom: where people come with a code."""
    guests: tuple[Guest, ...]
    api_key: str
    earlier_sessions: int

    @property
    def operator(self) -> OperatorId:
        """Whose it all is."""
        return self.demo.operator.operator_id

    @property
    def known(self) -> tuple[Place, ...]:
        """Wherever people come who have an account."""
        return (*self.places, *self.baths)

    @property
    def titles(self) -> dict[TerminalId, str]:
        """What each terminal drives, in both languages."""
        found: dict[TerminalId, str] = {}
        for place in (*self.known, *self.rooms):
            others = found.get(place.terminal)
            # An appliance with several outlets is one; a board may drive several appliances.
            if others is None or place.title not in others:
                found[place.terminal] = place.title if others is None else f"{others}, {place.title}"
        return found

    @property
    def site(self) -> str:
        """Where it all stands."""
        return self.demo.site.name

    @property
    def currency(self) -> str:
        """The operator's."""
        return self.demo.operator.currency


async def open_world(pool: Pool, key_file: Path, real_name: RealNameRule = RealNameRule.NOT_ASKED) -> World:
    """Make the demo's world on the first call, find it on every other. The key is kept in `key_file`."""
    async with pool.acquire() as connection:
        demo = await seed_demo(connection)
        own = demo.operator.operator_id
        rules = await find_rules(connection, own)
        if (rules.real_name, rules.points_per_major) != (real_name, _POINTS_PER_MAJOR):
            await set_rules(connection, own, real_name=real_name, points_per_major=_POINTS_PER_MAJOR, by=BY)
        guests = [Guest(customer) for customer in demo.customers]
        guests += [Guest(one) for one in await _customers(connection, own, _PAYING, _PAYING_MINOR)]
        guests += [
            Guest(one, thrifty=True) for one in await _customers(connection, own, _THRIFTY, _THRIFTY_MINOR)
        ]
        return World(
            demo=demo,
            places=await _places(connection, demo),
            rooms=await _rooms(connection, demo),
            baths=await _baths(connection, demo),
            guests=tuple(guests),
            api_key=await _api_key(connection, own, key_file),
            earlier_sessions=int(
                await connection.fetchval("SELECT count(*) FROM session WHERE operator_id = $1", own)
            ),
        )


async def _customers(
    connection: Connection, own: OperatorId, names: tuple[str, ...], amount_minor: int
) -> list[CustomerId]:
    found = await oldest_named(connection, own, names)
    if found:
        return found
    return await make_paying_customers(
        connection, own, names=names, currency="CNY", amount_minor=amount_minor
    )


async def _places(connection: Connection, demo: Demo) -> tuple[Place, ...]:
    models = {
        **{one.terminal_id: Model.DISPENSER for one in demo.dispensers},
        **{one.terminal_id: Model.SHOWER for one in demo.showers},
    }
    found = await _at(connection, demo, demo.site, models)
    return tuple(sorted(found, key=lambda place: (place.appliance, place.outlet)))


async def _rooms(connection: Connection, demo: Demo) -> tuple[Place, ...]:
    rooms = {one.credentials.terminal_id: one.room for one in demo.rooms}
    found = await _at(connection, demo, demo.hotel, {key: room.model for key, room in rooms.items()})
    placed = [replace(place, room=rooms[place.terminal].number) for place in found]
    return tuple(sorted(placed, key=lambda place: place.room))


async def _baths(connection: Connection, demo: Demo) -> tuple[Place, ...]:
    models = {one.credentials.terminal_id: one.stalls.model for one in demo.baths}
    found = await _at(connection, demo, demo.bath, models)
    return tuple(sorted((replace(place, room=BATH_ROOM) for place in found), key=lambda place: place.title))


async def _at(
    connection: Connection, demo: Demo, site: Site, models: Mapping[TerminalId, Model]
) -> list[Place]:
    own = demo.operator.operator_id
    return [
        Place(
            terminal=outlet.terminal_id,
            outlet=outlet.outlet,
            kind=appliance.kind,
            title=appliance.name,
            name=outlet.name,
            code=appliance.code,
            site=site.name,
            model=models[outlet.terminal_id],
        )
        for appliance in await list_appliances(connection, own, site.site_id)
        for outlet in await list_outlets(connection, own, appliance.appliance_id)
        if outlet.terminal_id in models
    ]


async def _api_key(connection: Connection, own: OperatorId, key_file: Path) -> str:
    """The key of the last start if it still opens, else a new one; kept as the header that curl sends."""
    kept = await asyncio.to_thread(_kept_key, key_file)
    if kept is not None:
        found = await key_owner(connection, kept)
        if found is not None and found.operator_id == own:
            return kept
    try:
        await revoke_api_key(connection, own, _KEY_NAME, by=BY)
    except MissingError:
        log.info("no earlier key to revoke")
    _, secret = await create_api_key(connection, own, name=_KEY_NAME, by=BY)
    await asyncio.to_thread(_keep_key, key_file, secret)
    return secret


def _kept_key(key_file: Path) -> str | None:
    if not key_file.exists():
        return None
    return key_file.read_text(encoding="ascii").strip().removeprefix(_HEADER)


def _keep_key(key_file: Path, secret: str) -> None:
    draft = key_file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{_HEADER}{secret}\n")
    draft.replace(key_file)


def make_terminals(
    world: World,
    broker: BrokerAccess,
    folder: Path,
    *,
    ca: Path | None = None,
    seed: int,
    speed: float,
    dryer: Curve | None = None,
) -> list[SimulatedTerminal]:
    """The simulated terminals of this world, not started; journals in `folder`. `dryer`: what the hotel's one draws."""
    models = {place.terminal: place.model for place in (*world.known, *world.rooms)}
    names = {
        terminal: ", ".join(title.rpartition(" · ")[2] for title in titles.split(", "))
        for terminal, titles in world.titles.items()
    }
    return [
        SimulatedTerminal(
            Board(
                terminal=one.terminal_id,
                secret=one.secret,
                name=names[one.terminal_id],
                model=models[one.terminal_id],
                folder=folder / one.terminal_id,
                broker_host=broker.mqtt_host,
                broker_port=broker.mqtt_port,
                ca=ca,
                seed=seed * 1000 + number,
                speed=speed,
                curve=dryer if models[one.terminal_id] is Model.DRYER else None,
            )
        )
        for number, one in enumerate(world.demo.terminals)
    ]


def crowded(world: World, terminals: Sequence[SimulatedTerminal]) -> list[SimulatedTerminal]:
    """Where simulated people come and things break by themselves: the first dispenser and the first stall are the
    newcomer's, and so is the hotel: guests pay with a phone in hand.
    """
    own = {world.demo.dispensers[0].terminal_id, world.baths[0].terminal}
    return [one for one in terminals if one.id not in own and not one.board.model.electric]
