"""`coinslot operator offline`: codes for the time without a link of which nobody can prove what became."""

from __future__ import annotations

import click

from coinslot.app.errors import Problem
from coinslot.app.operator_console import Desk, emit, emit_one, options, run
from coinslot.money import format_amount
from coinslot.settlement.offline.ending import GivenUp, give_up_offline
from coinslot.settlement.offline.unproved import Unproved, list_unproved
from coinslot.wire.ids import SessionId

_REFUSED = {
    GivenUp.OTHERWISE: (
        "Its money is not held any more",
        "`coinslot operator session show` tells how it ended.",
    ),
    GivenUp.NOT_YET: (
        "Its terminal may still tell",
        "A day after it was made, or when the terminal's journal is lost, a person is asked to look.",
    ),
}


@click.group("offline", epilog="Example: coinslot operator offline list")
def offline() -> None:
    """Codes for the time without a link of which nobody can prove whether they were used."""


@offline.command("list", epilog="Example: coinslot operator offline list")
@options
def offline_list(operator: str | None, as_json: bool) -> None:
    """Those that wait for a person, the oldest first. Their money is still held."""
    rows = run(operator, lambda desk: list_unproved(desk.connection, desk.operator.operator_id))
    columns = ("session_id", "made_at", "site", "appliance", "amount", "online")
    emit([_shown(row) for row in rows], columns, as_json=as_json)


@offline.command(
    "give-up",
    epilog="Example: coinslot operator offline give-up off_oft_1hv3…_2 --words 'the controller was replaced'",
)
@click.argument("session_id", metavar="SESSION")
@click.option("--words", required=True, help="Why it counts as unused; name nobody.")
@options
def offline_give_up(session_id: str, words: str, operator: str | None, as_json: bool) -> None:
    """Give its money back. If it turns out to have been used, that is owed."""

    async def work(desk: Desk) -> dict[str, object]:
        async with desk.connection.transaction():
            done = await give_up_offline(
                desk.connection,
                operator=desk.operator.operator_id,
                session=SessionId(session_id),
                by=desk.by,
                words=words,
            )
        if done is not GivenUp.DONE:
            raise Problem(*_REFUSED[done])
        return {"session_id": session_id, "state": "released"}

    emit_one(run(operator, work), as_json=as_json)


def _shown(row: Unproved) -> dict[str, object]:
    return {
        "session_id": row.session_id,
        "made_at": row.made_at,
        "site": row.site,
        "appliance": row.appliance,
        "amount": format_amount(row.held_minor, row.currency),
        "online": row.online,
    }
