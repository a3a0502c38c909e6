"""How connections to the database are opened: as whom, and with which settings."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from coinslot.engines.errors import EngineError

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Connection = asyncpg.Connection

OWNER_ROLE = "coinslot_owner"
"""Owns every table; migrations run as it. Cannot log in."""
APP_ROLE = "coinslot_app"
"""What the running product may do, and no more. Cannot log in."""

UNANSWERED = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What a query may raise when the server goes away under it. The last one is the driver's own: a connection
that was told of its end and has not closed yet is used once more."""

_CONNECT_S = 10.0
_FORSAKEN: Final[Mapping[str, str]] = {"idle_in_transaction_session_timeout": "60s"}
"""A process that is frozen, or cut off by its network, in the middle of a transaction holds rows that others want: a
wallet, a terminal. None of ours waits for anything but the database within one, so the server ends it then."""


class DatabaseUnreachable(EngineError):
    """No connection to the database could be made."""


KEYED: Final[Mapping[str, str]] = {
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}
"""For pools whose statements all find their rows by key: a plan made while tables were small, and kept, must not
read them whole later. Joins are pinned in the statements themselves, see settlement/store.py."""


async def open_pool(
    url: str,
    *,
    min_size: int = 1,
    max_size: int = 10,
    application_name: str = "coinslot",
    planning: Mapping[str, str] = MappingProxyType({}),
) -> Pool:
    """A pool whose every connection acts as `coinslot_app`, in UTC. DatabaseUnreachable when there is none.

    Nothing resets a connection when it comes back to the pool, apart from a rollback: a reset costs a
    round trip on every use, and no code of ours changes a session's settings. What must differ for one
    transaction is SET LOCAL.
    """
    try:
        return await asyncpg.create_pool(
            url,
            min_size=min_size,
            max_size=max_size,
            timeout=_CONNECT_S,
            reset=_leave_as_it_is,
            server_settings={**_settings(application_name, APP_ROLE), **_FORSAKEN, **planning},
        )
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        raise _unreachable(error) from error


async def connect_owner(url: str, *, application_name: str = "coinslot owner") -> Connection:
    """One connection that acts as `coinslot_owner`: for what the running product may not do."""
    return await _connect(url, _settings(application_name, OWNER_ROLE))


async def connect_login(url: str, *, application_name: str = "coinslot admin") -> Connection:
    """One connection as the user in the URL itself: before the roles exist, and to look at them."""
    return await _connect(url, _settings(application_name, None))


async def ensure_database(url: str) -> bool:
    """Create the database that the URL names if it is missing; True if it was."""
    try:
        connection = await _connect(url, {})
    except DatabaseUnreachable as error:
        if not isinstance(error.__cause__, asyncpg.InvalidCatalogNameError):
            raise
    else:
        await connection.close()
        return False
    name = urlsplit(url).path.lstrip("/")
    connection = await _connect(with_database(url, "postgres"), {})
    try:
        await connection.execute(f"CREATE DATABASE {quoted_name(name)}")
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        return False
    finally:
        await connection.close()
    return True


def with_database(url: str, name: str) -> str:
    """The same server and login, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(name, safe='')}"))


def quoted_name(name: str) -> str:
    """A name as SQL takes it where no parameter can stand."""
    return '"' + name.replace('"', '""') + '"'


def _settings(application_name: str, role: str | None) -> dict[str, str]:
    settings = {"application_name": application_name, "TimeZone": "UTC"}
    if role is not None:
        settings["role"] = role
    return settings


async def _connect(url: str, settings: dict[str, str]) -> Connection:
    try:
        return await asyncpg.connect(url, timeout=_CONNECT_S, server_settings=settings)
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        raise _unreachable(error) from error


async def _leave_as_it_is(connection: Connection) -> None:
    """The pool's reset: nothing."""


def _unreachable(error: Exception) -> DatabaseUnreachable:
    # The URL holds a password, and so is not in the text.
    if isinstance(error, asyncpg.UndefinedObjectError | asyncpg.InvalidParameterValueError):
        return DatabaseUnreachable(
            f"the database has no coinslot roles yet: {error}",
            "Run `coinslot db migrate` with this database first.",
        )
    return DatabaseUnreachable(
        f"cannot connect to PostgreSQL: {error or type(error).__name__}",
        "Check COINSLOT_DATABASE_URL, that the server runs, and that it lets this user in.",
    )
