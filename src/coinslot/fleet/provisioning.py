"""How a terminal gets its id and secret, proves them, and loses them."""

from __future__ import annotations

from datetime import timedelta

import asyncpg
from msgspec import Struct

from coinslot.audit import Connection, write_audit
from coinslot.fields import MissingError, clean_name
from coinslot.fleet.rules import check_claim_hours
from coinslot.fleet.secrets import (
    hash_secret,
    new_claim_code,
    new_secret,
    normal_claim_code,
    secret_matches,
)
from coinslot.wire.ids import OperatorId, SiteId, TerminalId, is_id, new_id

SECRET_CHANGED = "terminal_secret_changed"
"""PostgreSQL channel told of a terminal whose secret was rotated or revoked, when that commits: who
holds its connection has to end it."""

_NO_TERMINAL = hash_secret(new_secret())
"""Compared with when there is no such terminal, so that its absence takes as long to find out."""


class ClaimError(Exception):
    """The claim code is unknown, used or expired. Which of them is not told: it would help a guesser."""

    def __init__(self) -> None:
        super().__init__("this claim code cannot be used; ask the operator for a new one")


class Claimed(Struct, frozen=True):
    """What a terminal is told once. The secret is not kept anywhere else."""

    terminal_id: TerminalId
    secret: str
    operator_id: OperatorId

    def __repr__(self) -> str:
        """Without the secret: this ends up in logs."""
        return f"Claimed({self.terminal_id!r}, operator_id={self.operator_id!r})"


async def issue_claim_code(
    connection: Connection, operator_id: OperatorId, site_id: SiteId, *, name: str, hours: int, by: str
) -> str:
    """A one-time code with which a new terminal joins `site_id` as `name`. Shown now, never again."""
    name = clean_name("name", name)
    check_claim_hours(hours)
    code = new_claim_code()
    async with connection.transaction():
        try:
            async with connection.transaction():
                await connection.execute(
                    "INSERT INTO claim_code (operator_id, code_hash, site_id, name, expires_at)"
                    " VALUES ($1, $2, $3, $4, now() + $5)",
                    operator_id,
                    hash_secret(code.replace("-", "")),
                    site_id,
                    name,
                    timedelta(hours=hours),
                )
        except asyncpg.ForeignKeyViolationError:
            raise MissingError("site", site_id) from None
        await write_audit(
            connection, operator_id, by=by, action="claim_code.new", target=site_id, detail=name
        )
    return code


async def claim(connection: Connection, code: str) -> Claimed:
    """Turn a claim code into a terminal: once, however many ask at the same moment.

    ClaimError, always the same, when the code is unknown, used or expired.
    """
    plain = normal_claim_code(code)
    if plain is None:
        raise ClaimError
    terminal_id = TerminalId(new_id("trm"))
    secret = new_secret()
    async with connection.transaction():
        # The row lock decides a race: whoever waited finds claimed_at set and gets no row.
        taken = await connection.fetchrow(
            "UPDATE claim_code SET claimed_at = now(), terminal_id = $2"
            " WHERE code_hash = $1 AND claimed_at IS NULL AND expires_at > now()"
            " RETURNING operator_id, site_id, name",
            hash_secret(plain),
            terminal_id,
        )
        if taken is None:
            raise ClaimError
        operator_id = OperatorId(taken["operator_id"])
        await connection.execute(
            "INSERT INTO terminal (operator_id, terminal_id, site_id, name, secret_hash)"
            " VALUES ($1, $2, $3, $4, $5)",
            operator_id,
            terminal_id,
            taken["site_id"],
            taken["name"],
            hash_secret(secret),
        )
        await connection.execute(
            "INSERT INTO terminal_link (operator_id, terminal_id) VALUES ($1, $2)", operator_id, terminal_id
        )
        await write_audit(
            connection,
            operator_id,
            by=f"terminal:{terminal_id}",
            action="terminal.claim",
            target=terminal_id,
            detail=taken["name"],
        )
    return Claimed(terminal_id, secret, operator_id)


async def authenticate(connection: Connection, terminal_id: str, secret: str) -> OperatorId | None:
    """Whose terminal this is, when `secret` is its own and it is not revoked; else None."""
    row = None
    if is_id(terminal_id):
        row = await connection.fetchrow(
            "SELECT operator_id, secret_hash FROM terminal WHERE terminal_id = $1 AND revoked_at IS NULL",
            terminal_id,
        )
    if not secret_matches(secret, row["secret_hash"] if row else _NO_TERMINAL) or row is None:
        return None
    return OperatorId(row["operator_id"])


async def rotate(
    connection: Connection, operator_id: OperatorId, terminal_id: TerminalId, *, by: str
) -> Claimed:
    """A new secret for a terminal; the old one ends now, and so does a connection made with it.

    MissingError when the operator has no such terminal, or it is revoked.
    """
    secret = new_secret()
    await _change(
        connection,
        operator_id,
        terminal_id,
        "UPDATE terminal SET secret_hash = $3, rotated_at = now()"
        " WHERE operator_id = $1 AND terminal_id = $2 AND revoked_at IS NULL RETURNING 1",
        hash_secret(secret),
        by=by,
        action="terminal.rotate",
    )
    return Claimed(terminal_id, secret, operator_id)


async def revoke(
    connection: Connection, operator_id: OperatorId, terminal_id: TerminalId, *, by: str
) -> None:
    """Shut a terminal out for good. Its records and sessions stay. MissingError when there is none."""
    # The hash is overwritten as well: a revoked row that is edited back must not revive the old secret.
    await _change(
        connection,
        operator_id,
        terminal_id,
        "UPDATE terminal SET secret_hash = $3, revoked_at = COALESCE(revoked_at, now())"
        " WHERE operator_id = $1 AND terminal_id = $2 RETURNING 1",
        hash_secret(new_secret()),
        by=by,
        action="terminal.revoke",
    )


async def _change(
    connection: Connection,
    operator_id: OperatorId,
    terminal_id: TerminalId,
    statement: str,
    secret_hash: bytes,
    *,
    by: str,
    action: str,
) -> None:
    async with connection.transaction():
        if not await connection.fetchval(statement, operator_id, terminal_id, secret_hash):
            raise MissingError("terminal", terminal_id)
        await write_audit(connection, operator_id, by=by, action=action, target=terminal_id)
        await connection.execute("SELECT pg_notify($1, $2)", SECRET_CHANGED, terminal_id)
