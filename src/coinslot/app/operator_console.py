"""What every `coinslot operator` command shares: the database, whose data, errors, tables and JSON."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import asyncpg
import click
import msgspec
from rich.console import Console
from rich.table import Table

from coinslot.app.db import migrated_database
from coinslot.app.errors import Problem
from coinslot.app.settings import load_settings
from coinslot.audit import Connection
from coinslot.engines.connect import open_pool
from coinslot.fields import FieldError, InputError, MissingError
from coinslot.fleet.models import Operator
from coinslot.fleet.store import find_operator, list_operators
from coinslot.ledger.errors import KeyConflict, LedgerError
from coinslot.money import MoneyError
from coinslot.tariffs import TariffError

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., object])

_NAMELESS_WIDTH = 200  # columns when the output is a file or a pipe: ids must not be cut


@dataclass(frozen=True, slots=True)
class Desk:
    """One connection, and in whose name what is done with it."""

    connection: Connection
    operator: Operator
    by: str
    """The actor of the audit rows: `cli:` and the name of the system's user."""


def options(function: Command) -> Command:
    """Adds --operator and --json."""
    function = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(
        function
    )
    return click.option(
        "--operator", "-o", help="Whose data, by name or id. Not needed while there is only one operator."
    )(function)


def run(operator: str | None, work: Callable[[Desk], Awaitable[T]]) -> T:
    """Do `work` for the chosen operator. Refusals become a Problem for whoever typed the command."""

    async def chosen(connection: Connection) -> T:
        return await work(Desk(connection, await choose_operator(connection, operator), actor()))

    return run_plain(chosen)


def run_plain(work: Callable[[Connection], Awaitable[T]]) -> T:
    """The same for work that belongs to no operator."""

    async def connected(url: str) -> T:
        pool = await open_pool(url, min_size=1, max_size=1, application_name="coinslot operator")
        try:
            async with pool.acquire() as connection:
                return await work(connection)
        finally:
            await pool.close()

    with migrated_database(load_settings()) as url:
        try:
            return asyncio.run(connected(url))
        except (InputError, TariffError, MoneyError, LedgerError, asyncpg.UndefinedTableError) as error:
            raise problem_of(error) from error


def problem_of(error: Exception) -> Problem:
    """What is wrong, and what to do about it."""
    match error:
        case MissingError():
            listing = {
                "API key": "api-key",
                "member of staff": "staff",
                "real name": "real-name",
                "operator": "",
                "webhook event": "webhook",
            }.get(error.kind, error.kind)
            command = " ".join(["coinslot operator", *([listing] if listing else []), "list"])
            return Problem(f"There is {error}", f"`{command}` shows what there is.")
        case FieldError() | TariffError():
            return Problem(
                f"{error.field}: {error.reason}", f"Correct {error.field} and run the command again."
            )
        case KeyConflict():
            return Problem(
                f"{error}: another amount or another customer",
                "If this is a new payment, give it a key of its own; nothing was posted.",
            )
        case MoneyError():
            return Problem(f"amount: {error}", "Write it in the operator's currency, such as 50.00.")
        case asyncpg.UndefinedTableError():
            return Problem("The database has not been set up", "Run: coinslot db migrate")
        case _:
            return Problem(str(error), "Nothing was changed.")


def actor() -> str:
    """Who types, for the audit trail."""
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):
        return "cli"  # a container's user id without a name


def emit(
    rows: Sequence[msgspec.Struct | dict[str, object]], columns: Sequence[str], *, as_json: bool
) -> None:
    """The rows as a table of `columns`, or whole as JSON."""
    plain = [msgspec.to_builtins(row) for row in rows]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(plain), indent=2))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in plain:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    wide_console().print(table)
    if not plain:
        click.echo("(none)", err=True)


def emit_one(row: msgspec.Struct | dict[str, object], *, as_json: bool) -> None:
    """One thing: its fields one below the other, or as JSON."""
    plain = msgspec.to_builtins(row)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(plain), indent=2))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in plain.items():
        table.add_row(name.replace("_", " "), _cell(value))
    wide_console().print(table)


def wide_console() -> Console:
    """Standard output; wide enough for ids where that is a file or a pipe."""
    # markup off: a name such as "[red]" is a name.
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _NAMELESS_WIDTH
    return console


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat(timespec="seconds")
        case _:
            return str(value)


async def choose_operator(
    connection: Connection, key: str | None, *, how: str = "with --operator NAME"
) -> Operator:
    """The operator of this name or id; without one, the only one. MissingError when there is no such operator.

    Problem when there are none, or several: then `how` is where the command takes the name.
    """
    if key is not None:
        return await find_operator(connection, key)
    every = await list_operators(connection)
    if not every:
        raise Problem(
            "There is no operator yet",
            "Run: coinslot operator create NAME --currency CNY --timezone Asia/Shanghai",
        )
    if len(every) > 1:
        names = ", ".join(repr(one.name) for one in every[:8])
        raise Problem(f"There are several operators: {names}", f"Say whose data you mean {how}.")
    return every[0]
