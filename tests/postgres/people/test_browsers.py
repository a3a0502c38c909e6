"""A browser's token: fresh at each login, one login for each operator, ended on the server and at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from coinslot.engines.connect import Connection, Pool
from coinslot.people import logins
from coinslot.people.logins import LoggedIn
from tests.support.logging_in import LIN, MEI, FrontDoor, front_door


@pytest.fixture
async def door(pool: Pool, owner: Connection) -> FrontDoor:
    return await front_door(pool, owner)


@pytest.fixture
async def south(pool: Pool, owner: Connection) -> FrontDoor:
    return await front_door(pool, owner, "South")


async def time_passes(owner: Connection, by: timedelta) -> None:
    await owner.execute(
        "UPDATE browser_login SET seen_at = seen_at - $1::interval, made_at = made_at - $1::interval,"
        " expires_at = expires_at - $1::interval, ended_at = ended_at - $1::interval",
        by,
    )


async def test_each_login_gives_a_fresh_token_and_the_old_one_opens_nothing(
    door: FrontDoor, south: FrontDoor
) -> None:
    lin = await door.lets_in(LIN)
    both = await south.lets_in(LIN, token=lin.token)
    assert both.token != lin.token
    assert await door.logins_of(lin.token) == []
    assert sorted(await door.logins_of(both.token)) == sorted(
        [(door.operator_id, lin.customer_id), (south.operator_id, both.customer_id)]
    )
    again = await door.lets_in(LIN, token=both.token)
    assert await door.logins_of(both.token) == []
    assert len(await door.logins_of(again.token)) == 2


@pytest.mark.parametrize("planted", ["0" * 43, "", "\0", "\ud800", "x" * 5000])
async def test_a_token_planted_before_the_login_opens_nothing_after_it(door: FrontDoor, planted: str) -> None:
    lin = await door.lets_in(token=planted)
    assert lin.token != planted
    assert await door.logins_of(planted) == []
    assert len(await door.logins_of(lin.token)) == 1


async def test_the_attackers_own_token_does_not_become_the_victims(door: FrontDoor, south: FrontDoor) -> None:
    attacker = await south.lets_in(MEI)
    victim = await door.lets_in(LIN, token=attacker.token)
    assert await door.logins_of(attacker.token) == []
    assert (door.operator_id, victim.customer_id) in await door.logins_of(victim.token)


async def test_another_customer_in_the_same_browser_takes_the_place_of_the_first(door: FrontDoor) -> None:
    lin = await door.lets_in(LIN)
    mei = await door.lets_in(MEI, token=lin.token)
    assert await door.logins_of(lin.token) == []
    assert await door.logins_of(mei.token) == [(door.operator_id, mei.customer_id)]


async def test_two_browsers_are_logged_in_side_by_side(door: FrontDoor) -> None:
    first, second = await door.lets_in(), await door.lets_in()
    assert await door.logins_of(first.token) == await door.logins_of(second.token)
    async with door.pool.acquire() as connection:
        await logins.log_out(connection, first.token)
    assert await door.logins_of(first.token) == []
    assert len(await door.logins_of(second.token)) == 1


async def test_logging_out_ends_one_login_or_all_of_them_at_once(door: FrontDoor, south: FrontDoor) -> None:
    lin = await door.lets_in()
    both = await south.lets_in(token=lin.token)
    async with door.pool.acquire() as connection:
        await logins.log_out(connection, both.token, door.operator_id)
        assert await door.logins_of(both.token) == [(south.operator_id, both.customer_id)]
        await logins.log_out(connection, both.token)
        await logins.log_out(connection, "nobody's")
    assert await door.logins_of(both.token) == []
    # A cookie kept from before brings nothing along.
    later = await door.lets_in(token=both.token)
    assert len(await door.logins_of(later.token)) == 1


async def test_a_login_lasts_ninety_days_from_its_last_use(door: FrontDoor, owner: Connection) -> None:
    lin = await door.lets_in()
    for _ in range(3):
        await time_passes(owner, timedelta(days=89))
        assert len(await door.logins_of(lin.token)) == 1
    await time_passes(owner, timedelta(days=90))
    assert await door.logins_of(lin.token) == []
    later = await door.lets_in(token=lin.token)
    assert len(await door.logins_of(later.token)) == 1


async def test_the_last_use_is_written_once_an_hour(door: FrontDoor, owner: Connection) -> None:
    lin = await door.lets_in()
    await time_passes(owner, timedelta(minutes=59))
    before = await owner.fetchval("SELECT xmin::text FROM browser_login")
    await asyncio.gather(*(door.logins_of(lin.token) for _ in range(10)))
    assert await owner.fetchval("SELECT xmin::text FROM browser_login") == before
    await time_passes(owner, timedelta(minutes=2))
    await asyncio.gather(*(door.logins_of(lin.token) for _ in range(10)))
    written = await owner.fetchval("SELECT xmin::text FROM browser_login")
    assert written != before
    await door.logins_of(lin.token)
    assert await owner.fetchval("SELECT xmin::text FROM browser_login") == written


async def test_the_operator_that_was_used_last_comes_first(
    door: FrontDoor, south: FrontDoor, owner: Connection
) -> None:
    lin = await door.lets_in()
    both = await south.lets_in(token=lin.token)
    assert [operator for operator, _ in await door.logins_of(both.token)] == [
        south.operator_id,
        door.operator_id,
    ]
    await time_passes(owner, timedelta(hours=2))
    async with door.pool.acquire() as connection:
        await logins.find_logins(connection, both.token, using=door.operator_id)
        found = await logins.find_logins(connection, both.token, using=door.operator_id)
    assert [login.operator_id for login in found] == [door.operator_id, south.operator_id]


async def test_logging_in_while_pages_note_their_use_blocks_nobody(
    door: FrontDoor, south: FrontDoor, owner: Connection
) -> None:
    lin = await door.lets_in()
    token = (await south.lets_in(token=lin.token)).token
    for here in (door, south) * 5:
        await time_passes(owner, timedelta(hours=2))
        await here.codes_age(timedelta(days=1))
        asked = await here.ask()
        inside, *_ = await asyncio.gather(
            here.answer(asked, token=token), *(here.logins_of(token) for _ in range(6))
        )
        assert isinstance(inside, LoggedIn)
        token = inside.token
        assert len(await here.logins_of(token)) == 2


async def test_ended_logins_are_forgotten_after_a_day(door: FrontDoor, owner: Connection) -> None:
    lin, kept = await door.lets_in(LIN), await door.lets_in(MEI)
    async with door.pool.acquire() as connection:
        await logins.log_out(connection, lin.token)
        await logins.forget_old_codes(connection)
        assert await owner.fetchval("SELECT count(*) FROM browser_login") == 2
        await time_passes(owner, timedelta(days=2))
        await logins.forget_old_codes(connection)
    assert await owner.fetchval("SELECT count(*) FROM browser_login") == 1
    assert len(await door.logins_of(kept.token)) == 1
