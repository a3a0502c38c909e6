"""Which browser is logged in to the console as whom, and how often somebody may try.

A token is 32 random bytes, kept here as its SHA-256 only, and a new one is made at every login. A login ends here, on
the server, and at once: when somebody logs out, gets a new password or is disabled. What a person may do is looked up
anew for each page, so that a role that was taken away is gone with the next one.

Passwords have at least ten characters, so few guesses are worth much; the limits keep them few, and dear. Every try is
counted before its password is compared. A browser with which this person was logged in before has a limit of its own,
so that strangers who guess cannot keep people out of their own browsers.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from coinslot.addresses import source_of
from coinslot.audit import Connection, write_audit
from coinslot.fields import InputError
from coinslot.keyring import Keyring, Purpose
from coinslot.people.login_rules import DAY, HOUR, Limit, again_at
from coinslot.people.models import Staff
from coinslot.people.rules import Role
from coinslot.people.staff import log_in
from coinslot.rows import one
from coinslot.wire.ids import OperatorId, StaffId

IDLE: Final = timedelta(hours=12)
"""A login that nobody used for so long is over: a shift and a night."""
LIFE: Final = timedelta(days=7)
"""However much it was used."""
TOUCH_EVERY: Final = timedelta(minutes=5)
"""How exactly the last use is known: exact times would write a row for every page."""
REMEMBERED: Final = timedelta(days=90)
"""So long after its last login a browser counts as the person's own."""

QUARTER: Final = timedelta(minutes=15)
OWN_WRONG: Final = Limit(10, QUARTER)
"""From a browser of that person."""
SHARE_WRONG: Final = Limit(5, QUARTER)
"""One address, one login: two slips, a look at the note, and another two."""
SOURCE_WRONG: Final = Limit(20, HOUR)
LOGIN_WRONG: Final = (Limit(20, HOUR), Limit(60, DAY))
"""One login from everywhere: 22,000 guesses in a year, at a password that has ten characters or more."""
INSTALLATION_WRONG: Final = Limit(600, HOUR)
"""Each costs 0.3 s of a core; guesses that are spread over many logins and addresses end here."""

_STRANGERS: Final = (SHARE_WRONG, SOURCE_WRONG, *LOGIN_WRONG, INSTALLATION_WRONG)
_FIND = """
    SELECT s.operator_id, o.name AS operator, o.currency, o.timezone, o.help_phone, s.staff_id, s.login, s.name, s.role,
           l.seen_at < now() - $2::interval AS stale
    FROM console_login l
    JOIN staff s ON s.operator_id = l.operator_id AND s.staff_id = l.staff_id
    JOIN operator o ON o.operator_id = l.operator_id
    WHERE l.token_hash = $1 AND l.ended_at IS NULL AND l.expires_at > now() AND l.seen_at > now() - $3::interval
      AND s.disabled_at IS NULL
"""
_TOUCH = """
    UPDATE console_login SET seen_at = now()
    WHERE token_hash = $1 AND ended_at IS NULL AND seen_at < now() - $2::interval
"""
_KNOWN = """
    SELECT EXISTS (SELECT FROM console_login l JOIN staff s ON s.operator_id = l.operator_id AND s.staff_id = l.staff_id
                   WHERE l.token_hash = $1 AND l.operator_id = $2 AND lower(s.login) = lower($3)
                     AND l.seen_at > now() - $4::interval)
"""
_TRY = """
    INSERT INTO console_try (operator_id, login_hash, source_hash, known) VALUES ($1, $2, $3, $4) RETURNING try_id
"""
_LOG_OUT = "UPDATE console_login SET ended_at = now() WHERE token_hash = $1 AND ended_at IS NULL RETURNING operator_id, staff_id"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('coinslot staff logins', 0))"


class StaffHere(Struct, frozen=True, kw_only=True):
    """A member of staff who is logged in, with what every page shows of the operator."""

    operator_id: OperatorId
    operator: str
    currency: str
    timezone: str
    help_phone: str
    staff_id: StaffId
    login: str
    name: str
    role: Role
    stale: bool
    """Whether the last use is to be noted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """Somebody's name and password, as typed."""

    operator: OperatorId | None
    """None where there is no such operator: that takes as long, and counts, like a wrong password."""
    login: str
    password: str = field(repr=False)
    source: str
    """The address it comes from."""
    token: str | None = field(default=None, repr=False)
    """What the browser's cookie holds, from whichever login before."""


class TooManyTries(InputError):
    """No password is compared for now; from `again_at` on one is. Which limit it was is not told."""

    def __init__(self, at: datetime) -> None:
        super().__init__(f"login: too many tries; try again from {at:%H:%M:%S} UTC on")
        self.again_at = at


