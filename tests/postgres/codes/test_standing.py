"""What staff are shown of each site: its own numbers, and a finding only where guessing is too easy."""

from __future__ import annotations

from coinslot.app.checks_codes import judge_site
from coinslot.app.findings import State
from coinslot.engines.connect import Pool
from coinslot.fleet.operator_rules import set_rules
from coinslot.settlement.codes.standing import SiteStanding, all_sites
from coinslot.wire.messages import Start
from tests.support.bathroom import Bathroom


async def standing(bathroom: Bathroom) -> SiteStanding:
    async with bathroom.pool.acquire() as connection:
        [found] = [one for one in await all_sites(connection) if one.operator_id == bathroom.desk.operator]
    return found


async def test_a_sites_weakest_keypad_is_shown_with_its_own_numbers(pool: Pool) -> None:
    bathroom = await Bathroom(pool).open(3, room="East 2")
    async with pool.acquire() as connection:
        assert all(one.operator_id != bathroom.desk.operator for one in await all_sites(connection))
    await bathroom.code(await bathroom.desk.customer(), 1)
    await bathroom.code(await bathroom.desk.customer(name="Mei"), room="East 2")
    await bathroom.guesses(5, 2)
    found = await standing(bathroom)
    assert (found.keypads, found.tries, found.locked) == (3, 5, 1)
    assert [(row.keypad, row.kind, row.live, row.odds) for row in found.rows] == [
        ("shower 2 (0)", "outlet", 1, "3.3e-7"),
        ("shower 2 (0)", "room", 1, "3.3e-8"),
        ("shower 2 (0)", None, 2, "3.6e-7"),
    ]
    findings = judge_site(found)
    assert {finding.state for finding in findings} == {State.OK}
    assert "3 keypads, 1 locked; 5 wrong codes in 24 h" in findings[0].detail
    assert "3.6e-7 (at most 1.0e-6)" in findings[0].detail
    assert "8 digits, 1 live, 33 tries a day, 3.3e-7" in findings[1].detail


async def test_showers_that_were_moved_into_one_room_are_a_finding_until_the_codes_end(pool: Pool) -> None:
    bathroom = await Bathroom(pool).open(2, room="East")
    for number in range(24):
        await bathroom.code(await bathroom.desk.customer(name=f"C{number}"), room="East")
    await pool.execute(
        "UPDATE appliance SET room = 'West' WHERE operator_id = $1 AND appliance_id = $2",
        bathroom.desk.operator,
        bathroom.appliance(1),
    )
    for number in range(2):
        await bathroom.code(await bathroom.desk.customer(name=f"D{number}"), 1)
    await pool.execute("UPDATE appliance SET room = 'East' WHERE operator_id = $1", bathroom.desk.operator)
    wrong = judge_site(await standing(bathroom))[0]
    assert wrong.state is State.WRONG
    assert "all kinds: 1.5e-6 a day" in wrong.detail
    assert "10 minutes" in (wrong.remedy or "")
    await bathroom.waits(601)
    assert judge_site(await standing(bathroom))[0].state is State.OK


async def test_for_how_long_a_session_may_be_paused_is_its_operators_rule(pool: Pool) -> None:
    bathroom = await Bathroom(pool).open()
    customer = await bathroom.desk.customer()
    async with pool.acquire() as connection:
        await set_rules(connection, bathroom.desk.operator, pause_s=0, by="test")
    [start] = await bathroom.types((await bathroom.code(customer)).digits)
    assert isinstance(start, Start)
    assert start.limits.pause_s == 0
