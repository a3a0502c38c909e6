"""Engines for tests: real ones, each test worker its own, gone with the worker however it ends."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from coinslot.engines.connect import connect_login, quoted_name, with_database

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


async def create_database(admin_url: str, template: str | None = None) -> str:
    """A new database, a copy of `template` if given; its URL."""
    name = f"test_{secrets.token_hex(6)}"
    connection = await connect_login(admin_url)
    try:
        copy = f" TEMPLATE {quoted_name(template)} STRATEGY FILE_COPY" if template else ""
        await connection.execute(f"CREATE DATABASE {quoted_name(name)}{copy}")
    finally:
        await connection.close()
    return with_database(admin_url, name)


async def drop_database(admin_url: str, url: str) -> None:
    """Drop a database made by `create_database`, even with connections still open."""
    name = url.split("?", 1)[0].rsplit("/", 1)[1]
    connection = await connect_login(admin_url)
    try:
        await connection.execute(f"DROP DATABASE {quoted_name(name)} WITH (FORCE)")
    finally:
        await connection.close()
