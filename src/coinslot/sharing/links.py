"""Addresses by which a party, who has no login, sees one statement until they expire: made, found, taken back.

A token is 32 random bytes, kept here as its SHA-256 only: whoever reads the database opens nothing with it.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from msgspec import Struct

from coinslot.audit import Connection, write_audit
from coinslot.fields import FieldError, MissingError, search_key
from coinslot.rows import many, one
from coinslot.sharing.model import PartyId
from coinslot.wire.ids import OperatorId, new_id

LIVES_DAYS: Final = (7, 30, 90)
"""What may be chosen."""
_COLUMNS: Final = "operator_id, link_id, party_id, currency, first, last, made_at, expires_at, revoked_at"


class StatementLink(Struct, frozen=True, kw_only=True):
    """What an address shows, without the address."""

    operator_id: OperatorId
    link_id: str
    party_id: PartyId
    currency: str
    first: date
    last: date
    made_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class LinkWanted(NamedTuple):
    """A statement that a party is to see."""

    party: PartyId
    currency: str
    first: date
    last: date
    days: int


async def make_link(
    connection: Connection, operator: OperatorId, wanted: LinkWanted, *, by: str
) -> tuple[StatementLink, str]:
    """A new address, and its token, which nobody can be told again. FieldError, MissingError."""
    if wanted.days not in LIVES_DAYS:
        raise FieldError("days", f"must be one of {', '.join(map(str, LIVES_DAYS))}")
    token = secrets.token_urlsafe(32)
    async with connection.transaction():
        row = await connection.fetchrow(
            "INSERT INTO statement_link (operator_id, link_id, token_hash, party_id, currency, first, last, made_by, expires_at)"
            " SELECT $1, $2, $3, p.party_id, $5, $6, $7, $8, now() + $9::interval FROM party p"
            f" WHERE p.operator_id = $1 AND p.party_id = $4 RETURNING {_COLUMNS}",
            operator,
            new_id("stl"),
            _hash(token),
            wanted.party,
            wanted.currency,
            wanted.first,
            wanted.last,
            by,
            timedelta(days=wanted.days),
        )
        if row is None:
            raise MissingError("party", wanted.party)
        made = one(row, StatementLink)
        detail = f"{made.party_id} {made.first} {made.last} for {wanted.days} days"
        await write_audit(
            connection, operator, by=by, action="statement.link", target=made.link_id, detail=detail
        )
    return made, token


async def find_link(connection: Connection, token: str) -> StatementLink | None:
    """What the address with this token shows; None when it is nobody's, expired or taken back."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM statement_link WHERE token_hash = $1 AND revoked_at IS NULL AND expires_at > now()",
        _hash(token),
    )
    return None if row is None else one(row, StatementLink)


async def links_of(connection: Connection, operator: OperatorId, party: PartyId) -> list[StatementLink]:
    """A party's addresses that open something, the newest first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM statement_link WHERE party_id = $2 AND operator_id = $1"
        " AND revoked_at IS NULL AND expires_at > now() ORDER BY made_at DESC, link_id LIMIT 50",
        operator,
        party,
    )
    return many(rows, StatementLink)


async def revoke_link(
    connection: Connection, operator: OperatorId, link_id: str, *, by: str
) -> StatementLink:
    """It opens nothing any more. MissingError."""
    async with connection.transaction():
        row = await connection.fetchrow(
            "UPDATE statement_link SET revoked_at = coalesce(revoked_at, now()) WHERE operator_id = $1 AND link_id = $2"
            f" RETURNING {_COLUMNS}",
            operator,
            search_key("address", link_id),
        )
        if row is None:
            raise MissingError("address", link_id)
        await write_audit(connection, operator, by=by, action="statement.unlink", target=link_id)
    return one(row, StatementLink)


def _hash(token: str) -> bytes:
    # Nothing slower is needed: nobody can guess 256 random bits.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
