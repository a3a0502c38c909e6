"""Top-up rules in the database: what is not named stays, two who set at once lose nothing, the audit says what changed."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from coinslot.engines.connect import Connection, Pool
from coinslot.fields import FieldError, MissingError
from coinslot.fleet.store import create_operator
from coinslot.fleet.topup_rules import Choice, TopupChanges, find_topup_rules, set_topup_rules, usual_rules
from coinslot.wire.ids import OperatorId


async def test_rules_are_set_one_by_one_and_are_one_operators_own(pool: Pool, owner: Connection) -> None:
    async with pool.acquire() as connection:
        north, south = [
            (
                await create_operator(connection, name=name, currency="CNY", timezone="UTC", by="test")
            ).operator_id
            for name in ("North", "South")
        ]
        with pytest.raises(FieldError):
            await set_topup_rules(connection, north, TopupChanges(choices=[Choice(1)]), by="anna")
        assert await find_topup_rules(connection, north) == usual_rules("CNY")

    async def change(changes: TopupChanges) -> None:
        async with pool.acquire() as connection:
            await set_topup_rules(connection, north, changes, by="anna")

    await asyncio.gather(
        change(TopupChanges(choices=[Choice(100_00, 15_00), Choice(50_00, 5_00)])),
        change(TopupChanges(most_minor=500_00)),
        change(TopupChanges(own_amounts=False)),
        change(TopupChanges(bonus_pause_days=0)),
    )
    async with pool.acquire() as connection:
        found = await find_topup_rules(connection, north)
        assert found.choices == (Choice(50_00, 5_00), Choice(100_00, 15_00))
        assert (found.most_minor, found.own_amounts, found.bonus_pause_days) == (500_00, False, 0)
        assert await find_topup_rules(connection, south) == usual_rules("CNY")
        with pytest.raises(MissingError):
            await find_topup_rules(connection, OperatorId("opr_none"))
    said = await owner.fetch("SELECT detail FROM audit WHERE action = 'operator.topup_rules' ORDER BY detail")
    assert [row[0] for row in said] == [
        "bonus_pause_days=0",
        "choices=50.00+5.00,100.00+15.00",
        "most_minor=50000",
        "own_amounts=False",
    ]


async def test_the_database_itself_refuses_what_nobody_can_mean(pool: Pool, owner: Connection) -> None:
    async with pool.acquire() as connection:
        north = await create_operator(connection, name="North", currency="CNY", timezone="UTC", by="test")
        changes = TopupChanges(choices=[Choice(50_00, 5_00), Choice(100_00, 15_00)], most_minor=500_00)
        await set_topup_rules(connection, north.operator_id, changes, by="test")
    for change in (
        "bonuses_minor = '{500,-1}'",
        "bonuses_minor = '{500}'",
        "amounts_minor = '{}', bonuses_minor = '{}'",
        "amounts_minor = '{5000,60000}'",
        "least_minor = 5001",
        "most_minor = 1000000001",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            await owner.execute(f"UPDATE topup_rules SET {change}")
