"""The demo behind the wall: what its simulated terminals show, and hands that press and break them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace
from nats.aio.client import Client

from coinslot.access import stickers
from coinslot.app import demo_bath_house
from coinslot.app.demo_baths import DemoBaths
from coinslot.app.demo_counter import Counter
from coinslot.app.demo_house import BESIDE_THE_WALL, House, desk_link
from coinslot.app.demo_link_log import LinkLog
from coinslot.app.demo_phones import DemoPhones
from coinslot.app.demo_rooms import DemoRooms
from coinslot.app.demo_system import HotelSystem
from coinslot.app.demo_taps import Vessels, display, make_trouble, troubles
from coinslot.app.demo_wall_facts import Seen, facts, online
from coinslot.app.demo_world import World
from coinslot.engines.connect import UNANSWERED, Pool
from coinslot.keyring import Keyring
from coinslot.people.notices import Language
from coinslot.sandbox.appliances.terminal import SimulatedTerminal
from coinslot.terminal.events import StopKey
from coinslot.web.wall.baths import StallShown
from coinslot.web.wall.port import ApplianceShown, Facts, LinkLine, Paid, TapShown, TextShown, Trouble
from coinslot.web.wall.rooms import RoomShown, RoomTrouble, ToldShown
from coinslot.wire.ids import TerminalId, new_id

log = logging.getLogger(__name__)

_EVERY_S = 0.5


class _Fixed(Struct, frozen=True, kw_only=True):
    """What does not change of an appliance while the demo runs."""

    kind: str
    name: str
    code: str
    path: str
    outlets: dict[int, str]


class DemoWall:
    """A `web.wall.port.WallPort`. Its figures of the database are those of the latest look, at most half a second old."""

    def __init__(
        self,
        world: World,
        terminals: Sequence[SimulatedTerminal],
        phones: DemoPhones,
        keyring: Keyring,
        *,
        reachable: bool,
    ) -> None:
        self._world = world
        self._terminals = {one.id: one for one in terminals}
        self._fixed = _fixed(world, keyring)
        self._rooms = DemoRooms(world.rooms, self._terminals)
        self._vessels = Vessels()
        stalls = tuple(place for place in world.known if place.model.bathes)
        self._baths = DemoBaths(stalls, self._terminals, keyring, self._vessels)
        self.system = HotelSystem()
        """The hotel's own; whoever starts the demo lets it listen."""
        self.house: House | None = None
        """Whoever starts the demo furnishes it."""
        self.phones = phones
        self.keyring = keyring
        self.sandbox_url = ""
        """Where payers' phones find the payment sandbox; whoever starts one says so."""
        self._counter = Counter(world.operator, world.currency)
        self._link = LinkLog(world.titles)
        self._reachable = reachable
        self._pool: Pool
        self._online: frozenset[str] = frozenset()
        self._facts = Facts(run=new_id("run"))
        self._hands = {key: asyncio.Lock() for key in self._terminals}

    def over(self, pool: Pool) -> DemoWall:
        """Itself, with the database it reads."""
        self._pool = pool
        return self

    async def run(self, client: Client) -> None:
        """Follow the link and the database until cancelled."""
        await self._link.start(client)
        began_at = await self._pool.fetchval("SELECT now()")
        while True:
            try:
                await self._read(began_at)
            except UNANSWERED as error:
                log.warning("the wall shows what was last known: %s", type(error).__name__)
            for key, fixed in self._fixed.items():
                for outlet in fixed.outlets if key in self._terminals else ():
                    self._vessels.ml(self._terminals[key], outlet)  # notes where a use begins, seen or unseen
            self._baths.watch()
            await asyncio.sleep(_EVERY_S)

    async def _read(self, began_at: object) -> None:
        async with self._pool.acquire() as connection:
            self._online = await online(connection, self._world.operator)
            self._facts = await facts(
                connection,
                self._world.operator,
                began_at,
                Seen(self._facts.run, self._baths.paused, self._baths.unlinked),
            )

    # ------------------------------------------------------------ what is shown

    @property
    def currency(self) -> str:
        """See `WallPort`."""
        return self._world.currency

    @property
    def payers_at(self) -> str:
        """See `RoomsPort`."""
        return self.sandbox_url

    @property
    def console_logins(self) -> tuple[tuple[str, str], ...]:
        """See `RoomsPort`."""
        # Whoever else is in the network has the wall; the console is for who reads this machine's screen.
        logins = () if self._reachable or self.house is None else self.house.logins
        return tuple((one.login, one.password) for one in logins)

    def told(self) -> tuple[ToldShown, ...]:
        """See `RoomsPort`."""
        return self.system.told()

    async def desk_path(self) -> str:
        """See `RoomsPort`."""
        async with self._pool.acquire() as connection:
            return await desk_link(
                connection, self._world.operator, self._world.demo.hotel.site_id, BESIDE_THE_WALL
            )

    def rooms(self, language: Language) -> tuple[RoomShown, ...]:
        """See `RoomsPort`."""
        return self._rooms.look(self._online, language)

    def stalls(self, language: Language) -> tuple[StallShown, ...]:
        """See `BathsPort`."""
        return self._baths.look(self._online, language)

    @property
    def card(self) -> tuple[str, str]:
        """See `BathsPort`."""
        if self._reachable or self.house is None:
            return "", ""
        return self.house.card.number, self.house.card.pin

    async def kiosk_path(self) -> str:
        """See `BathsPort`."""
        async with self._pool.acquire() as connection:
            site = self._world.demo.bath.site_id
            return await demo_bath_house.kiosk_link(
                connection, self._world.operator, site, demo_bath_house.BESIDE_THE_WALL
            )

    @property
    def reachable(self) -> bool:
        """See `WallPort`."""
        return self._reachable

    def look(self, language: Language) -> tuple[ApplianceShown, ...]:
        """See `WallPort`."""
        return tuple(
            self._appliance(one, language) for key, one in self._terminals.items() if key in self._fixed
        )

    def texts(self) -> tuple[TextShown, ...]:
        """See `WallPort`."""
        return self.phones.texts()

    def link_lines(self) -> tuple[LinkLine, ...]:
        """See `WallPort`."""
        return self._link.lines()

    def facts(self) -> Facts:
        """See `WallPort`."""
        return replace(self._facts, codes=self.phones.codes, payments=self._counter.payments)

    def _appliance(self, terminal: SimulatedTerminal, language: Language) -> ApplianceShown:
        fixed = self._fixed[terminal.id]
        return ApplianceShown(
            terminal=terminal.id,
            kind=fixed.kind,
            name=fixed.name,
            site=self._world.site,
            code=fixed.code,
            path=fixed.path,
            online=terminal.powered and terminal.id in self._online,
            powered=terminal.powered,
            troubles=tuple(troubles(terminal)),
            taps=tuple(self._tap(terminal, outlet, name, language) for outlet, name in fixed.outlets.items()),
        )

    def _tap(self, terminal: SimulatedTerminal, outlet: int, name: str, language: Language) -> TapShown:
        water = terminal.outlet(outlet)
        use = terminal.use(outlet)
        flows = water.is_open and not water.tap_closed
        return TapShown(
            outlet=outlet,
            name=name,
            lines=display(terminal, outlet, language),
            valve_open=water.is_open,
            flow_ml_per_min=water.flow.ml_per_min if flows else 0,
            glass_ml=self._vessels.ml(terminal, outlet),
            tank_permille=terminal.appliance.tank_permille(outlet),
            in_use=use is not None,
            out_of_order=terminal.powered and use is None and not terminal.looks_free(outlet),
        )

    # ------------------------------------------------------------ what is pressed

    async def press_stop(self, terminal: TerminalId, outlet: int) -> bool:
        """See `WallPort`."""
        if self._baths.has(terminal):
            return self._baths.press_stop(terminal, outlet)
        if terminal not in self._fixed:
            return self._rooms.press(terminal, outlet, StopKey(outlet))
        one = self._terminals[terminal]
        if outlet not in self._fixed[terminal].outlets:
            raise KeyError(outlet)
        if one.powered:
            one.appliance.press(StopKey(outlet))
        return one.powered

    async def press_keys(self, terminal: TerminalId, outlet: int, keys: str) -> bool:
        """See `BathsPort`."""
        return self._baths.press_keys(terminal, outlet, keys)

    async def trouble(self, terminal: TerminalId, trouble: Trouble, *, on: bool) -> None:
        """See `WallPort`."""
        if not self._baths.has(terminal):
            self._fixed[terminal]  # of the campus: a hotel's appliance has no water
        # Of two hands on one switch the second waits: an agent must have ended before the next one begins.
        async with self._hands[terminal]:
            await make_trouble(self._terminals[terminal], trouble, on=on)

    async def choose(self, terminal: TerminalId, outlet: int, package: str, provider: str) -> bool:
        """See `RoomsPort`."""
        return self._rooms.choose(terminal, outlet, package, provider)

    async def back(self, terminal: TerminalId, outlet: int) -> bool:
        """See `RoomsPort`."""
        return self._rooms.back(terminal, outlet)

    async def break_room(self, terminal: TerminalId, trouble: RoomTrouble, *, on: bool) -> None:
        """See `RoomsPort`."""
        async with self._hands[terminal]:
            await self._rooms.trouble(terminal, trouble, on=on)

    async def pay_at_counter(self, phone: str, amount_minor: int, key: str) -> Paid:
        """See `WallPort`."""
        return await self._counter.pay(self._pool, phone, amount_minor, key)


def _fixed(world: World, keyring: Keyring) -> dict[TerminalId, _Fixed]:
    found: dict[TerminalId, _Fixed] = {}
    for place in world.places:
        if place.model.bathes:
            continue  # a stall
        known = found.get(place.terminal)
        found[place.terminal] = _Fixed(
            kind=place.kind,
            name=place.title,
            code=place.code,
            path=f"/m/{stickers.sign(keyring, place.code)}",
            outlets={**(known.outlets if known else {}), place.outlet: place.name},
        )
    return found
