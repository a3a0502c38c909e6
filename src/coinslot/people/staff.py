"""Staff in the database: who may log in for an operator, and as what."""

from __future__ import annotations

import asyncio
import secrets

import asyncpg

from coinslot.audit import Connection, write_audit
from coinslot.fields import MissingError, TakenError, clean_name, search_key, storable
from coinslot.people.models import Staff
from coinslot.people.passwords import check_password, hash_password, needs_rehash, verify_password
from coinslot.people.rules import check_login, check_role
from coinslot.rows import many, one
from coinslot.wire.ids import OperatorId, StaffId, new_id

_COLUMNS = "operator_id, staff_id, login, name, role, disabled_at, created_at"


async def add_staff(
    connection: Connection,
    operator_id: OperatorId,
    *,
    login: str,
    name: str,
    role: str,
    password: str,
    by: str,
) -> Staff:
    """A new member of staff. FieldError names what is wrong, a login already in use too."""
    login, name, role = check_login(login), clean_name("name", name), check_role(role).value
    check_password(password)
    password_hash = await asyncio.to_thread(hash_password, password)
    staff_id = StaffId(new_id("stf"))
    async with connection.transaction():
        try:
            async with connection.transaction():
                row = await connection.fetchrow(
                    "INSERT INTO staff (operator_id, staff_id, login, name, role, password_hash)"
                    f" VALUES ($1, $2, $3, $4, $5, $6) RETURNING {_COLUMNS}",
                    operator_id,
                    staff_id,
                    login,
                    name,
                    role,
                    password_hash,
                )
        except asyncpg.UniqueViolationError:
            raise TakenError("login", f"{login!r} is in use already") from None
        except asyncpg.ForeignKeyViolationError:
            raise MissingError("operator", operator_id) from None
        await write_audit(
            connection, operator_id, by=by, action="staff.add", target=staff_id, detail=f"{login} {role}"
        )
    assert row is not None  # INSERT … RETURNING without ON CONFLICT has a row or has raised
    return one(row, Staff)


async def list_staff(connection: Connection, operator_id: OperatorId) -> list[Staff]:
    """The operator's staff, disabled ones too, by login."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM staff WHERE operator_id = $1 ORDER BY lower(login)", operator_id
    )
    return many(rows, Staff)


async def find_staff(connection: Connection, operator_id: OperatorId, key: str) -> Staff:
    """One of the operator's staff by id or login."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM staff WHERE operator_id = $1 AND (staff_id = $2 OR lower(login) = lower($2))"
        " ORDER BY staff_id = $2 DESC LIMIT 1",
        operator_id,
        search_key("member of staff", key),
    )
    if row is None:
        raise MissingError("member of staff", key)
    return one(row, Staff)


async def disable_staff(
    connection: Connection, operator_id: OperatorId, staff_id: StaffId, *, by: str
) -> None:
    """This person cannot log in any more, and is logged out at once. The row stays: the audit trail names it."""
    async with connection.transaction():
        found = await connection.fetchval(
            "UPDATE staff SET disabled_at = COALESCE(disabled_at, now())"
            " WHERE operator_id = $1 AND staff_id = $2 RETURNING 1",
            operator_id,
            staff_id,
        )
        if not found:
            raise MissingError("member of staff", staff_id)
        await end_logins(connection, operator_id, staff_id)
        await write_audit(connection, operator_id, by=by, action="staff.disable", target=staff_id)


async def set_password(
    connection: Connection, operator_id: OperatorId, staff_id: StaffId, password: str, *, by: str
) -> None:
    """Give somebody a new password, and end every login made with the old one. It does not enable a disabled login."""
    check_password(password)
    password_hash = await asyncio.to_thread(hash_password, password)
    async with connection.transaction():
        if not await _keep_hash(connection, operator_id, staff_id, password_hash):
            raise MissingError("member of staff", staff_id)
        await end_logins(connection, operator_id, staff_id)
        await write_audit(connection, operator_id, by=by, action="staff.password", target=staff_id)


async def end_logins(connection: Connection, operator_id: OperatorId, staff_id: StaffId) -> None:
    """Log this person out of the console in every browser."""
    await connection.execute(
        "UPDATE console_login SET ended_at = now() WHERE operator_id = $1 AND staff_id = $2 AND ended_at IS NULL",
        operator_id,
        staff_id,
    )


async def log_in(connection: Connection, operator_id: OperatorId, login: str, password: str) -> Staff | None:
    """The member of staff with this login and password, unless disabled; else None.

    An unknown login takes as long as a wrong password. How often one may try is not decided here.
    """
    row = None
    if storable(login):
        row = await connection.fetchrow(
            f"SELECT {_COLUMNS}, password_hash FROM staff"
            " WHERE operator_id = $1 AND lower(login) = lower($2)",
            operator_id,
            login,
        )
    stored: str = row["password_hash"] if row else await _nobodys_hash()
    if not await asyncio.to_thread(verify_password, password, stored) or row is None:
        return None
    if row["disabled_at"] is not None:
        return None
    staff = one(row, Staff)
    if needs_rehash(stored):
        await _keep_hash(
            connection, operator_id, staff.staff_id, await asyncio.to_thread(hash_password, password)
        )
    return staff


async def _keep_hash(
    connection: Connection, operator_id: OperatorId, staff_id: StaffId, password_hash: str
) -> bool:
    found = await connection.fetchval(
        "UPDATE staff SET password_hash = $3 WHERE operator_id = $1 AND staff_id = $2 RETURNING true",
        operator_id,
        staff_id,
        password_hash,
    )
    return bool(found)


_nobodys: list[str] = []


async def _nobodys_hash() -> str:
    """A hash no password matches, made once: what an unknown login is compared with."""
    if not _nobodys:
        _nobodys.append(await asyncio.to_thread(hash_password, secrets.token_urlsafe(32)))
    return _nobodys[0]
