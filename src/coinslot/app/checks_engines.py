"""The doctor's checks of the running engines: the database, its schema and roles, the broker and its callout."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator

import asyncpg
import nats
import nats.errors
from nats.aio.client import Client

from coinslot.app.findings import Finding, ok, skipped, wrong
from coinslot.engines.binaries import OLDEST_NATS, OLDEST_POSTGRES
from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import APP_ROLE, Connection, connect_login
from coinslot.engines.errors import EngineError, MigrationError
from coinslot.engines.migrate import applied_migrations, load, pending

MOST_CLOCK_DIFFERENCE_S = 2.0
_MUST_BE_ON = ("fsync", "full_page_writes", "synchronous_commit")
_CONNECT_S = 6.0
_CALLOUT = "$SYS.REQ.USER.AUTH"

_FORBIDDEN = f"""
SELECT c.relname || ': ' || right_name
FROM pg_class c, unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS right_name
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND c.relname ~ '^(ledger_|schema_migration$)'
  AND CASE right_name WHEN 'UPDATE' THEN has_any_column_privilege('{APP_ROLE}', c.oid, right_name)
                      ELSE has_table_privilege('{APP_ROLE}', c.oid, right_name) END
UNION ALL
SELECT relname || ': owner' FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relowner = '{APP_ROLE}'::regrole
UNION ALL
SELECT 'CREATE in schema public' WHERE has_schema_privilege('{APP_ROLE}', 'public', 'CREATE')
UNION ALL
SELECT 'superuser' FROM pg_roles WHERE rolname = '{APP_ROLE}' AND rolsuper
UNION ALL
SELECT 'may log in' FROM pg_roles WHERE rolname = '{APP_ROLE}' AND rolcanlogin
ORDER BY 1
"""


async def check_database(url: str) -> AsyncIterator[Finding]:
    """Reachable, recent, durable, with the schema of this program, roles as they must be, and our time of day."""
    try:
        connection = await connect_login(url, application_name="coinslot doctor")
    except EngineError as error:
        yield wrong("database", error.message, error.remedy)
        return
    try:
        yield judge_database_version(await connection.fetchval("SHOW server_version"))
        yield await _durable(connection)
        yield await _schema(connection)
        yield await _privileges(connection)
        yield await _clock(connection)
    finally:
        await connection.close()


def judge_database_version(version: str) -> Finding:
    """15 or later; `version` as the server says it, such as `18.6 (Debian 18.6-1)`."""
    if int(re.split(r"\D", version, maxsplit=1)[0]) < OLDEST_POSTGRES:
        return wrong("database", f"PostgreSQL {version}", f"Move to PostgreSQL {OLDEST_POSTGRES} or later.")
    return ok("database", f"PostgreSQL {version}")


async def _durable(connection: Connection) -> Finding:
    off = [name for name in _MUST_BE_ON if await connection.fetchval(f"SHOW {name}") == "off"]
    if off:
        return wrong(
            "durability",
            f"{', '.join(off)} off: a power cut would lose what was acknowledged",
            "Turn them on in postgresql.conf and reload.",
        )
    return ok("durability", "what is committed is on the disk")


async def _schema(connection: Connection) -> Finding:
    try:
        todo = pending(await applied_migrations(connection), load())
    except MigrationError as error:
        return wrong("schema", error.message, error.remedy)
    if todo:
        return wrong(
            "schema", f"{len(todo)} migration(s) missing, first {todo[0]}", "Run `coinslot db migrate`."
        )
    return ok("schema", "up to date")


async def _privileges(connection: Connection) -> Finding:
    try:
        excess = [row[0] for row in await connection.fetch(_FORBIDDEN)]
    except asyncpg.UndefinedObjectError:
        return wrong("privileges", f"the role {APP_ROLE} is missing", "Run `coinslot db migrate`.")
    if excess:
        return wrong(
            "privileges",
            f"{APP_ROLE} may do too much: {', '.join(excess)}",
            f"As the database's administrator, REVOKE these from {APP_ROLE} (and from PUBLIC).",
        )
    return ok("privileges", f"{APP_ROLE} can neither change nor remove what is in the ledger")


async def _clock(connection: Connection) -> Finding:
    before = time.time()
    theirs = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
    return judge_clock(float(theirs) - (before + time.time()) / 2)


def judge_clock(difference_s: float) -> Finding:
    """What a difference between the database's clock and ours means."""
    text = f"the database's clock differs from ours by {difference_s:+.3f} s"
    if abs(difference_s) > MOST_CLOCK_DIFFERENCE_S:
        return wrong("clock", text, "Run a time service (chrony, systemd-timesyncd) on both machines.")
    return ok("clock", text)


async def check_broker(access: BrokerAccess) -> AsyncIterator[Finding]:
    """Reachable with each of our three logins, recent, and somebody answers for terminals that log in."""
    logins = (
        ("server", access.server_user, access.server_password),
        ("auth", access.auth_user, access.auth_password),
    )
    for name, user, password in logins:
        try:
            client = await _connect(access.url, user, password)
        except (OSError, nats.errors.Error, TimeoutError) as error:
            yield _refused(name, error)
            return
        version = str(client.connected_server_version).removeprefix("<nats server v").rstrip(">")
        await client.close()
    yield judge_broker_version(version)
    try:
        client = await _connect(access.url, access.sys_user, access.sys_password)
    except (OSError, nats.errors.Error, TimeoutError) as error:
        yield _refused("sys", error)
        return
    try:
        yield await _callout(client)
    finally:
        await client.close()


def judge_broker_version(version: str) -> Finding:
    """2.15.1 or later."""
    oldest = ".".join(map(str, OLDEST_NATS))
    numbers = tuple(int(part) for part in version.split("-")[0].split("."))
    if numbers < OLDEST_NATS:
        return wrong(
            "broker", f"NATS {version}", f"Move to NATS {oldest} or later: earlier ones have known holes."
        )
    return ok("broker", f"NATS {version}")


async def _callout(client: Client) -> Finding:
    """Asks the broker who listens for logins: passive, so that nobody is alarmed by a login of ours."""
    question = json.dumps({"subscriptions": True, "test": _CALLOUT, "account": "AUTH"}).encode()
    try:
        answer = await client.request("$SYS.REQ.SERVER.PING.SUBSZ", question, timeout=3)
    except nats.errors.Error:
        return skipped("auth callout", "the broker does not tell us who listens for logins")
    listeners = json.loads(answer.data).get("data", {}).get("total", 0)
    if not listeners:
        return wrong(
            "auth callout",
            "nobody answers for terminals that log in",
            "Start `coinslot serve` (role link or all) on this broker.",
        )
    return ok("auth callout", f"{listeners} process(es) answer for terminals that log in")


async def _connect(url: str, user: str, password: str) -> Client:
    async with asyncio.timeout(_CONNECT_S):  # the client itself would try sixty times, two seconds apart
        return await nats.connect(
            url,
            user=user,
            password=password,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=3,
            error_cb=_quiet,
            name="doctor",
        )


async def _quiet(error: Exception) -> None:
    """The client's own report of what `connect` raises anyway."""


def _refused(login: str, error: Exception) -> Finding:
    return wrong(
        "broker",
        f"cannot connect as `{login}`: {error or type(error).__name__}",
        "Check COINSLOT_NATS_URL, that the broker runs, and the password of that login on both sides.",
    )
