"""Codes on their way to phones: made within the limits, tried a few times, good once.

Neither the number nor the code can be read from the table: both are keyed hashes, and so is the address that
asked. All who change a code hold the lock of the limits.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg

from coinslot.addresses import source_of
from coinslot.audit import Connection
from coinslot.fields import FieldError, MissingError, storable
from coinslot.keyring import Keyring, Purpose, mac
from coinslot.people.login_limits import Asked, check_room, lock_limits, wrong_tries_exhausted
from coinslot.people.login_rules import (
    CODE_DIGITS,
    CODE_LIFE,
    CODE_TRIES,
    KEEP,
    PHONE_LIMITS,
    code_of,
)
from coinslot.people.rules import normal_phone
from coinslot.wire.ids import OperatorId, new_id


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedCode:
    """A code to be sent to `phone` now; it is in no other place, and is not shown by `repr`."""

    login_code_id: str
    phone: str = field(repr=False)
    """E.164."""
    code: str = field(repr=False)
    expires_at: datetime
    again_at: datetime
    """When the next one may be asked for at the earliest."""


@dataclass(frozen=True, slots=True)
class WrongCode:
    """It is another code; `tries_left` (at least 1) more may be tried."""

    tries_left: int


@dataclass(frozen=True, slots=True)
class CodeOver:
    """Nothing can be done with this code or proof any more: ask for a new code. Which reason it has is not told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RightCode:
    """Whoever tried the code reads the messages of `phone`. The code is used up."""

    phone: str = field(repr=False)


def phone_hashes(keyring: Keyring, phone: str) -> list[bytes]:
    """The number's hash by the secret in force, then by earlier ones: a new secret does not clear a limit."""
    return [mac(key, "phone", phone) for key in keyring.keys(Purpose.LOGIN_CODE)]


async def make_code(
    connection: Connection, keyring: Keyring, operator_id: OperatorId, *, phone: str, source: str
) -> AskedCode:
    """A new code for `phone`; older ones of it at this operator are over. It is the same for any number.

    `source` is the address that asks. FieldError for a bad number, TooManyCodes when a limit is reached.
    """
    number = normal_phone(phone)
    asked = Asked(
        operator_id,
        phone_hashes(keyring, number),
        [mac(key, "source", source_of(source)) for key in keyring.keys(Purpose.LOGIN_CODE)],
    )
    await check_room(connection, asked)
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    login_code_id = new_id("lgc")
    async with connection.transaction():
        await lock_limits(connection)
        now = await check_room(connection, asked)
        await connection.execute(
            "UPDATE login_code SET ended_at = $3"
            " WHERE operator_id = $1 AND phone_hash = ANY ($2::bytea[]) AND ended_at IS NULL"
            # Those before have expired; with the bound, any index finds few.
            " AND made_at > $3::timestamptz - $4::interval",
            operator_id,
            asked.phone_hashes,
            now,
            CODE_LIFE,
        )
        try:
            await connection.execute(
                "INSERT INTO login_code (operator_id, login_code_id, phone_hash, code_hash, source_hash, made_at,"
                " expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                operator_id,
                login_code_id,
                asked.phone_hashes[0],
                _code_hash(keyring.key(Purpose.LOGIN_CODE), login_code_id, code),
                asked.source_hashes[0],
                now,
                now + CODE_LIFE,
            )
        except asyncpg.ForeignKeyViolationError:
            raise MissingError("operator", operator_id) from None
    return AskedCode(
        login_code_id=login_code_id,
        phone=number,
        code=code,
        expires_at=now + CODE_LIFE,
        again_at=now + PHONE_LIMITS[0].within,
    )


async def use_code(
    connection: Connection,
    keyring: Keyring,
    operator_id: OperatorId,
    *,
    login_code_id: str,
    phone: str,
    code: str,
) -> RightCode | WrongCode | CodeOver:
    """Compare once, and keep what came of it, in a transaction of its own.

    What the right code leads to comes after: a failure there costs a new message, never a second comparison.
    What is not six digits is not compared and not counted.
    """
    try:
        number = normal_phone(phone)
    except FieldError:
        return CodeOver()
    known = phone_hashes(keyring, number)
    found = await _live(connection, operator_id, login_code_id, known)
    if found is None:
        return CodeOver()
    typed = code_of(code)
    if typed is None:
        return WrongCode(CODE_TRIES - found.tries)
    async with connection.transaction():
        await lock_limits(connection)
        if await wrong_tries_exhausted(connection, operator_id, found.source_hash):
            return CodeOver()
        found = await _live(connection, operator_id, login_code_id, known)
        if found is None:
            return CodeOver()
        if _any_equal((_code_hash(key, login_code_id, typed) for key in _keys(keyring)), found.code_hash):
            await connection.execute(
                "UPDATE login_code SET ended_at = clock_timestamp()"
                " WHERE operator_id = $1 AND login_code_id = $2",
                operator_id,
                login_code_id,
            )
            return RightCode(phone=number)
        await connection.execute(
            "UPDATE login_code SET tries = tries + 1 WHERE operator_id = $1 AND login_code_id = $2",
            operator_id,
            login_code_id,
        )
    left = CODE_TRIES - found.tries - 1
    return WrongCode(left) if left else CodeOver()


async def delete_old_codes(connection: Connection) -> int:
    """Delete what no limit looks back to any more; how many codes that were."""
    count = await connection.fetchval(
        "WITH gone AS (DELETE FROM login_code WHERE made_at < now() - $1::interval RETURNING 1)"
        " SELECT count(*) FROM gone",
        KEEP,
    )
    return int(count)


@dataclass(frozen=True, slots=True)
class _Live:
    """A code that may still be tried."""

    code_hash: bytes
    source_hash: bytes
    tries: int


async def _live(
    connection: Connection, operator_id: OperatorId, login_code_id: str, known_phones: Iterable[bytes]
) -> _Live | None:
    """The code while it may be tried, and for this number only. All who change one hold the lock."""
    if not storable(login_code_id):
        return None
    row = await connection.fetchrow(
        "SELECT phone_hash, code_hash, source_hash, tries FROM login_code WHERE operator_id = $1 AND login_code_id = $2"
        " AND ended_at IS NULL AND expires_at > clock_timestamp() AND tries < $3",
        operator_id,
        login_code_id,
        CODE_TRIES,
    )
    if row is None or not _any_equal(known_phones, row["phone_hash"]):
        return None
    return _Live(row["code_hash"], row["source_hash"], row["tries"])


def _keys(keyring: Keyring) -> tuple[bytes, ...]:
    return keyring.keys(Purpose.LOGIN_CODE)


def _code_hash(key: bytes, login_code_id: str, code: str) -> bytes:
    # With the id, so that two rows with the same code do not look alike.
    return mac(key, "code", login_code_id, code)


def _any_equal(candidates: Iterable[bytes], stored: bytes) -> bool:
    """Each is compared in full, so that the time tells neither whether one was equal nor which."""
    return True in [hmac.compare_digest(candidate, stored) for candidate in candidates]
