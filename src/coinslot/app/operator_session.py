"""`coinslot operator session`: start, stop, look at sessions, as the books have them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import click
from nats.errors import Error as NatsError

from coinslot.app.errors import Problem
from coinslot.app.installation import Installation, attached_installation
from coinslot.app.operator_bill import SessionPaper, paper_of, print_paper
from coinslot.app.operator_console import Desk, emit, emit_one, options, run
from coinslot.app.operator_refusals import refusal_problem
from coinslot.app.settings import load_settings
from coinslot.engines.connect import open_pool
from coinslot.fields import MissingError
from coinslot.fleet.store import find_appliance, find_terminal
from coinslot.link.clients import connect
from coinslot.link.outgoing import Outgoing
from coinslot.people.customers import find_customer
from coinslot.sessions.model import Session
from coinslot.sessions.states import State
from coinslot.settlement.ports import Conflict
from coinslot.settlement.requests import Refused, StartRequest
from coinslot.settlement.starter import Starter
from coinslot.settlement.store import PostgresBooks
from coinslot.web import reading
from coinslot.wire.ids import TerminalId, is_id, new_id

T = TypeVar("T")

_COLUMNS = ("session_id", "state", "terminal_id", "outlet", "charge_minor", "stop_reason", "created_at")


@click.group("session", epilog="Example: coinslot operator session list --state running")
def session() -> None:
    """Uses of appliances, from authorization to settlement."""


@session.command("start", epilog="Example: coinslot operator session start Lin 'Shower 3'")
@click.argument("customer")
@click.argument("where", metavar="TERMINAL_OR_APPLIANCE")
@click.option("--outlet", type=click.IntRange(0, 255), default=0, show_default=True)
@click.option("--key", help="Repeat a start with the same key: it is the same session, however often.")
@options
def session_start(
    customer: str, where: str, outlet: int, key: str | None, operator: str | None, as_json: bool
) -> None:
    """Start a session for a customer, as a desk does for somebody without a phone."""
    if key is not None and not is_id(key):
        raise Problem(
            "--key: 1 to 40 letters, digits, - and _", "Choose another key, or leave it out for a new one."
        )

    async def work(desk: Desk, starter: Starter) -> SessionPaper:
        own = desk.operator.operator_id
        who = await find_customer(desk.connection, own, customer)
        request = StartRequest(
            operator=own,
            customer=who.customer_id,
            terminal=await _terminal(desk, where, outlet),
            outlet=outlet,
            key=key or new_id("cli"),
        )
        answer = await starter.start(request)
        if isinstance(answer, Refused):
            raise refusal_problem(answer, desk.operator.currency)
        return await paper_of(desk.connection, answer)

    _print(run_live(operator, work), as_json=as_json)


@session.command("stop", epilog="Example: coinslot operator session stop ses_1hv3…")
@click.argument("session_id")
@options
def session_stop(session_id: str, operator: str | None, as_json: bool) -> None:
    """Ask a session to end. Asking again, or after the end, changes nothing."""

    async def work(desk: Desk, starter: Starter) -> SessionPaper:
        found = await _find(desk, session_id)
        if found.live:
            found = await starter.stop(desk.operator.operator_id, found.id) or found
        return await paper_of(desk.connection, found)

    _print(run_live(operator, work), as_json=as_json)


@session.command("list", epilog="Example: coinslot operator session list --state running --customer Lin")
@click.option(
    "--state", type=click.Choice([state.value for state in State]), help="Only those in this state."
)
@click.option("--customer", help="Only this customer's; by id, phone number or name.")
@click.option("--before", help="Only those made before this session.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True)
@options
def session_list(
    state: str | None,
    customer: str | None,
    before: str | None,
    limit: int,
    operator: str | None,
    as_json: bool,
) -> None:
    """The newest sessions."""

    async def work(desk: Desk) -> list[dict[str, object]]:
        own = desk.operator.operator_id
        who = None if customer is None else await find_customer(desk.connection, own, customer)
        found = await reading.list_sessions(
            desk.connection,
            own,
            customer=None if who is None else who.customer_id,
            state=None if state is None else State(state),
            before=None if before is None else (await _find(desk, before)).id,
            limit=limit,
        )
        return [_row(one) for one in found]

    emit(run(operator, work), _COLUMNS, as_json=as_json)


@session.command("show", epilog="Example: coinslot operator session show ses_1hv3…")
@click.argument("session_id")
@options
def session_show(session_id: str, operator: str | None, as_json: bool) -> None:
    """Everything about one session: times, registers, the bill line by line, sensors, reviews."""

    async def work(desk: Desk) -> SessionPaper:
        return await paper_of(desk.connection, await _find(desk, session_id))

    _print(run(operator, work), as_json=as_json)


def _print(paper: SessionPaper, *, as_json: bool) -> None:
    if as_json:
        emit_one(paper, as_json=True)
    else:
        print_paper(paper)


async def _find(desk: Desk, session_id: str) -> Session:
    found = await reading.find_session(desk.connection, desk.operator.operator_id, session_id)
    if found is None:
        raise MissingError("session", session_id)
    return found


async def _terminal(desk: Desk, where: str, outlet: int) -> TerminalId:
    own = desk.operator.operator_id
    try:
        return (await find_terminal(desk.connection, own, where)).terminal_id
    except MissingError:
        appliance = await find_appliance(desk.connection, own, where)
    found = await reading.terminals_of_appliance(desk.connection, own, appliance.code, outlet)
    if not found:
        raise Problem(
            f"{appliance.name} has no outlet {outlet}", "`coinslot operator outlet list` shows which it has."
        )
    if len(found) > 1:
        raise Problem(
            f"{appliance.name} has an outlet {outlet} on several terminals", "Name the terminal instead."
        )
    return found[0]


def _row(one: Session) -> dict[str, object]:
    return {
        "session_id": one.id,
        "state": one.state.value,
        "customer_id": one.customer,
        "appliance_id": one.appliance,
        "terminal_id": one.terminal,
        "outlet": one.outlet,
        "currency": one.currency,
        "hold_minor": one.hold_minor,
        "charge_minor": one.charge_minor,
        "captured_minor": one.captured_minor,
        "stop_reason": one.stop_reason,
        "created_at": one.created_at,
        "settled_at": one.settled_at,
    }


def run_live(operator: str | None, work: Callable[[Desk, Starter], Awaitable[T]]) -> T:
    """Do `work` with a way to the terminals: the server's broker has to be there."""
    installation = attached_installation(load_settings())
    if installation is None:
        raise Problem(
            "The server does not run here, so no terminal can be reached",
            "Start it with `coinslot serve`, then run this command again.",
        )

    async def live(desk: Desk) -> T:
        return await _with_starter(installation, desk, work)

    return run(operator, live)


async def _with_starter(
    installation: Installation, desk: Desk, work: Callable[[Desk, Starter], Awaitable[T]]
) -> T:
    access = installation.broker
    try:
        client = await connect(
            access.url, user=access.server_user, password=access.server_password, name="operator"
        )
    except (OSError, NatsError) as error:
        raise Problem(
            f"The broker does not answer: {error or type(error).__name__}",
            "See `coinslot doctor`. Nothing was held and nothing was sent.",
        ) from error
    pool = await open_pool(installation.database_url, max_size=2, application_name="coinslot operator")
    starter = Starter(PostgresBooks(pool), Outgoing(client).send_all)
    try:
        return await work(desk, starter)
    except Conflict as error:
        raise Problem(
            "Others use the same wallet or terminal at this moment; nothing was changed",
            "Run the command again.",
        ) from error
    finally:
        await starter.close()
        await client.drain()
        await pool.close()
