"""An appliance as its page shows it: read for display; a start is decided by settlement alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy
from msgspec import Struct

from coinslot.access import stickers
from coinslot.fleet.hours import shut_until
from coinslot.fleet.operator_rules import RealNameRule
from coinslot.keyring import Keyring
from coinslot.rows import one
from coinslot.sessions.states import State
from coinslot.wire.ids import ApplianceId, CustomerId, OperatorId, SessionId, SiteId, TariffId, TerminalId
from coinslot.wire.messages import Limits
from coinslot.wire.records import FaultCode

if TYPE_CHECKING:
    Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

log = logging.getLogger(__name__)

_NO_CODE: Final = ""
"""No appliance has it: a sticker that is not ours costs the same query as one that is."""
_SHUTTING_FAULTS: Final = [code.value for code in FaultCode if code is not FaultCode.SENSOR]

# A code that may yet be typed without a link occupies nothing, and beside what such a one opened there may be another.
# A terminal that was revoked drives nothing any more: its outlets are not shown, and an appliance without any is none.
_APPLIANCES: Final = f"""
    SELECT a.operator_id, w.name AS operator_name, w.help_phone, w.currency,
           w.real_name <> '{RealNameRule.NOT_ASKED.value}' AS asks_name,
           a.appliance_id, a.kind, a.name, a.code, a.closed, a.keypad, a.room, a.site_id, si.name AS site, si.timezone,
           a.hours, si.hours AS site_hours, clock_timestamp() AS now,
           o.terminal_id, o.outlet, o.name AS tap_name, o.tariff_id, v.version, v.body,
           COALESCE(l.online AND l.link_began_at IS NOT NULL, false) AS online,
           EXISTS (SELECT FROM alarm x WHERE x.operator_id = o.operator_id AND x.terminal_id = o.terminal_id
                   AND x.cleared_at IS NULL AND COALESCE(x.outlet, o.outlet) = o.outlet
                   AND x.kind = ANY ($1::text[])) AS faulty,
           s.session_id, s.customer_id, s.state, s.limits
    FROM appliance a
    JOIN operator w ON w.operator_id = a.operator_id
    JOIN site si ON si.operator_id = a.operator_id AND si.site_id = a.site_id
    JOIN outlet o ON o.operator_id = a.operator_id AND o.appliance_id = a.appliance_id
    JOIN terminal t ON t.operator_id = o.operator_id AND t.terminal_id = o.terminal_id AND t.revoked_at IS NULL
    LEFT JOIN terminal_link l ON l.operator_id = o.operator_id AND l.terminal_id = o.terminal_id
    LEFT JOIN LATERAL (
        SELECT x.version, x.body FROM tariff_version x
        WHERE x.operator_id = o.operator_id AND x.tariff_id = o.tariff_id ORDER BY x.version DESC LIMIT 1
    ) v ON true
    LEFT JOIN LATERAL (
        SELECT x.session_id, x.customer_id, x.state, x.limits FROM session x
        WHERE x.terminal_id = o.terminal_id AND x.outlet = o.outlet AND x.live AND x.state <> '{State.PROMISED.value}'
        ORDER BY x.created_at DESC LIMIT 1
    ) s ON true
"""
_BY_CODE: Final = f"{_APPLIANCES} WHERE a.code = $2 ORDER BY o.terminal_id, o.outlet"
_IN_ROOM: Final = f"""{_APPLIANCES}
    WHERE a.operator_id = $2 AND a.site_id = $3 AND a.room = $4 AND a.keypad
    ORDER BY length(a.name), lower(a.name), a.appliance_id, o.terminal_id, o.outlet LIMIT $5
"""


class Use(Struct, frozen=True, kw_only=True):
    """What occupies a tap."""

    session: SessionId
    customer: CustomerId | None
    """None: a guest's, paid on the appliance."""
    state: State
    idle_s: int
    """It ends by itself after so long without water."""


class Standing(StrEnum):
    """How a tap stands for whoever looks."""

    FREE = "free"
    """It can be started."""
    MINE = "mine"
    """Whoever looks is using it."""
    MINE_UNKNOWN = "mine_unknown"
    """Whoever looks has started it, and the appliance has not answered yet."""
    CLOSED = "closed"
    """The operator has taken the appliance out of service."""
    SHUT = "shut"
    """It is shut at this hour."""
    NO_PRICE = "no_price"
    """It has no tariff, so it cannot be started."""
    FAULT = "fault"
    """Out of order."""
    BUSY = "busy"
    """Somebody else is using it."""
    BUSY_UNKNOWN = "busy_unknown"
    """What became of somebody else's start is not known yet."""
    OFFLINE = "offline"
    """The appliance is not connected."""


class Tap(Struct, frozen=True, kw_only=True):
    """One outlet of an appliance."""

    choice: str
    """How the form names it: its number, where only one terminal of the appliance has it."""
    terminal: TerminalId
    outlet: int
    name: str
    tariff: TariffId | None
    """None also for a tariff without a version."""
    version: int
    body: str
    online: bool
    faulty: bool
    use: Use | None


