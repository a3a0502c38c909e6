"""Sealing: entries become members of a chain of hashes, so that a later change shows.

The two formats below are the ledger's public contract: anyone with the postings can recompute them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from coinslot.ledger.store import Connection
from coinslot.wire.ids import OperatorId

GENESIS = bytes(32)
"""What the first seal of an operator has as its previous hash."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Seal(Struct, frozen=True):
    """A link of the chain. `hash` is the head to publish outside."""

    operator: OperatorId
    seal_no: int
    sealed: int
    hash: bytes


async def seal(connection: Connection, operator: OperatorId, at_most: int = 10_000) -> Seal | None:
    """Seal up to `at_most` pending entries, lowest id first; None when none is pending.

    Also brings the roll-ups forward and removes the balance rows of holds that are closed. Two callers for the
    same operator take turns.
    """
    row = await connection.fetchrow(
        "SELECT seal_no, sealed, hash FROM ledger_seal_pending($1, $2)", operator, at_most
    )
    if row is None or row["seal_no"] is None:
        return None
    return Seal(operator, row["seal_no"], row["sealed"], row["hash"])


async def head(connection: Connection, operator: OperatorId) -> Seal | None:
    """The latest seal; None before the first."""
    row = await connection.fetchrow(
        "SELECT seal_no, cardinality(members) AS sealed, hash FROM ledger_seal"
        " WHERE operator_id = $1 ORDER BY seal_no DESC LIMIT 1",
        operator,
    )
    return None if row is None else Seal(operator, row["seal_no"], row["sealed"], row["hash"])


def entry_digest(operator: str, entry_id: int, key: str, posted_at: datetime, content: bytes) -> bytes:
    """SHA-256 over an entry's place and time and its content's fingerprint."""
    moment_us = (posted_at - _EPOCH) // _MICROSECOND
    return hashlib.sha256(f"{operator}\n{entry_id}\n{key}\n{moment_us}\n".encode() + content).digest()


def seal_hash(previous: bytes, operator: str, seal_no: int, digests: Sequence[bytes]) -> bytes:
    """SHA-256 over the previous hash, the seal's own name and size, and its members' digests in order."""
    title = f"{operator}\n{seal_no}\n{len(digests)}\n".encode()
    return hashlib.sha256(previous + title + b"".join(digests)).digest()
