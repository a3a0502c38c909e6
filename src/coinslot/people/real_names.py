"""Real names: submitted once, looked at by a person (`real_name_review`), kept sealed.

Everything personal is sealed with the customer's own key (`vault`). The picture is deleted by the decision that
it served, a rejected one's name and number too.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from typing import Final

from coinslot.audit import Connection, write_audit
from coinslot.fields import FieldError, MissingError
from coinslot.keyring import Keyring, Purpose, mac
from coinslot.people import vault
from coinslot.people.id_number import TAIL, normal_id_characters
from coinslot.people.pictures import clean_picture_apart
from coinslot.people.real_name_review import (
    approve,
    approve_waiting,
    list_pending,
    open_real_name,
    reject,
)
from coinslot.people.real_name_rules import (
    ACCOUNTS_OF_ONE_NUMBER,
    SEEN_BEFORE,
    Decided,
    OpenedName,
    PendingName,
    RealName,
    RealNameState,
    check_submitted,
    sealed_field,
)
from coinslot.rows import one
from coinslot.wire.ids import CustomerId, OperatorId, new_id

__all__ = [
    "Decided",
    "OpenedName",
    "PendingName",
    "RealName",
    "RealNameState",
    "approve",
    "approve_waiting",
    "find_real_name",
    "list_pending",
    "matches_tail",
    "needed",
    "open_real_name",
    "reject",
    "submit",
]

_CARDS_DAY: Final = timedelta(hours=8)  # birthdays on Chinese cards are days of China's time
_PUBLIC: Final = "real_name_id, state, submitted_at, decided_at, CASE state WHEN 'rejected' THEN reason ELSE '' END AS reason"


async def submit(
    connection: Connection,
    keyring: Keyring,
    operator_id: OperatorId,
    customer_id: CustomerId,
    *,
    name: str,
    id_number: str,
    picture: bytes,
    by: str,
) -> RealName:
    """Hand in a real name; it waits for a reviewer. FieldErrors with all that is wrong; Erased.

    While one waits or is approved, another is neither taken nor looked at: the one in force is the answer, so
    that whoever sends a form twice sees the same thing twice.
    """
    in_force = await _in_force(connection, operator_id, customer_id)
    if in_force is not None:
        return in_force
    cleaned: bytes | FieldError
    try:
        cleaned = await clean_picture_apart(picture)
    except FieldError as error:
        cleaned = error
    today = (datetime.now(UTC) + _CARDS_DAY).date()
    clean, number, kept = check_submitted(name, id_number, today, cleaned)
    async with connection.transaction():
        # One at a time for each customer: the second finds the first.
        if not await connection.fetchval(
            "SELECT true FROM customer WHERE operator_id = $1 AND customer_id = $2 FOR NO KEY UPDATE",
            operator_id,
            customer_id,
        ):
            raise MissingError("customer", customer_id)
        in_force = await _in_force(connection, operator_id, customer_id)
        if in_force is not None:
            return in_force
        return await _save(connection, keyring, operator_id, customer_id, clean, number, kept, by)


async def find_real_name(
    connection: Connection, operator_id: OperatorId, customer_id: CustomerId
) -> RealName | None:
    """The one that waits or is approved, else the last that was rejected."""
    row = await connection.fetchrow(
        f"SELECT {_PUBLIC} FROM real_name WHERE operator_id = $1 AND customer_id = $2"
        " ORDER BY state = 'rejected', submitted_at DESC, real_name_id DESC LIMIT 1",
        operator_id,
        customer_id,
    )
    return None if row is None else one(row, RealName)


async def needed(connection: Connection, operator_id: OperatorId, customer_id: CustomerId) -> bool:
    """Whether the operator wants a real name before the first use, and has approved none of this customer's."""
    return bool(
        await connection.fetchval(
            "SELECT o.real_name <> 'not_asked' AND NOT EXISTS (SELECT FROM real_name"
            " WHERE operator_id = $1 AND customer_id = $2 AND state = 'approved')"
            " FROM operator o WHERE o.operator_id = $1",
            operator_id,
            customer_id,
        )
    )


async def matches_tail(
    connection: Connection, keyring: Keyring, operator_id: OperatorId, customer_id: CustomerId, tail: str
) -> bool | None:
    """Whether the approved ID number ends in these four characters; None when there is none to compare with.

    Whoever asks counts the tries. Takes the same time for every wrong answer.
    """
    row = await connection.fetchrow(
        "SELECT real_name_id, number_sealed FROM real_name"
        " WHERE operator_id = $1 AND customer_id = $2 AND state = 'approved'",
        operator_id,
        customer_id,
    )
    key = await vault.find_key(connection, keyring, operator_id, customer_id)
    if row is None or key is None:
        return None
    number = key.open(sealed_field("number", row["real_name_id"]), row["number_sealed"])
    typed = normal_id_characters(tail).encode("utf-8", "surrogatepass")
    return hmac.compare_digest(number[-TAIL:], typed)


async def _in_force(
    connection: Connection, operator_id: OperatorId, customer_id: CustomerId
) -> RealName | None:
    row = await connection.fetchrow(
        f"SELECT {_PUBLIC} FROM real_name WHERE operator_id = $1 AND customer_id = $2 AND state <> 'rejected'",
        operator_id,
        customer_id,
    )
    return None if row is None else one(row, RealName)


async def _save(
    connection: Connection,
    keyring: Keyring,
    operator_id: OperatorId,
    customer_id: CustomerId,
    name: str,
    number: str,
    picture: bytes,
    by: str,
) -> RealName:
    key = await vault.key_for(connection, keyring, operator_id, customer_id)
    real_name_id = new_id("rnm")
    hashes = [mac(each, operator_id, number) for each in keyring.keys(Purpose.ID_NUMBER)]
    row = await connection.fetchrow(
        "INSERT INTO real_name (operator_id, real_name_id, customer_id, name_sealed, number_sealed,"
        f" picture_sealed, number_hash, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING {_PUBLIC}",
        operator_id,
        real_name_id,
        customer_id,
        key.seal(sealed_field("name", real_name_id), name.encode()),
        key.seal(sealed_field("number", real_name_id), number.encode()),
        key.seal(sealed_field("picture", real_name_id), picture),
        hashes[0],
        SEEN_BEFORE if await _seen(connection, operator_id, hashes) >= ACCOUNTS_OF_ONE_NUMBER else "",
    )
    await write_audit(
        connection, operator_id, by=by, action="real_name.submit", target=real_name_id, detail=customer_id
    )
    assert row is not None  # INSERT … RETURNING without ON CONFLICT has a row or has raised
    return one(row, RealName)


async def _seen(connection: Connection, operator_id: OperatorId, hashes: list[bytes]) -> int:
    """In how many accounts this number is; two that come at once with one number are counted in turn."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('coinslot ID number ' || encode($1, 'hex'), 0))",
        hashes[0],
    )
    found = await connection.fetchval(
        "SELECT count(*) FROM real_name WHERE operator_id = $1 AND number_hash = ANY ($2)",
        operator_id,
        hashes,
    )
    return int(found)