class Appliance(Struct, frozen=True, kw_only=True):
    """What a sticker leads to."""

    operator: OperatorId
    operator_name: str
    help_phone: str
    currency: str
    asks_name: bool
    appliance: ApplianceId
    kind: str
    name: str
    code: str
    closed: bool
    keypad: bool
    """It takes codes that were got elsewhere."""
    site_id: SiteId
    site: str
    room: str
    """Empty where it is in none that has a name."""
    timezone: str
    opens_at: datetime | None
    """Outside its hours: when it opens; None while it is open."""
    taps: tuple[Tap, ...]

    def standing(self, tap: Tap, customer: CustomerId | None) -> Standing:
        """How the tap stands for this customer, in the order in which a start would be refused."""
        # A guest's use is nobody's whom a login could show.
        if tap.use is not None and customer is not None and tap.use.customer == customer:
            return Standing.MINE_UNKNOWN if tap.use.state is State.UNKNOWN else Standing.MINE
        if self.closed:
            return Standing.CLOSED
        if self.opens_at is not None:
            return Standing.SHUT
        if tap.tariff is None:
            return Standing.NO_PRICE
        if tap.faulty:
            return Standing.FAULT
        if tap.use is not None:
            return Standing.BUSY_UNKNOWN if tap.use.state is State.UNKNOWN else Standing.BUSY
        return Standing.FREE if tap.online else Standing.OFFLINE


async def find_appliance(connection: Connection, keyring: Keyring, token: str) -> Appliance | None:
    """The appliance with this sticker; None for any text that is not on one of ours."""
    code = stickers.read(keyring, token) or _NO_CODE
    rows = await connection.fetch(_BY_CODE, _SHUTTING_FAULTS, code)
    return _appliance(rows) if rows else None


async def keypads_in(
    connection: Connection, operator: OperatorId, site: SiteId, room: str, *, most: int
) -> list[Appliance]:
    """The appliances with a keypad in one room, by name as people count: at most `most` outlets."""
    rows = await connection.fetch(_IN_ROOM, _SHUTTING_FAULTS, operator, site, room, most)
    return [_appliance(list(own)) for _, own in groupby(rows, key=lambda row: row["appliance_id"])]


def _appliance(rows: Sequence[asyncpg.Record]) -> Appliance:
    numbers = [row["outlet"] for row in rows]
    terminals = list(dict.fromkeys(row["terminal_id"] for row in rows))
    taps = []
    for row in rows:
        choice = str(row["outlet"])
        if numbers.count(row["outlet"]) > 1:
            choice += f".{terminals.index(row['terminal_id'])}"
        taps.append(_tap(row, choice))
    found = rows[0]
    return Appliance(
        operator=OperatorId(found["operator_id"]),
        appliance=ApplianceId(found["appliance_id"]),
        site_id=SiteId(found["site_id"]),
        opens_at=shut_until(found["hours"], found["site_hours"], found["timezone"], found["now"]),
        taps=tuple(taps),
        **{
            name: found[name]
            for name in (
                *("operator_name", "help_phone", "currency", "asks_name", "kind", "name", "code"),
                *("closed", "keypad", "site", "room", "timezone"),
            )
        },
    )


def _tap(row: asyncpg.Record, choice: str) -> Tap:
    use = None
    if row["session_id"] is not None:
        use = Use(
            session=SessionId(row["session_id"]),
            customer=row["customer_id"],
            state=State(row["state"]),
            idle_s=_limits.decode(row["limits"]).idle_s,
        )
    return Tap(
        choice=choice,
        terminal=TerminalId(row["terminal_id"]),
        outlet=row["outlet"],
        name=row["tap_name"],
        tariff=None if row["body"] is None else TariffId(row["tariff_id"]),
        version=row["version"] or 0,
        body=row["body"] or "",
        online=row["online"],
        faulty=row["faulty"],
        use=use,
    )


class CustomerHere(Struct, frozen=True, kw_only=True):
    """The customer who looks."""

    customer_id: CustomerId
    blocked: bool
    phone: str | None
    has_past: bool
    """Has used something before."""


async def find_customer_here(
    connection: Connection, operator: OperatorId, customer: CustomerId
) -> CustomerHere | None:
    """Who is logged in, as far as the appliance's page shows it."""
    row = await connection.fetchrow(
        "SELECT c.customer_id, c.blocked_at IS NOT NULL AS blocked, c.phone, EXISTS (SELECT FROM session s"
        " WHERE s.customer_id = c.customer_id AND s.operator_id = c.operator_id) AS has_past"
        " FROM customer c WHERE c.operator_id = $1 AND c.customer_id = $2",
        operator,
        customer,
    )
    return None if row is None else one(row, CustomerHere)


async def session_of_key(
    connection: Connection, operator: OperatorId, customer: CustomerId, key: str
) -> SessionId | None:
    """The session that the customer's own request with this key made; another's is not told."""
    found = await connection.fetchval(
        "SELECT session_id FROM session WHERE request_key = $3 AND operator_id = $1 AND customer_id = $2",
        operator,
        customer,
        key,
    )
    return None if found is None else SessionId(found)


_limits = msgspec.json.Decoder(Limits)
