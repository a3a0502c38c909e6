"""`coinslot operator fapiao`: what guests and customers asked for, handed over in files, and the numbers that came back."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import click

from coinslot.app.errors import Problem
from coinslot.app.installation import keyring
from coinslot.app.operator_console import Desk, emit, emit_one, options, run
from coinslot.app.settings import load_settings
from coinslot.fields import MissingError
from coinslot.money import format_amount
from coinslot.settlement.fapiao.csv_file import Mark, csv_bytes, read_marks
from coinslot.settlement.fapiao.exporting import Filed, export, read_export
from coinslot.settlement.fapiao.issuing import Issued, Listed, list_requests, mark_issued

_DAY: Final = click.DateTime(["%Y-%m-%d"])
_COLUMNS: Final = ("request", "bill", "state", "amount", "asked_at", "export", "line", "number")
_MOST_BYTES: Final = 8 * 1024 * 1024


@click.group("fapiao", epilog="Example: coinslot operator fapiao export --out march.csv --to 2026-03-31")
def fapiao() -> None:
    """Invoices of China's tax system: asked for with a bill, issued in the tax authority's own program."""


@fapiao.command("list", epilog="Example: coinslot operator fapiao list --all")
@click.option("--all", "every", is_flag=True, help="Also what was issued.")
@options
def fapiao_list(every: bool, operator: str | None, as_json: bool) -> None:
    """What waits to be exported or issued. What people gave with it is in the exported file alone."""
    found = run(operator, lambda desk: list_requests(desk.connection, desk.operator.operator_id, every=every))
    emit([_shown(each) for each in found], _COLUMNS, as_json=as_json)


@fapiao.command("export", epilog="Example: coinslot operator fapiao export --out march.csv --to 2026-03-31")
@click.option("--from", "first", type=_DAY, help="Bills that ended on this day or later.")
@click.option("--to", "last", type=_DAY, help="Bills that ended on this day or before; today without it.")
@click.option("--again", "export_id", metavar="EXPORT", help="The file of an earlier export once more.")
@click.option("--out", "file", type=click.Path(path_type=Path), required=True, help="The CSV to be written.")
@options
def fapiao_export(
    first: datetime | None,
    last: datetime | None,
    export_id: str | None,
    file: Path,
    operator: str | None,
    as_json: bool,
) -> None:
    """Hand over each request once, and what was given back since as lines below zero.

    The file holds names, tax numbers and mail addresses: only you can read it; delete it when it has served.
    """
    if export_id is not None and (first or last):
        raise Problem("An earlier export has its days already", "Leave out --from and --to.")
    if file.exists():
        raise Problem(f"{file} exists", "Choose another name, or remove it.")
    if not file.absolute().parent.is_dir():
        raise Problem(f"{file} cannot be written: there is no such folder", "Correct the path.")
    settings = load_settings()

    async def work(desk: Desk) -> tuple[str, list[Filed]]:
        own = desk.operator
        keys = keyring(settings)
        made = export_id
        if made is None:
            today = datetime.now(UTC).astimezone(ZoneInfo(own.timezone)).date()
            made = await export(
                desk.connection,
                keys,
                own.operator_id,
                first=None if first is None else first.date(),
                last=today if last is None else last.date(),
                by=desk.by,
            )
        try:
            return made, list(await read_export(desk.connection, keys, own.operator_id, made))
        except MissingError as error:
            raise Problem(f"There is {error}", "`coinslot operator fapiao list --all` shows them.") from error

    if first is not None and last is not None and last < first:
        raise Problem("--to is before --from", "Correct one of them.")
    made, lines = run(operator, work)
    try:
        _write(file, csv_bytes(lines))
    except OSError as error:
        raise Problem(
            f"{file} cannot be written: {error.strerror}",
            f"Nothing is lost. Run: coinslot operator fapiao export --again {made} --out FILE",
        ) from error
    emit_one({"export": made, "lines": len(lines), "file": str(file)}, as_json=as_json)


@fapiao.command("issued", epilog="Example: coinslot operator fapiao issued --file numbers.csv")
@click.argument("line", required=False)
@click.argument("number", required=False)
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A CSV with the columns line and number, such as the exported one with numbers filled in.",
)
@click.option("--replace", is_flag=True, help="A number that was noted before may be another one now.")
@options
def fapiao_issued(
    line: str | None,
    number: str | None,
    file: Path | None,
    replace: bool,
    operator: str | None,
    as_json: bool,
) -> None:
    """Note the numbers of issued fapiao: LINE as in the exported file and its NUMBER, or a file of them.

    Whoever asked sees the number with the bill. Rows that are wrong are named and left out; run it again with them
    corrected.
    """
    if (file is None) is (line is None or number is None):
        raise Problem("Say which", "Give LINE and NUMBER, or --file FILE.")
    if file is not None and file.stat().st_size > _MOST_BYTES:
        raise Problem(f"{file} is too large", "Split it into files of at most 8 MB.")

    raw = None if file is None else file.read_bytes()

    async def work(desk: Desk) -> Issued:
        marks = [Mark(row=1, line=line or "", number=number or "")] if raw is None else read_marks(raw)
        own = desk.operator.operator_id
        return await mark_issued(desk.connection, own, marks, by=desk.by, replace=replace)

    done = run(operator, work)
    errors = [{"row": row, "error": words} for row, words in done.errors]
    if as_json:
        emit_one({"noted": done.noted, "known": done.known, "errors": errors}, as_json=True)
    else:
        emit_one({"noted": done.noted, "noted before": done.known, "wrong": len(errors)}, as_json=False)
        if errors:
            emit(errors, ("row", "error"), as_json=False)
    if errors:
        raise SystemExit(1)


def _shown(each: Listed) -> dict[str, object]:
    if each.line_id is None:
        state = "open" if each.due_minor else "all went back"
    else:
        kind = "fapiao" if each.due_minor > 0 else "correction"
        state = f"{kind} {'exported' if each.number is None else 'issued'}"
    return {
        "request": each.request_id,
        "bill": each.session_id,
        "state": state,
        "amount": format_amount(each.due_minor, each.currency),
        "asked_at": each.asked_at,
        "export": each.export_id,
        "line": each.line_id,
        "number": each.number,
        "erased": each.erased,
    }


def _write(file: Path, body: bytes) -> None:
    # Names and addresses: for whoever made it, and never over another file.
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(body)
