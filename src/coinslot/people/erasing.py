"""A person is forgotten: what is kept about them goes, the bare customer stays for the books."""

from __future__ import annotations

from coinslot.audit import Connection, write_audit
from coinslot.fields import MissingError
from coinslot.people import vault
from coinslot.wire.ids import CustomerId, OperatorId


async def forget_person(
    connection: Connection, operator_id: OperatorId, customer_id: CustomerId, by: str
) -> None:
    """Key destroyed, name, phone, card and real names gone, every login ended, nothing to be started any more.

    Whether it may be done now, with money and sessions as they stand, is for `settlement.erasure` to say:
    ask there. Forgetting somebody twice is no error. MissingError.
    """
    owner = (operator_id, customer_id)
    async with connection.transaction():
        # Whoever logs in or submits holds the row too, and finds neither number nor key afterwards.
        found = await connection.fetchval(
            "UPDATE customer SET name = '', phone = NULL, phone_proved_at = NULL,"
            " card_no = NULL, pin_hash = NULL, pin_set_at = NULL,"
            " blocked_at = COALESCE(blocked_at, now())"
            " WHERE operator_id = $1 AND customer_id = $2 RETURNING true",
            *owner,
        )
        if not found:
            raise MissingError("customer", customer_id)
        await vault.destroy(connection, *owner)
        for table in ("real_name", "browser_login", "login_proof"):
            await connection.execute(
                f"DELETE FROM {table} WHERE operator_id = $1 AND customer_id = $2", *owner
            )
        await write_audit(connection, operator_id, by=by, action="customer.erase", target=customer_id)
