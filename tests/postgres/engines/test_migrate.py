"""The schema's steps on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from coinslot.engines.connect import Connection, Pool, connect_login, connect_owner, open_pool, with_database
from coinslot.engines.errors import EngineError, MigrationError
from coinslot.engines.migrate import applied_migrations, load, migrate
from tests.support.engines import create_database, drop_database

FIRST = "CREATE TABLE first (n int); GRANT SELECT ON first TO coinslot_app;"


def folder(tmp_path: Path, **files: str) -> Path:
    for name, sql in files.items():
        (tmp_path / f"{name.removeprefix('m')}.sql").write_text(sql, encoding="utf-8")
    return tmp_path


async def test_all_of_the_products_migrations_apply_once(empty_database_url: str) -> None:
    assert await migrate(empty_database_url) == load()
    assert await migrate(empty_database_url) == ()


async def test_everything_belongs_to_the_owner_role(owner: Connection) -> None:
    strangers = await owner.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND pg_get_userbyid(relowner) <> 'coinslot_owner'"
    )
    assert strangers == []


async def test_the_product_acts_as_a_role_that_can_change_no_schema(pool: Pool) -> None:
    assert await pool.fetchval("SELECT current_user") == "coinslot_app"
    assert await pool.fetchval("SHOW TimeZone") == "UTC"
    # Who is frozen in a transaction gives up what it holds.
    assert await pool.fetchval("SHOW idle_in_transaction_session_timeout") == "1min"
    for statement in (
        "CREATE TABLE mine (n int)",
        "DELETE FROM schema_migration",
        "TRUNCATE schema_migration",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)


async def test_the_role_outlasts_a_return_to_the_pool(database_url: str) -> None:
    pool = await open_pool(database_url, min_size=1, max_size=1)
    try:
        async with pool.acquire() as connection:
            await connection.execute("BEGIN")
        async with pool.acquire() as connection:
            assert not connection.is_in_transaction()
            assert await connection.fetchval("SELECT current_user") == "coinslot_app"
    finally:
        await pool.close()


async def test_a_changed_file_is_refused(empty_database_url: str, tmp_path: Path) -> None:
    await migrate(empty_database_url, folder(tmp_path, m0001_first=FIRST))
    with pytest.raises(MigrationError, match=r"0001_first\.sql was changed") as caught:
        await migrate(empty_database_url, folder(tmp_path, m0001_first=FIRST + " -- a remark"))
    assert "new migration" in caught.value.remedy


async def test_a_schema_newer_than_the_program_is_refused(empty_database_url: str, tmp_path: Path) -> None:
    await migrate(empty_database_url, folder(tmp_path, m0001_first=FIRST, m0002_second="SELECT 1;"))
    (tmp_path / "0002_second.sql").unlink()
    with pytest.raises(MigrationError, match="newer than this program: it has 0002_second"):
        await migrate(empty_database_url, tmp_path)


async def test_a_file_slipped_in_below_an_applied_one_is_refused(
    empty_database_url: str, tmp_path: Path
) -> None:
    await migrate(empty_database_url, folder(tmp_path, m0002_second="SELECT 1;"))
    with pytest.raises(MigrationError, match=r"0001_first\.sql comes before 0002"):
        await migrate(empty_database_url, folder(tmp_path, m0001_first=FIRST))


async def test_a_failing_file_leaves_nothing_and_those_before_it_stay(
    empty_database_url: str, tmp_path: Path
) -> None:
    files = folder(
        tmp_path, m0001_first=FIRST, m0002_bad="CREATE TABLE half (n int); SELECT no_such_function();"
    )
    with pytest.raises(MigrationError, match=r"0002_bad\.sql failed and was rolled back"):
        await migrate(empty_database_url, files)
    connection = await connect_owner(empty_database_url)
    try:
        assert [row.version for row in await applied_migrations(connection)] == [1]
        assert await connection.fetchval("SELECT to_regclass('half')") is None
    finally:
        await connection.close()
    folder(tmp_path, m0002_bad="CREATE TABLE half (n int);")
    assert [m.version for m in await migrate(empty_database_url, files)] == [2]


async def test_a_file_that_takes_another_role_does_not_carry_it_on(
    empty_database_url: str, tmp_path: Path
) -> None:
    files = folder(tmp_path, m0001_escape="RESET ROLE;", m0002_next="CREATE TABLE later (n int);")
    await migrate(empty_database_url, files)
    connection = await connect_login(empty_database_url)
    try:
        assert (
            await connection.fetchval("SELECT tableowner FROM pg_tables WHERE tablename = 'later'")
            == "coinslot_owner"
        )
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("name", "sql", "complaint"),
    [
        ("first", "SELECT 1;", "no migration's name"),
        ("0001-first", "SELECT 1;", "no migration's name"),
        ("0001_first", "COMMIT;\nSELECT 1;", "begins or ends a transaction"),
        ("0001_first", "SELECT 1;\n  begin;", "begins or ends a transaction"),
    ],
)
def test_what_cannot_be_a_migration_is_refused(tmp_path: Path, name: str, sql: str, complaint: str) -> None:
    (tmp_path / f"{name}.sql").write_text(sql, encoding="utf-8")
    with pytest.raises(MigrationError, match=complaint):
        load(tmp_path)


def test_two_files_with_one_number_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="same number"):
        load(folder(tmp_path, m0001_a="SELECT 1;", m0001_b="SELECT 1;"))


async def test_many_processes_may_migrate_one_database_at_once(empty_database_url: str) -> None:
    done = await asyncio.gather(*(migrate(empty_database_url) for _ in range(5)))
    assert sorted(map(len, done)) == [0, 0, 0, 0, len(load())]


async def test_many_databases_may_be_migrated_at_once(admin_url: str) -> None:
    urls = [await create_database(admin_url) for _ in range(4)]
    try:
        done = await asyncio.gather(*map(migrate, urls))
        assert [len(each) for each in done] == [len(load())] * 4
    finally:
        for url in urls:
            await drop_database(admin_url, url)


async def test_a_plain_login_without_privileges_is_told_what_an_administrator_must_do(
    admin_url: str, empty_database_url: str
) -> None:
    admin = await connect_login(admin_url)
    try:
        await admin.execute("CREATE ROLE plain LOGIN PASSWORD 'plain'")
        url = empty_database_url.replace(admin_url.split("//")[1].split("@")[0], "plain:plain")
        with pytest.raises(MigrationError, match="may not set up the roles") as caught:
            await migrate(url)
        assert "GRANT coinslot_owner, coinslot_app" in caught.value.remedy
    finally:
        await admin.execute("DROP ROLE plain")
        await admin.close()


async def test_a_database_that_is_not_there_is_told_without_the_password(admin_url: str) -> None:
    with pytest.raises(EngineError, match="cannot connect to PostgreSQL") as caught:
        await open_pool(with_database(admin_url, "nowhere"))
    password = admin_url.split(":")[2].split("@")[0]
    assert password not in str(caught.value)
