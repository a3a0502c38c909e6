"""The schema's numbered steps, each applied once, whole, and never changed afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from coinslot.engines.connect import APP_ROLE, OWNER_ROLE, Connection, connect_login
from coinslot.engines.errors import MigrationError

MIGRATIONS = Path(__file__).parent / "migrations"
_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_OWN_TRANSACTION = re.compile(
    r"^\s*(BEGIN|COMMIT|ROLLBACK|START TRANSACTION)\s*;", re.IGNORECASE | re.MULTILINE
)
_LOCK = 0x636F696E736C6F74  # "coinslot": one migrator at a time in one database

_ROLES = f"""
DO $roles$
DECLARE
    wanted text;
    -- Since 16 a role's maker is its member without being allowed to act as it.
    privilege text := CASE WHEN current_setting('server_version_num')::int >= 160000
                           THEN 'SET' ELSE 'MEMBER' END;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['{OWNER_ROLE}', '{APP_ROLE}'] LOOP
        -- Roles belong to the whole cluster: another database may be migrating at this moment.
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
        IF NOT pg_has_role(current_user, wanted, privilege) THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
        END IF;
    END LOOP;
    IF NOT has_schema_privilege('{OWNER_ROLE}', 'public', 'CREATE') THEN
        GRANT CREATE, USAGE ON SCHEMA public TO {OWNER_ROLE};
    END IF;
    IF NOT has_schema_privilege('{APP_ROLE}', 'public', 'USAGE') THEN
        GRANT USAGE ON SCHEMA public TO {APP_ROLE};
    END IF;
END $roles$
"""

_TABLE = f"""
CREATE TABLE schema_migration (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON schema_migration TO {APP_ROLE};
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file `NNNN_name.sql`."""

    version: int
    name: str
    sql: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.version:04d}_{self.name}"


@dataclass(frozen=True, slots=True)
class Applied:
    """One row of schema_migration."""

    version: int
    name: str
    sha256: str


def load(directory: Path = MIGRATIONS) -> tuple[Migration, ...]:
    """The migrations of a folder in their order. MigrationError on a name or a content that cannot be one."""
    found: dict[int, Migration] = {}
    for path in sorted(directory.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path.name} is no migration's name", "Name it NNNN_what_it_does.sql.")
        version = int(match[1])
        if version in found:
            raise MigrationError(
                f"{path.name} and {found[version]}.sql have the same number",
                "Give the later one the next free number.",
            )
        sql = path.read_text(encoding="utf-8")
        if _OWN_TRANSACTION.search(sql):
            raise MigrationError(
                f"{path.name} begins or ends a transaction",
                "Leave that out: each file runs in one of its own.",
            )
        found[version] = Migration(version, match[2], sql, hashlib.sha256(sql.encode()).hexdigest())
    return tuple(found.values())


def pending(applied: Sequence[Applied], known: Sequence[Migration]) -> tuple[Migration, ...]:
    """What is still to be done.

    MigrationError when the schema is newer than this program, when an applied file was changed, or when a
    file was slipped in below an applied one.
    """
    by_version = {migration.version: migration for migration in known}
    for row in applied:
        ours = by_version.get(row.version)
        if ours is None:
            raise MigrationError(
                f"the database's schema is newer than this program: it has {row.version:04d}_{row.name}",
                "Use the coinslot version that made it, or a later one.",
            )
        if ours.sha256 != row.sha256:
            raise MigrationError(
                f"{ours}.sql was changed after it had been applied",
                "Restore the file as it was, and put the change into a new migration.",
            )
    last = max((row.version for row in applied), default=0)
    todo = tuple(
        migration for migration in known if migration.version not in {row.version for row in applied}
    )
    if todo and todo[0].version < last:
        raise MigrationError(
            f"{todo[0]}.sql comes before {last:04d}, which has been applied", "Give it the next free number."
        )
    return todo


async def migrate(
    url: str, directory: Path = MIGRATIONS, *, progress: Callable[[str], None] | None = None
) -> tuple[Migration, ...]:
    """Bring the database up to date, and say what was applied. Safe to run from many processes at once.

    MigrationError when that is impossible; each migration is then applied wholly or not at all.
    """
    known = load(directory)
    connection = await connect_login(url, application_name="coinslot migrate")
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await _ensure_roles(connection)
        await connection.execute(f"SET ROLE {OWNER_ROLE}")
        if await connection.fetchval("SELECT to_regclass('schema_migration')") is None:
            async with connection.transaction():
                await connection.execute(_TABLE)
        todo = pending(await applied_migrations(connection), known)
        for migration in todo:
            if progress is not None:
                progress(f"applying {migration}")
            await _apply(connection, migration)
        return todo
    finally:
        await connection.close()


async def applied_migrations(connection: Connection) -> tuple[Applied, ...]:
    """What the database says was applied; nothing when it was never migrated."""
    if await connection.fetchval("SELECT to_regclass('schema_migration')") is None:
        return ()
    rows = await connection.fetch("SELECT version, name, sha256 FROM schema_migration ORDER BY version")
    return tuple(Applied(row["version"], row["name"], row["sha256"]) for row in rows)


async def _apply(connection: Connection, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.sql)
            # A file that changed the role must not leave later ones, or its own row, to somebody else.
            await connection.execute(f"SET ROLE {OWNER_ROLE}")
            await connection.execute(
                "INSERT INTO schema_migration (version, name, sha256) VALUES ($1, $2, $3)",
                migration.version,
                migration.name,
                migration.sha256,
            )
    except asyncpg.PostgresError as error:
        raise MigrationError(
            f"{migration}.sql failed and was rolled back: {type(error).__name__}: {error}",
            "Nothing of it was applied; correct the cause and run `coinslot db migrate` again.",
        ) from error


async def _ensure_roles(connection: Connection) -> None:
    attempts = 20
    for attempt in range(attempts):
        try:
            await connection.execute(_ROLES)
        except asyncpg.InsufficientPrivilegeError as error:
            raise MigrationError(
                f"this database user may not set up the roles: {error}",
                f"As an administrator: CREATE ROLE {OWNER_ROLE} NOLOGIN; CREATE ROLE {APP_ROLE} NOLOGIN; "
                f"GRANT {OWNER_ROLE}, {APP_ROLE} TO this user; "
                f"GRANT CREATE, USAGE ON SCHEMA public TO {OWNER_ROLE};",
            ) from error
        except asyncpg.InternalServerError:
            # "tuple concurrently updated": another database's migrator granted the same role just now.
            if attempt == attempts - 1:
                raise
            await asyncio.sleep(0.05)
        else:
            return
