"""Releases for terminals: what was signed, whose signature counts, and the artifacts that are served here."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg
import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from coinslot.audit import Connection, write_audit
from coinslot.fields import FieldError, MissingError, TakenError, clean_name
from coinslot.wire.ids import OperatorId, new_id
from coinslot.wire.statements import Statement, audiences, most_bytes

PIECE_BYTES: Final = 256 * 1024
_HEX: Final = frozenset("0123456789abcdef")
_KEY_DIGITS: Final = 64
_MOST_KEYS: Final = 8


class SignedRelease(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands beside an artifact, in `ARTIFACT.signed.json`: made where the key is, read where it is offered."""

    statement: Statement
    signature: str
    key: str
    """The public key, in hex: which of them to look for. It is believed only where it is trusted already."""


class UpdateKey(Struct, frozen=True, kw_only=True):
    """A public key that signs releases."""

    key: str
    name: str
    added_at: datetime
    ended_at: datetime | None


def sign(private: Ed25519PrivateKey, statement: Statement) -> SignedRelease:
    """Put a name to it."""
    return SignedRelease(
        statement=statement,
        signature=private.sign(statement.text()).hex(),
        key=private.public_key().public_bytes_raw().hex(),
    )


def is_signed(signed: SignedRelease, keys: Sequence[str]) -> bool:
    """Whether one of these public keys signed it."""
    for key in keys:
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(
                bytes.fromhex(signed.signature), signed.statement.text()
            )
        except (ValueError, InvalidSignature):
            continue
        return True
    return False


def is_of(statement: Statement, artifact: bytes) -> bool:
    """Whether this is the artifact that was signed."""
    return len(artifact) == statement.size and hashlib.sha256(artifact).hexdigest() == statement.sha256


async def trust_key(
    connection: Connection, operator: OperatorId, *, key: str, name: str, by: str
) -> UpdateKey:
    """Have terminals that are claimed from now on believe what this key signs. FieldError for what is no key."""
    key, name = key.strip().lower(), clean_name("name", name)
    if len(key) != _KEY_DIGITS or not _HEX.issuperset(key):
        raise FieldError("key", "must be the 64 hex digits that `coinslot release keygen` prints")
    async with connection.transaction():
        await connection.execute("SELECT FROM operator WHERE operator_id = $1 FOR NO KEY UPDATE", operator)
        if len([one for one in await list_keys(connection, operator) if one.ended_at is None]) >= _MOST_KEYS:
            raise FieldError("key", f"there are {_MOST_KEYS} already; end one first")
        row = await connection.fetchrow(
            "INSERT INTO update_key (operator_id, key, name) VALUES ($1, $2, $3)"
            " ON CONFLICT (operator_id, key) DO UPDATE SET ended_at = NULL, name = $3"
            " RETURNING key, name, added_at, ended_at",
            operator,
            key,
            name,
        )
        await write_audit(
            connection, operator, by=by, action="update_key.trust", target=key[:16], detail=name
        )
    assert row is not None
    return msgspec.convert(dict(row), UpdateKey)


async def end_key(connection: Connection, operator: OperatorId, *, key: str, by: str) -> None:
    """Give it to no terminal any more; those that have it keep it until their configuration names others."""
    async with connection.transaction():
        if not await connection.fetchval(
            "UPDATE update_key SET ended_at = COALESCE(ended_at, now())"
            " WHERE operator_id = $1 AND (key = $2 OR name = $2) RETURNING true",
            operator,
            key,
        ):
            raise MissingError("update key", key)
        await write_audit(connection, operator, by=by, action="update_key.end", target=key[:16])


async def list_keys(connection: Connection, operator: OperatorId) -> list[UpdateKey]:
    """All of them, the oldest first."""
    rows = await connection.fetch(
        "SELECT key, name, added_at, ended_at FROM update_key WHERE operator_id = $1 ORDER BY added_at, key",
        operator,
    )
    return [msgspec.convert(dict(row), UpdateKey) for row in rows]


async def keys_in_force(connection: Connection, operator: OperatorId) -> tuple[str, ...]:
    """What a terminal is given with its identity."""
    rows = await connection.fetch(
        "SELECT key FROM update_key WHERE operator_id = $1 AND ended_at IS NULL ORDER BY added_at, key",
        operator,
    )
    return tuple(str(row["key"]) for row in rows)


async def add_release(
    connection: Connection, operator: OperatorId, signed: SignedRelease, artifact: bytes, *, url: str, by: str
) -> str:
    """The id of a release; the same again is the one there is. In the caller's transaction. FieldError for what a
    terminal would refuse: nothing is offered that cannot be put in place."""
    about = signed.statement
    if not is_of(about, artifact):
        raise FieldError("file", "is not the one that was signed; sign it again")
    if about.size > most_bytes(about.kind):
        raise FieldError("file", f"may have at most {most_bytes(about.kind)} bytes")
    if about.audience not in audiences(operator):
        raise FieldError("audience", f"it is signed for {about.audience}, not for this operator ({operator})")
    if not is_signed(signed, await keys_in_force(connection, operator)):
        raise FieldError("signature", "none of the trusted keys made it; see `coinslot operator update keys`")
    try:
        async with connection.transaction():
            await connection.execute(
                "INSERT INTO update_release (operator_id, release_id, kind, serial, version, sha256, size, audience,"
                " signature, url) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                operator,
                release_id := new_id("rel"),
                about.kind.value,
                about.serial,
                about.version,
                about.sha256,
                about.size,
                about.audience,
                signed.signature,
                url,
            )
    except asyncpg.UniqueViolationError:
        return await _same(connection, operator, about)
    if not url:
        await _keep(connection, about.sha256, artifact)
    await write_audit(
        connection,
        operator,
        by=by,
        action="update.release",
        target=release_id,
        detail=f"{about.kind} serial={about.serial} version={about.version}",
    )
    return release_id


async def _same(connection: Connection, operator: OperatorId, about: Statement) -> str:
    row = await connection.fetchrow(
        "SELECT release_id, sha256 FROM update_release WHERE serial = $1 AND kind = $2 AND operator_id = $3",
        about.serial,
        about.kind.value,
        operator,
    )
    if row is None or row["sha256"] != about.sha256:
        raise TakenError(
            "serial", f"{about.serial} is another release of the {about.kind}; sign with a higher one"
        )
    return str(row["release_id"])


async def _keep(connection: Connection, sha256: str, artifact: bytes) -> None:
    pieces = range(0, len(artifact), PIECE_BYTES)
    await connection.executemany(
        "INSERT INTO update_artifact (sha256, piece, data, size) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        [
            (sha256, number, artifact[at : at + PIECE_BYTES], len(artifact))
            for number, at in enumerate(pieces)
        ],
    )


async def artifact_size(connection: Connection, sha256: str) -> int | None:
    """Of an artifact that is served here; None for any other."""
    size = await connection.fetchval(
        "SELECT size FROM update_artifact WHERE sha256 = $1 AND piece = 0", sha256
    )
    return None if size is None else int(size)


async def artifact_part(connection: Connection, sha256: str, begin: int, end: int) -> bytes:
    """Its bytes from `begin` up to, not with, `end`."""
    first, last = begin // PIECE_BYTES, (end - 1) // PIECE_BYTES
    rows = await connection.fetch(
        "SELECT data FROM update_artifact WHERE sha256 = $1 AND piece BETWEEN $2 AND $3 ORDER BY piece",
        sha256,
        first,
        last,
    )
    held = b"".join(row["data"] for row in rows)
    return held[begin - first * PIECE_BYTES : end - first * PIECE_BYTES]
