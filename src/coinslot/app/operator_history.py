"""`coinslot operator` readings, review and alarm: what happened, and what a person has to look at."""

from __future__ import annotations

import csv
import sys
from collections.abc import AsyncIterable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import asyncpg
import click
import msgspec

from coinslot.app.errors import Problem
from coinslot.app.operator_console import Desk, emit, options, run
from coinslot.fleet.store import find_terminal
from coinslot.wire.registers import Register

_FIXED = ("at", "terminal_id", "outlet", "session_id", "ticks_ms")
_MEASURED = ("flow_ml_per_min", "power_w", "valve_open")
_WHERE = """
WHERE operator_id = $1 AND ($2::text IS NULL OR terminal_id = $2)
  AND at >= COALESCE($3, '-infinity'::timestamptz) AND at < COALESCE($4, 'infinity'::timestamptz)
"""
_moment = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])
_counts = msgspec.json.Decoder(dict[str, int])


@click.group(
    "readings", epilog="Example: coinslot operator readings export --from 2026-03-01 --output march.csv"
)
def readings() -> None:
    """The history of registers and sensors."""


@readings.command(
    "export", epilog="Example: coinslot operator readings export --from 2026-03-01 --output march.csv"
)
@click.option("--terminal", "terminal_key", help="Only one terminal's.")
@click.option("--from", "first", type=_moment, help="From this moment on, UTC.")
@click.option("--to", "last", type=_moment, help="To just before this moment, UTC.")
@click.option("--output", type=click.Path(path_type=Path), help="A file; standard output if not given.")
@click.option("--operator", "-o", help="Whose data, by name or id.")
def readings_export(
    terminal_key: str | None,
    first: datetime | None,
    last: datetime | None,
    output: Path | None,
    operator: str | None,
) -> None:
    """Write readings as CSV: a column for each register and each sensor that occurs."""

    async def work(desk: Desk) -> int:
        own = desk.operator.operator_id
        chosen = None
        if terminal_key is not None:
            chosen = (await find_terminal(desk.connection, own, terminal_key)).terminal_id
        arguments = (own, chosen, _utc(first), _utc(last))
        # One snapshot: a sensor that appears meanwhile would have no column.
        async with desk.connection.transaction(isolation="repeatable_read", readonly=True):
            sensors = await desk.connection.fetch(
                f"SELECT DISTINCT jsonb_object_keys(sensors::jsonb) AS name FROM reading {_WHERE} ORDER BY 1",
                *arguments,
            )
            rows = desk.connection.cursor(
                f"SELECT * FROM reading {_WHERE} ORDER BY at, terminal_id, outlet", *arguments
            )
            with _opened(output) as file:
                return await _write(file, rows, [row["name"] for row in sensors])

    click.echo(f"{run(operator, work)} readings", err=True)


async def _write(file: TextIO, rows: AsyncIterable[asyncpg.Record], sensors: list[str]) -> int:
    registers = [register.value for register in Register]
    writer = csv.writer(file)
    own = [*_FIXED, *registers, *_MEASURED]
    # Terminals name their sensors; a name that is a column already would leave two of it.
    writer.writerow([*own, *(f"sensor_{name}" if name in own else name for name in sensors)])
    count = 0
    async for row in rows:
        shown, measured = _counts.decode(row["registers"]), _counts.decode(row["sensors"])
        fixed: Iterable[object] = (row["at"].isoformat(), *(row[name] for name in _FIXED[1:]))
        writer.writerow(
            [
                *fixed,
                *map(shown.get, registers),
                *(row[name] for name in _MEASURED),
                *map(measured.get, sensors),
            ]
        )
        count += 1
    return count


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    try:
        with output.open("x", newline="", encoding="utf-8") as file:
            yield file
    except FileExistsError as error:
        raise Problem(f"{output} exists", "Choose another name, or remove it.") from error
    except OSError as error:
        raise Problem(f"{output} cannot be written: {error.strerror}", "Correct the path.") from error


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


@click.group("review", epilog="Example: coinslot operator review list")
def review() -> None:
    """What a person has to look at: doubted sessions, records that were not understood."""


@review.command("list", epilog="Example: coinslot operator review list --all")
@click.option("--all", "every", is_flag=True, help="Closed ones too.")
@options
def review_list(every: bool, operator: str | None, as_json: bool) -> None:
    """Open reviews, the oldest first."""

    async def work(desk: Desk) -> list[dict[str, object]]:
        rows = await desk.connection.fetch(
            "SELECT review_id, reason, session_id, terminal_id, epoch, seq, detail, opened_at, closed_at, closed_by,"
            " resolution FROM review WHERE operator_id = $1 AND ($2 OR closed_at IS NULL) ORDER BY review_id LIMIT 10000",
            desk.operator.operator_id,
            every,
        )
        return [dict(row.items()) for row in rows]

    columns = ("review_id", "reason", "session_id", "terminal_id", "detail", "opened_at", "closed_at")
    emit(run(operator, work), columns, as_json=as_json)


@click.group("alarm", epilog="Example: coinslot operator alarm list")
def alarm() -> None:
    """What is wrong with appliances and terminals."""


@alarm.command("list", epilog="Example: coinslot operator alarm list")
@click.option("--all", "every", is_flag=True, help="Those that are over too.")
@options
def alarm_list(every: bool, operator: str | None, as_json: bool) -> None:
    """Standing alarms, the newest first."""

    async def work(desk: Desk) -> list[dict[str, object]]:
        rows = await desk.connection.fetch(
            "SELECT alarm_id, terminal_id, outlet, kind, detail, raised_at, cleared_at FROM alarm"
            " WHERE operator_id = $1 AND ($2 OR cleared_at IS NULL) ORDER BY alarm_id DESC LIMIT 10000",
            desk.operator.operator_id,
            every,
        )
        return [dict(row.items()) for row in rows]

    emit(
        run(operator, work),
        ("kind", "terminal_id", "outlet", "detail", "raised_at", "cleared_at"),
        as_json=as_json,
    )
