"""A number that nobody proved for long may be somebody else's by now: it opens no past by a code alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from coinslot.engines.connect import Connection, Pool
from coinslot.people.customers import add_customer
from coinslot.people.erasing import forget_person
from coinslot.people.logins import CodeOver, LoggedIn, StillYours, WrongTail
from coinslot.wire.ids import CustomerId
from tests.support.logging_in import LIN, MEI, TAIL, FrontDoor, front_door

Past = Callable[[FrontDoor, CustomerId], Awaitable[None]]


@pytest.fixture
async def door(pool: Pool, owner: Connection) -> FrontDoor:
    return await front_door(pool, owner)


async def money(door: FrontDoor, customer_id: CustomerId) -> None:
    await door.has_money(customer_id)


async def money_once(door: FrontDoor, customer_id: CustomerId) -> None:
    await door.has_money(customer_id, 0)


async def a_session(door: FrontDoor, customer_id: CustomerId) -> None:
    await door.has_used_an_appliance(customer_id)


async def a_real_name(door: FrontDoor, customer_id: CustomerId) -> None:
    await door.has_real_name(customer_id, approved=False)


async def left_for(door: FrontDoor, days: int, *, real_name: bool = True) -> LoggedIn:
    """A customer with money, and mostly a real name, whose number was last proved `days` ago."""
    inside = await door.lets_in()
    await door.has_money(inside.customer_id)
    if real_name:
        await door.has_real_name(inside.customer_id)
    await door.days_pass(days)
    return inside


@pytest.mark.parametrize("past", [money, money_once, a_session, a_real_name])
async def test_whatever_past_there_is_a_code_alone_does_not_open_it(door: FrontDoor, past: Past) -> None:
    lin, mei = await door.lets_in(LIN), await door.lets_in(MEI)
    await past(door, lin.customer_id)
    await door.days_pass(91)
    assert isinstance(await door.log_in(LIN), StillYours)
    # Somebody else's past is not taken for one's own.
    opened = await door.lets_in(MEI)
    assert opened.customer_id == mei.customer_id


async def test_within_the_operators_days_the_code_is_enough(door: FrontDoor) -> None:
    lin = await left_for(door, 89)
    assert (await door.lets_in()).customer_id == lin.customer_id
    await door.days_pass(89)  # since that login
    assert (await door.lets_in()).customer_id == lin.customer_id
    await door.owner.execute("UPDATE operator SET phone_trust_days = 30")
    await door.days_pass(31)
    assert isinstance(await door.log_in(), StillYours)


@pytest.mark.parametrize(("registered_days_ago", "opens"), [(0, True), (89, True), (91, False)])
async def test_who_was_registered_at_the_desk_is_trusted_from_that_day_on(
    door: FrontDoor, registered_days_ago: int, opens: bool
) -> None:
    async with door.pool.acquire() as connection:
        lin = await add_customer(connection, door.operator_id, name="Lin", phone=LIN, by="test")
    await door.has_money(lin.customer_id)
    await door.days_pass(registered_days_ago)
    answer = await door.log_in(language="en")
    assert isinstance(answer, LoggedIn if opens else StillYours)
    row = await door.owner.fetchrow("SELECT language, phone_proved_at IS NOT NULL AS proved FROM customer")
    assert row is not None
    assert (row["language"], row["proved"]) == (("en", True) if opens else ("zh", False))


async def test_a_browser_that_is_logged_in_as_the_customer_is_let_in_again(door: FrontDoor) -> None:
    lin, mei = await left_for(door, 91), await door.lets_in(MEI)
    assert isinstance(await door.log_in(token=mei.token), StillYours)
    again = await door.lets_in(token=lin.token)
    assert again.customer_id == lin.customer_id
    assert (await door.lets_in()).customer_id == lin.customer_id  # the number is proved again


async def test_the_tail_of_the_id_number_opens_it(door: FrontDoor) -> None:
    lin = await left_for(door, 91)
    proof = await door.doubts()
    assert await door.prove(proof, "0021") == WrongTail(2)
    inside = await door.prove(proof, " 002x ")
    assert isinstance(inside, LoggedIn)
    assert (inside.customer_id, inside.new) == (lin.customer_id, False)
    assert await door.logins_of(inside.token) == [(door.operator_id, lin.customer_id)]
    assert await door.prove(proof) == CodeOver()
    assert await door.begin_anew(proof) == CodeOver()
    assert (await door.lets_in()).customer_id == lin.customer_id
    assert await actions(door, lin.customer_id) == ["customer.add", "customer.phone_proved"]


async def test_three_wrong_tails_are_the_end_of_trying_but_not_of_beginning_anew(door: FrontDoor) -> None:
    await left_for(door, 91)
    proof = await door.doubts()
    answers = [await door.prove(proof, "1111") for _ in range(4)]
    assert answers == [WrongTail(2), WrongTail(1), WrongTail(0), WrongTail(0)]
    assert await door.prove(proof) == WrongTail(0)
    assert isinstance(await door.begin_anew(proof), LoggedIn)


async def test_two_hundred_tails_at_once_are_three_comparisons(door: FrontDoor) -> None:
    await left_for(door, 91)
    proof = await door.doubts()
    answers = await asyncio.gather(*(door.prove(proof, f"{n:04d}") for n in range(3000, 3200)))
    assert Counter(answers) == {WrongTail(2): 1, WrongTail(1): 1, WrongTail(0): 198}
    assert await door.owner.fetchval("SELECT tries FROM login_proof") == 3


async def test_new_proofs_give_no_more_than_five_tails_a_day(door: FrontDoor) -> None:
    lin = await left_for(door, 91)
    proofs = [await door.doubts() for _ in range(3)]
    answers = await asyncio.gather(*(door.prove(proof, "1111") for proof in proofs for _ in range(4)))
    assert all(isinstance(answer, WrongTail) for answer in answers)
    assert await door.owner.fetchval("SELECT sum(tries) FROM login_proof") == 5
    assert await door.prove(await door.doubts()) == WrongTail(0)
    await door.owner.execute("UPDATE login_proof SET made_at = made_at - interval '24 hours'")
    await door.codes_age(timedelta(days=1))
    inside = await door.prove(await door.doubts())
    assert isinstance(inside, LoggedIn)
    assert inside.customer_id == lin.customer_id


async def test_what_cannot_be_a_tail_is_not_counted(door: FrontDoor) -> None:
    await left_for(door, 91)
    proof = await door.doubts()
    for typed in ("", "02X", "11010519491231002X", "ABCD", "\0", "\ud800"):
        assert await door.prove(proof, typed) == WrongTail(3)


async def test_without_a_real_name_every_tail_is_wrong_and_none_is_told_apart(door: FrontDoor) -> None:
    await left_for(door, 91, real_name=False)
    proof = await door.doubts()
    assert [await door.prove(proof, TAIL) for _ in range(3)] == [WrongTail(2), WrongTail(1), WrongTail(0)]


async def test_beginning_anew_leaves_the_earlier_customer_everything_but_the_number(door: FrontDoor) -> None:
    lin = await left_for(door, 91)
    proof = await door.doubts()
    fresh = await door.begin_anew(proof)
    assert isinstance(fresh, LoggedIn)
    assert fresh.new
    assert fresh.customer_id != lin.customer_id
    rows = {row["customer_id"]: row for row in await door.owner.fetch("SELECT * FROM customer")}
    assert (rows[lin.customer_id]["phone"], rows[fresh.customer_id]["phone"]) == (None, LIN)
    assert rows[fresh.customer_id]["language"] == "en"
    assert rows[fresh.customer_id]["phone_proved_at"] is not None
    assert await door.owner.fetchval("SELECT account FROM ledger_balance") == (
        f"customer/{lin.customer_id}/principal"
    )
    assert await door.owner.fetchval("SELECT customer_id FROM real_name") == lin.customer_id
    # The person who is logged in where they always were still is; the new one is elsewhere.
    assert await door.logins_of(lin.token) == [(door.operator_id, lin.customer_id)]
    assert await door.logins_of(fresh.token) == [(door.operator_id, fresh.customer_id)]
    assert await actions(door, lin.customer_id) == ["customer.add", "customer.phone_moved"]
    assert await door.owner.fetchval("SELECT detail FROM audit WHERE action = 'customer.phone_moved'") == (
        f"to {fresh.customer_id}"
    )
    assert await door.begin_anew(proof) == CodeOver()
    assert (await door.lets_in()).customer_id == fresh.customer_id


async def test_beginning_anew_many_times_at_once_makes_one_customer(door: FrontDoor) -> None:
    await left_for(door, 91)
    proofs = [await door.doubts() for _ in range(2)]
    answers = await asyncio.gather(*(door.begin_anew(proof) for proof in proofs for _ in range(10)))
    assert Counter(type(answer) for answer in answers) == {LoggedIn: 1, CodeOver: 19}
    assert await door.owner.fetchval("SELECT count(*) FROM customer") == 2


async def test_the_tail_and_beginning_anew_at_once_settle_it_one_way(door: FrontDoor) -> None:
    await left_for(door, 91)
    first, second = await door.doubts(), await door.doubts()
    answers = await asyncio.gather(door.prove(first), door.begin_anew(second))
    assert Counter(type(answer) for answer in answers) == {LoggedIn: 1, CodeOver: 1}


async def test_a_proof_is_for_one_operator_one_number_and_ten_minutes(
    door: FrontDoor, pool: Pool, owner: Connection
) -> None:
    lin = await left_for(door, 91)
    elsewhere = await front_door(pool, owner, "South")
    proof = await door.doubts()
    for wrong in (elsewhere.prove(proof), elsewhere.begin_anew(proof), door.prove("\0"), door.prove("")):
        assert await wrong == CodeOver()
    # The desk gave the customer another number: the proof of the former one moves nothing.
    await owner.execute("UPDATE customer SET phone = $1 WHERE customer_id = $2", MEI, lin.customer_id)
    assert await door.prove(proof) == CodeOver()
    assert await door.begin_anew(proof) == CodeOver()
    await owner.execute("UPDATE customer SET phone = $1 WHERE customer_id = $2", LIN, lin.customer_id)
    await owner.execute("UPDATE login_proof SET expires_at = expires_at - interval '10 minutes'")
    assert await door.prove(proof) == CodeOver()
    assert await door.begin_anew(proof) == CodeOver()


async def test_who_was_forgotten_is_opened_by_nothing(door: FrontDoor) -> None:
    lin = await left_for(door, 91)
    proof = await door.doubts()
    async with door.pool.acquire() as connection:
        await forget_person(connection, door.operator_id, lin.customer_id, "test")
    assert await door.prove(proof) == CodeOver()
    assert await door.begin_anew(proof) == CodeOver()
    assert await door.logins_of(lin.token) == []
    assert (await door.lets_in()).new


async def actions(door: FrontDoor, customer_id: str) -> list[str]:
    """What the audit trail says was done to this customer."""
    rows = await door.owner.fetch("SELECT action FROM audit WHERE object = $1 ORDER BY audit_id", customer_id)
    return [row["action"] for row in rows]
