"""`coinslot bench`: measure this machine with this product, everything against a limit of the same run."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import click
from msgspec.structs import replace
from rich.console import Console

from coinslot.app import bench_payments, bench_terminal_crash
from coinslot.app.benches import applying, guests, latency, memory, pages, repeating, sessions
from coinslot.app.benches.bed import Bed, Say, Sizes, open_bed
from coinslot.app.benches.figures import Figure
from coinslot.app.benches.limits import BestOfPgbench
from coinslot.app.benches.machine import look
from coinslot.app.benches.show import print_machine, print_results, write_json
from coinslot.app.errors import Problem

TITLES = {
    module.PART: module.TITLE for module in (sessions, applying, latency, memory, pages, guests, repeating)
}
QUICK = Sizes(
    rounds=1,
    seconds=0.6,
    terminals=(8,),
    http_terminals=(8,),
    clients=(4,),
    scale=1,
    starts=6,
    pages=40,
    loads=1,
    watchers=20,
    watch_s=2,
    guests=2,
    payments=12,
    warm_s=0.3,
    warm_starts=2,
)
_DEFAULT_FOLDER = Path("/var/tmp")  # on a disk: /tmp is often memory, where fsync costs nothing


class Part(Protocol):
    """One measurement."""

    def round(self) -> None:
        """Measure once."""

    def figures(self) -> list[Figure]:
        """What all rounds came to."""


@click.group(
    "bench", invoke_without_command=True, epilog="Example: coinslot bench --only a,b --json results.json"
)
@click.option(
    "--only",
    metavar="PARTS",
    help="Some of: "
    + "; ".join(f"{part}: {title}" for part, title in TITLES.items())
    + ". Commas between them.",
)
@click.option("--seconds", type=click.FloatRange(0.2, 60), help="Of one run of the load; 3 by default.")
@click.option("--rounds", type=click.IntRange(1, 20), help="How often each is measured; 3 by default.")
@click.option("--quick", is_flag=True, help="Seconds instead of minutes: to see that it works, not how fast.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write everything there, too.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=_DEFAULT_FOLDER,
    show_default=True,
    help="Where databases and journals are put, on the disk to be measured.",
)
@click.option("--keep", is_flag=True, help="Leave databases and logs there afterwards.")
@click.pass_context
def command(
    context: click.Context,
    only: str | None,
    seconds: float | None,
    rounds: int | None,
    quick: bool,
    json_path: Path | None,
    folder: Path,
    keep: bool,
) -> None:
    """Measure this machine with this product.

    Real engines with fsync on, a real server process, real connections. Every figure is the median of
    several rounds and is given as a ratio to a limit measured between them.
    """
    if context.invoked_subcommand is not None:
        return
    sizes = QUICK if quick else Sizes()
    if seconds is not None:
        sizes = replace(sizes, seconds=seconds)
    if rounds is not None:
        sizes = replace(sizes, rounds=rounds)
    run(_parts(only), sizes, folder, json_path, keep=keep)


command.add_command(bench_payments.command)
command.add_command(bench_terminal_crash.command)


def run(parts: list[str], sizes: Sizes, parent: Path, json_path: Path | None, *, keep: bool) -> None:
    """Measure and print. Main thread only. Problem or EngineError when something cannot be measured."""
    out, err = Console(), Console(stderr=True, highlight=False)
    began = time.monotonic()
    with _folder(parent, keep=keep) as folder, err.status("starting") as status:

        def say(line: str) -> None:
            took = time.monotonic() - began
            status.update(f"{took:4.0f} s  {line}")
            if not err.is_terminal:
                err.print(f"{took:4.0f} s  {line}")

        machine = look(folder)
        with open_bed(folder, sizes, say) as bed:
            figures = measure(parts, bed, say)
    print_machine(out, machine)
    print_results(out, {part: TITLES[part] for part in parts}, figures, sizes.rounds)
    seconds = time.monotonic() - began
    out.print(f"{sizes.rounds} rounds in {seconds:.0f} s")
    if json_path is not None:
        write_json(json_path, machine, sizes, seconds, figures)
    if keep:
        out.print(f"databases and logs are in {folder}")


def measure(parts: list[str], bed: Bed, say: Say) -> list[Figure]:
    """All rounds, interleaved, so that a slow minute of the machine falls on everything alike."""
    best = BestOfPgbench(bed)
    make: dict[str, Callable[[], Part]] = {
        sessions.PART: lambda: sessions.Sessions(bed, best),
        applying.PART: lambda: applying.Applying(bed, best),
        latency.PART: lambda: latency.Latency(bed),
        memory.PART: lambda: memory.MemoryUse(bed),
        pages.PART: lambda: pages.Pages(bed),
        guests.PART: lambda: guests.Guests(bed),
        repeating.PART: lambda: repeating.Repeating(bed, best),
    }
    chosen = [make[part]() for part in parts]
    if not {*parts} <= {applying.PART, pages.PART, guests.PART, repeating.PART}:
        bed.warm()
    for number in range(1, bed.sizes.rounds + 1):

        def in_round(line: str, number: int = number) -> None:
            say(f"round {number} of {bed.sizes.rounds}: {line}")

        bed.say = in_round
        if {sessions.PART, applying.PART, repeating.PART} & {*parts}:
            best.round()
        for part in chosen:
            part.round()
    bed.say = say
    return [figure for part in chosen for figure in part.figures()]


def _parts(only: str | None) -> list[str]:
    if only is None:
        return list(TITLES)
    parts = [part.strip() for part in only.split(",")]
    unknown = [part for part in parts if part not in TITLES]
    if unknown:
        raise Problem(f"there is no part {unknown[0]!r}", f"The parts are {', '.join(TITLES)}.")
    return [part for part in TITLES if part in parts]


@contextmanager
def _folder(parent: Path, *, keep: bool) -> Iterator[Path]:
    """A folder of our own that the engines' unprivileged users may pass through."""
    path = Path(tempfile.mkdtemp(prefix="coinslot-bench-", dir=parent))
    path.chmod(0o711)
    try:
        yield path
    finally:
        if not keep:
            shutil.rmtree(path)
