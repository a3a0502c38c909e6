"""`coinslot ledger`: verify the books, reconcile them, list balances and entries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
import click
import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table

from coinslot.app.db import migrated_database
from coinslot.app.errors import Problem
from coinslot.app.operator_console import choose_operator, problem_of, wide_console
from coinslot.app.reconcile import reconcile_command
from coinslot.app.settings import load_settings
from coinslot.engines.connect import open_pool
from coinslot.fields import InputError, MissingError, storable
from coinslot.ledger import store
from coinslot.ledger.accounts import POINTS
from coinslot.ledger.listing import Balance, balances
from coinslot.ledger.verify import Report, verify
from coinslot.money import MoneyError, format_amount
from coinslot.wire.ids import OperatorId

T = TypeVar("T")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, amounts in minor units.")
_operator = click.argument("operator", required=False)
_database = click.option("--database-url", metavar="URL", help="Which database; default: as configured.")


@click.group(
    "ledger",
    epilog="Examples: coinslot ledger verify · coinslot ledger balances · coinslot ledger entries --json",
)
def command() -> None:
    """Verify the books, reconcile them, list balances and entries. Nothing here changes them.

    OPERATOR is a name or an id, and is not needed while there is only one operator.
    """


@command.command("verify", epilog="Example: coinslot ledger verify --operator 'North Campus'")
@click.option("--operator", help="Only this operator's books, by name or id.")
@_database
@_json
def verify_command(operator: str | None, database_url: str | None, as_json: bool) -> None:
    """Recompute every entry, seal and balance. Exit code 1 and the first entry that does not fit, if any."""
    console = Console(stderr=True)

    async def work(connection: store.Connection) -> Report:
        only = None if operator is None else await _whose(connection, operator)
        with Progress(console=console, transient=True, disable=as_json) as bar:
            task = bar.add_task("Recomputing", total=None)
            return await verify(
                connection, lambda done, total: bar.update(task, completed=done, total=total), only
            )

    report = _with_connection(database_url, work)
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        _show_report(report)
    if not report.sound:
        raise click.exceptions.Exit(1)


@command.command("balances", epilog="Example: coinslot ledger balances 'North Campus' --account operator/")
@_operator
@click.option("--account", "prefix", default="", metavar="PREFIX", help="Only accounts that begin so.")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(1, 100_000))
@_database
@_json
def balances_command(
    operator: str | None, prefix: str, limit: int, database_url: str | None, as_json: bool
) -> None:
    """Balances of an operator's accounts, each in its natural sign."""

    async def work(connection: store.Connection) -> list[Balance]:
        return await balances(connection, await _whose(connection, operator), prefix=prefix, limit=limit)

    found = _with_connection(database_url, work)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    table = Table(Column("Account", overflow="fold"), "Currency")
    table.add_column("Balance", justify="right")
    for each in found:
        table.add_row(each.account, each.currency, _amount(each.amount_minor, each.currency))
    wide_console().print(table)


@command.command("entries", epilog="Example: coinslot ledger entries --session ses_1hv3k8")
@_operator
@click.option("--account", metavar="PATH", help="Only entries that touch this account.")
@click.option("--session", metavar="ID", help="Only entries of this session.")
@click.option("--key", help="Only the entry with this key.")
@click.option("--after", default=0, metavar="ENTRY", help="Begin after this entry's number.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@_database
@_json
def entries_command(
    operator: str | None,
    account: str | None,
    session: str | None,
    key: str | None,
    after: int,
    limit: int,
    database_url: str | None,
    as_json: bool,
) -> None:
    """Journal entries with their postings, oldest first; debits are positive."""

    async def work(connection: store.Connection) -> list[store.Listed]:
        return await store.entries(
            connection,
            await _whose(connection, operator),
            account=account,
            session=session,
            key=key,
            after=after,
            limit=limit,
        )

    found = _with_connection(database_url, work)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    table = Table("Entry", "Posted", Column("Key", overflow="fold"), Column("Account", overflow="fold"))
    table.add_column("Amount", justify="right")
    for listed in found:
        head = [str(listed.entry_id), f"{listed.posted_at:%Y-%m-%d %H:%M:%S}Z", listed.entry.key]
        for leg in listed.entry.postings:
            table.add_row(*head, leg.account, f"{_amount(leg.amount_minor, leg.currency)} {leg.currency}")
            head = ["", "", ""]
        table.add_section()
    wide_console().print(table)
    if len(found) == limit:
        click.echo(f"More may follow: --after {found[-1].entry_id}", err=True)


def _show_report(report: Report) -> None:
    console = Console()
    console.print(
        f"{report.entries} entries, {report.postings} postings, {report.accounts} accounts, "
        f"{report.seals} seals, {report.pending} entries not sealed yet"
    )
    if report.heads:
        console.print("Heads of the seals, to compare with what was published:")
    for operator, head in report.heads.items():
        # Whole and on one line, however narrow the window: it is there to be compared.
        console.print(f"  {operator}  {head}", soft_wrap=True, highlight=False, markup=False)
    if report.sound:
        console.print("[green]✓ Everything fits.[/green]")
        return
    table = Table("Operator", "Where", "What does not fit", title=f"{len(report.faults)} faults, first first")
    for fault in report.faults:
        where = [
            f"entry {fault.entry_id}" if fault.entry_id is not None else "",
            fault.key or "",
            f"seal {fault.seal_no}" if fault.seal_no is not None else "",
            fault.account or "",
        ]
        table.add_row(fault.operator, " ".join(part for part in where if part), fault.why)
    console.print(table)
    console.print("[red]✗ The books do not fit. Stop payouts and compare with the last backup.[/red]")


def _amount(amount_minor: int, currency: str) -> str:
    if currency == POINTS:
        return str(amount_minor)
    try:
        return format_amount(amount_minor, currency)
    except MoneyError:
        return f"{amount_minor} (minor)"


async def _whose(connection: store.Connection, key: str | None) -> OperatorId:
    """The operator of this name or id, or the only one; also one that is in the books alone."""
    try:
        named = await choose_operator(connection, key, how="behind the command")
        return named.operator_id
    except MissingError:
        if key is None or not storable(key) or not await balances(connection, OperatorId(key), limit=1):
            raise
        return OperatorId(key)


def _with_connection(database_url: str | None, work: Callable[[store.Connection], Awaitable[T]]) -> T:
    async def run(url: str) -> T:
        pool = await open_pool(url, min_size=1, max_size=1, application_name="coinslot ledger")
        try:
            async with pool.acquire() as connection:
                return await work(connection)
        except asyncpg.UndefinedTableError as error:
            raise Problem("This database has no ledger yet.", "Run: coinslot db migrate") from error
        except InputError as error:
            raise problem_of(error) from error
        finally:
            await pool.close()

    settings = load_settings(database_url=database_url)
    with migrated_database(settings) as url:
        return asyncio.run(run(url))


command.add_command(reconcile_command(_with_connection))
