"""Engines for tests: real ones, each test worker its own, gone with the worker however it ends."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from coinslot.engines.connect import Connection, connect_login, quoted_name, with_database

T = TypeVar("T")

# A test's database need not survive a power cut, and is quicker for it. Everything else is as in use.
UNSAFE_BUT_QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@contextmanager
def engine_folder() -> Iterator[Path]:
    """A folder of our own that an unprivileged child may pass through, with a short path (for the socket)."""
    path = Path(tempfile.mkdtemp(prefix="coinslot-"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path)


def run_apart(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine to its end in a thread with a loop of its own, whatever loop the caller has."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(work))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


async def create_database(admin_url: str, template: str | None = None, *, fresh: bool = False) -> str:
    """A new database, a copy of `template` if given; its URL. One that another test has left clean will do, unless it is
    to be `fresh`: plans are made by the pages that a table has, and emptied ones keep theirs."""
    kept = _shelf.get((admin_url, template or ""))
    if kept and not fresh:
        return kept.pop()
    name = f"test_{secrets.token_hex(6)}"
    connection = await connect_login(admin_url)
    try:
        copy = f" TEMPLATE {quoted_name(template)} STRATEGY FILE_COPY" if template else ""
        await connection.execute(f"CREATE DATABASE {quoted_name(name)}{copy}")
    finally:
        await connection.close()
    url = with_database(admin_url, name)
    if template:
        _copies[url] = _Copy(template, await _look(url))
    return url


async def drop_database(admin_url: str, url: str) -> None:
    """Give up a database made by `create_database`, even with connections still open.

    A copy is emptied and kept for the next test where that makes it as good as new: a copy costs 0.2 s of CPU.
    """
    copy = _copies.get(url)
    if copy is not None and copy.uses < MOST_USES:
        await _end_connections(admin_url, url)
        if await _emptied(url, copy):
            copy.uses += 1
            _shelf.setdefault((admin_url, copy.template), []).append(url)
            return
    _copies.pop(url, None)
    connection = await connect_login(admin_url)
    try:
        await connection.execute(f"DROP DATABASE {quoted_name(_name(url))} WITH (FORCE)")
    finally:
        await connection.close()


# ---------------------------------------------------------------- copies that are used again

MOST_USES = 60
"""Then it is dropped: emptied tables keep their dead rows."""
MOST_ROWS = 2_000
"""More than these in one table take longer to delete than a copy takes to make."""


class _Look(NamedTuple):
    """What a copy looked like when it was new."""

    catalog: str
    """Of everything that DDL changes."""
    rows: dict[str, str]
    """Of the tables that are not empty in the template."""


@dataclass
class _Copy:
    template: str
    new: _Look
    uses: int = 1


_copies: dict[str, _Copy] = {}
_shelf: dict[tuple[str, str], list[str]] = {}

# Every DDL statement writes a row of one of these, a GRANT too; statistics are written in place.
_CATALOG = """
    SELECT concat_ws(' ',
        (SELECT concat(count(*), ':', sum(xmin::text::bigint)) FROM pg_class),
        (SELECT concat(count(*), ':', sum(xmin::text::bigint)) FROM pg_attribute),
        (SELECT concat(count(*), ':', sum(xmin::text::bigint)) FROM pg_proc),
        (SELECT concat(count(*), ':', sum(xmin::text::bigint)) FROM pg_trigger),
        (SELECT concat(count(*), ':', sum(xmin::text::bigint)) FROM pg_constraint),
        (SELECT concat(count(*), ':', sum(xmin::text::bigint)) FROM pg_namespace),
        (SELECT concat(count(*), ':', sum(xmin::text::bigint)) FROM pg_policy),
        (SELECT concat(count(*), ':', sum(xmin::text::bigint)) FROM pg_db_role_setting
            WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())))
"""
_TABLES = """
    SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1
"""
# Those of the ledger stand even for a replica.
_ALWAYS = """
    SELECT tgrelid::regclass::text AS name, quote_ident(tgname) AS trigger FROM pg_trigger
    WHERE tgenabled = 'A' AND tgrelid::regclass::text = ANY($1::text[])
"""
_SEQUENCES = """
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE last_value IS NOT NULL
"""


def _name(url: str) -> str:
    return url.split("?", 1)[0].rsplit("/", 1)[1]


async def _end_connections(admin_url: str, url: str) -> None:
    connection = await connect_login(admin_url)
    try:
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", _name(url)
        )
    finally:
        await connection.close()


async def _counted(connection: Connection, tables: list[str]) -> dict[str, int]:
    """The rows of those that are not empty, counted up to one more than `MOST_ROWS`."""
    each = " UNION ALL ".join(
        f"SELECT '{table}' AS name, (SELECT count(*) FROM (SELECT FROM {table} LIMIT {MOST_ROWS + 1}) x) AS n"
        for table in tables
    )
    found = await connection.fetch(f"SELECT * FROM ({each}) y WHERE n > 0")
    return {row["name"]: row["n"] for row in found}


async def _content(connection: Connection, table: str) -> str:
    found: str = await connection.fetchval(
        f"SELECT md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM {table} t"
    )
    return found


async def _look(url: str) -> _Look:
    connection = await connect_login(url)
    try:
        tables = [row[0] for row in await connection.fetch(_TABLES)]
        full = await _counted(connection, tables) if tables else {}
        rows = {table: await _content(connection, table) for table in full}
        return _Look(await connection.fetchval(_CATALOG), rows)
    finally:
        await connection.close()


async def _emptied(url: str, copy: _Copy) -> bool:
    """Whether it now holds what a new copy does: no rows that the template has not, and no change of any definition."""
    connection = await connect_login(url)
    try:
        if await connection.fetchval(_CATALOG) != copy.new.catalog:
            return False
        tables = [row[0] for row in await connection.fetch(_TABLES)]
        full = await _counted(connection, tables)
        for table, content in copy.new.rows.items():
            if await _content(connection, table) != content:
                return False
        mine = [table for table in full if table not in copy.new.rows]
        if any(full[table] > MOST_ROWS for table in mine):
            return False
        await _delete(connection, mine)
        await connection.execute(_SEQUENCES)
        copy.new = copy.new._replace(catalog=await connection.fetchval(_CATALOG))
        return True
    finally:
        await connection.close()


async def _delete(connection: Connection, tables: list[str]) -> None:
    """All rows of these. As a replica no trigger fires but those that always do: what the product may never delete,
    and what refers to what, is no matter here."""
    always = [(row["name"], row["trigger"]) for row in await connection.fetch(_ALWAYS, tables)]
    await connection.execute(
        ";".join(
            [
                "SET session_replication_role = replica",
                *(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}" for table, trigger in always),
                *(f"DELETE FROM {table}" for table in tables),
                *(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}" for table, trigger in always),
            ]
        )
    )
