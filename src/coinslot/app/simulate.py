"""`coinslot simulate`: seeded days full of faults, in virtual time, every rule checked after every step."""

from __future__ import annotations

import time

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from coinslot.app.errors import Problem
from coinslot.sandbox.simulator.plan import Plan
from coinslot.sandbox.simulator.run import Totals, many, without_log
from coinslot.sandbox.simulator.violation import Violation
from coinslot.sandbox.simulator.world import World


@click.command("simulate", epilog="Example: coinslot simulate --schedules 1000 --seed 1 --jobs 2")
@click.option("--schedules", default=1000, show_default=True, type=click.IntRange(1), help="How many runs.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Of the first run.")
@click.option(
    "--sessions", default=20, show_default=True, type=click.IntRange(1, 2000), help="Wanted in each run."
)
@click.option("--terminals", default=4, show_default=True, type=click.IntRange(1, 100), help="In each run.")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes.")
@click.option("--trace", is_flag=True, help="Print every step of the runs; for one schedule at a time.")
@click.option("--json", "as_json", is_flag=True, help="Print the totals as JSON.")
def command(
    schedules: int, seed: int, sessions: int, terminals: int, jobs: int, trace: bool, as_json: bool
) -> None:
    """Run real terminals and real settlement against each other through every fault, from a seed."""
    plan = Plan(sessions=sessions, terminals=terminals)
    began = time.monotonic()
    totals = _traced(seed, schedules, plan) if trace else _counted(seed, schedules, plan, jobs, quiet=as_json)
    wall_s = time.monotonic() - began
    if as_json:
        click.echo(msgspec.json.encode(_summary(totals, wall_s)).decode())
    else:
        _show(totals, wall_s)
    if totals.violations:
        first = min(totals.violations, key=lambda violation: violation.step)
        raise Problem(
            f"{len(totals.violations)} of {totals.schedules} schedules broke a rule; the shortest: {first.why}",
            f"Run: {first.command}",
        )


def _traced(seed: int, schedules: int, plan: Plan) -> Totals:
    totals = Totals()
    with without_log():
        for number in range(seed, seed + schedules):
            try:
                totals.add(World(number, plan, click.echo).run())
            except Violation as violation:
                totals.add(violation)
    return totals


def _counted(seed: int, schedules: int, plan: Plan, jobs: int, *, quiet: bool) -> Totals:
    totals = Totals()
    columns = (TextColumn("schedules"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as progress:
        task = progress.add_task("", total=schedules)
        for outcome in many(seed, schedules, plan, jobs):
            totals.add(outcome)
            progress.advance(task)
    return totals


def _summary(totals: Totals, wall_s: float) -> dict[str, object]:
    return {
        "schedules": totals.schedules,
        "steps": totals.steps,
        "virtual_h": totals.virtual_ms // 3_600_000,
        "sessions": dict(totals.states),
        "refused": totals.refused,
        "reviews": dict(totals.reviews),
        "faults": dict(totals.faults),
        "violations": [
            {"seed": violation.seed, "step": violation.step, "why": violation.why, "again": violation.command}
            for violation in totals.violations
        ],
        "wall_ms": int(wall_s * 1000),
    }


def _show(totals: Totals, wall_s: float) -> None:
    table = Table(title=f"{totals.schedules} schedules in {wall_s:.1f} s", show_header=False)
    table.add_row("steps", f"{totals.steps:,}")
    table.add_row("virtual time", f"{totals.virtual_ms / 3_600_000:,.0f} h")
    for title, counts in (
        ("sessions", totals.states),
        ("in review", totals.reviews),
        ("faults injected", totals.faults),
    ):
        table.add_section()
        for name, count in counts.most_common():
            table.add_row(f"{title}: {name.replace('_', ' ')}", f"{count:,}")
    table.add_section()
    table.add_row("starts refused", f"{totals.refused:,}")
    table.add_row("violations", f"{len(totals.violations):,}")
    Console().print(table)
    for violation in totals.violations[:20]:
        click.echo(str(violation), err=True)
