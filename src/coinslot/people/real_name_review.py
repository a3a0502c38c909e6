"""Real names before a reviewer: listed, opened, decided. With the decision goes what only served it."""

from __future__ import annotations

from typing import Final

from coinslot.audit import Connection, write_audit
from coinslot.fields import MissingError, search_key
from coinslot.keyring import Keyring
from coinslot.people import vault
from coinslot.people.real_name_rules import (
    Decided,
    OpenedName,
    PendingName,
    RealNameState,
    check_reason,
    sealed_field,
)
from coinslot.rows import many
from coinslot.wire.ids import CustomerId, OperatorId

_KIND: Final = "real name"


async def list_pending(connection: Connection, operator_id: OperatorId, limit: int) -> list[PendingName]:
    """Those that wait for a reviewer, the oldest first."""
    rows = await connection.fetch(
        "SELECT real_name_id, customer_id, submitted_at, reason AS note FROM real_name"
        " WHERE operator_id = $1 AND state = 'pending' ORDER BY submitted_at, real_name_id LIMIT $2",
        operator_id,
        limit,
    )
    return many(rows, PendingName)


async def open_real_name(
    connection: Connection, keyring: Keyring, operator_id: OperatorId, real_name_id: str, by: str
) -> OpenedName:
    """What was submitted, for a reviewer; the audit says who looked. MissingError; Decided if it was rejected."""
    async with connection.transaction():
        row = await connection.fetchrow(
            "SELECT * FROM real_name WHERE operator_id = $1 AND real_name_id = $2",
            operator_id,
            search_key(_KIND, real_name_id),
        )
        if row is None:
            raise MissingError(_KIND, real_name_id)
        customer_id, state = CustomerId(row["customer_id"]), RealNameState(row["state"])
        if state is RealNameState.REJECTED:
            raise Decided(state)
        key = await vault.find_key(connection, keyring, operator_id, customer_id)
        if key is None:
            raise MissingError(_KIND, real_name_id)
        sealed = row["picture_sealed"]
        opened = OpenedName(
            real_name_id=real_name_id,
            customer_id=customer_id,
            state=state,
            submitted_at=row["submitted_at"],
            note=row["reason"],
            name=key.open(sealed_field("name", real_name_id), row["name_sealed"]).decode(),
            id_number=key.open(sealed_field("number", real_name_id), row["number_sealed"]).decode(),
            picture=None if sealed is None else key.open(sealed_field("picture", real_name_id), sealed),
        )
        await write_audit(
            connection, operator_id, by=by, action="real_name.open", target=real_name_id, detail=customer_id
        )
    return opened


async def approve(connection: Connection, operator_id: OperatorId, real_name_id: str, *, by: str) -> None:
    """The card was looked at and is right: the picture is deleted now. MissingError, Decided."""
    await _decide(
        connection,
        operator_id,
        real_name_id,
        "UPDATE real_name SET state = 'approved', decided_at = now(), decided_by = $3, reason = $4,"
        " picture_sealed = NULL",
        by=by,
        reason="",
        action="real_name.approve",
    )


async def reject(
    connection: Connection, operator_id: OperatorId, real_name_id: str, *, reason: str, by: str
) -> None:
    """It cannot be taken, and `reason` tells the customer why: nothing of it is kept. MissingError, Decided."""
    await _decide(
        connection,
        operator_id,
        real_name_id,
        "UPDATE real_name SET state = 'rejected', decided_at = now(), decided_by = $3, reason = $4,"
        " picture_sealed = NULL, name_sealed = NULL, number_sealed = NULL, number_hash = NULL",
        by=by,
        reason=check_reason(reason),
        action="real_name.reject",
    )


async def approve_waiting(connection: Connection, older_than_s: float, by: str) -> int:
    """Approve, at every operator, what has waited so long; how many those were. For demonstrations only.

    What a reviewer should know something about waits on for a person.
    """
    async with connection.transaction():
        rows = await connection.fetch(
            "UPDATE real_name SET state = 'approved', decided_at = now(), decided_by = $2, picture_sealed = NULL"
            " WHERE state = 'pending' AND reason = '' AND submitted_at <= now() - make_interval(secs => $1)"
            " RETURNING operator_id, real_name_id, customer_id",
            older_than_s,
            by,
        )
        for row in rows:
            await write_audit(
                connection,
                row["operator_id"],
                by=by,
                action="real_name.approve",
                target=row["real_name_id"],
                detail=row["customer_id"],
            )
    return len(rows)


async def _decide(
    connection: Connection,
    operator_id: OperatorId,
    real_name_id: str,
    update: str,
    *,
    by: str,
    reason: str,
    action: str,
) -> None:
    async with connection.transaction():
        customer_id = await connection.fetchval(
            f"{update} WHERE operator_id = $1 AND real_name_id = $2 AND state = 'pending' RETURNING customer_id",
            operator_id,
            search_key(_KIND, real_name_id),
            by,
            reason,
        )
        if customer_id is None:
            state = await connection.fetchval(
                "SELECT state FROM real_name WHERE operator_id = $1 AND real_name_id = $2",
                operator_id,
                real_name_id,
            )
            if state is None:
                raise MissingError(_KIND, real_name_id)
            raise Decided(RealNameState(state))
        await write_audit(
            connection, operator_id, by=by, action=action, target=real_name_id, detail=customer_id
        )
