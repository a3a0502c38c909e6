"""`coinslot operator session`: sessions as the books have them."""

from __future__ import annotations

import click

from coinslot.app.operator_console import Desk, emit, emit_one, options, run
from coinslot.fields import MissingError


@click.group("session")
def session() -> None:
    """Uses of appliances, from authorization to settlement."""


@session.command("list", epilog="Example: coinslot operator session list --state running")
@click.option("--state", help="Only those in this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@options
def session_list(state: str | None, limit: int, operator: str | None, as_json: bool) -> None:
    """The newest sessions."""

    async def work(desk: Desk) -> list[dict[str, object]]:
        rows = await desk.connection.fetch(
            "SELECT session_id, state, customer_id, appliance_id, terminal_id, outlet, currency, charge_minor,"
            " captured_minor, stop_reason, created_at, settled_at FROM session"
            " WHERE operator_id = $1 AND ($2::text IS NULL OR state = $2) ORDER BY created_at DESC LIMIT $3",
            desk.operator.operator_id,
            state,
            limit,
        )
        return [dict(row.items()) for row in rows]

    columns = ("session_id", "state", "terminal_id", "outlet", "charge_minor", "stop_reason", "created_at")
    emit(run(operator, work), columns, as_json=as_json)


@session.command("show", epilog="Example: coinslot operator session show ses_1hv3…")
@click.argument("session_id")
@options
def session_show(session_id: str, operator: str | None, as_json: bool) -> None:
    """Everything about one session; amounts in minor units."""

    async def work(desk: Desk) -> dict[str, object]:
        row = await desk.connection.fetchrow(
            "SELECT * FROM session WHERE operator_id = $1 AND session_id = $2",
            desk.operator.operator_id,
            session_id,
        )
        if row is None:
            raise MissingError("session", session_id)
        return {name: value for name, value in row.items() if name != "request_hash"}

    emit_one(run(operator, work), as_json=as_json)
