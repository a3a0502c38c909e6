"""`coinslot operator flush`: a technician lets water run, at nobody's cost."""

from __future__ import annotations

import sys

import click

from coinslot.app.errors import Problem
from coinslot.app.operator_console import Desk, emit, emit_one, options, run
from coinslot.app.operator_refusals import refusal_problem
from coinslot.app.operator_session import run_live
from coinslot.fleet.store import find_appliance
from coinslot.people.staff import log_in
from coinslot.settlement.flushing import FlushReason, FlushWish, flush, list_flushes
from coinslot.settlement.requests import Refused
from coinslot.settlement.starter import Starter
from coinslot.wire.ids import new_id


@click.group(
    "flush", epilog="Example: coinslot operator flush start 'Shower 3' --litres 20 --why hygiene --as tom"
)
def flush_command() -> None:
    """Let water run for hygiene or after a repair; each time is noted with who, why and how much."""


@flush_command.command(
    "start", epilog="Example: coinslot operator flush start 'Shower 3' --why repair --as tom"
)
@click.argument("appliance")
@click.option("--outlet", type=click.IntRange(0, 255), default=0, show_default=True)
@click.option(
    "--litres", type=click.IntRange(1, 100), default=20, show_default=True, help="It ends at so many …"
)
@click.option(
    "--seconds", type=click.IntRange(5, 300), default=120, show_default=True, help="… or after so long."
)
@click.option("--why", type=click.Choice([reason.value for reason in FlushReason]), required=True)
@click.option("--note", default="", help="In your own words; needed with --why other.")
@click.option("--key", help="Repeat it with the same key: it is the same flush, however often.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--as", "login", required=True, help="Your own login; the password is asked for.")
@options
def flush_start(
    appliance: str,
    outlet: int,
    litres: int,
    seconds: int,
    why: str,
    note: str,
    key: str | None,
    password_stdin: bool,
    login: str,
    operator: str | None,
    as_json: bool,
) -> None:
    """Open an outlet for at most five minutes and 100 litres. Owners, managers and technicians may."""
    password = (
        sys.stdin.readline().rstrip("\r\n")
        if password_stdin
        else str(click.prompt("Password", hide_input=True))
    )

    async def work(desk: Desk, starter: Starter) -> dict[str, object]:
        own = desk.operator.operator_id
        person = await log_in(desk.connection, own, login, password)
        if person is None:
            raise Problem(
                "Login and password do not belong together",
                "`coinslot operator staff list` shows who there is.",
            )
        found = await find_appliance(desk.connection, own, appliance)
        answer = await flush(
            desk.connection,
            starter,
            FlushWish(
                operator=own,
                currency=desk.operator.currency,
                appliance=found.appliance_id,
                outlet=outlet,
                reason=FlushReason(why),
                words=note,
                limit_ml=litres * 1_000,
                limit_s=seconds,
                key=key or new_id("flk"),
            ),
            person.staff_id,
        )
        if isinstance(answer, Refused):
            raise refusal_problem(answer, desk.operator.currency)
        return {
            "session_id": answer.id,
            "state": answer.state.value,
            "appliance": found.name,
            "outlet": outlet,
        }

    emit_one(run_live(operator, work), as_json=as_json)


@flush_command.command("list", epilog="Example: coinslot operator flush list")
@options
def flush_list(operator: str | None, as_json: bool) -> None:
    """What was let run: when, by whom, why, how much."""
    rows = run(operator, lambda desk: list_flushes(desk.connection, desk.operator.operator_id))
    columns = ("made_at", "appliance", "outlet", "name", "reason", "words", "ml", "s", "state")
    emit(rows, columns, as_json=as_json)
