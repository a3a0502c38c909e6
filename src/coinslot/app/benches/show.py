"""Results as tables for people, and as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from coinslot.app.benches.bed import Sizes
from coinslot.app.benches.figures import Figure, Judged, Side, Target, judge, shown
from coinslot.app.benches.machine import Machine


class Line(Struct, frozen=True, kw_only=True):
    """One figure in the JSON file."""

    part: str
    name: str
    unit: str
    value: float
    values: list[float]
    limit: str
    ratio: float | None
    target: Target | None
    met: bool | None
    note: str


class Report(Struct, frozen=True, kw_only=True):
    """The JSON file."""

    machine: Machine
    sizes: Sizes
    seconds: float
    figures: list[Line]


def print_machine(console: Console, machine: Machine) -> None:
    """Two lines on where this is."""
    console.print(
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_mb:,} MB, {machine.kernel}, {machine.filesystem}, "
        f"append + fdatasync {machine.fdatasync_us:,.0f} µs, load before {machine.load_before:.2f}"
    )
    console.print(", ".join(f"{name} {version}" for name, version in machine.versions.items()))


def print_results(
    console: Console, titles: Mapping[str, str], figures: Sequence[Figure], rounds: int
) -> None:
    """One table for each part: median (least to most) of the rounds, ratio to the limit, target."""
    for part, title in titles.items():
        table = Table(title=f"({part}) {title}", title_justify="left", title_style="bold", expand=False)
        table.add_column("figure", overflow="fold")
        table.add_column(f"median of {rounds} (least to most)", justify="right", no_wrap=True)
        table.add_column("× limit", justify="right")
        table.add_column("wanted", justify="right", no_wrap=True)
        for one in judge(figures):
            if one.figure.part == part:
                table.add_row(*_cells(one))
        console.print(table)
        notes = dict.fromkeys(f"{f.name}: {f.note}" for f in figures if f.part == part and f.note)
        for note in notes:
            console.print(f"  {note}", style="dim")


def write_json(path: Path, machine: Machine, sizes: Sizes, seconds: float, figures: Sequence[Figure]) -> None:
    """Everything, with every round's value."""
    lines = [
        Line(
            part=one.figure.part,
            name=one.figure.name,
            unit=one.figure.unit,
            value=one.figure.value,
            values=one.figure.values,
            limit=one.figure.limit,
            ratio=one.ratio,
            target=one.figure.target,
            met=one.met,
            note=one.figure.note,
        )
        for one in judge(figures)
    ]
    report = Report(machine=machine, sizes=sizes, seconds=round(seconds, 1), figures=lines)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def _cells(one: Judged) -> tuple[str, str, str, str]:
    figure = one.figure
    spread = ""
    if len(figure.values) > 1:
        spread = f" ({shown(min(figure.values))} to {shown(max(figure.values))})"
    target = figure.target
    wanted = ""
    if target is not None:
        sign = "≥" if target.side is Side.AT_LEAST else "≤"
        wanted = f"{sign} {target.value:g} [{'green]✓' if one.met else 'red]✗'}[/]"
    ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
    return figure.name, f"{shown(figure.value)} {figure.unit}{spread}", ratio, wanted
