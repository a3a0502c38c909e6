"""A desk whose operator shares with a hotel and a factory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from coinslot.engines.connect import Pool
from coinslot.ledger.accounts import operator_revenue, party_payable
from coinslot.sharing import Agreement, Part, Party, PartyId, Target
from coinslot.sharing.store import Terms, add_agreement, add_party, change_agreement
from tests.support.desk import Desk

BEGIN = date(2020, 1, 1)


@dataclass
class Partnership:
    """One operator, two parties, and no agreement yet."""

    desk: Desk
    hotel: Party
    factory: Party

    def terms(self, *parts: Part, target: Target | None = None, bonus_shared: bool = False) -> Terms:
        """In force since long; without parts the hotel has 30 % and the factory 60 %."""
        usual = (Part(self.hotel.party_id, 300_000), Part(self.factory.party_id, 600_000))
        return Terms(target or Target(), parts or usual, BEGIN, bonus_shared=bonus_shared)

    async def agree(self, name: str = "Usual", terms: Terms | None = None) -> Agreement:
        """A new agreement."""
        async with self.desk.pool.acquire() as connection:
            return await add_agreement(
                connection, self.desk.operator, name=name, terms=terms or self.terms(), by="test"
            )

    async def change(self, *parts: Part, name: str = "Usual") -> Agreement:
        """A new version of one."""
        async with self.desk.pool.acquire() as connection:
            return await change_agreement(connection, self.desk.operator, name, parts=parts, by="test")

    async def holds(self, party: Party | PartyId) -> int:
        """What the ledger owes a party."""
        return await self.desk.balance(party_payable(party if isinstance(party, str) else party.party_id))

    async def holdings(self) -> tuple[int, int, int]:
        """Of the hotel, the factory and the operator."""
        own = await self.desk.balance(operator_revenue())
        return await self.holds(self.hotel), await self.holds(self.factory), own


@pytest.fixture
async def partners(pool: Pool) -> Partnership:
    desk = await Desk(pool).open()
    async with pool.acquire() as connection:
        hotel = await add_party(connection, desk.operator, name="Hotel", kind="site_owner", by="test")
        factory = await add_party(connection, desk.operator, name="Factory", kind="manufacturer", by="test")
    return Partnership(desk, hotel, factory)
