"""Who may have a code, how many at a time, and what is kept of it."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from coinslot.engines.connect import Pool, connect_owner
from coinslot.fields import FieldError, MissingError
from coinslot.fleet.store import set_keypad
from coinslot.settlement.codes import issuing
from coinslot.settlement.codes.issuing import CodeRefusal, CodeRefused, CodeState, CodeView
from coinslot.wire.ids import ApplianceId, CustomerId, OperatorId
from coinslot.wire.messages import Note, Show, Start
from tests.support.bathroom import KEYRING, Bathroom


@pytest.fixture
async def bathroom(pool: Pool) -> Bathroom:
    return await Bathroom(pool).open(2)


async def live(bathroom: Bathroom, customer: CustomerId) -> list[CodeView]:
    return await issuing.live_codes(
        bathroom.pool, KEYRING, operator=bathroom.desk.operator, customer=customer
    )


async def test_the_same_key_is_the_same_code_and_another_customers_key_is_another(bathroom: Bathroom) -> None:
    customer, other = await bathroom.desk.customer(), await bathroom.desk.customer(name="Mei")
    code = await bathroom.code(customer, key="once")
    assert await bathroom.code(customer, key="once") == code
    assert (await bathroom.code(other, 1, key="once")).customer == other
    with pytest.raises(FieldError, match="key"):
        await bathroom.asks(customer, key="x" * 161)


async def test_one_code_a_customer_until_it_is_renewed_cancelled_or_over(bathroom: Bathroom) -> None:
    customer = await bathroom.desk.customer()
    first = await bathroom.code(customer)
    assert await bathroom.asks(customer, 1) == CodeRefused(reason=CodeRefusal.ALREADY_LIVE)
    second = await bathroom.code(customer, 1, renew=True)
    assert (await bathroom.found(first)).state is CodeState.CANCELLED
    assert [one.code_id for one in await live(bathroom, customer)] == [second.code_id]
    await bathroom.waits(601)
    assert await live(bathroom, customer) == []
    third = await bathroom.code(customer)
    assert (await bathroom.found(second)).state is CodeState.EXPIRED
    friend = await bathroom.friend(customer, 3_00, 1)
    assert isinstance(friend, CodeView)
    assert await bathroom.friend(customer, 3_00, 1) == CodeRefused(reason=CodeRefusal.ALREADY_LIVE)
    assert [one.code_id for one in await live(bathroom, customer)] == [third.code_id, friend.code_id]


async def test_nobody_has_both_places_at_a_keypad(bathroom: Bathroom) -> None:
    customer, other = await bathroom.desk.customer(), await bathroom.desk.customer(name="Mei")
    full = CodeRefused(reason=CodeRefusal.TOO_MANY_LIVE)
    own = await bathroom.code(customer)
    assert await bathroom.friend(customer, 3_00) == full
    assert isinstance(await bathroom.friend(customer, 3_00, 1), CodeView)
    assert await bathroom.asks(customer, 1, renew=True) == full
    assert (await bathroom.found(own)).state is CodeState.LIVE
    await bathroom.code(other)


async def test_nobody_else_can_see_or_cancel_a_code(bathroom: Bathroom) -> None:
    customer, other = await bathroom.desk.customer(), await bathroom.desk.customer(name="Mei")
    code = await bathroom.code(customer)
    pool, own = bathroom.pool, bathroom.desk.operator
    assert await issuing.find(pool, KEYRING, operator=own, customer=other, code_id=code.code_id) is None
    assert await issuing.cancel(pool, operator=own, customer=other, code_id=code.code_id) is None
    assert (await bathroom.found(code)).state is CodeState.LIVE
    assert repr(code) == f"CodeView({code.code_id!r}, live)"


async def test_what_a_start_would_be_refused_for_is_told_before_anybody_walks_there(
    bathroom: Bathroom,
) -> None:
    desk, pool, own = bathroom.desk, bathroom.pool, bathroom.desk.operator
    customer = await desk.customer()
    poor = await desk.customer(1, name="Omar")
    refused = await bathroom.asks(poor)
    assert isinstance(refused, CodeRefused)
    assert (refused.reason, refused.balance_minor) == (CodeRefusal.NO_BALANCE, 1)
    assert (refused.needed_minor or 0) > 1
    for query, reason in (
        ("UPDATE appliance SET closed = $2 WHERE operator_id = $1", CodeRefusal.CLOSED),
        ("UPDATE terminal_link SET online = NOT $2 WHERE operator_id = $1", CodeRefusal.OFFLINE),
        (
            "UPDATE customer SET blocked_at = CASE WHEN $2 THEN now() END WHERE operator_id = $1",
            CodeRefusal.NO_SUCH_CUSTOMER,
        ),
        (
            "UPDATE operator SET real_name = CASE WHEN $2 THEN 'before_first_use' ELSE 'not_asked' END"
            " WHERE operator_id = $1",
            CodeRefusal.REAL_NAME,
        ),
    ):
        await pool.execute(query, own, True)
        assert await bathroom.asks(customer) == CodeRefused(reason=reason)
        await pool.execute(query, own, False)
    nowhere = await issuing.issue(
        pool, KEYRING, operator=own, customer=customer, appliance=ApplianceId("app_no"), key="n"
    )
    assert nowhere == CodeRefused(reason=CodeRefusal.NO_SUCH_PLACE)
    assert await bathroom.asks(customer, room="no such room") == nowhere
    # A busy shower is free again when the code is typed, perhaps.
    await desk.begun(customer, bathroom.showers[0])
    await bathroom.code(customer)


async def test_another_operators_appliance_is_no_place(bathroom: Bathroom, pool: Pool) -> None:
    elsewhere = await Bathroom(pool).open()
    refused = await issuing.issue(
        pool,
        KEYRING,
        operator=bathroom.desk.operator,
        customer=await bathroom.desk.customer(),
        appliance=elsewhere.appliance(),
        key="k",
    )
    assert refused == CodeRefused(reason=CodeRefusal.NO_SUCH_PLACE)


async def test_where_there_is_no_keypad_no_code_is_made_and_a_room_counts_the_others(pool: Pool) -> None:
    bathroom = await Bathroom(pool).open(2, room="East")
    own, customer = bathroom.desk.operator, await bathroom.desk.customer()
    nowhere = CodeRefused(reason=CodeRefusal.NO_SUCH_PLACE)

    async def say(number: int, *, keypad: bool) -> None:
        async with pool.acquire() as connection:
            await set_keypad(connection, own, bathroom.appliance(number), keypad=keypad, by="test")

    await say(0, keypad=False)
    assert await bathroom.asks(customer) == nowhere
    assert await bathroom.friend(customer, 3_00) == nowhere
    async with pool.acquire() as connection:
        with pytest.raises(MissingError):
            await set_keypad(
                connection, OperatorId("opr_other"), bathroom.appliance(), keypad=True, by="test"
            )
    code = await bathroom.code(customer, room="East")
    assert (await bathroom.starts(code.digits, 1)).customer == customer
    await say(1, keypad=False)
    assert await bathroom.asks(customer, room="East") == nowhere
    await say(0, keypad=True)
    assert (await bathroom.code(customer)).appliance == bathroom.appliance(0)


async def test_two_live_codes_at_a_shower_are_enough_and_a_free_outlet_is_chosen(pool: Pool) -> None:
    bathroom = await Bathroom(pool).open(outlets=2)
    people = [await bathroom.desk.customer(name=f"C{number}") for number in range(6)]
    for customer in people[:4]:
        await bathroom.code(customer)
    outlets = Counter([one.outlet for c in people[:4] for one in await live(bathroom, c)])
    assert outlets == {0: 2, 1: 2}
    assert await bathroom.asks(people[4]) == CodeRefused(reason=CodeRefusal.TOO_MANY_LIVE)


async def test_a_renewal_that_finds_no_room_leaves_the_code_before_it(bathroom: Bathroom) -> None:
    people = [await bathroom.desk.customer(name=f"C{number}") for number in range(3)]
    for customer in people[:2]:
        await bathroom.code(customer, 1)
    mine = await bathroom.code(people[2], 0)
    assert await bathroom.asks(people[2], 1, renew=True) == CodeRefused(reason=CodeRefusal.TOO_MANY_LIVE)
    assert await live(bathroom, people[2]) == [mine]


async def test_a_rooms_codes_and_a_showers_share_one_sum_of_odds(pool: Pool) -> None:
    bathroom = await Bathroom(pool).open(2, room="East 2")
    people = [await bathroom.desk.customer(name=f"C{number}") for number in range(26)]
    answers = await asyncio.gather(*(bathroom.asks(customer, room="East 2") for customer in people))
    refused = [one for one in answers if isinstance(one, CodeRefused)]
    assert refused == [CodeRefused(reason=CodeRefusal.TOO_MANY_LIVE)]
    # 25 of 9 digits: 8.25e-7; one of 8 digits would add 3.3e-7.
    [left] = [c for c, one in zip(people, answers, strict=True) if isinstance(one, CodeRefused)]
    assert await bathroom.asks(left, 0) == CodeRefused(reason=CodeRefusal.TOO_MANY_LIVE)


async def test_whatever_races_one_code_is_live(bathroom: Bathroom) -> None:
    customer = await bathroom.desk.customer()
    answers = await asyncio.gather(*(bathroom.asks(customer, number % 2) for number in range(8)))
    made = [one for one in answers if isinstance(one, CodeView)]
    assert len(made) == 1
    assert {one.reason for one in answers if isinstance(one, CodeRefused)} == {CodeRefusal.ALREADY_LIVE}
    same = await asyncio.gather(*(bathroom.code(customer, 0, key="same", renew=True) for _ in range(4)))
    assert len({one.code_id for one in same}) == 1
    assert [one.code_id for one in await live(bathroom, customer)] == [same[0].code_id]


async def test_twenty_hands_with_one_code_open_one_shower(pool: Pool) -> None:
    bathroom = await Bathroom(pool).open(4, room="East 2")
    customer = await bathroom.desk.customer()
    code = await bathroom.code(customer, room="East 2")
    sent = await bathroom.at_once(*[(code.digits, number % 4) for number in range(20)])
    said = Counter(
        type(one).__name__ if isinstance(one, Start) else one.note
        for [one] in sent
        if isinstance(one, Start | Show)
    )
    assert said["Start"] == 1
    assert said[Note.CODE_USED] == 19
    assert (
        await pool.fetchval("SELECT count(*) FROM session WHERE operator_id = $1", bathroom.desk.operator)
        == 1
    )
    await bathroom.desk.in_order()


async def test_two_showers_on_one_wallet_at_one_moment_hold_no_more_than_there_is(bathroom: Bathroom) -> None:
    customer = await bathroom.desk.customer(6_00)
    own = await bathroom.code(customer, 0)
    friend = await bathroom.friend(customer, 5_00, 1)
    assert isinstance(friend, CodeView)
    sent = await bathroom.at_once((own.digits, 0), (friend.digits, 1))
    starts = [one for [one] in sent if isinstance(one, Start)]
    held = [
        (await bathroom.desk.session(start.session)).hold_minor  # type: ignore[arg-type]
        for start in starts
    ]
    assert held
    assert sum(held) + await bathroom.desk.principal(customer) == 6_00
    assert await bathroom.desk.principal(customer) >= 0
    await bathroom.desk.in_order()


async def test_a_code_that_is_cancelled_while_it_is_typed_is_one_or_the_other(bathroom: Bathroom) -> None:
    customer = await bathroom.desk.customer()
    code = await bathroom.code(customer)
    sent, cancelled = await asyncio.gather(
        bathroom.types(code.digits),
        issuing.cancel(bathroom.pool, operator=code.operator, customer=customer, code_id=code.code_id),
    )
    assert cancelled is not None
    assert isinstance(sent[0], Start) is (cancelled.state is CodeState.USED)


async def test_digits_stand_nowhere(
    bathroom: Bathroom, codes_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    customer = await bathroom.desk.customer()
    with caplog.at_level("DEBUG"):
        first = await bathroom.code(customer, 0)
        await bathroom.notes(first.digits, 1)
        second = await bathroom.found(first)
        await bathroom.starts(second.digits, 0)
        await bathroom.notes(second.digits, 0)
        third = await bathroom.code(customer, 1)
        await issuing.cancel(bathroom.pool, operator=third.operator, customer=customer, code_id=third.code_id)
        await bathroom.notes("98765432", 1)
    typed = {first.digits, second.digits, third.digits, "98765432"}
    owner = await connect_owner(codes_url)
    tables = await owner.fetch(
        "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND relkind = 'r'"
    )
    found = []
    for table in tables:
        rows = await owner.fetch(f'SELECT x::text AS said FROM "{table[0]}" x')
        found += [table[0] for row in rows if any(digits in row["said"] for digits in typed)]
    await owner.close()
    assert found == []
    assert not [record for record in caplog.records if any(digits in record.getMessage() for digits in typed)]
    assert (
        await bathroom.pool.fetchval(
            "SELECT count(*) FROM keypad_code WHERE operator_id = $1", first.operator
        )
        == 2
    )
