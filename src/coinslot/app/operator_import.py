"""`coinslot operator import-customers`: customers of an earlier system, with what they had there."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from coinslot.app.errors import Problem
from coinslot.app.operator_acting import Acting, read
from coinslot.app.operator_console import actor, emit_one
from coinslot.money import format_amount
from coinslot.settlement.importing.bringing import Brought, Preview, bring_in, errors_csv, preview
from coinslot.settlement.importing.reading import MOST_BYTES

_SHOWN = 50


@click.command(
    "import-customers", epilog="Example: coinslot operator import-customers customers.csv --preview"
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--preview", "only_look", is_flag=True, help="Show what it would do, and change nothing.")
@click.option("--yes", is_flag=True, help="Bring them in without asking.")
@click.option("--skip-bad", is_flag=True, help="Leave lines with faults out; else one of them stops all.")
@click.option(
    "--faults", type=click.Path(dir_okay=False, path_type=Path), help="Write all faults to this CSV file."
)
@click.option("--operator", "-o", help="Whose, by name or id. Not needed while there is only one operator.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def import_customers(
    file: Path,
    only_look: bool,
    yes: bool,
    skip_bad: bool,
    faults: Path | None,
    operator: str | None,
    as_json: bool,
) -> None:
    """Bring customers in from a CSV file: phone, card_no, language, balance, bonus.

    All of it or nothing, in one transaction; the same file again has no effect.
    """
    with file.open("rb") as opened:
        raw = opened.read(MOST_BYTES + 1)

    async def look(who: Acting) -> Preview:
        async with who.door.pool.acquire() as connection:
            return await preview(connection, who.operator, raw)

    seen = read(operator, look)
    if faults is not None:
        faults.write_bytes(errors_csv(seen.file.errors))
    if only_look or not as_json:
        _show(seen, as_json=as_json)
    if only_look:
        return
    if seen.file.errors and not skip_bad and seen.earlier is None:
        raise Problem(
            f"{len(seen.file.errors)} faults, so nothing was brought in",
            "Put them right in the file, or leave their lines out with --skip-bad.",
        )
    if not yes and seen.earlier is None:
        click.confirm(f"Bring {len(seen.file.customers)} customers in?", abort=True, err=True)
    brought, fresh = _bring(operator, raw, skip_bad, len(seen.file.customers))
    shown: dict[str, object] = {
        "brought_in": "now" if fresh else "before",
        "customers": brought.customers,
        "left_out": brought.left_out,
        "balance": format_amount(brought.balance_minor, brought.currency),
        "bonus": format_amount(brought.bonus_minor, brought.currency),
    }
    emit_one(shown, as_json=as_json)


def _bring(operator: str | None, raw: bytes, skip_bad: bool, total: int) -> tuple[Brought, bool]:
    columns = (TextColumn("[bold]Customers"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("customers", total=total)

        async def work(who: Acting) -> tuple[Brought, bool]:
            return await bring_in(
                who.door.pool,
                who.operator,
                raw,
                skip_bad=skip_bad,
                by=actor(),
                progress=lambda done: progress.update(task, completed=done),
            )

        return read(operator, work)


def _show(seen: Preview, *, as_json: bool) -> None:
    figures: dict[str, object] = {
        "good_lines": len(seen.file.customers),
        "lines_with_faults": seen.left_out,
        "balance": format_amount(seen.balance_minor, seen.currency),
        "bonus": format_amount(seen.bonus_minor, seen.currency),
        "brought_in_before": seen.earlier is not None,
    }
    if as_json:
        faults = [
            {"line": each.line, "field": each.field, "reason": each.reason} for each in seen.file.errors
        ]
        emit_one({**figures, "faults": faults}, as_json=True)
        return
    emit_one(figures, as_json=False)
    if seen.file.errors:
        table = Table("Line", "Field", "What is wrong", title=f"{len(seen.file.errors)} faults")
        for each in seen.file.errors[:_SHOWN]:
            table.add_row(str(each.line), each.field, each.reason)
        Console().print(table)
        if len(seen.file.errors) > _SHOWN:
            click.echo(f"The first {_SHOWN}; --faults FILE writes them all.")
