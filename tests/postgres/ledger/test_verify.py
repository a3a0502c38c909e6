"""The verifier: silent on sound books, and it names the entry that a superuser has spoilt."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from coinslot.engines.connect import Connection, Pool, connect_login
from coinslot.ledger import store
from coinslot.ledger.listing import balances
from coinslot.ledger.seals import head, seal
from coinslot.ledger.verify import Report, verify
from tests.postgres.ledger.books import OP, OTHER, capture, cash, hold, random_books

QUIET = """
    ALTER TABLE ledger_entry DISABLE TRIGGER ALL; ALTER TABLE ledger_posting DISABLE TRIGGER ALL;
    ALTER TABLE ledger_seal DISABLE TRIGGER ALL
"""


@pytest.fixture
async def root(database_url: str, ids: list[int]) -> AsyncIterator[Connection]:
    """A superuser with all triggers off, once the entries are posted."""
    connection = await connect_login(database_url)
    await connection.execute(QUIET)
    yield connection
    connection.terminate()


@pytest.fixture
async def ids(pool: Pool) -> list[int]:
    """Five entries, the first three sealed in two seals."""
    posted = await store.post(pool, [cash("k1", 1000), cash("k2", 500, "c2"), hold("s1", 500)])
    async with pool.acquire() as connection:
        await seal(connection, OP, at_most=2)
        await seal(connection, OP, at_most=2)
    posted += await store.post(pool, [capture("s1", 500, 321), cash("k3", 7)])
    return [each.entry_id for each in posted]


async def checked(pool: Pool) -> Report:
    async with pool.acquire() as connection:
        return await verify(connection)


async def test_sound_books_are_sound(pool: Pool, ids: list[int]) -> None:
    report = await checked(pool)
    assert report.sound
    assert (report.entries, report.postings, report.seals, report.pending) == (5, 12, 2, 2)
    async with pool.acquire() as connection:
        latest = await head(connection, OP)
    assert latest is not None
    assert report.heads == {OP: latest.hash.hex()}


async def test_an_empty_ledger_is_sound(pool: Pool) -> None:
    assert (await checked(pool)).sound


TAMPERING = [
    (
        "UPDATE ledger_posting SET amount_minor = amount_minor + 1 WHERE entry_id = $1 AND leg = 1",
        1,
        "off by",
    ),
    ("UPDATE ledger_posting SET amount_minor = amount_minor * 2 WHERE entry_id = $1", 1, "fingerprint"),
    ("UPDATE ledger_posting SET amount_minor = amount_minor * 2 WHERE entry_id = $1", 4, "fingerprint"),
    (
        "UPDATE ledger_posting SET account = 'customer/c7/principal' WHERE entry_id = $1 AND leg = 2",
        1,
        "fingerprint",
    ),
    ("UPDATE ledger_posting SET account = 'pocket' WHERE entry_id = $1 AND leg = 2", 1, "not an account"),
    ("UPDATE ledger_posting SET entry_id = 999 WHERE entry_id = $1", 1, "legs"),
    (
        "UPDATE ledger_entry SET posted_at = posted_at - interval '1 day' WHERE entry_id = $1",
        1,
        "changed after",
    ),
    ("UPDATE ledger_entry SET key = 'other' WHERE entry_id = $1", 2, "changed after"),
    ("UPDATE ledger_entry SET session_id = 's2' WHERE entry_id = $1", 3, "fingerprint"),
    ("DELETE FROM ledger_posting WHERE entry_id = $1 AND leg = 2", 2, "legs"),
    ("DELETE FROM ledger_posting WHERE entry_id = $1", 4, "legs"),
    (
        "WITH l AS (DELETE FROM ledger_posting WHERE entry_id = $1) DELETE FROM ledger_entry WHERE entry_id = $1",
        2,
        "gone",
    ),
    ("DELETE FROM ledger_entry WHERE entry_id = $1", 1, "no entry"),
    ("DELETE FROM ledger_pending WHERE entry_id = $1", 5, "neither"),
    ("INSERT INTO ledger_pending VALUES ('op_a', $1)", 1, "at once"),
]


@pytest.mark.parametrize(("spoil", "number", "why"), TAMPERING)
async def test_a_spoilt_entry_is_named(
    pool: Pool, root: Connection, ids: list[int], spoil: str, number: int, why: str
) -> None:
    await root.execute(spoil, ids[number - 1])
    first = (await checked(pool)).first_entry
    assert first is not None
    assert first.entry_id == ids[number - 1]
    assert why in first.why


async def test_a_forger_who_mends_the_fingerprint_still_meets_the_seal(
    pool: Pool, root: Connection, ids: list[int]
) -> None:
    await root.execute(
        "UPDATE ledger_posting SET amount_minor = amount_minor * 2 WHERE entry_id = $1", ids[1]
    )
    await root.execute(
        "UPDATE ledger_balance SET amount_minor = 1000 WHERE account = 'customer/c2/principal'"
    )
    await root.execute(
        "UPDATE ledger_rollup SET amount_minor = amount_minor + 500 WHERE account = 'operator/cash'"
    )
    await root.execute(
        "UPDATE ledger_entry SET fingerprint = sha256(convert_to(E'cash\\n\\noperator/cash CNY 1000"
        "\\ncustomer/c2/principal CNY -1000', 'UTF8')) WHERE entry_id = $1",
        ids[1],
    )
    report = await checked(pool)
    assert [(fault.entry_id, fault.why) for fault in report.faults] == [
        (ids[1], "it was changed after it was sealed")
    ]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ("UPDATE ledger_balance SET amount_minor = amount_minor + 1 WHERE account LIKE '%c2%'", "balance"),
        ("DELETE FROM ledger_balance WHERE account LIKE '%c2%'", "balance"),
        ("UPDATE ledger_rollup SET amount_minor = amount_minor + 1", "roll-up"),
        ("INSERT INTO ledger_rollup VALUES ('op_a', 'bank/b', 'CNY', 5, 1)", "roll-up"),
        ("UPDATE ledger_seal SET hash = sha256('x') WHERE seal_no = 1", "hash"),
        ("UPDATE ledger_seal SET previous = sha256('x') WHERE seal_no = 2", "follow"),
        ("DELETE FROM ledger_seal WHERE seal_no = 1", "missing"),
        ("UPDATE ledger_seal SET members = members[2:2] || members[1:1] WHERE seal_no = 1", "order"),
    ],
)
async def test_a_spoilt_balance_or_seal_is_named(
    pool: Pool, root: Connection, ids: list[int], spoil: str, why: str
) -> None:
    await root.execute(spoil)
    assert any(why in fault.why for fault in (await checked(pool)).faults)


async def test_five_thousand_random_entries_verify_and_every_balance_is_listed(pool: Pool) -> None:
    entries = list(random_books(seed=20261, wanted=3200))
    assert len(entries) > 5000
    for start in range(0, len(entries), 250):
        await store.post(pool, entries[start : start + 250])
        if start % 1000 == 0:
            async with pool.acquire() as connection:
                await seal(connection, OP, at_most=400)
                await seal(connection, OTHER, at_most=300)
    seen: list[tuple[int, int]] = []
    async with pool.acquire() as connection:
        report = await verify(connection, lambda done, total: seen.append((done, total)))
        listed = await balances(connection, OP, limit=10_000)
        for each in listed[::25]:
            assert each.amount_minor == await store.balance(connection, OP, each.account, each.currency)
        one = await verify(connection, operator=OP)
    assert report.faults == ()
    assert report.entries == len(entries)
    assert seen[-1] == (len(entries), len(entries))
    assert one.sound
    assert set(one.heads) == {OP}
