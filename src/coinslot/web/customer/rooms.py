"""Rooms with a keypad in them, as their pages show them: where there are any, what is free, what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from coinslot.fields import storable
from coinslot.people.real_names import RealNameState
from coinslot.rows import many
from coinslot.sessions.states import State
from coinslot.web.customer.appliances import Appliance, Standing, Tap, keypads_in
from coinslot.web.customer.promises import Row, TapShown, rows, tap_shown
from coinslot.web.customer.visit import Customer, customer_at, offers_at
from coinslot.web.pages.page import Page
from coinslot.wire.ids import OperatorId, SessionId, SiteId

if TYPE_CHECKING:
    from coinslot.web.customer.appliances import Connection
    from coinslot.web.reading import Reader

ANY: Final = "any"
"""The choice of whichever is free in the room."""
MOST_ROOMS: Final = 100
_MOST_SHOWN: Final = 60
"""Outlets on one page; a room with more is several rooms."""
_ANY_AMONG: Final = range(2, 26)
"""A code for any of a room counts at each keypad of it: rooms with more ask for one by its name."""
_WAITED_FOR: Final = frozenset({Standing.FREE, Standing.BUSY, Standing.BUSY_UNKNOWN})

_ROOMS: Final = f"""
    SELECT a.operator_id, w.name AS operator, a.site_id, y.name AS site, a.room, count(*) AS outlets,
           count(*) FILTER (WHERE NOT a.closed AND o.tariff_id IS NOT NULL AND l.online AND l.link_began_at IS NOT NULL
               AND NOT EXISTS (SELECT FROM session s WHERE s.terminal_id = o.terminal_id AND s.outlet = o.outlet
                               AND s.live AND s.state <> '{State.PROMISED.value}')) AS free
    FROM appliance a
    JOIN operator w ON w.operator_id = a.operator_id
    JOIN site y ON y.operator_id = a.operator_id AND y.site_id = a.site_id
    JOIN outlet o ON o.operator_id = a.operator_id AND o.appliance_id = a.appliance_id
    JOIN terminal t ON t.operator_id = o.operator_id AND t.terminal_id = o.terminal_id AND t.revoked_at IS NULL
    LEFT JOIN terminal_link l ON l.operator_id = o.operator_id AND l.terminal_id = o.terminal_id
    WHERE a.operator_id = ANY ($1::text[]) AND a.keypad
    GROUP BY a.operator_id, w.name, a.site_id, y.name, a.room
    ORDER BY array_position($1::text[], a.operator_id), lower(y.name), a.site_id, length(a.room), lower(a.room)
    LIMIT $2
"""


class Room(Struct, frozen=True, kw_only=True):
    """One choice of where."""

    operator_id: OperatorId
    operator: str
    site_id: SiteId
    site: str
    room: str
    outlets: int
    free: int


class Choice(Struct, frozen=True, kw_only=True):
    """One outlet that a code may be for."""

    appliance: Appliance
    tap: Tap
    shown: TapShown

    @property
    def value(self) -> str:
        """How the form names it."""
        return f"{self.appliance.appliance}.{self.tap.choice}"

    @property
    def name(self) -> str:
        """The appliance's, and the outlet's where it has several."""
        several = len(self.appliance.taps) > 1
        return f"{self.appliance.name} · {self.shown.name}" if several else self.appliance.name

    @property
    def takes_codes(self) -> bool:
        """Whether a code makes sense now: it is free, or will be before long."""
        return self.shown.standing in _WAITED_FOR and bool(self.shown.seal)

    @property
    def usable(self) -> bool:
        """Whether whoever looks can have one for it."""
        return self.takes_codes and self.shown.affordable

    @property
    def offline(self) -> bool:
        """Whether nothing but the link is missing."""
        return self.shown.standing is Standing.OFFLINE


class RoomVisit(Struct, frozen=True, kw_only=True):
    """A room and who looks at it, at one moment."""

    here: Appliance
    """The first appliance: operator, site, room and help line are the same for all."""
    customer: Customer
    choices: tuple[Choice, ...]
    rows: tuple[Row, ...]

    @property
    def any_free(self) -> bool:
        """Whether a code may be had for whichever is free."""
        usable = sum(one.usable for one in self.choices)
        return bool(self.here.room) and len(self.choices) in _ANY_AMONG and usable > 1

    @property
    def mine(self) -> SessionId | None:
        """A use of the visitor's that runs here."""
        own = (Standing.MINE, Standing.MINE_UNKNOWN)
        found = [one.tap.use for one in self.choices if one.shown.standing in own]
        return next((use.session for use in found if use is not None), None)

    @property
    def step(self) -> str:
        """What stands between the visitor and a code, in the order in which one would be refused."""
        customer = self.customer
        if customer.here.blocked:
            return "blocked"
        if not any(one.takes_codes for one in self.choices):
            return "wait"
        if customer.name_needed:
            waits = customer.name is not None and customer.name.state is RealNameState.PENDING
            return "checking" if waits else "name"
        if customer.balance.arrears_minor > 0:
            return "arrears"
        return "choose" if any(one.usable for one in self.choices) else "topup"

    def find(self, value: str) -> Choice | None:
        """The choice of this name."""
        return next((one for one in self.choices if one.value == value), None)


async def rooms_of(connection: Connection, operators: list[OperatorId]) -> list[Room]:
    """Where these operators have keypads, the operator used last first."""
    return many(await connection.fetch(_ROOMS, operators, MOST_ROOMS), Room)


async def has_keypads(reader: Reader, operators: list[OperatorId]) -> bool:
    """Whether one of these operators has any."""
    found = await reader.fetchval(
        "SELECT EXISTS (SELECT FROM appliance WHERE operator_id = ANY ($1::text[]) AND keypad)",
        operators,
    )
    return bool(found)


async def open_room(page: Page, operator: OperatorId, site: SiteId, room: str) -> RoomVisit | None:
    """The room as this visitor may see it; None where there is none, or they are not logged in at its operator."""
    if not all(storable(key) for key in (operator, site, room)):
        return None  # a query would not survive it
    async with page.services.pool.acquire() as connection:
        found = await keypads_in(connection, operator, site, room, most=_MOST_SHOWN)
        customer = await customer_at(connection, page, found[0]) if found else None
        return None if customer is None else await room_of(connection, page, found, customer)


async def room_of(
    connection: Connection, page: Page, found: list[Appliance], customer: Customer
) -> RoomVisit:
    """The room with these appliances, for this customer."""
    choices: list[Choice] = []
    promises = []
    for here in found:
        offers = await offers_at(connection, here, customer)
        for tap in here.taps:
            standing, offer = here.standing(tap, customer.customer_id), offers.get(tap.choice)
            shown = tap_shown(page, here, tap, standing, offer, customer.spendable_minor)
            choice = Choice(appliance=here, tap=tap, shown=shown)
            choices.append(choice)
            if offer is not None:
                promises.append((choice.name, offer))
    return RoomVisit(
        here=found[0],
        customer=customer,
        choices=tuple(choices),
        rows=tuple(rows(page, found[0], promises)),
    )
