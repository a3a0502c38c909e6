"""The server's own guard of each keypad: what counts, what locks, what is alarmed, and how all of it decays."""

from __future__ import annotations

import pytest

from coinslot.access.guarding import MOST_TRIES
from coinslot.engines.connect import Pool
from coinslot.settlement.codes import guard
from coinslot.settlement.codes.aging import forget_old_keypad_codes
from coinslot.settlement.codes.issuing import Scope
from coinslot.wire.messages import Note, Show
from tests.support.bathroom import Bathroom

DAY_S = 86_400


@pytest.fixture
async def bathroom(pool: Pool) -> Bathroom:
    return await Bathroom(pool).open()


async def test_the_fifth_wrong_code_locks_and_neither_a_right_one_nor_a_wait_forgets_it(
    bathroom: Bathroom,
) -> None:
    customer = await bathroom.desk.customer()
    right = await bathroom.code(customer)
    assert await bathroom.guesses(4) == [Note.WRONG_CODE] * 4
    await bathroom.ends(await bathroom.starts(right.digits), ml=10)
    code = await bathroom.code(customer)
    shown = await bathroom.notes("12345678")
    assert (shown.note, shown.life_s) == (Note.WRONG_CODE, 60)
    state = await bathroom.keypad()
    assert state.tries == 5
    assert state.locked_until is not None
    # Locked: a right code of the usual length is not even looked at, and no try is counted.
    shown = await bathroom.notes(code.digits)
    assert shown.note is Note.LOCKED
    assert 55 <= (shown.life_s or 0) <= 60
    assert (await bathroom.keypad()).tries == 5
    await bathroom.waits(61)
    assert await bathroom.guesses(1) == [Note.WRONG_CODE]
    assert (await bathroom.notes(code.digits)).note is Note.LOCKED
    await bathroom.waits(121)
    await bathroom.starts(code.digits)


async def test_a_day_of_tries_is_33(bathroom: Bathroom) -> None:
    counted, slept_s = 0, 0
    while slept_s < DAY_S:
        if (await bathroom.guesses(1)) == [Note.WRONG_CODE]:
            counted += 1
            continue
        # As somebody would who knows the rule: on again the moment it is open.
        wait_s = (await bathroom.notes("12345678")).life_s or 0
        await bathroom.waits(wait_s)
        slept_s += wait_s
    assert counted <= MOST_TRIES


async def test_a_locked_keypad_takes_a_long_code_and_one_in_three_seconds(bathroom: Bathroom) -> None:
    customer, other = await bathroom.desk.customer(), await bathroom.desk.customer(name="Mei")
    await bathroom.guesses(5)
    code = await bathroom.code(customer)
    assert (code.scope, len(code.digits)) == (Scope.LONG, 12)
    assert (code.expires_at - code.created_at).total_seconds() == 300
    assert (await bathroom.notes("123456789012")).note is Note.WRONG_CODE
    shown = await bathroom.notes(code.digits)
    assert (shown.note, shown.life_s) == (Note.LOCKED, 3)
    await bathroom.waits(3)
    assert (await bathroom.starts(code.digits)).customer == customer
    assert (await bathroom.keypad()).tries == 5
    # The lock is over: short codes again.
    await bathroom.waits(60)
    assert (await bathroom.code(other)).scope is Scope.OUTLET


async def test_a_room_code_is_long_only_where_all_its_keypads_are_locked(pool: Pool) -> None:
    bathroom = await Bathroom(pool).open(2, room="East 2")
    customer = await bathroom.desk.customer()
    await bathroom.guesses(5, 0)
    assert (await bathroom.code(customer, room="East 2")).scope is Scope.ROOM
    await bathroom.guesses(5, 1)
    code = await bathroom.code(customer, room="East 2", renew=True)
    assert (code.scope, code.terminal) == (Scope.LONG, None)
    assert (await bathroom.starts(code.digits, 1)).customer == customer


async def test_the_stricter_of_both_counts_wins_and_nothing_said_makes_it_looser(bathroom: Bathroom) -> None:
    await bathroom.says(0, tries=7, locked_s=240)
    state = await bathroom.keypad()
    assert state.tries == 7
    assert state.locked_until is not None
    await bathroom.says(0, tries=0, locked_s=0)
    assert await bathroom.keypad() == state
    assert (await bathroom.notes("12345678")).note is Note.LOCKED
    await bathroom.waits(241)
    assert (await bathroom.notes("12345678")).life_s == 8 * 60
    # A day later none of it counts.
    await bathroom.waits(DAY_S)
    assert (await bathroom.keypad()).tries == 0


async def test_a_keypad_on_another_link_or_of_nobody_is_not_believed(bathroom: Bathroom) -> None:
    await bathroom.showers[0].connects()
    bathroom.showers[0].link = 1
    await bathroom.says(0, tries=9, locked_s=600)
    assert (await bathroom.keypad()).tries == 0


async def test_eight_wrong_codes_are_an_alarm_which_decays(bathroom: Bathroom) -> None:
    await bathroom.says(0, tries=7, locked_s=0)
    assert await bathroom.desk.alarms() == []
    await bathroom.guesses(1)
    assert await bathroom.desk.alarms() == ["sweep"]
    await bathroom.waits(DAY_S)
    async with bathroom.pool.acquire() as connection:
        await forget_old_keypad_codes(connection)
    assert await bathroom.desk.alarms() == []


async def test_three_such_keypads_are_one_alarm_for_the_site_and_lock_nobody_out(pool: Pool) -> None:
    bathroom = await Bathroom(pool).open(4)
    for number in range(3):
        await bathroom.says(number, tries=8, locked_s=0)
    rows = await pool.fetch(
        "SELECT outlet, detail FROM alarm WHERE operator_id = $1 AND cleared_at IS NULL ORDER BY alarm_id",
        bathroom.desk.operator,
    )
    assert [row["outlet"] for row in rows] == [0, 0, 0, None]
    assert "24 wrong codes" in rows[3]["detail"]
    code = await bathroom.code(await bathroom.desk.customer(), 3)
    assert code.scope is Scope.OUTLET
    async with pool.acquire() as connection:
        await forget_old_keypad_codes(connection)
        assert await bathroom.desk.alarms() == ["sweep"] * 4
        await bathroom.waits(DAY_S)
        await forget_old_keypad_codes(connection)
    assert await bathroom.desk.alarms() == []


async def test_forty_wrong_codes_of_a_site_are_an_alarm_however_thinly_they_are_spread(pool: Pool) -> None:
    bathroom = await Bathroom(pool).open(6)
    for number in range(5):
        await bathroom.says(number, tries=7, locked_s=0)
    assert await bathroom.desk.alarms() == []
    await bathroom.says(5, tries=5, locked_s=0)
    assert await bathroom.desk.alarms() == ["sweep"]
    assert guard.SITE_TRIES == 40


async def test_two_requests_at_once_are_two_tries(bathroom: Bathroom) -> None:
    shown = await bathroom.at_once(*[(f"7000000{number}", 0) for number in range(4)])
    assert all(isinstance(one, Show) and one.note is Note.WRONG_CODE for [one] in shown)
    assert (await bathroom.keypad()).tries == 4
