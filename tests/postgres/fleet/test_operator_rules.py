"""An operator's own rules: what is set is kept, what is not named stays, and the audit says what changed."""

from __future__ import annotations

import asyncpg
import pytest

from coinslot.engines.connect import Connection, Pool
from coinslot.fields import FieldError, MissingError
from coinslot.fleet.operator_rules import OperatorRules, RealNameRule, find_rules, set_rules
from coinslot.fleet.store import create_operator, find_operator
from coinslot.wire.ids import OperatorId

FIRST = OperatorRules(real_name=RealNameRule.NOT_ASKED, points_per_major=0, phone_trust_days=90)


@pytest.fixture
async def north(pool: Pool) -> OperatorId:
    async with pool.acquire() as connection:
        made = await create_operator(connection, name="North", currency="CNY", timezone="UTC", by="test")
        await create_operator(connection, name="South", currency="CNY", timezone="UTC", by="test")
    return made.operator_id


async def test_what_is_not_named_stays(pool: Pool, owner: Connection, north: OperatorId) -> None:
    async with pool.acquire() as connection:
        south = (await find_operator(connection, "South")).operator_id
        assert await find_rules(connection, north) == FIRST
        rule = RealNameRule.BEFORE_FIRST_USE
        changed = await set_rules(connection, north, real_name=rule, points_per_major=10, by="anna")
        assert changed == OperatorRules(real_name=rule, points_per_major=10, phone_trust_days=90)
        await set_rules(connection, north, points_per_major=0, help_phone=" 400 800  1234 ", by="anna")
        await set_rules(connection, north, by="nobody")
        assert await find_rules(connection, north) == OperatorRules(
            real_name=rule, points_per_major=0, phone_trust_days=90
        )
        assert (await find_operator(connection, north)).help_phone == "400 800 1234"
        assert await find_rules(connection, south) == FIRST
    rows = await owner.fetch(
        "SELECT actor, detail FROM audit WHERE action = 'operator.rules' ORDER BY audit_id"
    )
    assert [tuple(row) for row in rows] == [
        ("anna", "real_name=before_first_use points_per_major=10"),
        ("anna", "points_per_major=0 help_phone"),
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("points_per_major", -1),
        ("points_per_major", 1001),
        ("points_per_major", 2**70),
        ("phone_trust_days", 6),
        ("phone_trust_days", 3651),
        ("pause_s", -1),
        ("pause_s", 3601),
        ("help_phone", "x" * 41),
        ("help_phone", "a\0b"),
        ("help_phone", "a\u202eb"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(
    pool: Pool, north: OperatorId, field: str, value: object
) -> None:
    async with pool.acquire() as connection:
        with pytest.raises(FieldError) as refused:
            await set_rules(connection, north, by="anna", **{field: value})  # type: ignore[arg-type]
        assert refused.value.field == field
        assert await find_rules(connection, north) == FIRST


async def test_there_are_no_rules_of_nobody(pool: Pool, owner: Connection) -> None:
    async with pool.acquire() as connection:
        for nobody in (OperatorId("opr_none"), OperatorId("")):
            with pytest.raises(MissingError):
                await find_rules(connection, nobody)
            with pytest.raises(MissingError):
                await set_rules(connection, nobody, points_per_major=1, by="anna")
    assert await owner.fetchval("SELECT count(*) FROM audit") == 0


async def test_the_database_holds_the_same_bounds(owner: Connection, north: OperatorId) -> None:
    for change in (
        "points_per_major = 1001",
        "points_per_major = -1",
        "phone_trust_days = 6",
        "phone_trust_days = 3651",
        "real_name = 'sometimes'",
        "pause_s = -1",
        "pause_s = 3601",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            await owner.execute(f"UPDATE operator SET {change} WHERE operator_id = $1", north)
