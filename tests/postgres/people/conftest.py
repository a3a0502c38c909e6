"""One operator with customers, and real names to hand in."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from coinslot.engines.connect import Pool
from coinslot.fleet.store import create_operator
from coinslot.keyring import Keyring
from coinslot.people import real_names
from coinslot.people.customers import make_customers
from coinslot.people.id_number import check_character
from coinslot.people.real_names import RealName
from coinslot.wire.ids import CustomerId, OperatorId
from tests.unit.people.pictures import card, encoded

NAME = "金丝雀·凯纳瑞"
NUMBER = "11010519491231002X"
PICTURE = encoded(card(), comment=b"canary-7f3a")


def numbered(order: int) -> str:
    """Some good ID number."""
    digits = f"11010519491231{order:03}"
    return digits + check_character(digits)


@dataclass
class Campus:
    """An operator whose customers hand in real names."""

    pool: Pool
    operator: OperatorId
    other: OperatorId
    lin: CustomerId
    mei: CustomerId
    keyring: Keyring

    async def submit(
        self,
        customer: CustomerId,
        *,
        number: str = NUMBER,
        name: str = NAME,
        picture: bytes = PICTURE,
        operator: OperatorId | None = None,
    ) -> RealName:
        """On a connection of its own, as every request has."""
        async with self.pool.acquire() as connection:
            return await real_names.submit(
                connection,
                self.keyring,
                operator or self.operator,
                customer,
                name=name,
                id_number=number,
                picture=picture,
                by=customer,
            )

    async def customers(self, count: int) -> list[CustomerId]:
        """More of them."""
        async with self.pool.acquire() as connection:
            return await make_customers(connection, self.operator, [""] * count, by="test")

    async def approved(self, customer: CustomerId, number: str = NUMBER) -> RealName:
        """Handed in, looked at, right."""
        submitted = await self.submit(customer, number=number)
        async with self.pool.acquire() as connection:
            await real_names.approve(connection, self.operator, submitted.real_name_id, by="staff")
        return submitted

    async def matches(self, customer: CustomerId, tail: str) -> bool | None:
        """Whether the ID number ends so."""
        async with self.pool.acquire() as connection:
            return await real_names.matches_tail(connection, self.keyring, self.operator, customer, tail)


@pytest.fixture
async def campus(pool: Pool) -> Campus:
    async with pool.acquire() as connection:
        north, south = [
            (
                await create_operator(connection, name=name, currency="CNY", timezone="UTC", by="test")
            ).operator_id
            for name in ("North", "South")
        ]
        lin, mei = await make_customers(connection, north, ["Lin", "Mei"], by="test")
    return Campus(pool, north, south, lin, mei, Keyring("the secret in force"))
