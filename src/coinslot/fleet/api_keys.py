"""Keys with which programs call the HTTP API in an operator's name."""

from __future__ import annotations

import asyncpg

from coinslot.audit import Connection, write_audit
from coinslot.fields import MissingError, TakenError, clean_name, search_key
from coinslot.fleet.models import ApiKey
from coinslot.fleet.secrets import hash_secret, new_api_key
from coinslot.rows import many, one
from coinslot.wire.ids import OperatorId, new_id

_COLUMNS = "operator_id, api_key_id, name, created_at, revoked_at"


async def create_api_key(
    connection: Connection, operator_id: OperatorId, *, name: str, by: str
) -> tuple[ApiKey, str]:
    """A new key and its text, which is shown now and never again."""
    name = clean_name("name", name)
    secret = new_api_key()
    async with connection.transaction():
        try:
            async with connection.transaction():
                row = await connection.fetchrow(
                    "INSERT INTO api_key (operator_id, api_key_id, name, key_hash)"
                    f" VALUES ($1, $2, $3, $4) RETURNING {_COLUMNS}",
                    operator_id,
                    new_id("key"),
                    name,
                    hash_secret(secret),
                )
        except asyncpg.UniqueViolationError:
            raise TakenError("name", f"a key called {name!r} is in use; revoke it first") from None
        except asyncpg.ForeignKeyViolationError:
            raise MissingError("operator", operator_id) from None
        assert row is not None  # INSERT … RETURNING without ON CONFLICT has a row or has raised
        key = one(row, ApiKey)
        await write_audit(
            connection, operator_id, by=by, action="api_key.create", target=key.api_key_id, detail=name
        )
    return key, secret


async def revoke_api_key(
    connection: Connection, operator_id: OperatorId, name_or_id: str, *, by: str
) -> ApiKey:
    """End a key now. MissingError when the operator has no live one of this name or id."""
    async with connection.transaction():
        row = await connection.fetchrow(
            "UPDATE api_key SET revoked_at = now() WHERE operator_id = $1 AND revoked_at IS NULL"
            f" AND (api_key_id = $2 OR lower(name) = lower($2)) RETURNING {_COLUMNS}",
            operator_id,
            search_key("API key", name_or_id),
        )
        if row is None:
            raise MissingError("API key", name_or_id)
        key = one(row, ApiKey)
        await write_audit(connection, operator_id, by=by, action="api_key.revoke", target=key.api_key_id)
    return key


async def list_api_keys(connection: Connection, operator_id: OperatorId) -> list[ApiKey]:
    """The operator's keys, revoked ones too, the oldest first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM api_key WHERE operator_id = $1 ORDER BY created_at, api_key_id", operator_id
    )
    return many(rows, ApiKey)


async def key_owner(connection: Connection, secret: str) -> ApiKey | None:
    """The live key with this text, and so its operator; else None.

    Found by its hash: an attacker who times the index learns about hashes he cannot steer.
    """
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM api_key WHERE key_hash = $1 AND revoked_at IS NULL", hash_secret(secret)
    )
    return None if row is None else one(row, ApiKey)
