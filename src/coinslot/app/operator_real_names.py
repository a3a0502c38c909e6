"""`coinslot operator real-name`: who hands in a real name, and who of the staff looks at it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from coinslot.app.demo_home import looked_at
from coinslot.app.errors import Problem
from coinslot.app.installation import keyring
from coinslot.app.operator_console import Desk, emit, emit_one, options, run
from coinslot.app.settings import load_settings
from coinslot.people import real_names
from coinslot.people.real_names import OpenedName, PendingName
from coinslot.people.vault import Unopenable

_argument = click.argument("real_name_id", metavar="ID")


@click.group("real-name", epilog="Example: coinslot operator real-name list")
def real_name() -> None:
    """Real names that customers handed in: look at them, approve or reject them.

    Whoever opens one is noted in the audit trail. With the decision the picture is deleted.
    """


@real_name.command("list", epilog="Example: coinslot operator real-name list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@options
def real_name_list(limit: int, operator: str | None, as_json: bool) -> None:
    """Those that wait for a reviewer, the oldest first. Shows nothing personal."""

    async def work(desk: Desk) -> list[PendingName]:
        return await real_names.list_pending(desk.connection, desk.operator.operator_id, limit)

    columns = ("real_name_id", "customer_id", "submitted_at", "note")
    emit(run(operator, work), columns, as_json=as_json)


@real_name.command("show", epilog="Example: coinslot operator real-name show rnm_…")
@_argument
@options
def real_name_show(real_name_id: str, operator: str | None, as_json: bool) -> None:
    """Name and ID number, to be compared with the picture."""
    opened = _open(operator, real_name_id)
    shown: dict[str, object] = {
        "real_name_id": opened.real_name_id,
        "customer_id": opened.customer_id,
        "state": opened.state.value,
        "submitted_at": opened.submitted_at,
        "note": opened.note,
        "name": opened.name,
        "id_number": opened.id_number,
        "picture": "there is none" if opened.picture is None else f"{len(opened.picture)} bytes",
    }
    emit_one(shown, as_json=as_json)


@real_name.command(
    "picture", epilog="Example: coinslot operator real-name picture rnm_… --output /run/user/1000/card.jpg"
)
@_argument
@click.option(
    "--output", type=click.Path(path_type=Path), required=True, help="A new file, readable for you alone."
)
@click.option("--operator", "-o", help="Whose data, by name or id.")
def real_name_picture(real_name_id: str, output: Path, operator: str | None) -> None:
    """Write the picture to a file (mode 0600). Delete the file once you have looked at it."""
    if output.exists() or output.is_symlink():
        raise Problem(f"{output} exists", "Choose another name, or remove it.")
    picture = _open(operator, real_name_id).picture
    if picture is None:
        raise Problem("There is no picture any more", "It was deleted when the real name was approved.")
    try:
        # Made readable for nobody else from the first moment on, and never through somebody's link.
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(picture)
    except OSError as error:
        raise Problem(f"{output} cannot be written: {error.strerror}", "Correct the path.") from error
    click.echo(f"{output}: {len(picture)} bytes. Delete it once you have looked at it.", err=True)


@real_name.command("approve", epilog="Example: coinslot operator real-name approve rnm_…")
@_argument
@options
def real_name_approve(real_name_id: str, operator: str | None, as_json: bool) -> None:
    """Name, number and picture agree: the customer may start. The picture is deleted."""

    async def work(desk: Desk) -> dict[str, object]:
        own = desk.operator.operator_id
        await real_names.approve(desk.connection, own, real_name_id, by=desk.by)
        return {"real_name_id": real_name_id, "state": "approved"}

    emit_one(run(operator, work), as_json=as_json)


@real_name.command(
    "reject", epilog="Example: coinslot operator real-name reject rnm_… --reason 'the picture is blurred'"
)
@_argument
@click.option("--reason", required=True, help="What the customer is told; name nobody in it.")
@options
def real_name_reject(real_name_id: str, reason: str, operator: str | None, as_json: bool) -> None:
    """It cannot be taken; the customer may hand in another. Name, number and picture are deleted."""

    async def work(desk: Desk) -> dict[str, object]:
        own = desk.operator.operator_id
        await real_names.reject(desk.connection, own, real_name_id, reason=reason, by=desk.by)
        return {"real_name_id": real_name_id, "state": "rejected"}

    emit_one(run(operator, work), as_json=as_json)


def _open(operator: str | None, real_name_id: str) -> OpenedName:
    """What was submitted. Problem when it cannot be opened here."""
    settings = looked_at(load_settings())

    async def work(desk: Desk) -> OpenedName:
        own = desk.operator.operator_id
        return await real_names.open_real_name(
            desk.connection, keyring(settings), own, real_name_id, by=desk.by
        )

    try:
        return run(operator, work)
    except Unopenable as error:
        raise Problem(
            "This installation's secret does not open it",
            "Set `secret_key` to the server's, and `earlier_secret_keys` to those it had before.",
        ) from error
