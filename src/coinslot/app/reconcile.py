"""`coinslot ledger reconcile`: the books beside the sessions, the sessions beside the registers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import click
import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from coinslot.app.operator_console import choose_operator
from coinslot.ledger.store import Connection
from coinslot.settlement.leakage import Flow
from coinslot.settlement.reconcile import Report, reconcile

Run = Callable[[str | None, Callable[[Connection], Awaitable[Report]]], Report]
"""Does some work on a connection to the database that the URL names, or the settings."""

_WIDTH = 200  # columns when the output is a file or a pipe: ids must not be cut


class _Printed(msgspec.Struct, frozen=True):
    sound: bool
    report: Report
    advice: dict[str, str]
    """What to do, by the kinds of difference found."""


def reconcile_command(run: Run) -> click.Command:
    """The command, given how to reach the database."""

    @click.command(
        "reconcile",
        epilog="Examples: coinslot ledger reconcile · coinslot ledger reconcile --day 2026-02-28 --json",
    )
    @click.argument("operator", required=False)
    @click.option(
        "--day",
        type=click.DateTime(["%Y-%m-%d"]),
        help="Only what ended on this day by the operator's clock.",
    )
    @click.option("--database-url", metavar="URL", help="Which database; default: as configured.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, amounts in minor units.")
    def command(operator: str | None, day: datetime | None, database_url: str | None, as_json: bool) -> None:
        """Compare the books with the sessions, and the sessions with the registers. Nothing is changed.

        OPERATOR is a name or an id; without one, all are compared. Exit code 1 with every difference and what to
        do about it. What flowed and was not billed is shown for each outlet, and is no difference.
        """
        errors = Console(stderr=True)

        async def work(connection: Connection) -> Report:
            only = None if operator is None else (await choose_operator(connection, operator)).operator_id
            with Progress(console=errors, transient=True, disable=as_json) as bar:
                task = bar.add_task("Comparing", total=None)

                def told(what: str, done: int) -> None:
                    bar.update(task, description=f"Comparing {what}: {done}")

                return await reconcile(
                    connection, operator=only, day=None if day is None else day.date(), progress=told
                )

        report = run(database_url, work)
        if as_json:
            advice = {each.what.value: each.what.advice for each in report.differences}
            click.echo(msgspec.json.encode(_Printed(report.sound, report, advice)))
        else:
            _show(report)
        if not report.sound:
            raise click.exceptions.Exit(1)

    return command


def _show(report: Report) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    console.print(
        f"{report.sessions} sessions, {report.entries} entries of theirs, {report.outlet_days} registers' days"
    )
    if report.other_holds:
        console.print(f"{report.other_holds} holds of payments and vends, not compared here")
    for register, moved in report.moved.items():
        leaked = report.leakage[register]
        console.print(f"{moved} {register.value} moved, {moved - leaked} billed, {leaked} not")
    if report.flows:
        console.print(_leaks(report.flows))
        _cut_short(console, len(report.flows), report.leaking)
    if report.sound:
        console.print("[green]✓ Ledger, sessions and registers agree.[/green]")
        return
    table = Table(
        "Where", "What", "Detail", "What to do", title=f"{report.found} differences", show_lines=True
    )
    for each in report.differences:
        where = [each.operator, each.session or "", each.terminal or ""]
        if each.outlet is not None:
            where.append(f"outlet {each.outlet}")
        table.add_row(
            "\n".join(part for part in where if part), each.what.value, each.detail, each.what.advice
        )
    console.print(table)
    _cut_short(console, len(report.differences), report.found)
    console.print("[red]✗ Not everything agrees. Nothing was changed.[/red]")


def _leaks(flows: tuple[Flow, ...]) -> Table:
    table = Table("Day", "Terminal", "Outlet", "Unit", title="Moved and not billed")
    for column in ("Moved", "Billed", "Flushed", "Beyond the hold", "Doubted", "Outside sessions"):
        table.add_column(column, justify="right")
    for flow in flows:
        numbers = (flow.moved, flow.billed, flow.flushed, flow.beyond_hold, flow.doubted, flow.unsold)
        table.add_row(
            flow.day.isoformat(), flow.terminal, str(flow.outlet), flow.register.value, *map(str, numbers)
        )
    return table


def _cut_short(console: Console, shown: int, found: int) -> None:
    if found > shown:
        console.print(f"The first {shown} of {found}.")
