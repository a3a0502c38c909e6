"""`coinslot bench payments`: providers that repeat themselves, and whether each payment is credited exactly once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final

import click
import msgspec
import uvloop
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from coinslot.app.benches import repeats
from coinslot.app.benches.machine import Machine, look
from coinslot.app.benches.pgbench import PgBench
from coinslot.app.benches.quiet import without_log
from coinslot.app.benches.rsa import verifications_per_s
from coinslot.app.benches.show import print_machine
from coinslot.app.errors import Problem
from coinslot.engines.connect import ensure_database
from coinslot.engines.migrate import migrate
from coinslot.engines.postgres import EmbeddedPostgres

DEFAULT_FOLDER: Final = Path("/var/tmp")
"""On a disk: /tmp is often memory, where fsync costs nothing."""
_CLIENTS: Final = (16, 32)
_SCALE: Final = 32
_SECONDS: Final = 3.0


class Limits(Struct, frozen=True, kw_only=True):
    """What the machine itself can do, measured before the run and after it."""

    commits_per_s: float
    verifications_per_s: float


class Outcome(Struct, frozen=True, kw_only=True):
    """The JSON file."""

    machine: Machine
    load_after: float
    before: Limits
    after: Limits
    per_s: float
    payments_per_s: float
    report: repeats.Report


@click.command("payments", epilog="Example: coinslot bench payments --duplicates --payments 10000 --seed 7")
@click.option(
    "--duplicates",
    is_flag=True,
    help="Each is told of up to 20 times, reordered, at once, wrongly, late, after restarts; else once.",
)
@click.option(
    "--payments", default=100_000, show_default=True, type=click.IntRange(1, 1_000_000), help="How many."
)
@click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(0), help="The same one, the same run."
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write everything there, too.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="Where the database is put, on the disk to be measured.",
)
def command(duplicates: bool, payments: int, seed: int, json_path: Path | None, folder: Path) -> None:
    """Pay, and be told of it; then count every fen.

    Made-up WeChat Pay and Alipay sign what they say; the real adapters verify it, the inbox stores it, cashiers act on
    it, the ledger posts it, fsync on. Signatures are made beforehand, portion by portion, and are not part of the rate.
    """
    out = Console()
    with _folder(folder) as path, without_log():
        machine = look(path)
        outcome = _measured(path, machine, payments, seed, repeated=duplicates)
    print_machine(out, machine)
    _print(out, outcome)
    if json_path is not None:
        json_path.write_bytes(msgspec.json.format(msgspec.json.encode(outcome), indent=2) + b"\n")
    if outcome.report.violations:
        for line in outcome.report.violations:
            click.echo(f"    {line}", err=True)
        raise Problem(
            f"{len(outcome.report.violations)} violations",
            f"Again: coinslot bench payments {'--duplicates ' if duplicates else ''}"
            f"--payments {payments} --seed {seed}",
        )


def _measured(path: Path, machine: Machine, payments: int, seed: int, *, repeated: bool) -> Outcome:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[arrived]:,} notifications"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("starting", total=payments, arrived=0)
        with EmbeddedPostgres(path / "postgres") as postgres:
            url = postgres.url("payments")
            progress.update(task, description="pgbench, RSA")
            pgbench = PgBench(postgres, _SCALE)
            before = _limits(pgbench)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_prepare(url))
                report = runner.run(
                    repeats.run(
                        url,
                        path / "keys",
                        payments=payments,
                        seed=seed,
                        repeats=repeated,
                        progress=lambda done: _advance(progress, task, done),
                    )
                )
            progress.update(task, description="pgbench, RSA")
            after = _limits(pgbench)
    return Outcome(
        machine=machine,
        load_after=round(os.getloadavg()[0], 2),
        before=before,
        after=after,
        per_s=report.per_s,
        payments_per_s=report.payments_per_s,
        report=report,
    )


def _advance(progress: Progress, task: TaskID, done: repeats.Done) -> None:
    progress.update(task, description=done.doing, completed=done.payments, arrived=done.notifications)


def _limits(pgbench: PgBench) -> Limits:
    return Limits(
        commits_per_s=max(pgbench.tps(clients, _SECONDS) for clients in _CLIENTS),
        verifications_per_s=verifications_per_s(),
    )


async def _prepare(url: str) -> None:
    await ensure_database(url)
    await migrate(url)


def _print(out: Console, outcome: Outcome) -> None:
    report = outcome.report
    commits = median((outcome.before.commits_per_s, outcome.after.commits_per_s))
    checks = median((outcome.before.verifications_per_s, outcome.after.verifications_per_s))
    table = Table(title=f"{report.payments:,} payments, seed {report.seed}", show_header=False)
    table.add_row("notifications that arrived", f"{report.notifications:,}")
    for title, counts in (
        ("answered", report.answers),
        ("different ones, then", report.stored),
        ("payments", report.kinds),
    ):
        for name, count in sorted(counts.items()):
            table.add_row(f"  {title}: {name}", f"{count:,}")
    table.add_row("restarts in the middle of work", f"{report.restarts:,}")
    table.add_section()
    table.add_row("signatures, made beforehand", f"{report.signatures:,}; {report.signatures_per_s:,.0f} /s")
    table.add_row("taken and acted upon in", f"{report.working_s:,.1f} s")
    table.add_row("notifications a second", f"{report.per_s:,.0f}")
    table.add_row("  of pgbench's commits", f"{report.per_s / commits:.2f} of {commits:,.0f} /s")
    table.add_row("  of bare RSA verifications", f"{report.per_s / checks:.3f} of {checks:,.0f} /s, one core")
    table.add_row("payments a second, with their repeats", f"{report.payments_per_s:,.1f}")
    table.add_row("load before, after", f"{outcome.machine.load_before:.2f}, {outcome.load_after:.2f}")
    table.add_section()
    table.add_row("violations", f"{len(report.violations)}")
    out.print(table)
    if not report.violations:
        out.print(
            f"every payment credited exactly once; {report.held_minor:,} fen at the providers, by their books and ours"
        )


@contextlib.contextmanager
def _folder(parent: Path) -> Iterator[Path]:
    """A folder of our own that the engine's unprivileged user may pass through."""
    path = Path(tempfile.mkdtemp(prefix="coinslot-bench-", dir=parent))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path)
