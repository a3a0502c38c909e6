"""`coinslot operator` party and statement: who receives shares, and what they came to."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from coinslot.app.errors import Problem
from coinslot.app.operator_console import Desk, emit, emit_one, options, run
from coinslot.money import format_amount, parse_currency
from coinslot.settlement.exports.csv_file import COLUMNS, row, write_rows
from coinslot.settlement.statements import Statement, make_statement
from coinslot.sharing import Party, PartyKind
from coinslot.sharing import store as sharing_store

_DAY = click.DateTime(["%Y-%m-%d"])
_KINDS = {kind.value.replace("_", "-"): kind for kind in PartyKind}


@click.group("party", epilog="Example: coinslot operator party add 'Hotel Aurora' --kind site-owner")
def party() -> None:
    """Who receives shares: a hotel, a manufacturer, a platform."""


@party.command("add", epilog="Example: coinslot operator party add 'Hotel Aurora' --kind site-owner")
@click.argument("name")
@click.option("--kind", type=click.Choice(list(_KINDS)), default="other", show_default=True)
@options
def party_add(name: str, kind: str, operator: str | None, as_json: bool) -> None:
    """A new party. It receives nothing before an agreement says so."""
    made = run(
        operator,
        lambda desk: sharing_store.add_party(
            desk.connection, desk.operator.operator_id, name=name, kind=_KINDS[kind].value, by=desk.by
        ),
    )
    emit_one(made, as_json=as_json)


@party.command("list", epilog="Example: coinslot operator party list")
@options
def party_list(operator: str | None, as_json: bool) -> None:
    """All parties."""
    found = run(operator, lambda desk: sharing_store.list_parties(desk.connection, desk.operator.operator_id))
    emit(found, ("name", "kind", "party_id", "created_at"), as_json=as_json)


@click.command(
    "statement",
    epilog="Example: coinslot operator statement 'Hotel Aurora' --from 2026-11-01 --to 2026-11-30 --csv november.csv",
)
@click.argument("key", metavar="PARTY")
@click.option("--from", "first", type=_DAY, required=True, help="First day, by the operator's clock.")
@click.option("--to", "last", type=_DAY, required=True, help="Last day, included.")
@click.option("--currency", help="Another than the operator's.")
@click.option(
    "--csv", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write every line there."
)
@options
def statement(
    key: str,
    first: datetime,
    last: datetime,
    currency: str | None,
    file: Path | None,
    operator: str | None,
    as_json: bool,
) -> None:
    """What a party earned in a period, line by line, each with its session and its entry in the ledger.

    Opening balance, lines and closing balance are the account's own: what one statement closes with, the next
    opens with.
    """

    async def work(desk: Desk) -> tuple[Party, Statement]:
        found = await sharing_store.find_party(desk.connection, desk.operator.operator_id, key)
        made = await make_statement(
            desk.connection,
            found.operator_id,
            found.party_id,
            parse_currency(currency) if currency else desk.operator.currency,
            first=first.date(),
            last=last.date(),
            timezone=desk.operator.timezone,
        )
        return found, made

    who, made = run(operator, work)
    if file is not None:
        write_csv(file, made)
    if as_json:
        emit_one(made, as_json=True)
    else:
        _show(who, made, with_lines=file is None)
    if not made.complete:
        click.echo("The period is not over: more may come.", err=True)


def _show(who: Party, made: Statement, *, with_lines: bool) -> None:
    if with_lines:
        emit([row(line, made.currency) for line in made.lines], COLUMNS, as_json=False)
        click.echo()
    emit_one(
        {
            "party": who.name,
            "from": str(made.first),
            "to": str(made.last),
            "lines": len(made.lines),
            "opening": _money(made.opening_minor, made.currency),
            "moved": _money(made.moved_minor, made.currency),
            "closing": _money(made.closing_minor, made.currency),
        },
        as_json=False,
    )


def write_csv(file: Path, made: Statement) -> None:
    """The lines between a row for each balance; never over another file."""
    try:
        # With a mark of its encoding: spreadsheets take the text for something else without one.
        with file.open("x", newline="", encoding="utf-8-sig") as out:
            write_rows(out, made)
    except FileExistsError as error:
        raise Problem(f"{file} exists", "Choose another name, or remove it.") from error
    except OSError as error:
        raise Problem(f"{file} cannot be written: {error.strerror}", "Correct the path.") from error


def _money(amount_minor: int, currency: str) -> str:
    return f"{format_amount(amount_minor, currency)} {currency}"
