"""May a person be forgotten now? Money and sessions decide; the journal itself is never touched.

Nobody is forgotten who still uses something, or whose account is not even: afterwards nobody could prove to
be the one who is owed money, and nobody could be asked for what is owed. A bonus and points are not money
owed to anybody; they stay where they are, for nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from coinslot.fields import InputError, MissingError
from coinslot.ledger.accounts import customer_arrears, customer_principal
from coinslot.ledger.store import lock_balances
from coinslot.money import format_amount
from coinslot.people.erasing import forget_person
from coinslot.settlement.fapiao.asking import forget_requests
from coinslot.settlement.reports import forget_words
from coinslot.wire.ids import CustomerId, OperatorId

if TYPE_CHECKING:
    Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"


class NotNow(InputError):
    """Something must be done before this person can be forgotten; the text says what."""


async def erase_person(
    connection: Connection, operator_id: OperatorId, customer_id: CustomerId, by: str
) -> None:
    """Forget a person for good; entries, sessions and bills stay, of a customer without a name. MissingError, NotNow."""
    async with connection.transaction():
        if not await connection.fetchval(
            "SELECT true FROM customer WHERE operator_id = $1 AND customer_id = $2 FOR UPDATE",
            operator_id,
            customer_id,
        ):
            raise MissingError("customer", customer_id)
        # A start waits for the wallet, and finds it empty; one that was quicker is seen below.
        await _refuse_uneven(connection, operator_id, customer_id)
        session = await connection.fetchval(
            "SELECT session_id FROM session WHERE operator_id = $1 AND customer_id = $2 AND live LIMIT 1",
            operator_id,
            customer_id,
        )
        if session is not None:
            raise NotNow(
                f"the customer is still using an appliance; wait for session {session} to be settled"
            )
        await forget_person(connection, operator_id, customer_id, by)
        await forget_words(connection, operator_id, customer_id)
        await forget_requests(connection, operator_id, customer_id)


async def _refuse_uneven(connection: Connection, operator_id: OperatorId, customer_id: CustomerId) -> None:
    principal, arrears = customer_principal(customer_id), customer_arrears(customer_id)
    currencies = await connection.fetch(
        "SELECT DISTINCT currency FROM ledger_balance WHERE operator_id = $1 AND account = ANY ($2)",
        operator_id,
        [principal, arrears],
    )
    keys = [(operator_id, account, row[0]) for row in currencies for account in (principal, arrears)]
    for (_, account, currency), minor in (await lock_balances(connection, keys)).items():
        if minor and account == arrears:
            raise NotNow(
                f"the customer owes {format_amount(minor, currency)} {currency} for earlier use;"
                " let it be paid, or write it off, first"
            )
        if minor:
            raise NotNow(
                f"the wallet holds {format_amount(minor, currency)} {currency} that belong to the customer;"
                " pay them back first"
            )
