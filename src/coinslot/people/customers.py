"""Customers in the database. Each change writes its audit row, which never names a phone."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from coinslot.audit import Connection, write_audit
from coinslot.fields import FieldError, MissingError, TakenError, clean_name, search_key
from coinslot.people.models import Customer
from coinslot.people.rules import normal_phone
from coinslot.rows import many, one
from coinslot.wire.ids import CustomerId, OperatorId, new_id


async def add_customer(
    connection: Connection, operator_id: OperatorId, *, name: str = "", phone: str | None = None, by: str
) -> Customer:
    """A new customer: with a name, a phone number that is new to this operator, or both."""
    name = clean_name("name", name) if name.strip() else ""
    number = None if phone is None else normal_phone(phone)
    if not name and number is None:
        raise FieldError("name", "give a name, a phone number, or both")
    customer_id = CustomerId(new_id("cus"))
    async with connection.transaction():
        try:
            async with connection.transaction():
                row = await connection.fetchrow(
                    "INSERT INTO customer (operator_id, customer_id, name, phone)"
                    " VALUES ($1, $2, $3, $4) RETURNING *",
                    operator_id,
                    customer_id,
                    name,
                    number,
                )
        except asyncpg.UniqueViolationError:
            raise TakenError("phone", "another customer has this number already") from None
        except asyncpg.ForeignKeyViolationError:
            raise MissingError("operator", operator_id) from None
        await write_audit(connection, operator_id, by=by, action="customer.add", target=customer_id)
    assert row is not None  # INSERT … RETURNING without ON CONFLICT has a row or has raised
    return one(row, Customer)


async def make_customers(
    connection: Connection, operator_id: OperatorId, names: Sequence[str], *, by: str
) -> list[CustomerId]:
    """Many customers without phones in one statement: demonstrations, replays, benchmarks."""
    made = [CustomerId(new_id("cus")) for _ in names]
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO customer (operator_id, customer_id, name)"
            " SELECT $1, id, name FROM unnest($2::text[], $3::text[]) AS new (id, name)",
            operator_id,
            made,
            list(names),
        )
        await write_audit(
            connection,
            operator_id,
            by=by,
            action="customer.make_many",
            target=operator_id,
            detail=f"{len(made)} customers",
        )
    return made


async def oldest_named(
    connection: Connection, operator_id: OperatorId, names: Sequence[str]
) -> list[CustomerId]:
    """The first customer of each of these exact names, in the order of `names`; absent ones left out."""
    rows = await connection.fetch(
        "SELECT DISTINCT ON (name) name, customer_id FROM customer WHERE operator_id = $1 AND name = ANY ($2)"
        " ORDER BY name, created_at, customer_id",
        operator_id,
        list(names),
    )
    found = {row["name"]: CustomerId(row["customer_id"]) for row in rows}
    return [found[name] for name in names if name in found]


async def list_customers(
    connection: Connection, operator_id: OperatorId, *, limit: int = 1000
) -> list[Customer]:
    """The operator's customers, the newest first, at most `limit`."""
    rows = await connection.fetch(
        "SELECT * FROM customer WHERE operator_id = $1 ORDER BY created_at DESC, customer_id DESC LIMIT $2",
        operator_id,
        limit,
    )
    return many(rows, Customer)


async def find_customer(connection: Connection, operator_id: OperatorId, key: str) -> Customer:
    """One of the operator's customers by id, phone number, or a name that only one has."""
    try:
        phone = normal_phone(key)
    except FieldError:
        phone = None
    rows = await connection.fetch(
        "SELECT * FROM customer WHERE operator_id = $1"
        " AND (customer_id = $2 OR phone = $3 OR (name <> '' AND lower(name) = lower($2)))"
        " ORDER BY customer_id = $2 DESC, phone = $3 DESC NULLS LAST LIMIT 2",
        operator_id,
        search_key("customer", key),
        phone,
    )
    if not rows:
        # A phone number that was typed is not repeated: errors end up in logs.
        raise MissingError("customer", key if phone is None else "with this phone number")
    sure = rows[0]["customer_id"] == key or (phone is not None and rows[0]["phone"] == phone)
    if len(rows) > 1 and not sure:
        raise TakenError("customer", f"several are called {key[:80]!r}; use the id or the phone number")
    return one(rows[0], Customer)


async def customer_by_id(
    connection: Connection, operator_id: OperatorId, customer_id: CustomerId
) -> Customer | None:
    """The operator's customer with this id, and nothing else that somebody may be known by."""
    row = await connection.fetchrow(
        "SELECT * FROM customer WHERE operator_id = $1 AND customer_id = $2", operator_id, customer_id
    )
    return None if row is None else one(row, Customer)


async def customer_by_phone(connection: Connection, operator_id: OperatorId, phone: str) -> Customer | None:
    """The operator's customer with this number, typed in any way. FieldError for what is no number."""
    row = await connection.fetchrow(
        "SELECT * FROM customer WHERE operator_id = $1 AND phone = $2", operator_id, normal_phone(phone)
    )
    return None if row is None else one(row, Customer)


async def block_customer(
    connection: Connection, operator_id: OperatorId, customer_id: CustomerId, *, by: str, reason: str = ""
) -> None:
    """No new session for this customer; money and sessions under way are untouched."""
    await _block(connection, operator_id, customer_id, "customer.block", by, reason)


async def unblock_customer(
    connection: Connection, operator_id: OperatorId, customer_id: CustomerId, *, by: str, reason: str = ""
) -> None:
    """Let a blocked customer start again."""
    await _block(connection, operator_id, customer_id, "customer.unblock", by, reason)


async def _block(
    connection: Connection,
    operator_id: OperatorId,
    customer_id: CustomerId,
    action: str,
    by: str,
    reason: str,
) -> None:
    async with connection.transaction():
        found = await connection.fetchval(
            "UPDATE customer SET blocked_at = CASE WHEN $3 THEN COALESCE(blocked_at, now()) END"
            " WHERE operator_id = $1 AND customer_id = $2 RETURNING 1",
            operator_id,
            customer_id,
            action == "customer.block",
        )
        if not found:
            raise MissingError("customer", customer_id)
        await write_audit(
            connection, operator_id, by=by, action=action, target=customer_id, detail=reason.strip()[:200]
        )
