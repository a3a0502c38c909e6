"""Cards and PINs against the database: who gets in, who waits, and what nobody is told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from coinslot.engines.connect import Connection, Pool
from coinslot.fields import FieldError, MissingError, TakenError
from coinslot.fleet.store import create_operator
from coinslot.keyring import Keyring
from coinslot.people import cards, passwords
from coinslot.people.card_rules import make_card_no, make_pin
from coinslot.people.cards import CardMade, CardRefusal, CardRefused
from coinslot.people.erasing import forget_person
from coinslot.wire.ids import OperatorId

KEYRING = Keyring("a secret of thirty-two characters!")
HERE, THERE = "192.0.2.7", "192.0.2.8"


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    # Slow hashes are for guessers; how slow they are is in the hash itself.
    monkeypatch.setattr(passwords, "_LOG_N", 4)


@pytest.fixture
async def operator(pool: Pool) -> OperatorId:
    async with pool.acquire() as connection:
        made = await create_operator(
            connection, name="Hall", currency="CNY", timezone="Asia/Shanghai", by="test"
        )
    return made.operator_id


async def _register(pool: Pool, operator: OperatorId, phone: str | None = None) -> CardMade:
    async with pool.acquire() as connection:
        return await cards.register(connection, KEYRING, operator, phone=phone, language="zh", by="desk")


async def _try(
    pool: Pool, operator: OperatorId, made: CardMade, *, pin: str | None = None, source: str = HERE
) -> object:
    return await cards.log_in(pool, KEYRING, operator, made.card_no, pin or made.pin, source=source)


def _wrong(made: CardMade) -> str:
    return "000000" if made.pin != "000000" else "000001"


async def test_slips_of_people_who_then_get_in_do_not_shut_the_hall(pool: Pool, operator: OperatorId) -> None:
    made = [await _register(pool, operator) for _ in range(7)]
    for one in made[:5]:
        for _ in range(4):
            assert isinstance(await _try(pool, operator, one, pin=_wrong(one)), CardRefused)
        assert await _try(pool, operator, one) == one.customer_id
    # Twenty slips, and nobody waits; but those of another card stay, and a card of one's own clears none of them.
    for _ in range(4):
        await _try(pool, operator, made[5], pin=_wrong(made[5]))
    assert await _try(pool, operator, made[6]) == made[6].customer_id
    left = await pool.fetchval(
        "SELECT count(*) FROM card_try WHERE operator_id = $1 AND right_at IS NULL AND source_hash <> card_hash",
        operator,
    )
    assert left == 4
    # The card's own count is what it was: the fifth wrong one locks it.
    assert isinstance(await _try(pool, operator, made[0], pin=_wrong(made[0])), CardRefused)
    locked = await _try(pool, operator, made[0])
    assert isinstance(locked, CardRefused)
    assert locked.reason is CardRefusal.LOCKED


async def test_a_card_opens_its_customer_and_nobody_elses(pool: Pool, operator: OperatorId) -> None:
    made = await _register(pool, operator, "138 0013 8000")
    assert await _try(pool, operator, made) == made.customer_id
    async with pool.acquire() as connection:
        other = await create_operator(connection, name="B", currency="CNY", timezone="UTC", by="test")
        found = await cards.customer_by_card(connection, operator, made.card_no)
        assert found is not None
        assert found.customer_id == made.customer_id
        assert await cards.customer_by_card(connection, other.operator_id, made.card_no) is None
        with pytest.raises(TakenError):
            await cards.register(connection, KEYRING, operator, phone="13800138000", language="zh", by="desk")
        with pytest.raises(FieldError):
            await cards.register(connection, KEYRING, operator, phone=None, language="fr", by="desk")
        assert await connection.fetchval("SELECT count(*) FROM customer") == 1
    assert await _try(pool, other.operator_id, made) == CardRefused(reason=CardRefusal.WRONG)


async def test_five_slips_lock_a_card_whether_it_exists_or_not(
    pool: Pool, owner: Connection, operator: OperatorId
) -> None:
    made = await _register(pool, operator)
    nobodys = CardMade(customer_id=made.customer_id, card_no=make_card_no(), pin=make_pin())
    for one, source in ((made, HERE), (nobodys, THERE)):
        answers = [await _try(pool, operator, one, pin=_wrong(one), source=source) for _ in range(5)]
        assert answers == [CardRefused(reason=CardRefusal.WRONG)] * 5
        locked = await _try(pool, operator, one, source="198.51.100.1")
        assert isinstance(locked, CardRefused)
        assert locked.reason is CardRefusal.LOCKED
        assert locked.again_at is not None
        assert timedelta(seconds=50) < locked.again_at - datetime.now(UTC) <= timedelta(seconds=60)
    await owner.execute("UPDATE card_try SET made_at = made_at - interval '61 s'")
    assert await _try(pool, operator, made) == made.customer_id
    # A right one clears nothing: the sixth wrong one waits for two minutes.
    await _try(pool, operator, made, pin=_wrong(made))
    later = await _try(pool, operator, made)
    assert isinstance(later, CardRefused)
    assert later.again_at is not None
    assert later.again_at - datetime.now(UTC) > timedelta(seconds=100)


async def test_who_tries_many_at_once_is_counted_for_each(pool: Pool, operator: OperatorId) -> None:
    made = await _register(pool, operator)
    answers = await asyncio.gather(*(_try(pool, operator, made, pin=_wrong(made)) for _ in range(12)))
    compared = [one for one in answers if one == CardRefused(reason=CardRefusal.WRONG)]
    assert len(compared) == 5


async def test_an_address_that_tries_many_cards_waits(
    pool: Pool, owner: Connection, operator: OperatorId
) -> None:
    made = await _register(pool, operator)
    await _try(pool, operator, made, pin=_wrong(made))
    await owner.execute(
        "INSERT INTO card_try (operator_id, card_hash, source_hash) SELECT operator_id, sha256(n::text::bytea), source_hash"
        " FROM card_try, generate_series(1, 19) n"
    )
    refused = await _try(pool, operator, made)
    assert isinstance(refused, CardRefused)
    assert refused.reason is CardRefusal.LOCKED
    assert await _try(pool, operator, made, source=THERE) == made.customer_id


async def test_what_cannot_be_a_card_or_a_pin_is_no_try(pool: Pool, operator: OperatorId) -> None:
    made = await _register(pool, operator)
    for card_no, pin in ((made.card_no, "12345"), ("1234567890123", made.pin), ("", ""), ("x\0", "y\0")):
        answer = await cards.log_in(pool, KEYRING, operator, card_no, pin, source=HERE)
        assert answer == CardRefused(reason=CardRefusal.WRONG)
    assert await pool.fetchval("SELECT count(*) FROM card_try") == 0


async def test_a_new_pin_and_a_new_card_end_the_old(pool: Pool, operator: OperatorId) -> None:
    made = await _register(pool, operator)
    async with pool.acquire() as connection:
        fresh = await cards.reset_pin(connection, KEYRING, operator, made.customer_id, by="desk")
        assert fresh.card_no == made.card_no
    if fresh.pin != made.pin:
        assert await _try(pool, operator, made) == CardRefused(reason=CardRefusal.WRONG)
    async with pool.acquire() as connection:
        another = await cards.give_card(connection, KEYRING, operator, made.customer_id, by="desk")
        assert await _try(pool, operator, fresh) == CardRefused(reason=CardRefusal.WRONG)
        assert await _try(pool, operator, another) == made.customer_id
        with pytest.raises(MissingError):
            await cards.reset_pin(connection, KEYRING, OperatorId("opr_other"), made.customer_id, by="desk")
        await forget_person(connection, operator, made.customer_id, by="desk")
        with pytest.raises(MissingError):
            await cards.reset_pin(connection, KEYRING, operator, made.customer_id, by="desk")
    assert await _try(pool, operator, another) == CardRefused(reason=CardRefusal.WRONG)


async def test_neither_number_nor_pin_is_kept_where_it_could_be_read(
    pool: Pool, owner: Connection, operator: OperatorId
) -> None:
    made = await _register(pool, operator, "+8613800138000")
    await _try(pool, operator, made)
    kept = str(await owner.fetch("SELECT * FROM audit")) + str(await owner.fetch("SELECT * FROM card_try"))
    assert made.card_no not in kept
    assert "13800138000" not in kept
    row = await owner.fetchrow("SELECT pin_hash FROM customer WHERE customer_id = $1", made.customer_id)
    assert row is not None
    assert row["pin_hash"].startswith("scrypt$")
    assert made.pin not in row["pin_hash"][:20]
    assert made.pin not in repr(made)
