"""`coinslot db`: the database's schema."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import click

from coinslot.app.demo_home import looked_at
from coinslot.app.installation import embedded_postgres
from coinslot.app.settings import Settings, load_settings
from coinslot.engines.connect import connect_login, ensure_database
from coinslot.engines.migrate import Migration, applied_migrations, load, migrate, pending


@click.group("db", epilog="Example: coinslot db migrate")
def command() -> None:
    """Bring the database's schema up to date."""


@command.command("migrate", epilog="Example: COINSLOT_DATABASE_URL=postgresql://… coinslot db migrate")
def migrate_command() -> None:
    """Apply the migrations that are still missing. Safe to run again, and from many machines at once."""
    settings = load_settings()
    with database(settings) as url:
        done = asyncio.run(_migrate(url))
    click.echo(f"{len(done)} migration(s) applied." if done else "The schema is up to date.")


@command.command("status", epilog="Example: coinslot db status")
def status_command() -> None:
    """List the migrations, and which are still to be applied. Changes nothing."""
    settings = load_settings()
    with database(settings) as url:
        todo = asyncio.run(_pending(url))
    for migration in load():
        click.echo(f"{'pending' if migration in todo else 'applied'}  {migration}")


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The URL of the settings' database; our own PostgreSQL is started for the while unless it runs already.

    Where nothing is installed and nothing else is named, a running demo's, and that is said.
    """
    own, settings = settings, looked_at(settings)
    if settings is not own:
        click.echo(f"(this is the running demo, {settings.data_dir})", err=True)
    if settings.database_url is not None:
        yield settings.database_url
        return
    postgres = embedded_postgres(settings, lambda line: click.echo(line, err=True))
    if postgres.attach():
        yield postgres.url()
        return
    with postgres:
        yield postgres.url()


@contextmanager
def migrated_database(settings: Settings) -> Iterator[str]:
    """The same, with its tables up to date where it is our own: a fresh folder is set up on the way."""
    with database(settings) as url:
        if looked_at(settings).database_url is None:
            asyncio.run(_bring_up(url))
        yield url


async def _bring_up(url: str) -> None:
    await ensure_database(url)
    await migrate(url)


async def _migrate(url: str) -> tuple[Migration, ...]:
    await ensure_database(url)
    return await migrate(url, progress=click.echo)


async def _pending(url: str) -> tuple[Migration, ...]:
    connection = await connect_login(url)
    try:
        return pending(await applied_migrations(connection), load())
    finally:
        await connection.close()
