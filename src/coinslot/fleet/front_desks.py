"""Front desks: browsers in a site's lobby that see what is used and paid there, and nothing else.

Let in by a link that opens once; from then on known by a secret of the browser's own. Only hashes are kept.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from msgspec import Struct

from coinslot.audit import Connection, write_audit
from coinslot.fields import MissingError, TakenError, clean_name, search_key
from coinslot.fleet.secrets import hash_secret
from coinslot.rows import many, one
from coinslot.wire.ids import OperatorId, SiteId, new_id

if TYPE_CHECKING:
    Access: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record] | asyncpg.Pool[asyncpg.Record]"

LINK_LIFE: Final = timedelta(hours=24)
"""Long enough to be carried to another building, short enough to be forgotten in a mailbox."""
_SEEN_EVERY: Final = timedelta(minutes=1)
_KIOSK: Final = "kiosk."
"""A kiosk's secret begins so. What a browser is stands in the secret itself, of which the hash is kept: whoever walks up
to a kiosk and finds its secret has no front desk with it."""
_COLUMNS: Final = (
    "d.operator_id, d.desk_id, d.site_id, y.name AS site, d.name, d.link_expires_at, d.opened_at, d.seen_at,"
    " d.revoked_at, d.browser, d.created_at"
)
_FROM: Final = "front_desk d JOIN site y USING (operator_id, site_id)"


class Browser(StrEnum):
    """What a link makes of the browser that opens it."""

    DESK = "desk"
    """A front desk: it sees what is used and paid at the site."""
    KIOSK = "kiosk"
    """A kiosk: whoever comes with a card gets a code there, and it shows nothing else."""


class FrontDesk(Struct, frozen=True, kw_only=True):
    """One browser, or the link that will make one."""

    operator_id: OperatorId
    desk_id: str
    site_id: SiteId
    site: str
    name: str
    link_expires_at: datetime | None
    """Until when its link opens; None: it has been opened."""
    opened_at: datetime | None
    seen_at: datetime | None
    revoked_at: datetime | None
    browser: Browser
    """What it was opened as, the last time that it was; a front desk where it never was."""
    created_at: datetime


class DeskHere(Struct, frozen=True, kw_only=True):
    """The desk that a browser is, with what its page needs."""

    operator_id: OperatorId
    desk_id: str
    site_id: SiteId
    site: str
    name: str
    operator: str
    timezone: str
    currency: str


async def add_desk(
    connection: Connection, operator_id: OperatorId, site_id: SiteId, *, name: str, by: str
) -> tuple[FrontDesk, str]:
    """A desk that nobody has opened, and its link's secret, which is shown now and never again. FieldError."""
    name = clean_name("name", name)
    desk_id, link = new_id("dsk"), secrets.token_urlsafe(24)
    async with connection.transaction():
        try:
            async with connection.transaction():
                await connection.execute(
                    "INSERT INTO front_desk (operator_id, desk_id, site_id, name, link_hash, link_expires_at)"
                    " VALUES ($1, $2, $3, $4, $5, now() + $6::interval)",
                    operator_id,
                    desk_id,
                    site_id,
                    name,
                    hash_secret(link),
                    LINK_LIFE,
                )
        except asyncpg.UniqueViolationError:
            raise TakenError("name", f"this site has a front desk called {name!r}; revoke it first") from None
        except asyncpg.ForeignKeyViolationError:
            raise MissingError("site", site_id) from None
        await write_audit(connection, operator_id, by=by, action="desk.add", target=desk_id, detail=name)
    return await find_desk(connection, operator_id, desk_id), link


async def new_link(
    connection: Connection, operator_id: OperatorId, desk_id: str, *, by: str
) -> tuple[FrontDesk, str]:
    """Another link for a desk: the browser it was has to go. MissingError when there is none, or it was revoked."""
    link = secrets.token_urlsafe(24)
    async with connection.transaction():
        changed = await connection.fetchval(
            "UPDATE front_desk SET link_hash = $3, link_expires_at = now() + $4::interval, browser_hash = NULL,"
            " opened_at = NULL WHERE operator_id = $1 AND desk_id = $2 AND revoked_at IS NULL RETURNING true",
            operator_id,
            desk_id,
            hash_secret(link),
            LINK_LIFE,
        )
        if not changed:
            raise MissingError("desk", desk_id)
        await write_audit(connection, operator_id, by=by, action="desk.link", target=desk_id)
    return await find_desk(connection, operator_id, desk_id), link


