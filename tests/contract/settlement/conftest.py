"""The same stand twice: once on PostgreSQL, once in memory, with the same ids."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from coinslot.engines.connect import Pool
from coinslot.fleet.operator_rules import RealNameRule, set_rules
from coinslot.ledger.accounts import customer_principal
from coinslot.ledger.events import cash_topup
from coinslot.settlement.memory import MemoryBooks
from coinslot.settlement.memory_fleet import MemoryFleet, OutletRow
from coinslot.settlement.ports import Books
from coinslot.settlement.starter import Starter
from coinslot.tariffs import dump_tariff
from coinslot.tariffs.named import NAMED
from coinslot.wire.ids import CustomerId, TariffId
from tests.support.desk import Desk, PlayedTerminal

CASH_MINOR = 20_00
OUTLETS = 2


@dataclass
class Stand:
    """One operator, two terminals with two outlets each, two customers with 20.00 each."""

    desk: Desk
    books: Books
    shower: PlayedTerminal
    other: PlayedTerminal
    lin: CustomerId
    mei: CustomerId

    async def principal(self, customer: CustomerId) -> int:
        """The wallet's principal, whichever books these are."""
        if isinstance(self.books, MemoryBooks):
            return self.books.ledger.balance(self.desk.operator, customer_principal(customer), "CNY")
        return await self.desk.principal(customer)

    async def asks_names(self) -> None:
        """The operator wants a real name before the first use."""
        if isinstance(self.books, MemoryBooks):
            self.books.fleet.asking_names.add(self.desk.operator)
            return
        async with self.desk.pool.acquire() as connection:
            rule = RealNameRule.BEFORE_FIRST_USE
            await set_rules(connection, self.desk.operator, real_name=rule, by="test")

    async def knows(self, customer: CustomerId) -> None:
        """The customer's real name was approved."""
        if isinstance(self.books, MemoryBooks):
            self.books.fleet.real_names.add((self.desk.operator, customer))
            return
        await self.desk.pool.execute(
            "INSERT INTO real_name (operator_id, real_name_id, customer_id, state, name_sealed, number_sealed,"
            " number_hash, decided_at) VALUES ($1, 'rnm_' || $2, $2, 'approved', 'x', 'x', $3, now())",
            self.desk.operator,
            customer,
            bytes(32),
        )


@pytest.fixture(params=["postgres", "memory"])
async def stand(request: pytest.FixtureRequest, pool: Pool) -> Stand:
    desk = await Desk(pool).open()
    shower, other = [await desk.terminal(outlets=OUTLETS, online=False) for _ in range(2)]
    lin, mei = [await desk.customer(CASH_MINOR, name) for name in ("Lin", "Mei")]
    if request.param == "memory":
        books = in_memory(desk, [shower, other], [lin, mei])
        desk.books = books  # type: ignore[assignment]  # the same port
        desk.starter = Starter(books, desk._send_all)
    for terminal in (shower, other):
        await terminal.connects()
    return Stand(desk, desk.books, shower, other, lin, mei)


def in_memory(desk: Desk, terminals: list[PlayedTerminal], customers: list[CustomerId]) -> MemoryBooks:
    tariff = TariffId("tariff")
    fleet = MemoryFleet(tariffs={(desk.operator, tariff): [dump_tariff(NAMED["shower-litre"])]})
    for terminal in terminals:
        fleet.owners[terminal.id] = desk.operator
        for outlet in range(OUTLETS):
            row = OutletRow(
                appliance=terminal.credentials.appliance_id, tariff=tariff, timezone="Asia/Shanghai"
            )
            fleet.outlets[desk.operator, terminal.id, outlet] = row
    books = MemoryBooks(lambda: datetime.now(UTC), fleet=fleet)
    for customer in customers:
        fleet.customers[desk.operator, customer] = True
        paid = cash_topup(desk.operator, f"cash:{customer}", customer, "CNY", amount_minor=CASH_MINOR)
        books.ledger.post([paid])
    return books
