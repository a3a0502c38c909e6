"""Posting to a real PostgreSQL: what is refused, and what a second try does."""

from __future__ import annotations

import asyncpg
import pytest

from coinslot.engines.connect import Pool
from coinslot.ledger import events, store
from coinslot.ledger.entries import Entry
from coinslot.ledger.errors import (
    AmountOutOfRange,
    CapExceeded,
    InsufficientFunds,
    InvalidEntry,
    KeyConflict,
    LedgerError,
    Unbalanced,
    UnknownAccount,
)
from tests.postgres.ledger.books import CNY, MINE, OP, OTHER, capture, cash, hold, raw
from tests.unit.ledger.test_accounts import BUILT, MALFORMED
from tests.unit.ledger.test_entries import BAD

LEAST = -(2**63)


async def test_a_batch_is_posted_whole_and_answers_in_order(pool: Pool) -> None:
    answers = await store.post(pool, [cash("k2", 900), cash("k1", 100, "c2", OTHER), hold("s1", 500)])
    assert [answer.fresh for answer in answers] == [True, True, True]
    assert [answer.entry_id for answer in answers] == sorted({answer.entry_id for answer in answers})
    assert await store.balance(pool, OP, MINE, CNY) == 400
    assert await store.balance(pool, OP, "hold/s1/principal", CNY) == 500
    assert await store.balance(pool, OP, "operator/cash", CNY) == 900
    assert await store.balance(pool, OTHER, "operator/cash", CNY) == 100
    assert await store.post(pool, []) == []


async def test_a_session_leaves_nothing_held(pool: Pool) -> None:
    await store.post(pool, [cash("k", 1000), hold("s1", 500)])
    await store.post(pool, [capture("s1", 500, 321)])
    assert await store.balance(pool, OP, "hold/s1/principal", CNY) == 0
    assert await store.balance(pool, OP, MINE, CNY) == 679
    assert await store.balance(pool, OP, "party/hotel/payable", CNY) == 96
    assert await store.balance(pool, OP, "operator/revenue", CNY) == 225


async def test_the_same_key_and_content_is_a_no_op_that_names_the_first(pool: Pool) -> None:
    first = await store.post(pool, [cash("k", 100), cash("k", 100)])
    again = await store.post(pool, [cash("j", 7), cash("k", 100)])
    assert [answer.fresh for answer in first] == [True, False]
    assert [answer.fresh for answer in again] == [True, False]
    assert first[0].entry_id == first[1].entry_id == again[1].entry_id
    assert await store.balance(pool, OP, MINE, CNY) == 107


async def test_the_same_key_with_another_amount_is_refused_and_nothing_of_the_batch_is_posted(
    pool: Pool,
) -> None:
    await store.post(pool, [cash("k", 100)])
    with pytest.raises(KeyConflict) as refusal:
        await store.post(pool, [cash("j", 7), cash("k", 101)])
    assert refusal.value.key == "k"
    with pytest.raises(KeyConflict):
        await store.post(pool, [cash("l", 1), cash("l", 2)])
    assert await store.balance(pool, OP, MINE, CNY) == 100
    assert len(await store.entries(pool, OP)) == 1


async def test_keys_of_two_operators_do_not_meet(pool: Pool) -> None:
    await store.post(pool, [cash("k", 100), cash("k", 200, operator=OTHER)])
    assert await store.balance(pool, OTHER, MINE, CNY) == 200


async def test_a_wallet_never_falls_below_zero(pool: Pool) -> None:
    with pytest.raises(InsufficientFunds) as refusal:
        await store.post(pool, [hold("s1", 500)])
    assert (refusal.value.account, refusal.value.short_minor) == (MINE, 500)
    await store.post(pool, [cash("k", 499)])
    with pytest.raises(InsufficientFunds) as refusal:
        await store.post(pool, [hold("s1", 500)])
    assert (refusal.value.account, refusal.value.short_minor) == (MINE, 1)
    with pytest.raises(InsufficientFunds):
        await store.post(pool, [capture("s9", 10, 10)])


async def test_money_of_one_operator_is_not_spendable_at_another(pool: Pool) -> None:
    await store.post(pool, [cash("k", 1000)])
    with pytest.raises(InsufficientFunds):
        await store.post(pool, [hold("s1", 1, operator=OTHER)])


async def test_arrears_stop_at_the_cap_and_can_always_be_repaid(pool: Pool) -> None:
    def owe(session: str, amount_minor: int) -> Entry:
        return events.late_usage(OP, session, "c1", CNY, arrears_minor=amount_minor)

    with pytest.raises(CapExceeded) as refusal:
        await store.post(pool, [owe("s0", 10_001)])
    assert refusal.value.over_minor == 1
    await store.post(pool, [owe("s1", 9_000), cash("k", 10_000)])
    with pytest.raises(CapExceeded) as refusal:
        await store.post(pool, [owe("s2", 1_500)])
    assert refusal.value.over_minor == 500
    async with pool.acquire() as connection:
        await store.set_arrears_cap(connection, OP, CNY, 100)
    with pytest.raises(CapExceeded):
        await store.post(pool, [owe("s3", 1)])
    await store.post(pool, [events.arrears_repaid(OP, "r1", "c1", CNY, amount_minor=8_000)])
    assert await store.balance(pool, OP, "customer/c1/arrears", CNY) == 1_000
    with pytest.raises(InsufficientFunds):
        await store.post(pool, [events.write_off(OP, "w", "c1", CNY, amount_minor=1_001)])