async def list_desks(connection: Access, operator_id: OperatorId) -> list[FrontDesk]:
    """The operator's desks that were not revoked, by site and name."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM {_FROM} WHERE d.operator_id = $1 AND d.revoked_at IS NULL"
        " ORDER BY lower(y.name), lower(d.name), d.desk_id",
        operator_id,
    )
    return many(rows, FrontDesk)


async def find_desk(connection: Access, operator_id: OperatorId, key: str) -> FrontDesk:
    """One of them by id, or by a name that only one has. MissingError; FieldError when several have it."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM {_FROM} WHERE d.operator_id = $1 AND d.revoked_at IS NULL"
        " AND (d.desk_id = $2 OR lower(d.name) = lower($2)) ORDER BY d.desk_id = $2 DESC LIMIT 2",
        operator_id,
        search_key("desk", key),
    )
    if not rows:
        raise MissingError("desk", key)
    if len(rows) > 1 and rows[0]["desk_id"] != key:
        raise TakenError("desk", f"several sites have one called {key!r}; use its id")
    return one(rows[0], FrontDesk)


async def revoke_desk(connection: Connection, operator_id: OperatorId, desk_id: str, *, by: str) -> None:
    """Its browser sees nothing from now on, and its link opens nothing. MissingError."""
    async with connection.transaction():
        changed = await connection.fetchval(
            "UPDATE front_desk SET revoked_at = now(), link_hash = NULL, link_expires_at = NULL, browser_hash = NULL"
            " WHERE operator_id = $1 AND desk_id = $2 AND revoked_at IS NULL RETURNING true",
            operator_id,
            desk_id,
        )
        if not changed:
            raise MissingError("desk", desk_id)
        await write_audit(connection, operator_id, by=by, action="desk.revoke", target=desk_id)


async def link_opens(connection: Access, link: str) -> bool:
    """Whether this link would open a desk now."""
    return bool(
        await connection.fetchval(
            "SELECT true FROM front_desk WHERE link_hash = $1 AND link_expires_at > now()", hash_secret(link)
        )
    )


async def open_desk(connection: Connection, link: str, kind: Browser = Browser.DESK) -> str | None:
    """The secret of the browser that opened this link: it is the desk, or a kiosk, from now on. None: the link opens
    nothing.
    """
    browser = secrets.token_urlsafe(32)
    if kind is Browser.KIOSK:
        browser = _KIOSK + browser
    async with connection.transaction():
        row = await connection.fetchrow(
            "UPDATE front_desk SET link_hash = NULL, link_expires_at = NULL, browser_hash = $2, browser = $3,"
            " opened_at = now(), seen_at = now() WHERE link_hash = $1 AND link_expires_at > now() RETURNING operator_id, desk_id",
            hash_secret(link),
            hash_secret(browser),
            kind.value,
        )
        if row is None:
            return None
        await write_audit(
            connection,
            row["operator_id"],
            by=f"desk:{row['desk_id']}",
            action="desk.open",
            target=row["desk_id"],
            detail="" if kind is Browser.DESK else kind.value,
        )
    return browser


async def find_desk_here(connection: Access, browser: str, kind: Browser = Browser.DESK) -> DeskHere | None:
    """The desk, or kiosk, that this browser is; None for any other secret whatever."""
    if browser.startswith(_KIOSK) is not (kind is Browser.KIOSK):
        return None
    row = await connection.fetchrow(
        "SELECT d.operator_id, d.desk_id, d.site_id, y.name AS site, d.name, o.name AS operator, y.timezone, o.currency,"
        " d.seen_at < now() - $2::interval AS stale"
        f" FROM {_FROM} JOIN operator o USING (operator_id) WHERE d.browser_hash = $1 AND d.revoked_at IS NULL",
        hash_secret(browser),
        _SEEN_EVERY,
    )
    if row is None:
        return None
    if row["stale"]:
        await connection.execute(
            "UPDATE front_desk SET seen_at = now() WHERE operator_id = $1 AND desk_id = $2 AND seen_at < now() - $3::interval",
            row["operator_id"],
            row["desk_id"],
            _SEEN_EVERY,
        )
    return one(row, DeskHere)
