"""Who is let in by a right code, and who has to show more.

Carriers give a number that was let go to somebody new. That person gets
our code, and must not get the wallet, the history and the name of whoever had the number before. So a customer is
not opened by the code alone when both hold:

- nobody is known to have had the number for `operator.phone_trust_days`: since it was last proved by a code, or,
  if it never was, since the desk registered the customer;
- the customer has a past: money was ever booked, an appliance was ever used, a real name was ever given. Without
  one there is nothing to protect, and asking would only stand in the way.

A browser that is logged in as this very customer is let in all the same: it could see everything already, and
somebody who comes weekly must not be a stranger because the last code was long ago.

Everybody else gets a proof (`StillYours`) and a choice. *Still mine*: the last four characters of the ID number
the customer gave; somebody without a real name is asked the same and always told "wrong", so that the question
does not tell a stranger whether there is one. *Begin anew*: the number goes to a new customer; the earlier one
keeps wallet, history and the browsers logged in, loses only the number, and can be helped at the desk. Nothing is
merged, emptied or deleted on a stranger's word.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from coinslot.audit import Connection, write_audit
from coinslot.keyring import Keyring
from coinslot.people.browsers import begin_login, is_logged_in
from coinslot.people.login_proofs import end_proofs, make_proof
from coinslot.people.login_rules import number_is_old
from coinslot.wire.ids import CustomerId, OperatorId, new_id


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedIn:
    """The browser is logged in; its cookie must hold `token` from now on."""

    customer_id: CustomerId
    token: str = field(repr=False)
    """Always a fresh one; what the old one opened at other operators moved to it."""
    new: bool
    """The customer was made just now."""


@dataclass(frozen=True, slots=True)
class StillYours:
    """The code was right, but the number may have changed hands: ask for the ID number's tail, or begin anew."""

    proof: str = field(repr=False)
    """For a hidden field of the next form; good for ten minutes."""


async def open_customer(
    connection: Connection,
    keyring: Keyring,
    operator_id: OperatorId,
    phone: str,
    language: str,
    token: str | None,
) -> LoggedIn | StillYours | None:
    """Log in as the customer with this number, or ask for more; None if there is no such customer."""
    row = await connection.fetchrow(
        "SELECT c.customer_id, c.phone_proved_at, c.created_at, o.phone_trust_days, clock_timestamp() AS now"
        " FROM customer c JOIN operator o USING (operator_id)"
        " WHERE c.operator_id = $1 AND c.phone = $2 FOR NO KEY UPDATE OF c",
        operator_id,
        phone,
    )
    if row is None:
        return None
    customer_id = CustomerId(row["customer_id"])
    doubtful = number_is_old(
        row["phone_proved_at"], row["created_at"], trust_days=row["phone_trust_days"], now=row["now"]
    )
    if (
        doubtful
        and await _has_past(connection, operator_id, customer_id)
        and not await is_logged_in(connection, operator_id, customer_id, token)
    ):
        return StillYours(await make_proof(connection, keyring, operator_id, customer_id, phone))
    return await let_in(connection, operator_id, customer_id, language, token)


async def _has_past(connection: Connection, operator_id: OperatorId, customer_id: CustomerId) -> bool:
    return bool(
        await connection.fetchval(
            # OFFSET 0: by customer first; without statistics the planner may else read all of the operator's.
            "SELECT EXISTS (SELECT FROM (SELECT operator_id FROM session WHERE customer_id = $2 OFFSET 0) AS used"
            " WHERE operator_id = $1)"
            " OR EXISTS (SELECT FROM real_name WHERE operator_id = $1 AND customer_id = $2)"
            # Every account `customer/{id}/…`, also an empty one: it was not always. '0' is what follows '/'.
            " OR EXISTS (SELECT FROM ledger_balance WHERE operator_id = $1"
            " AND account > 'customer/' || $2 || '/' AND account < 'customer/' || $2 || '0')",
            operator_id,
            customer_id,
        )
    )


async def let_in(
    connection: Connection,
    operator_id: OperatorId,
    customer_id: CustomerId,
    language: str,
    token: str | None,
) -> LoggedIn:
    """The number is proved as of now; the customer's row is held."""
    await connection.execute(
        "UPDATE customer SET phone_proved_at = clock_timestamp(),"
        " language = CASE WHEN phone_proved_at IS NULL THEN $3 ELSE language END"
        " WHERE operator_id = $1 AND customer_id = $2",
        operator_id,
        customer_id,
        language,
    )
    await end_proofs(connection, operator_id, customer_id)
    fresh = await begin_login(connection, operator_id, customer_id, token)
    return LoggedIn(customer_id=customer_id, token=fresh, new=False)


async def register_customer(
    connection: Connection, operator_id: OperatorId, phone: str, language: str, token: str | None
) -> LoggedIn | None:
    """Log in as a new customer; None if the number has one. A conflict is no error: its text has the number."""
    customer_id = await connection.fetchval(
        "INSERT INTO customer (operator_id, customer_id, phone, phone_proved_at, language)"
        " VALUES ($1, $2, $3, clock_timestamp(), $4) ON CONFLICT (operator_id, phone) DO NOTHING"
        " RETURNING customer_id",
        operator_id,
        new_id("cus"),
        phone,
        language,
    )
    if customer_id is None:
        return None
    await write_audit(
        connection,
        operator_id,
        by=customer_id,
        action="customer.add",
        target=customer_id,
        detail="by phone and code",
    )
    fresh = await begin_login(connection, operator_id, CustomerId(customer_id), token)
    return LoggedIn(customer_id=CustomerId(customer_id), token=fresh, new=True)