@pytest.mark.parametrize(("bad", "error"), BAD)
async def test_the_database_and_the_pure_rules_refuse_alike(
    pool: Pool, bad: Entry, error: type[LedgerError]
) -> None:
    with pytest.raises(error):
        await store.post(pool, [cash("ok", 5), bad])
    assert await pool.fetchval("SELECT count(*) FROM ledger_entry") == 0


async def test_the_database_itself_knows_the_shapes_of_accounts(pool: Pool) -> None:
    for number, path in enumerate(BUILT):
        currency = "PTS" if "points" in path else CNY
        other = "operator/points_issued" if currency == "PTS" else "operator/cash"
        limited = path.startswith(("customer/", "hold/")) and "arrears" not in path
        sign = -1 if limited else 1
        await store.post(pool, [raw(f"k{number}", (path, currency, sign), (other, currency, -sign))])
    for path in MALFORMED:
        with pytest.raises(asyncpg.PostgresError) as refusal:
            await _call(pool, path, 5)
        assert refusal.value.sqlstate == "CL005", path


async def test_the_least_bigint_and_sums_past_64_bits_are_refused(pool: Pool) -> None:
    with pytest.raises(asyncpg.PostgresError) as refusal:
        await _call(pool, "operator/write_off", LEAST)
    assert refusal.value.sqlstate in ("CL004", "CL005")
    most = 2**63 - 1
    await store.post(pool, [cash("k1", most)])
    with pytest.raises(AmountOutOfRange):
        await store.post(pool, [cash("k2", 1)])
    with pytest.raises(AmountOutOfRange):
        await store.post(pool, [cash("k3", most, "c2"), cash("k4", most, "c2")])
    # An account without a limit may hold more than any one posting can.
    await store.post(pool, [cash("k5", most, "c3")])
    assert await store.balance(pool, OP, "operator/cash", CNY) == 2 * most


async def test_a_nul_or_a_forged_line_in_text_is_refused(pool: Pool) -> None:
    for key in ("a\0b", "a\nb", "a b"):
        with pytest.raises(InvalidEntry):
            await store.post(pool, [raw(key, ("operator/cash", CNY, 1), (MINE, CNY, -1))])
    with pytest.raises(UnknownAccount):
        await store.post(pool, [raw("k", ("operator/cash\nx", CNY, 1), (MINE, CNY, -1))])


async def test_locked_balances_are_returned_and_missing_ones_are_nothing(pool: Pool) -> None:
    await store.post(pool, [cash("k", 100)])
    async with pool.acquire() as connection, connection.transaction():
        nothing = "customer/c9/bonus"
        held = await store.lock_balances(connection, [(OP, nothing, CNY), (OP, MINE, CNY), (OP, MINE, CNY)])
        assert held == {(OP, MINE, CNY): 100, (OP, nothing, CNY): 0}
        with pytest.raises(UnknownAccount):
            await store.lock_balances(connection, [(OP, "operator/cash", CNY)])
        async with pool.acquire() as second:
            with pytest.raises(asyncpg.LockNotAvailableError):
                await _post_without_waiting(second, hold("s1", 1))


async def test_entries_are_found_by_account_session_and_key_page_by_page(pool: Pool) -> None:
    await store.post(pool, [cash(f"k{n}", 100) for n in range(5)])
    await store.post(pool, [hold("s1", 50), capture("s1", 50, 20)])
    assert [listed.entry for listed in await store.entries(pool, OP, session="s1")] == [
        hold("s1", 50),
        capture("s1", 50, 20),
    ]
    assert [listed.entry for listed in await store.entries(pool, OP, key="k3")] == [cash("k3", 100)]
    assert len(await store.entries(pool, OP, account="operator/revenue")) == 1
    first = await store.entries(pool, OP, limit=4)
    second = await store.entries(pool, OP, limit=4, after=first[-1].entry_id)
    assert [len(first), len(second)] == [4, 3]
    assert await store.entries(pool, OTHER) == []


async def test_an_entry_without_legs_or_with_one_too_few_is_unbalanced(pool: Pool) -> None:
    with pytest.raises(Unbalanced):
        await store.post(pool, [raw("k")])
    with pytest.raises(Unbalanced):
        await store.post(pool, [raw("k", (MINE, CNY, -1))])


async def _post_without_waiting(connection: store.Connection, entry: Entry) -> None:
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '20ms'")
        await store.post(connection, [entry])


async def _call(pool: Pool, account: str, amount_minor: int) -> None:
    """The SQL function itself, past every check in Python."""
    other = 2**63 - 1 if amount_minor == LEAST else -amount_minor
    await pool.fetchrow(
        "SELECT * FROM ledger_post($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        [OP], ["k"], ["cash"], [None], [1, 1], [1, 2], ["operator/cash", account], [CNY, CNY], [other, amount_minor],
    )  # fmt: skip
