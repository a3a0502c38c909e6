"""Commands that a member of staff gives in her own name: who says so proves it with her password.

Where two people must agree, the name of whoever is logged in to the machine would prove nothing.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import asyncpg
import click

from coinslot.app.db import migrated_database
from coinslot.app.errors import Problem
from coinslot.app.operator_console import choose_operator, problem_of
from coinslot.app.settings import load_settings
from coinslot.engines.connect import open_pool
from coinslot.fields import InputError, MissingError
from coinslot.fleet.models import Operator
from coinslot.ledger.errors import LedgerError
from coinslot.money import MoneyError
from coinslot.people.staff import log_in
from coinslot.settlement.payments.door import PaymentDoor
from coinslot.settlement.ports import Conflict
from coinslot.wire.ids import OperatorId, StaffId

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., object])

_LISTED_BY = {
    "refund request": "refund list --all",
    "refund to be paid by hand": "refund owed",
    "payment in suspense": "suspense list",
    "chargeback": "suspense chargebacks",
    "cash with the code": "counter waiting",
    "counter": "merchant list",
    "payment": "refund list --all",
}


@dataclass(frozen=True, slots=True)
class Acting:
    """An operator's payments, and who does something with them."""

    door: PaymentDoor
    chosen: Operator
    staff: StaffId
    """Who has proved to be herself; empty where a command only reads."""

    @property
    def operator(self) -> OperatorId:
        """Whose payments they are."""
        return self.chosen.operator_id

    @property
    def currency(self) -> str:
        """The operator's."""
        return self.chosen.currency


def acting(function: Command) -> Command:
    """Adds --as, --password-stdin, --operator and --json."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table."),
        click.option(
            "--operator", "-o", help="Whose data, by name or id. Not needed while there is only one operator."
        ),
        click.option("--password-stdin", is_flag=True, help="Read the password from standard input."),
        click.option("--as", "login", required=True, help="Your own login; the password is asked for."),
    ):
        function = option(function)
    return function


def act(operator: str | None, login: str, password_stdin: bool, work: Callable[[Acting], Awaitable[T]]) -> T:
    """Do `work` in the name of whoever has this login and its password. Problem for what is refused."""
    password = _from_stdin() if password_stdin else str(click.prompt("Password", hide_input=True))
    return _run(operator, (login, password), work)


def _from_stdin() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def read(operator: str | None, work: Callable[[Acting], Awaitable[T]]) -> T:
    """Look at something, in nobody's name."""
    return _run(operator, None, work)


def _run(operator: str | None, proof: tuple[str, str] | None, work: Callable[[Acting], Awaitable[T]]) -> T:
    async def connected(url: str) -> T:
        pool = await open_pool(url, min_size=1, max_size=2, application_name="coinslot operator")
        try:
            async with pool.acquire() as connection:
                chosen = await choose_operator(connection, operator)
                staff = None
                if proof is not None:
                    staff = await log_in(connection, chosen.operator_id, *proof)
                    if staff is None:
                        raise Problem(
                            "Login and password do not belong together",
                            "`coinslot operator staff list` shows who there is; the one that is disabled may nothing.",
                        )
            own = StaffId("") if staff is None else staff.staff_id
            return await work(Acting(PaymentDoor(pool=pool), chosen, own))
        finally:
            await pool.close()

    with migrated_database(load_settings()) as url:
        try:
            return asyncio.run(connected(url))
        except MissingError as error:
            listed = _LISTED_BY.get(error.kind)
            if listed is None:
                raise problem_of(error) from error
            raise Problem(
                f"There is {error}", f"`coinslot operator {listed}` shows what there is."
            ) from error
        except Conflict as error:
            raise Problem("Others work on the same money just now", "Run the command again.") from error
        except (InputError, MoneyError, LedgerError, asyncpg.UndefinedTableError) as error:
            raise problem_of(error) from error
