"""Nobody is forgotten with money or a session open; afterwards the books still add up to the minor unit."""

from __future__ import annotations

import asyncio

import pytest

from coinslot.engines.connect import Connection
from coinslot.fields import MissingError
from coinslot.ledger.accounts import customer_principal
from coinslot.sessions.model import Session
from coinslot.settlement.changes import Purse
from coinslot.settlement.erasure import NotNow, erase_person
from coinslot.settlement.requests import Refusal, Refused
from coinslot.settlement.topup import pay_in_cash
from coinslot.wire.ids import CustomerId
from tests.support.desk import Desk, PlayedTerminal

ALL_MINOR = 1_00  # what the tariff asks for a start, and all there is


async def erase(desk: Desk, customer: CustomerId) -> None:
    async with desk.pool.acquire() as connection:
        await erase_person(connection, desk.operator, customer, by="test")


async def used_up(desk: Desk, customer: CustomerId, shower: PlayedTerminal, key: str = "k1") -> Session:
    """A session that took all the customer had."""
    session = await desk.begun(customer, shower, key=key)
    await shower.records(shower.started(session), shower.stopped(session, ml=23_000, s=70))
    assert await desk.principal(customer) == 0
    return session


async def test_a_person_is_forgotten_and_the_books_stay(desk: Desk, owner: Connection) -> None:
    shower, lin = await desk.terminal(), await desk.customer(ALL_MINOR)
    session = await used_up(desk, lin, shower)
    before = await owner.fetch("SELECT * FROM ledger_entry ORDER BY entry_id")
    postings = await owner.fetch("SELECT * FROM ledger_posting ORDER BY entry_id, leg")
    await erase(desk, lin)
    assert await owner.fetch("SELECT * FROM ledger_entry ORDER BY entry_id") == before
    assert await owner.fetch("SELECT * FROM ledger_posting ORDER BY entry_id, leg") == postings
    await desk.in_order()
    assert (await desk.session(session.id)).captured_minor == ALL_MINOR
    assert await owner.fetchval("SELECT name FROM customer WHERE customer_id = $1", lin) == ""
    assert await desk.start(lin, shower, key="k2") == Refused(reason=Refusal.NO_SUCH_CUSTOMER)


async def test_not_while_something_is_in_use(desk: Desk) -> None:
    shower, lin = await desk.terminal(), await desk.customer(ALL_MINOR)
    session = await desk.begun(lin, shower)
    with pytest.raises(NotNow, match=session.id):
        await erase(desk, lin)
    await shower.records(shower.started(session), shower.stopped(session, ml=23_000, s=70))
    await erase(desk, lin)


async def test_not_while_money_belongs_to_the_person(desk: Desk) -> None:
    lin = await desk.customer(12_34)
    with pytest.raises(NotNow, match=r"12\.34 CNY.*pay them back"):
        await erase(desk, lin)
    assert await desk.balance(customer_principal(lin)) == 12_34


async def test_not_while_the_person_owes_money(desk: Desk, owner: Connection) -> None:
    shower, lin = await desk.terminal(), await desk.customer(ALL_MINOR)
    session = await used_up(desk, lin, shower)
    await owner.execute(
        "INSERT INTO ledger_balance (operator_id, account, currency, amount_minor, cap_minor)"
        " SELECT operator_id, 'customer/' || $1 || '/arrears', 'CNY', 90, 1000 FROM operator WHERE operator_id = $2",
        lin,
        desk.operator,
    )
    with pytest.raises(NotNow, match=r"owes 0\.90 CNY"):
        await erase(desk, lin)
    assert (await desk.session(session.id)).customer == lin


async def test_another_operators_customer_is_not_found(desk: Desk) -> None:
    lin, south = await desk.customer(0 + ALL_MINOR), await Desk(desk.pool).open("South")
    for customer in (lin, CustomerId("cus_none")):
        with pytest.raises(MissingError):
            await erase(south, customer)


@pytest.mark.parametrize("round_", range(5))
async def test_a_start_and_a_payment_at_the_same_moment(desk: Desk, round_: int) -> None:
    shower, lin = await desk.terminal(), await desk.customer(ALL_MINOR)
    await used_up(desk, lin, shower)

    async def pays() -> None:
        async with desk.pool.acquire() as connection, connection.transaction():
            await pay_in_cash(
                connection, Purse(desk.operator, lin, "CNY"), key=f"cash:{round_}", amount_minor=ALL_MINOR
            )

    answers = await asyncio.gather(
        pays(), desk.start(lin, shower, key="k2"), erase(desk, lin), return_exceptions=True
    )
    assert not [
        answer for answer in answers if isinstance(answer, Exception) and not isinstance(answer, NotNow)
    ]
    forgotten = answers[2] is None
    # Whoever is forgotten has nothing running.
    assert not (forgotten and isinstance(answers[1], Session))
    await desk.in_order()
