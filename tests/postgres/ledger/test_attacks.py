"""Every rule attacked past the code: as the running product, and as the owner of the tables."""

from __future__ import annotations

import asyncpg
import pytest

from coinslot.engines.connect import Connection, Pool
from coinslot.ledger import store
from coinslot.ledger.seals import seal
from tests.postgres.ledger.books import CNY, MINE, OP, OTHER, cash, hold

TABLES = (
    "ledger_entry",
    "ledger_posting",
    "ledger_balance",
    "ledger_cap",
    "ledger_pending",
    "ledger_seal",
    "ledger_rollup",
)
KEPT = ("ledger_entry", "ledger_posting", "ledger_seal")
CHANGES = ("UPDATE {} SET operator_id = operator_id", "DELETE FROM {}", "TRUNCATE {} CASCADE")
ENTRY = """
    INSERT INTO ledger_entry (operator_id, entry_id, key, kind, legs, fingerprint)
    VALUES ('op_a', 77, 'forged', 'cash', 2, sha256('')) RETURNING entry_id
"""
LEGS = "INSERT INTO ledger_posting (operator_id, entry_id, leg, account, currency, amount_minor)"


@pytest.fixture
async def entry_id(pool: Pool) -> int:
    """A sealed entry of two legs."""
    posted = await store.post(pool, [cash("k", 1000)])
    async with pool.acquire() as connection:
        await seal(connection, OP)
    return posted[0].entry_id


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("change", [*CHANGES, "INSERT INTO {} SELECT * FROM {}"])
async def test_the_product_may_write_no_table(pool: Pool, entry_id: int, table: str, change: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(change.format(table, table))


@pytest.mark.parametrize("table", KEPT)
@pytest.mark.parametrize("change", CHANGES)
async def test_not_even_the_owner_changes_what_is_kept(
    owner: Connection, entry_id: int, table: str, change: str
) -> None:
    with pytest.raises(asyncpg.PostgresError) as refusal:
        await owner.execute(change.format(table))
    assert refusal.value.sqlstate == "CL006"


@pytest.mark.parametrize(
    "change",
    [
        "MERGE INTO ledger_posting p USING (SELECT 1) x ON true WHEN MATCHED THEN UPDATE SET amount_minor = 1",
        "MERGE INTO ledger_entry p USING (SELECT 1) x ON true WHEN MATCHED THEN DELETE",
        "INSERT INTO ledger_entry SELECT * FROM ledger_entry ON CONFLICT (operator_id, key) DO UPDATE SET kind = 'x'",
    ],
)
async def test_nor_by_another_door(owner: Connection, entry_id: int, change: str) -> None:
    with pytest.raises(asyncpg.PostgresError) as refusal:
        await owner.execute(change)
    assert refusal.value.sqlstate == "CL006"


async def test_a_later_pair_of_legs_is_refused_however_numbered(owner: Connection, entry_id: int) -> None:
    for first, second in ((3, 4), (1, 2), (2, 3), (-1, 0)):
        with pytest.raises(asyncpg.PostgresError):
            await owner.execute(
                f"{LEGS} VALUES ('op_a', $1, $2, 'operator/cash', 'CNY', 5), ('op_a', $1, $3, '{MINE}', 'CNY', -5)",
                entry_id, first, second,
            )  # fmt: skip
    assert await owner.fetchval("SELECT count(*) FROM ledger_posting") == 2


async def test_legs_under_a_foreign_operators_entry_are_refused(owner: Connection, entry_id: int) -> None:
    with pytest.raises(asyncpg.PostgresError) as refusal:
        await owner.execute(
            f"{LEGS} VALUES ('op_b', $1, 1, 'operator/cash', 'CNY', 5), ('op_b', $1, 2, '{MINE}', 'CNY', -5)",
            entry_id,
        )
    assert refusal.value.sqlstate == "CL004"


async def test_an_entry_without_legs_is_impossible_even_in_a_transaction(owner: Connection) -> None:
    legs = f"{LEGS} VALUES ('op_a', 77, 1, 'operator/cash', 'CNY', 5), ('op_a', 77, 2, '{MINE}', 'CNY', -5)"
    with pytest.raises(asyncpg.PostgresError) as refusal:
        await owner.execute(f"BEGIN; {ENTRY}; {legs}; COMMIT")
    assert refusal.value.sqlstate == "CL004"


@pytest.mark.parametrize(
    ("legs", "state"),
    [
        ("(1, 'operator/cash', 5), (2, 'customer/c1/principal', -4)", "CL004"),
        ("(1, 'operator/cash', 5)", "CL004"),
        ("(1, 'operator/cash', 5), (3, 'customer/c1/principal', -5)", "CL004"),
        ("(1, 'operator/cash', 5), (2, 'operator/cash', -4), (3, 'operator/cash', -1)", "CL004"),
        ("(1, 'operator/cash', 0), (2, 'customer/c1/principal', 0)", "23514"),
        ("(1, 'operator/cash', 5), (2, 'customer/c1/wallet', -5)", "CL005"),
        ("(1, 'operator/cash', -5), (2, 'customer/c1/principal', 5)", "CL001"),
    ],
)
async def test_the_owners_own_statement_is_judged_as_well(owner: Connection, legs: str, state: str) -> None:
    with pytest.raises(asyncpg.PostgresError) as refusal:
        await owner.execute(
            f"WITH e AS ({ENTRY}) {LEGS} "
            f"SELECT 'op_a', e.entry_id, l.leg, l.account, 'CNY', l.amount FROM e, (VALUES {legs}) AS l (leg, account, amount)"
        )
    assert refusal.value.sqlstate == state
    assert await owner.fetchval("SELECT count(*) FROM ledger_entry") == 0


async def test_a_balance_below_zero_or_above_its_cap_cannot_be_written(
    owner: Connection, entry_id: int
) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute("UPDATE ledger_balance SET amount_minor = -1")
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute(
            "INSERT INTO ledger_balance VALUES ('op_a', 'customer/c1/arrears', 'CNY', 11, 10)"
        )


async def test_objects_of_the_callers_own_do_not_lead_the_functions_astray(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute("CREATE TEMP TABLE ledger_balance (LIKE ledger_balance INCLUDING ALL)")
        await connection.execute("CREATE TEMP TABLE ledger_entry (LIKE ledger_entry INCLUDING ALL)")
        await store.post(connection, [cash("k", 100)])
        assert await connection.fetchval("SELECT count(*) FROM pg_temp.ledger_entry") == 0
        assert await connection.fetchval("SELECT count(*) FROM pg_temp.ledger_balance") == 0
        assert await connection.fetchval("SELECT amount_minor FROM public.ledger_balance") == 100
        await connection.execute("DISCARD TEMP")


async def test_the_functions_are_the_products_alone(owner: Connection) -> None:
    public = await owner.fetch(
        "SELECT proname FROM pg_proc WHERE proname LIKE 'ledger\\_%' AND has_function_privilege('public', oid, 'EXECUTE')"
    )
    assert public == []
    helpers = await owner.fetch(
        "SELECT proname FROM pg_proc WHERE proname LIKE 'ledger\\_%' AND has_function_privilege('coinslot_app', oid, 'EXECUTE')"
    )
    assert {row[0] for row in helpers} == {
        "ledger_post",
        "ledger_lock_balances",
        "ledger_set_arrears_cap",
        "ledger_seal_pending",
    }


async def test_what_failed_left_nothing_behind(pool: Pool) -> None:
    async with pool.acquire() as connection:
        with pytest.raises(Exception, match="short of"):
            await store.post(connection, [cash("a", 10, operator=OTHER), hold("s", 1)])
    for table in TABLES:
        assert await pool.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await store.balance(pool, OTHER, MINE, CNY) == 0
