"""`coinslot bench terminal-crash`: the agent is killed, and its power cut, at every point of every story."""

from __future__ import annotations

import os
import time
from collections import Counter

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from coinslot.app.errors import Problem
from coinslot.sandbox.crashing import campaign
from coinslot.sandbox.crashing.board import Violation
from coinslot.sandbox.crashing.points import How, Point
from coinslot.sandbox.crashing.stories import STORIES

MOST_SHOWN = 20

EXAMPLE = """\b
Example:
  coinslot bench terminal-crash
  coinslot bench terminal-crash --story stop-key --repeat 10
  coinslot bench terminal-crash --story stop-key --pace 0 --at 12:torn:31
"""


@click.command("terminal-crash", epilog=EXAMPLE)
@click.option(
    "--story", "stories", multiple=True, type=click.Choice(list(STORIES)), help="Only these; else all."
)
@click.option(
    "--repeat",
    default=1,
    show_default=True,
    type=click.IntRange(1, 656),
    help="Each at so many paces of its water.",
)
@click.option(
    "--every",
    default=1,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Tear lines only after every so manieth byte.",
)
@click.option("--once", is_flag=True, help="Do not cut the recoveries again.")
@click.option("--jobs", type=click.IntRange(1, 64), help="Processes; as many as cores by default.")
@click.option("--pace", default=0, show_default=True, help="Of a single run.")
@click.option(
    "--at",
    "where",
    multiple=True,
    metavar="ACTION:HOW:BYTES",
    help="One single run, cut here (and then here).",
)
def command(
    stories: tuple[str, ...],
    repeat: int,
    every: int,
    once: bool,
    jobs: int | None,
    pace: int,
    where: tuple[str, ...],
) -> None:
    """Kill the agent before every journal write and every turn of the valve, cut its power there and at every byte of
    every line, and its recovery once more; after each the valve must be shut, the journal whole, and each session
    settled once, for what has flowed.

    The agent, its journal and the server are the real code, in virtual time; the same point is the same run.
    """
    chosen = list(stories) or list(STORIES)
    if where:
        _one(chosen, [_point(text) for text in where], pace)
    else:
        _all(chosen, repeat, every, again=not once, jobs=jobs or os.cpu_count() or 1)


def _all(stories: list[str], repeat: int, every: int, *, again: bool, jobs: int) -> None:
    out = Console()
    began = time.monotonic()
    with out.status("telling the stories once without a cut"):
        work = list(campaign.all_of(stories, repeat, every, again=again))
    found: list[campaign.Found] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("cut", total=sum(len(one.where) for one in work))
        for runs, broken in campaign.many(work, jobs):
            found += broken
            progress.update(task, advance=runs, description=f"cut ({len(found)} violations)")
    _table(out, work, found)
    runs = sum(len(one.where) for one in work)
    took_s = time.monotonic() - began
    points = runs // repeat
    times = "repetition" if repeat == 1 else "repetitions"
    out.print(
        f"{points:,} points × {repeat} {times} = {runs:,} runs in {took_s:.0f} s: {len(found)} violations"
    )
    if found:
        for one in found[:MOST_SHOWN]:
            out.print(f"[red]{one.what}[/red]\n  {one.command}", highlight=False)
        raise Problem(f"{len(found)} runs broke a promise", "Repeat one of them by the command below it.")


def _table(out: Console, work: list[campaign.Work], found: list[campaign.Found]) -> None:
    broken = Counter(one.story for one in found)
    table = Table("story", *(how.value for how in How), "cut twice", "violations")
    for column in table.columns[1:]:
        column.justify = "right"
    for story in dict.fromkeys(one.story for one in work):
        mine = [points for one in work if one.story == story for points in one.where]
        kinds = Counter(points[0].how for points in mine if len(points) == 1)
        twice = sum(len(points) > 1 for points in mine)
        table.add_row(story, *(f"{kinds[how]:,}" for how in How), f"{twice:,}", str(broken[story]))
    out.print(table)


def _one(stories: list[str], points: list[Point], pace: int) -> None:
    if len(stories) != 1:
        raise Problem("a single run is of one story", "Give it: --story stop-key")
    try:
        board = campaign.cut(stories[0], points, pace)
    except ValueError as error:
        raise Problem(str(error), "Look at the number of actions with a smaller one.") from None
    except Violation as violation:
        raise Problem(str(violation), "The run is the same each time: mend it, and run it again.") from None
    print(f"{stories[0]}, {', then '.join(map(str, points))}: all is right after {board.boots} boots")


def _point(text: str) -> Point:
    try:
        action, how, size = text.split(":")
        return Point(int(action), How(how), int(size))
    except ValueError:
        raise Problem(
            f"--at {text}: no such point", "Write it as ACTION:HOW:BYTES, for example 12:torn:31."
        ) from None