async def begin(connection: Connection, keyring: Keyring, wanted: Try) -> str | None:
    """Log in: the browser's new token, or None when operator, login or password is wrong. TooManyTries."""
    operator = wanted.operator or OperatorId("")
    try_id = await _count(connection, keyring, operator, wanted)
    async with connection.transaction():
        # Held until the login is there: a change of the password meanwhile waits, and then ends it.
        await connection.execute(
            "SELECT FROM staff WHERE operator_id = $1 AND lower(login) = lower($2) FOR SHARE",
            operator,
            wanted.login.replace("\0", ""),
        )
        staff = await log_in(connection, operator, wanted.login, wanted.password)
        if staff is None:
            return None
        await connection.execute(
            "UPDATE console_try SET right_at = now() WHERE operator_id = $1 AND try_id = $2", operator, try_id
        )
        return await _let_in(connection, staff, wanted.token)


async def _count(connection: Connection, keyring: Keyring, operator: OperatorId, wanted: Try) -> int:
    login = wanted.login.replace("\0", "").lower()[:200]
    login_hash = keyring.mac(Purpose.STAFF_LOGIN, "login", operator, login)
    source_hash = keyring.mac(Purpose.STAFF_LOGIN, "source", source_of(wanted.source))
    async with connection.transaction():
        await connection.execute(_LOCK)
        known = wanted.token is not None and await connection.fetchval(
            _KNOWN, _hash(wanted.token), operator, login, REMEMBERED
        )
        query, limits = (_OWN_ROOM, (OWN_WRONG,)) if known else (_ROOM, _STRANGERS)
        row = await connection.fetchrow(query, login_hash, source_hash)
        assert row is not None  # a SELECT without FROM has one row
        later = again_at(limits, row["nth_last"], row["now"])
        if later is not None:
            raise TooManyTries(later)
        await connection.execute("DELETE FROM console_try WHERE made_at < now() - $1::interval", DAY)
        return int(await connection.fetchval(_TRY, operator, login_hash, source_hash, bool(known)))


async def _let_in(connection: Connection, staff: Staff, old: str | None) -> str:
    fresh = secrets.token_urlsafe(32)
    if old is not None:
        await connection.execute(_LOG_OUT, _hash(old))
    await connection.execute(
        "DELETE FROM console_login WHERE operator_id = $1 AND staff_id = $2 AND seen_at < now() - $3::interval",
        staff.operator_id,
        staff.staff_id,
        REMEMBERED,
    )
    await connection.execute(
        "INSERT INTO console_login (operator_id, token_hash, staff_id, expires_at)"
        " VALUES ($1, $2, $3, now() + $4::interval)",
        staff.operator_id,
        _hash(fresh),
        staff.staff_id,
        LIFE,
    )
    await write_audit(
        connection, staff.operator_id, by=staff.staff_id, action="staff.log_in", target=staff.staff_id
    )
    return fresh


async def find_staff_here(connection: Connection, token: str) -> StaffHere | None:
    """Who is logged in with this token, as what, right now."""
    row = await connection.fetchrow(_FIND, _hash(token), TOUCH_EVERY, IDLE)
    if row is None:
        return None
    found = one(row, StaffHere)
    if found.stale:
        await connection.execute(_TOUCH, _hash(token), TOUCH_EVERY)
    return found


async def log_out(connection: Connection, token: str) -> None:
    """End this login. Nothing to end is no error."""
    async with connection.transaction():
        row = await connection.fetchrow(_LOG_OUT, _hash(token))
        if row is not None:
            await write_audit(
                connection,
                row["operator_id"],
                by=row["staff_id"],
                action="staff.log_out",
                target=row["staff_id"],
            )


def _hash(token: str) -> bytes:
    # Nothing slower is needed: nobody can guess 256 random bits.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _nth_last(which: str, limit: Limit) -> str:
    """When the last but `at_most - 1` wrong try was made. Built from constants of this module alone."""
    return (
        f"(SELECT made_at FROM console_try WHERE right_at IS NULL AND {which}"
        f" AND made_at > now() - interval '{limit.within.total_seconds():.0f} s'"
        f" ORDER BY made_at DESC OFFSET {limit.at_most - 1} LIMIT 1)"
    )


def _room(*nth_last: str) -> str:
    # Both hashes are named, so that both queries take the same two.
    return (
        f"SELECT clock_timestamp() AS now, ARRAY[{', '.join(nth_last)}] AS nth_last"
        " WHERE length($1::bytea) = 32 AND length($2::bytea) = 32"
    )


_OWN_ROOM: Final = _room(_nth_last("login_hash = $1 AND known", OWN_WRONG))
_ROOM: Final = _room(
    _nth_last("login_hash = $1 AND source_hash = $2 AND NOT known", SHARE_WRONG),
    _nth_last("source_hash = $2 AND NOT known", SOURCE_WRONG),
    *(_nth_last("login_hash = $1 AND NOT known", limit) for limit in LOGIN_WRONG),
    _nth_last("NOT known", INSTALLATION_WRONG),
)
