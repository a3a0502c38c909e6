"""Codes: asked for within limits, compared a few times, good once, for one number at one operator."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from coinslot.engines.connect import Connection, Pool
from coinslot.fields import FieldError, MissingError
from coinslot.keyring import Keyring
from coinslot.people import logins
from coinslot.people.customers import add_customer
from coinslot.people.logins import CodeOver, LoggedIn, TooManyCodes, WrongCode
from coinslot.wire.ids import OperatorId
from tests.support.logging_in import LIN, MEI, FrontDoor, front_door, other_code

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
async def door(pool: Pool, owner: Connection) -> FrontDoor:
    return await front_door(pool, owner)


async def codes_are_there(door: FrontDoor, how_many: int, *, age: timedelta, tries: int = 0) -> None:
    """So many codes of this operator, each for a number and from an address of its own."""
    await door.owner.execute(
        "INSERT INTO login_code (operator_id, login_code_id, phone_hash, code_hash, source_hash, tries, made_at,"
        " expires_at) SELECT $1, 'old_' || gen_random_uuid(), sha256(n::text::bytea), sha256('code'),"
        " sha256(n::text::bytea), $3, clock_timestamp() - $4::interval, clock_timestamp() - $4::interval"
        " FROM generate_series(1, $2::int) AS n",
        door.operator_id,
        how_many,
        tries,
        age,
    )


async def test_the_right_code_makes_a_customer_and_next_time_finds_them(door: FrontDoor) -> None:
    asked = await door.ask("139 1234 5678")
    assert asked.phone == LIN
    assert asked.expires_at - asked.again_at == 4 * MINUTE
    inside = await door.answer(asked, f" {asked.code[:3]} {asked.code[3:]}", language="en")
    assert isinstance(inside, LoggedIn)
    assert inside.new
    again = await door.lets_in(language="zh")
    assert (again.customer_id, again.new) == (inside.customer_id, False)
    # The language of the first proof stays: later it is the customer's own to change.
    assert await door.owner.fetchval("SELECT language FROM customer") == "en"


async def test_a_code_is_good_once(door: FrontDoor) -> None:
    asked = await door.ask()
    assert isinstance(await door.answer(asked), LoggedIn)
    assert await door.answer(asked) == CodeOver()


async def test_one_code_answered_twice_at_once_opens_once(door: FrontDoor) -> None:
    asked = await door.ask()
    answers = await asyncio.gather(*(door.answer(asked) for _ in range(20)))
    assert Counter(type(answer) for answer in answers) == {LoggedIn: 1, CodeOver: 19}
    assert await door.owner.fetchval("SELECT count(*) FROM customer") == 1


async def test_two_hundred_guesses_at_once_are_five_comparisons(door: FrontDoor) -> None:
    asked = await door.ask()
    wrong = [code for code in (f"{n:06d}" for n in range(201)) if code != asked.code][:200]
    answers = await asyncio.gather(*(door.answer(asked, code) for code in wrong))
    left = sorted(answer.tries_left for answer in answers if isinstance(answer, WrongCode))
    assert left == [1, 2, 3, 4]
    assert sum(isinstance(answer, CodeOver) for answer in answers) == 196
    assert await door.owner.fetchval("SELECT tries FROM login_code") == 5
    assert await door.answer(asked) == CodeOver()


async def test_what_is_no_code_is_not_counted(door: FrontDoor) -> None:
    asked = await door.ask()
    for typed in ("", "12345", "abcdef", "\0", "\ud800" * 6):
        assert await door.answer(asked, typed) == WrongCode(5)
    assert isinstance(await door.answer(asked), LoggedIn)


async def test_every_way_to_be_over_looks_the_same(door: FrontDoor, pool: Pool, owner: Connection) -> None:
    elsewhere = await front_door(pool, owner, "South")
    asked = await door.ask()
    for wrong_place in (
        elsewhere.answer(asked),
        door.answer(asked, phone=MEI),
        door.answer(asked, phone="no number"),
        door.answer(asked, phone=""),
    ):
        assert await wrong_place == CodeOver()
    unknown = logins.AskedCode(
        login_code_id="lgc_0\0",
        phone=LIN,
        code="123456",
        expires_at=asked.expires_at,
        again_at=asked.again_at,
    )
    assert await door.answer(unknown) == CodeOver()
    await door.codes_age(5 * MINUTE)
    assert await door.answer(asked) == CodeOver()
    assert await owner.fetchval("SELECT tries FROM login_code") == 0
    assert await owner.fetchval("SELECT count(*) FROM customer") == 0


async def test_a_new_code_ends_the_older_one_of_that_number_at_that_operator(
    door: FrontDoor, pool: Pool, owner: Connection
) -> None:
    elsewhere = await front_door(pool, owner, "South")
    first, meis = await door.ask(), await door.ask(MEI)
    await door.codes_age(2 * MINUTE)
    other = await elsewhere.ask()
    await door.codes_age(2 * MINUTE)
    second = await door.ask()
    assert await door.answer(first) == CodeOver()
    assert isinstance(await door.answer(meis), LoggedIn)
    assert isinstance(await elsewhere.answer(other), LoggedIn)
    assert isinstance(await door.answer(second), LoggedIn)


async def test_a_bad_number_or_operator_is_named(door: FrontDoor) -> None:
    with pytest.raises(FieldError, match=r"^phone"):
        await door.ask("12345")
    stranger = FrontDoor(door.pool, door.owner, OperatorId("opr_none"), door.keyring)
    with pytest.raises(MissingError, match="operator"):
        await stranger.ask()
    asked = await door.ask()
    with pytest.raises(FieldError, match=r"^language"):
        await door.answer(asked, language="xx")
    assert isinstance(await door.answer(asked), LoggedIn)  # a wrong language costs no code


async def test_known_and_unknown_numbers_are_answered_alike(door: FrontDoor) -> None:
    async with door.pool.acquire() as connection:
        lin = await add_customer(connection, door.operator_id, name="Lin", phone=LIN, by="test")
    await door.has_money(lin.customer_id)
    await door.days_pass(365)
    known, unknown = await door.ask(LIN), await door.ask(MEI)
    assert known.expires_at - known.again_at == unknown.expires_at - unknown.again_at
    for asked in (known, unknown):
        wrong = other_code(asked.code)
        assert [await door.answer(asked, wrong) for _ in range(5)] == [
            *(WrongCode(left) for left in (4, 3, 2, 1)),
            CodeOver(),
        ]
        with pytest.raises(TooManyCodes):
            await door.ask(asked.phone)


async def test_of_many_asking_at_once_for_one_number_one_gets_a_code(door: FrontDoor) -> None:
    answers = await asyncio.gather(*(door.ask() for _ in range(50)), return_exceptions=True)
    assert Counter(type(answer) for answer in answers) == {logins.AskedCode: 1, TooManyCodes: 49}
    assert await door.owner.fetchval("SELECT count(*) FROM login_code") == 1


async def test_of_many_numbers_from_one_address_at_once_twenty_get_a_code(door: FrontDoor) -> None:
    answers = await asyncio.gather(
        *(door.ask(f"+86139000000{n:02d}", source=f"2001:db8::{n}") for n in range(40)),
        return_exceptions=True,
    )
    assert Counter(type(answer) for answer in answers) == {logins.AskedCode: 20, TooManyCodes: 20}
    assert isinstance(await door.ask(LIN, source="2001:db8:0:1::1"), logins.AskedCode)


async def test_one_number_may_ask_once_a_minute_five_times_an_hour_ten_times_a_day(
    door: FrontDoor, pool: Pool, owner: Connection
) -> None:
    elsewhere = await front_door(pool, owner, "South")
    first = await door.ask()
    with pytest.raises(TooManyCodes) as soon:
        await elsewhere.ask()  # one person's telephone rings, whoever lets it
    assert soon.value.again_at == first.again_at
    for n in range(4):
        await door.codes_age(MINUTE)
        await door.ask(source=f"198.51.100.{n}")
    await door.codes_age(MINUTE)
    with pytest.raises(TooManyCodes) as hourly:
        await door.ask()
    oldest = await owner.fetchval("SELECT min(made_at) FROM login_code")
    assert hourly.value.again_at == oldest + HOUR
    await door.codes_age(55 * MINUTE)  # the first of the five is an hour old
    for n in range(5):
        await door.ask(source=f"198.51.100.{n}")
        await door.codes_age(12 * MINUTE)
    with pytest.raises(TooManyCodes) as daily:
        await door.ask()
    oldest = await owner.fetchval("SELECT min(made_at) FROM login_code")
    assert daily.value.again_at == oldest + 24 * HOUR
    await door.codes_age(22 * HOUR)
    await door.ask()


async def test_who_asks_for_anothers_number_from_one_place_leaves_its_owner_some(door: FrontDoor) -> None:
    for _ in range(2):
        for _ in range(3):
            await door.ask(source="203.0.113.66")
            await door.codes_age(MINUTE)
        with pytest.raises(TooManyCodes):
            await door.ask(source="203.0.113.66")
        assert isinstance(await door.answer(await door.ask()), LoggedIn)
        await door.codes_age(HOUR)
    with pytest.raises(TooManyCodes):
        await door.ask(source="203.0.113.66")
    assert isinstance(await door.answer(await door.ask()), LoggedIn)


@pytest.mark.parametrize(("here", "there", "full"), [(600, 0, True), (599, 0, False), (599, 2401, True)])
async def test_operators_and_the_installation_send_only_so_many_codes_an_hour(
    door: FrontDoor, pool: Pool, owner: Connection, here: int, there: int, full: bool
) -> None:
    elsewhere = await front_door(pool, owner, "South")
    await codes_are_there(door, here, age=50 * MINUTE)
    await codes_are_there(elsewhere, there, age=40 * MINUTE)
    if not full:
        await door.ask()
        with pytest.raises(TooManyCodes):
            await door.ask(MEI)  # that was the last one
        await elsewhere.ask(MEI)
    else:
        with pytest.raises(TooManyCodes):
            await door.ask()
        await door.codes_age(10 * MINUTE)
        await door.ask()


@pytest.mark.parametrize(("here", "there"), [(40, 0), (39, 161)])
async def test_guessing_spread_over_many_numbers_ends_too(
    door: FrontDoor, pool: Pool, owner: Connection, here: int, there: int
) -> None:
    elsewhere = await front_door(pool, owner, "South")
    asked = await door.ask()
    await codes_are_there(door, here, age=50 * MINUTE, tries=5)
    await codes_are_there(elsewhere, there, age=50 * MINUTE, tries=5)
    # Not even the right one is compared: whoever guesses must not learn which it is.
    assert await door.answer(asked) == CodeOver()
    with pytest.raises(TooManyCodes) as full:
        await door.ask(MEI)  # nor is a message sent that would be of no use
    assert 8 * MINUTE < full.value.again_at - asked.again_at < 10 * MINUTE
    assert await owner.fetchval("SELECT sum(tries) FROM login_code") == 5 * (here + there)
    await door.codes_age(10 * MINUTE)
    assert isinstance(await door.log_in(), LoggedIn)


async def test_guesses_at_many_codes_at_once_stop_at_the_limit(door: FrontDoor) -> None:
    await codes_are_there(door, 39, age=10 * MINUTE, tries=5)
    asked = [await door.ask(f"+86139000000{n:02d}", source=f"198.51.100.{n}") for n in range(8)]
    await asyncio.gather(*(door.answer(one, other_code(one.code)) for one in asked for _ in range(4)))
    assert await door.owner.fetchval("SELECT sum(tries) FROM login_code") == 200


async def test_guesses_from_one_address_stop_long_before_they_lock_out_the_others(door: FrontDoor) -> None:
    asked = [await door.ask(f"+86139000000{n:02d}") for n in range(8)]
    meis = await door.ask(MEI, source="198.51.100.1")
    await asyncio.gather(*(door.answer(one, other_code(one.code)) for one in asked for _ in range(4)))
    assert await door.owner.fetchval("SELECT sum(tries) FROM login_code") == 20
    assert await door.answer(asked[0]) == CodeOver()
    with pytest.raises(TooManyCodes):
        await door.ask("+8613900000099")
    assert isinstance(await door.answer(meis), LoggedIn)
    assert isinstance(await door.answer(await door.ask(source="198.51.100.2")), LoggedIn)


async def test_a_new_secret_neither_ends_codes_nor_clears_limits(door: FrontDoor) -> None:
    asked = await door.ask()
    later = FrontDoor(door.pool, door.owner, door.operator_id, Keyring("new", ["a secret of the tests"]))
    with pytest.raises(TooManyCodes):
        await later.ask()
    assert isinstance(await later.answer(asked), LoggedIn)
    stranger = FrontDoor(door.pool, door.owner, door.operator_id, Keyring("another"))
    mine = await door.ask(MEI)
    assert await stranger.answer(mine) == CodeOver()


async def test_a_number_registered_at_the_desk_at_the_same_moment_is_found(door: FrontDoor) -> None:
    asked = await door.ask()
    async with door.pool.acquire() as desk, door.pool.acquire() as watcher:
        registering = desk.transaction()
        await registering.start()
        lin = await add_customer(desk, door.operator_id, name="Lin", phone=LIN, by="test")
        answering = asyncio.ensure_future(door.answer(asked))
        # The code's customer is not made until the desk has decided; wait until it waits for that.
        while not await watcher.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
            assert not answering.done()
        await registering.commit()
    inside = await answering
    assert isinstance(inside, LoggedIn)
    assert (inside.customer_id, inside.new) == (lin.customer_id, False)


async def test_codes_of_yesterday_are_forgotten(door: FrontDoor) -> None:
    inside = await door.lets_in()
    await door.codes_age(24 * HOUR)
    await door.ask(MEI)
    async with door.pool.acquire() as connection:
        assert await logins.forget_old_codes(connection) == 1
        assert await logins.forget_old_codes(connection) == 0
    assert await door.owner.fetchval("SELECT count(*) FROM login_code") == 1
    assert len(await door.logins_of(inside.token)) == 1
