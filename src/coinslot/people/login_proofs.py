"""What somebody holds who had the right code for a number that a code alone does not open any more.

A proof is 32 random bytes in the hands of one browser, good for ten minutes, for one customer and for the number
that the code was sent to. All who change a proof hold its customer's row; tries are kept before they are judged.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from coinslot.audit import Connection
from coinslot.keyring import Keyring
from coinslot.people.login_codes import phone_hashes
from coinslot.people.login_rules import KEEP, PROOF_LIFE, PROOF_TRIES, TAIL_LIMIT
from coinslot.wire.ids import CustomerId, OperatorId


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldProof:
    """A live proof, its customer's row locked."""

    customer_id: CustomerId
    phone: str = field(repr=False)
    tries: int


async def make_proof(
    connection: Connection, keyring: Keyring, operator_id: OperatorId, customer_id: CustomerId, phone: str
) -> str:
    """A proof for this customer and this number; only its hash is kept."""
    proof = secrets.token_urlsafe(32)
    await connection.execute(
        "INSERT INTO login_proof (operator_id, proof_hash, customer_id, phone_hash, expires_at)"
        " VALUES ($1, $2, $3, $4, now() + $5::interval)",
        operator_id,
        _hash(proof),
        customer_id,
        phone_hashes(keyring, phone)[0],
        PROOF_LIFE,
    )
    return proof


async def hold_proof(
    connection: Connection, keyring: Keyring, operator_id: OperatorId, proof: str
) -> HeldProof | None:
    """Lock the proof's customer for this transaction; None when the proof is over or the number has moved on."""
    customer_id = await connection.fetchval(
        "SELECT customer_id FROM login_proof WHERE operator_id = $1 AND proof_hash = $2",
        operator_id,
        _hash(proof),
    )
    if customer_id is None:
        return None
    # FOR UPDATE at once: the number is part of a key, and a lock that grows later may meet another that does.
    phone = await connection.fetchval(
        "SELECT phone FROM customer WHERE operator_id = $1 AND customer_id = $2 FOR UPDATE",
        operator_id,
        customer_id,
    )
    row = await connection.fetchrow(
        "SELECT tries, phone_hash FROM login_proof WHERE operator_id = $1 AND proof_hash = $2"
        " AND ended_at IS NULL AND expires_at > clock_timestamp()",
        operator_id,
        _hash(proof),
    )
    if row is None or phone is None:
        return None
    if not any(hmac.compare_digest(one, row["phone_hash"]) for one in phone_hashes(keyring, phone)):
        return None
    return HeldProof(customer_id=CustomerId(customer_id), phone=phone, tries=row["tries"])


async def tries_left(connection: Connection, operator_id: OperatorId, held: HeldProof) -> int:
    """How often a tail may still be tried: with this proof, and for this customer today with whatever proof."""
    today = await connection.fetchval(
        "SELECT COALESCE(sum(tries), 0) FROM login_proof"
        " WHERE operator_id = $1 AND customer_id = $2 AND made_at > now() - $3::interval",
        operator_id,
        held.customer_id,
        TAIL_LIMIT.within,
    )
    return max(0, min(PROOF_TRIES - held.tries, TAIL_LIMIT.at_most - int(today)))


async def count_try(connection: Connection, operator_id: OperatorId, proof: str) -> None:
    """One more try at the tail; the customer's row is held."""
    await connection.execute(
        "UPDATE login_proof SET tries = tries + 1 WHERE operator_id = $1 AND proof_hash = $2",
        operator_id,
        _hash(proof),
    )


async def end_proofs(connection: Connection, operator_id: OperatorId, customer_id: CustomerId) -> None:
    """All proofs for this customer are over: whose the number is has been settled. The customer's row is held."""
    await connection.execute(
        "UPDATE login_proof SET ended_at = now()"
        " WHERE operator_id = $1 AND customer_id = $2 AND ended_at IS NULL",
        operator_id,
        customer_id,
    )


async def delete_old_proofs(connection: Connection) -> None:
    """Delete proofs that no limit looks back to any more."""
    await connection.execute("DELETE FROM login_proof WHERE made_at < now() - $1::interval", KEEP)


def _hash(proof: str) -> bytes:
    return hashlib.sha256(proof.encode("utf-8", "surrogatepass")).digest()
