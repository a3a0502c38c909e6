"""Endpoints in the database. Each change writes its audit row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import asyncpg

from coinslot.audit import Connection, write_audit
from coinslot.fields import FieldError, MissingError, TakenError, clean_name, search_key
from coinslot.rows import many, one
from coinslot.webhooks.destinations import Network, check_url
from coinslot.webhooks.model import CHOOSABLE, Endpoint, EventKind
from coinslot.wire.ids import OperatorId, SiteId, new_id

_COLUMNS: Final = "operator_id, endpoint_id, name, url, site_id, kinds, generation, rotated_at, off_since, off_why, created_at"
_OFF: Final = "the endpoint is switched off"
# What waits for an endpoint that takes nothing any more is kept as dead: it can be sent again by hand.
_BURY: Final = """
    UPDATE webhook_delivery SET state = 'dead', next_at = NULL, ended_at = now(),
        error = CASE WHEN error = '' THEN $3 ELSE error END
    WHERE operator_id = $1 AND endpoint_id = $2 AND state = 'waiting'
"""


def check_kinds(words: Sequence[str]) -> tuple[EventKind, ...]:
    """The events named; all of them where none is. FieldError names one that there is not."""
    for word in words:
        if word not in [kind.value for kind in CHOOSABLE]:
            known = ", ".join(kind.value for kind in CHOOSABLE)
            raise FieldError("event", f"there is no {word[:40]!r}; there are {known}")
    return tuple(kind for kind in CHOOSABLE if not words or kind.value in words)


async def add_endpoint(
    connection: Connection,
    operator_id: OperatorId,
    *,
    name: str,
    url: str,
    site_id: SiteId | None = None,
    kinds: Sequence[str] = (),
    private: Sequence[Network] = (),
    by: str,
) -> Endpoint:
    """An endpoint, told from now on. FieldError; `private`: networks of private addresses that it may be in."""
    name, url = clean_name("name", name), check_url(url, private=private)
    chosen = check_kinds(kinds)
    async with connection.transaction():
        try:
            async with connection.transaction():
                row = await connection.fetchrow(
                    "INSERT INTO webhook_endpoint (operator_id, endpoint_id, name, url, site_id, kinds)"
                    f" VALUES ($1, $2, $3, $4, $5, $6) RETURNING {_COLUMNS}",
                    operator_id,
                    new_id("end"),
                    name,
                    url,
                    site_id,
                    [kind.value for kind in chosen],
                )
        except asyncpg.UniqueViolationError:
            raise TakenError("name", f"there is already an endpoint called {name!r}") from None
        except asyncpg.ForeignKeyViolationError:
            raise MissingError("site", site_id or operator_id) from None
        assert row is not None  # INSERT … RETURNING without ON CONFLICT has a row or has raised
        made = one(row, Endpoint)
        await write_audit(
            connection,
            operator_id,
            by=by,
            action="webhook.add",
            target=made.endpoint_id,
            detail=f"{name}: {url}",
        )
    return made


async def list_endpoints(connection: Connection, operator_id: OperatorId) -> list[Endpoint]:
    """The operator's endpoints, the oldest first; not those that were removed."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM webhook_endpoint WHERE operator_id = $1 AND removed_at IS NULL"
        " ORDER BY created_at, endpoint_id",
        operator_id,
    )
    return many(rows, Endpoint)


async def find_endpoint(connection: Connection, operator_id: OperatorId, key: str) -> Endpoint:
    """One of them by id or name. MissingError when there is none."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM webhook_endpoint WHERE operator_id = $1 AND removed_at IS NULL"
        " AND (endpoint_id = $2 OR lower(name) = lower($2)) ORDER BY endpoint_id = $2 DESC LIMIT 1",
        operator_id,
        search_key("webhook", key),
    )
    if row is None:
        raise MissingError("webhook", key)
    return one(row, Endpoint)


async def rotate_secret(
    connection: Connection, operator_id: OperatorId, endpoint_id: str, *, by: str
) -> Endpoint:
    """Another secret from now on; the one before signs along for a day. MissingError."""
    return await _change(
        connection,
        operator_id,
        endpoint_id,
        "generation = generation + 1, rotated_at = now()",
        action="webhook.rotate",
        by=by,
    )


async def switch_on(
    connection: Connection, operator_id: OperatorId, endpoint_id: str, *, by: str
) -> Endpoint:
    """Tell it again. What it has missed is sent when somebody replays it. MissingError."""
    return await _change(
        connection, operator_id, endpoint_id, "off_since = NULL, off_why = ''", action="webhook.on", by=by
    )


async def switch_off(
    connection: Connection, operator_id: OperatorId, endpoint_id: str, *, why: str, by: str
) -> None:
    """Tell it nothing until it is switched on; what was waiting is dead. Nothing changes when it is off already."""
    async with connection.transaction():
        changed = await connection.fetchval(
            "UPDATE webhook_endpoint SET off_since = now(), off_why = $3"
            " WHERE operator_id = $1 AND endpoint_id = $2 AND off_since IS NULL RETURNING true",
            operator_id,
            endpoint_id,
            why[:200],
        )
        await connection.execute(_BURY, operator_id, endpoint_id, _OFF)
        if changed:
            await write_audit(
                connection, operator_id, by=by, action="webhook.off", target=endpoint_id, detail=why[:200]
            )


async def remove_endpoint(
    connection: Connection, operator_id: OperatorId, endpoint_id: str, *, by: str
) -> Endpoint:
    """Tell it nothing any more, for good; its deliveries can still be looked at. MissingError."""
    async with connection.transaction():
        gone = await _change(
            connection, operator_id, endpoint_id, "removed_at = now()", action="webhook.remove", by=by
        )
        await connection.execute(_BURY, operator_id, endpoint_id, "the endpoint was removed")
    return gone


async def _change(
    connection: Connection,
    operator_id: OperatorId,
    endpoint_id: str,
    assignment: str,
    *,
    action: str,
    by: str,
) -> Endpoint:
    async with connection.transaction():
        row = await connection.fetchrow(
            f"UPDATE webhook_endpoint SET {assignment}"
            f" WHERE operator_id = $1 AND endpoint_id = $2 AND removed_at IS NULL RETURNING {_COLUMNS}",
            operator_id,
            endpoint_id,
        )
        if row is None:
            raise MissingError("webhook", endpoint_id)
        await write_audit(connection, operator_id, by=by, action=action, target=endpoint_id)
    return one(row, Endpoint)
