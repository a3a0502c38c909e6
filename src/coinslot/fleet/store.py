"""Operators, sites, appliances and terminals in the database. Each change writes its audit row."""

from __future__ import annotations

import asyncpg

from coinslot.audit import Connection, write_audit
from coinslot.fields import MissingError, TakenError, clean_name, search_key
from coinslot.fleet.models import Appliance, Operator, Site, Terminal
from coinslot.fleet.offers import offers_changed
from coinslot.fleet.rules import check_appliance_code, check_currency, check_kind, check_room, check_timezone
from coinslot.fleet.secrets import new_appliance_code
from coinslot.rows import many, one
from coinslot.wire.ids import ApplianceId, OperatorId, SiteId, new_id

_APPLIANCE_NAMES = {"appliance_by_code": "code", "appliance_name": "name"}


async def create_operator(
    connection: Connection, *, name: str, currency: str, timezone: str, help_phone: str = "", by: str
) -> Operator:
    """A new operator. FieldError names what is wrong, a name already in use too."""
    name = clean_name("name", name)
    operator_id = OperatorId(new_id("opr"))
    async with connection.transaction():
        row = await connection.fetchrow(
            "INSERT INTO operator (operator_id, name, currency, timezone, help_phone)"
            " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (lower(name)) DO NOTHING RETURNING *",
            operator_id,
            name,
            check_currency(currency),
            check_timezone(timezone),
            help_phone.strip()[:40],
        )
        if row is None:
            raise TakenError("name", f"there is already an operator called {name!r}")
        await write_audit(
            connection, operator_id, by=by, action="operator.create", target=operator_id, detail=name
        )
    return one(row, Operator)


async def list_operators(connection: Connection) -> list[Operator]:
    """Every operator, the oldest first."""
    return many(await connection.fetch("SELECT * FROM operator ORDER BY created_at, operator_id"), Operator)


async def find_operator(connection: Connection, key: str) -> Operator:
    """An operator by id or name. MissingError when there is none."""
    row = await connection.fetchrow(
        "SELECT * FROM operator WHERE operator_id = $1 OR lower(name) = lower($1)"
        " ORDER BY operator_id = $1 DESC LIMIT 1",
        search_key("operator", key),
    )
    if row is None:
        raise MissingError("operator", key)
    return one(row, Operator)


async def add_site(
    connection: Connection, operator_id: OperatorId, *, name: str, timezone: str | None = None, by: str
) -> Site:
    """A place for appliances; without a time zone of its own it has the operator's."""
    name = clean_name("name", name)
    zone = None if timezone is None else check_timezone(timezone)
    site_id = SiteId(new_id("sit"))
    async with connection.transaction():
        row = await connection.fetchrow(
            "INSERT INTO site (operator_id, site_id, name, timezone)"
            " SELECT operator_id, $2, $3, COALESCE($4, timezone) FROM operator WHERE operator_id = $1"
            " ON CONFLICT (operator_id, lower(name)) DO NOTHING RETURNING *",
            operator_id,
            site_id,
            name,
            zone,
        )
        if row is None:
            await find_operator(connection, operator_id)
            raise TakenError("name", f"there is already a site called {name!r}")
        await write_audit(connection, operator_id, by=by, action="site.add", target=site_id, detail=name)
    return one(row, Site)


async def list_sites(connection: Connection, operator_id: OperatorId) -> list[Site]:
    """The operator's sites by name."""
    rows = await connection.fetch(
        "SELECT * FROM site WHERE operator_id = $1 ORDER BY lower(name)", operator_id
    )
    return many(rows, Site)


async def find_site(connection: Connection, operator_id: OperatorId, key: str) -> Site:
    """One of the operator's sites by id or name."""
    row = await connection.fetchrow(
        "SELECT * FROM site WHERE operator_id = $1 AND (site_id = $2 OR lower(name) = lower($2))"
        " ORDER BY site_id = $2 DESC LIMIT 1",
        operator_id,
        search_key("site", key),
    )
    if row is None:
        raise MissingError("site", key)
    return one(row, Site)


async def add_appliance(
    connection: Connection,
    operator_id: OperatorId,
    site_id: SiteId,
    *,
    kind: str,
    name: str,
    code: str | None = None,
    room: str = "",
    keypad: bool | None = None,
    by: str,
) -> Appliance:
    """A new appliance at a site. Its name is its own at the site, its code everywhere. With a keypad where its kind has
    one, unless `keypad` says so itself.
    """
    name, room, of = clean_name("name", name), check_room(room), check_kind(kind)
    appliance_id = ApplianceId(new_id("app"))
    async with connection.transaction():
        try:
            async with connection.transaction():
                row = await connection.fetchrow(
                    "INSERT INTO appliance (operator_id, appliance_id, site_id, kind, name, code, room, keypad)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING *",
                    operator_id,
                    appliance_id,
                    site_id,
                    of.value,
                    name,
                    new_appliance_code() if code is None else check_appliance_code(code),
                    room,
                    of.keypad if keypad is None else keypad,
                )
        except asyncpg.UniqueViolationError as error:
            field = _APPLIANCE_NAMES.get(error.constraint_name or "", "name")
            raise TakenError(field, "another appliance has it already") from None
        except asyncpg.ForeignKeyViolationError:
            raise MissingError("site", site_id) from None
        await write_audit(
            connection, operator_id, by=by, action="appliance.add", target=appliance_id, detail=name
        )
    assert row is not None  # INSERT … RETURNING without ON CONFLICT has a row or has raised
    return one(row, Appliance)


