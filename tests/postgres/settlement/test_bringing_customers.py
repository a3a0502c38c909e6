"""Files of customers against the database: all or nothing, once, and the books right afterwards."""

from __future__ import annotations

import asyncio

import pytest

from coinslot.ledger.accounts import customer_bonus, operator_opening, operator_promotions
from coinslot.ledger.seals import seal
from coinslot.people.card_rules import luhn_digit
from coinslot.people.customers import add_customer, customer_by_phone
from coinslot.settlement.importing.bringing import NotAllGood, bring_in, preview
from tests.support.desk import Desk


def _file(lines: int, *, extra: str = "") -> bytes:
    rows = ["phone,card_no,language,balance,bonus"]
    for number in range(lines):
        card = f"{100_000_000 + number}"
        rows.append(f"+8613{number:09d},{card}{luhn_digit(card)},zh,{number % 50}.{number % 100:02d},0.50")
    return ("\n".join(rows) + "\n" + extra).encode("utf-8-sig")


async def test_a_file_is_brought_in_once_and_the_books_balance(desk: Desk) -> None:
    raw = _file(200)
    async with desk.pool.acquire() as connection:
        seen = await preview(connection, desk.operator, raw)
        assert (len(seen.file.customers), seen.file.errors, seen.earlier) == (200, (), None)
    told: list[int] = []
    # Several at once, as when somebody presses twice: one does it.
    answers = await asyncio.gather(
        *(bring_in(desk.pool, desk.operator, raw, by="anna", progress=told.append) for _ in range(4)),
    )
    assert sorted(fresh for _, fresh in answers) == [False, False, False, True]
    assert len({brought.made_at for brought, _ in answers}) == 1
    assert told == [200]
    assert await desk.pool.fetchval("SELECT count(*) FROM customer") == 200
    assert await desk.balance(operator_opening()) == seen.balance_minor == answers[0][0].balance_minor
    assert await desk.balance(operator_promotions()) == 200 * 50
    async with desk.pool.acquire() as connection:
        found = await customer_by_phone(connection, desk.operator, "+8613000000149")
        assert found is not None
        assert await desk.principal(found.customer_id) == 49_49
        assert await desk.balance(customer_bonus(found.customer_id)) == 50
        assert (await preview(connection, desk.operator, raw)).earlier is not None
        said = await connection.fetchval("SELECT detail FROM audit WHERE action = 'customer.import'")
        assert "8613" not in said
    await desk.in_order()
    # Another operator's file is its own.
    other = await Desk(desk.pool).open("Other")
    assert (await bring_in(desk.pool, other.operator, raw, by="bob"))[1]


async def test_with_a_fault_nothing_is_brought_in_unless_its_lines_are_left_out(desk: Desk) -> None:
    async with desk.pool.acquire() as connection:
        await add_customer(connection, desk.operator, phone="+8613000000001", by="test")
    raw = _file(3, extra="12,,,,\n,,,5,\n")
    async with desk.pool.acquire() as connection:
        seen = await preview(connection, desk.operator, raw)
    assert [(error.line, error.field) for error in seen.file.errors] == [
        (3, "phone"),
        (5, "phone"),
        (6, "phone"),
    ]
    with pytest.raises(NotAllGood):
        await bring_in(desk.pool, desk.operator, raw, by="anna")
    assert await desk.pool.fetchval("SELECT count(*) FROM customer") == 1
    assert await desk.pool.fetchval("SELECT count(*) FROM customer_import") == 0
    brought, fresh = await bring_in(desk.pool, desk.operator, raw, skip_bad=True, by="anna")
    assert (fresh, brought.customers, brought.left_out) == (True, 2, 3)
    assert await desk.pool.fetchval("SELECT count(*) FROM customer") == 3
    await desk.in_order()


@pytest.mark.long
async def test_twenty_thousand_at_once(desk: Desk) -> None:
    brought, fresh = await bring_in(desk.pool, desk.operator, _file(20_000), by="anna")
    assert (fresh, brought.customers) == (True, 20_000)
    # Sealed as the sweep does: until then the planner knows nothing of so many new rows.
    async with desk.pool.acquire() as connection:
        for _ in range(20):
            async with connection.transaction():
                await seal(connection, desk.operator, at_most=1_000)
    assert await desk.balance(operator_opening()) == brought.balance_minor
