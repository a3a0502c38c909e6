"""Which browser is logged in as whom: one secret token, one login for each operator.

A token is 32 random bytes, kept here as its SHA-256 only. It is replaced at every login, so that a token somebody
planted in a browser beforehand opens nothing afterwards. A login ends here, on the server, and at once.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from msgspec import Struct

from coinslot.audit import Connection
from coinslot.people.login_rules import KEEP, LOGIN_LIFE, TOUCH_EVERY
from coinslot.rows import many
from coinslot.wire.ids import CustomerId, OperatorId


class Login(Struct, frozen=True, kw_only=True):
    """A browser is logged in as this customer."""

    operator_id: OperatorId
    customer_id: CustomerId
    seen_at: datetime
    """When it was last used, to the hour."""


async def find_logins(
    connection: Connection, token: str, *, using: OperatorId | None = None
) -> tuple[Login, ...]:
    """The token's live logins, the most recently used first; each lasts for 90 days from its last use.

    With `using`, only the login at that operator counts as used now; without, all do.
    """
    rows = await connection.fetch(
        "SELECT operator_id, customer_id, seen_at, seen_at < now() - $2::interval AS stale FROM browser_login"
        " WHERE token_hash = $1 AND ended_at IS NULL AND expires_at > now()"
        " ORDER BY seen_at DESC, made_at DESC, operator_id",
        _hash(token),
        TOUCH_EVERY,
    )
    used = [
        row["operator_id"] for row in rows if row["stale"] and using in (None, OperatorId(row["operator_id"]))
    ]
    if used:
        # The condition is judged again on the locked row: of two pages at once, one writes.
        await connection.execute(
            "UPDATE browser_login SET seen_at = now(), expires_at = now() + $3::interval"
            " WHERE token_hash = $1 AND operator_id = ANY ($2) AND ended_at IS NULL AND expires_at > now()"
            " AND seen_at < now() - $4::interval",
            _hash(token),
            used,
            LOGIN_LIFE,
            TOUCH_EVERY,
        )
    return tuple(many(rows, Login))


async def log_out(connection: Connection, token: str, operator_id: OperatorId | None = None) -> None:
    """End this browser's login at one operator, or at all. Nothing to end is no error."""
    await connection.execute(
        "UPDATE browser_login SET ended_at = now(), expires_at = now()"
        " WHERE token_hash = $1 AND ended_at IS NULL AND expires_at > now() AND ($2::text IS NULL OR operator_id = $2)",
        _hash(token),
        operator_id,
    )


async def begin_login(
    connection: Connection, operator_id: OperatorId, customer_id: CustomerId, token: str | None
) -> str:
    """Log a browser in; the fresh token it has from now on. To be called within the caller's transaction.

    What the browser's old `token` opened at other operators moves to the new one; the old one opens nothing
    any more, at this operator or elsewhere.
    """
    fresh = secrets.token_urlsafe(32)
    if token is not None:
        # One statement for the login that ends and those that move: pages of this browser that note their use
        # meanwhile lock the rows in the same order.
        await connection.execute(
            "UPDATE browser_login SET"
            " token_hash = CASE operator_id WHEN $3 THEN token_hash ELSE $2 END,"
            " ended_at = CASE operator_id WHEN $3 THEN now() END,"
            " expires_at = CASE operator_id WHEN $3 THEN now() ELSE expires_at END"
            " WHERE token_hash = $1 AND ended_at IS NULL AND expires_at > now()",
            _hash(token),
            _hash(fresh),
            operator_id,
        )
    await connection.execute(
        "INSERT INTO browser_login (operator_id, token_hash, customer_id, expires_at)"
        " VALUES ($1, $2, $3, now() + $4::interval)",
        operator_id,
        _hash(fresh),
        customer_id,
        LOGIN_LIFE,
    )
    return fresh


async def is_logged_in(
    connection: Connection, operator_id: OperatorId, customer_id: CustomerId, token: str | None
) -> bool:
    """Whether the browser with this token is logged in as this very customer."""
    if token is None:
        return False
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM browser_login WHERE operator_id = $1 AND token_hash = $2"
            " AND customer_id = $3 AND ended_at IS NULL AND expires_at > now())",
            operator_id,
            _hash(token),
            customer_id,
        )
    )


async def delete_old_logins(connection: Connection) -> None:
    """Delete logins that ended or ran out a day ago: nobody needs to know them any more."""
    await connection.execute("DELETE FROM browser_login WHERE expires_at < now() - $1::interval", KEEP)


def _hash(token: str) -> bytes:
    # Nothing slower is needed: nobody can guess 256 random bits.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