async def list_appliances(
    connection: Connection, operator_id: OperatorId, site_id: SiteId | None = None
) -> list[Appliance]:
    """The operator's appliances, or one site's, by name."""
    rows = await connection.fetch(
        "SELECT * FROM appliance WHERE operator_id = $1 AND ($2::text IS NULL OR site_id = $2)"
        " ORDER BY lower(name), appliance_id",
        operator_id,
        site_id,
    )
    return many(rows, Appliance)


async def find_appliance(connection: Connection, operator_id: OperatorId, key: str) -> Appliance:
    """One of the operator's appliances by id, public code, or a name that only one has."""
    rows = await connection.fetch(
        "SELECT * FROM appliance WHERE operator_id = $1"
        " AND (appliance_id = $2 OR code = $2 OR lower(name) = lower($2))"
        " ORDER BY appliance_id = $2 DESC, code = $2 DESC LIMIT 2",
        operator_id,
        search_key("appliance", key),
    )
    if not rows:
        raise MissingError("appliance", key)
    if len(rows) > 1 and key not in (rows[0]["appliance_id"], rows[0]["code"]):
        raise TakenError("appliance", f"several sites have one called {key!r}; use its id or code")
    return one(rows[0], Appliance)


async def set_room(
    connection: Connection, operator_id: OperatorId, appliance_id: ApplianceId, room: str, *, by: str
) -> None:
    """Say which room an appliance belongs to; an empty text for none. FieldError, MissingError."""
    room = check_room(room)
    async with connection.transaction():
        found = await connection.fetchval(
            "UPDATE appliance SET room = $3 WHERE operator_id = $1 AND appliance_id = $2 RETURNING true",
            operator_id,
            appliance_id,
            room,
        )
        if not found:
            raise MissingError("appliance", appliance_id)
        await write_audit(
            connection, operator_id, by=by, action="appliance.room", target=appliance_id, detail=room
        )


async def set_keypad(
    connection: Connection, operator_id: OperatorId, appliance_id: ApplianceId, *, keypad: bool, by: str
) -> None:
    """Say whether an appliance has a keypad that takes codes. Codes that are live stay so. MissingError."""
    async with connection.transaction():
        found = await connection.fetchval(
            "UPDATE appliance SET keypad = $3 WHERE operator_id = $1 AND appliance_id = $2 RETURNING true",
            operator_id,
            appliance_id,
            keypad,
        )
        if not found:
            raise MissingError("appliance", appliance_id)
        detail = "there" if keypad else "none"
        await write_audit(
            connection, operator_id, by=by, action="appliance.keypad", target=appliance_id, detail=detail
        )
        await offers_changed(connection, operator_id)


async def close_appliance(
    connection: Connection, operator_id: OperatorId, appliance_id: ApplianceId, *, by: str
) -> None:
    """Take an appliance out of service: no new session. Those under way run on."""
    await _set_closed(connection, operator_id, appliance_id, "appliance.close", by)


async def open_appliance(
    connection: Connection, operator_id: OperatorId, appliance_id: ApplianceId, *, by: str
) -> None:
    """Put an appliance back into service."""
    await _set_closed(connection, operator_id, appliance_id, "appliance.open", by)


async def _set_closed(
    connection: Connection, operator_id: OperatorId, appliance_id: ApplianceId, action: str, by: str
) -> None:
    async with connection.transaction():
        found = await connection.fetchval(
            "UPDATE appliance SET closed = $3 WHERE operator_id = $1 AND appliance_id = $2 RETURNING 1",
            operator_id,
            appliance_id,
            action == "appliance.close",
        )
        if not found:
            raise MissingError("appliance", appliance_id)
        await write_audit(connection, operator_id, by=by, action=action, target=appliance_id)


_TERMINALS = """
SELECT t.operator_id, t.terminal_id, t.site_id, t.name, t.claimed_at, t.rotated_at, t.revoked_at,
       COALESCE(l.online, false) AS online, COALESCE(l.firmware, '') AS firmware, l.changed_at AS seen_at
FROM terminal t LEFT JOIN terminal_link l USING (operator_id, terminal_id)
WHERE t.operator_id = $1
"""


async def list_terminals(connection: Connection, operator_id: OperatorId) -> list[Terminal]:
    """The operator's terminals, revoked ones too, by name."""
    rows = await connection.fetch(_TERMINALS + " ORDER BY lower(t.name), t.terminal_id", operator_id)
    return many(rows, Terminal)


async def find_terminal(connection: Connection, operator_id: OperatorId, key: str) -> Terminal:
    """One of the operator's terminals by id, or by a name that only one has."""
    rows = await connection.fetch(
        _TERMINALS + " AND (t.terminal_id = $2 OR lower(t.name) = lower($2))"
        " ORDER BY t.terminal_id = $2 DESC LIMIT 2",
        operator_id,
        search_key("terminal", key),
    )
    if not rows:
        raise MissingError("terminal", key)
    if len(rows) > 1 and rows[0]["terminal_id"] != key:
        raise TakenError("terminal", f"several are called {key!r}; use the id")
    return one(rows[0], Terminal)
