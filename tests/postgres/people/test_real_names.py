"""A real name is handed in once, looked at by a person, kept sealed, and read by nobody else."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from coinslot.engines.connect import Connection
from coinslot.fields import FieldErrors, MissingError
from coinslot.fleet.operator_rules import RealNameRule, set_rules
from coinslot.keyring import Keyring
from coinslot.people import real_names
from coinslot.people.real_names import Decided, RealNameState
from coinslot.people.vault import Unopenable
from tests.postgres.people.conftest import NAME, NUMBER, PICTURE, Campus, numbered


async def test_what_is_approved_stays_without_its_picture(campus: Campus, owner: Connection) -> None:
    submitted = await campus.submit(campus.lin, number=" 110105 19491231 002x")
    assert (submitted.state, submitted.decided_at, submitted.reason) == (RealNameState.PENDING, None, "")
    async with campus.pool.acquire() as connection:
        [pending] = await real_names.list_pending(connection, campus.operator, 10)
        assert (pending.real_name_id, pending.customer_id) == (submitted.real_name_id, campus.lin)
        opened = await real_names.open_real_name(
            connection, campus.keyring, campus.operator, submitted.real_name_id, by="anna"
        )
        assert (opened.name, opened.id_number) == (NAME, NUMBER)
        assert opened.picture is not None
        assert opened.picture.startswith(b"\xff\xd8\xff")
        assert await campus.matches(campus.lin, "002X") is None  # not before somebody has looked at it
        await real_names.approve(connection, campus.operator, submitted.real_name_id, by="anna")
        assert await real_names.list_pending(connection, campus.operator, 10) == []
        later = await real_names.open_real_name(
            connection, campus.keyring, campus.operator, submitted.real_name_id, by="anna"
        )
        assert (later.name, later.picture) == (NAME, None)
        found = await real_names.find_real_name(connection, campus.operator, campus.lin)
        assert found is not None
        assert (found.state, found.decided_at is not None) == (RealNameState.APPROVED, True)
    assert await owner.fetchval("SELECT picture_sealed FROM real_name") is None
    actions = await owner.fetch("SELECT action, actor FROM audit WHERE object = $1", submitted.real_name_id)
    assert [tuple(row) for row in actions] == [
        ("real_name.submit", campus.lin),
        ("real_name.open", "anna"),
        ("real_name.approve", "anna"),
        ("real_name.open", "anna"),
    ]


async def test_nothing_is_kept_of_what_was_rejected(campus: Campus, owner: Connection) -> None:
    first = await campus.submit(campus.lin)
    async with campus.pool.acquire() as connection:
        await real_names.reject(
            connection, campus.operator, first.real_name_id, reason="the picture is blurred", by="anna"
        )
        found = await real_names.find_real_name(connection, campus.operator, campus.lin)
        assert found is not None
        assert (found.state, found.reason) == (RealNameState.REJECTED, "the picture is blurred")
        with pytest.raises(Decided, match="rejected already"):
            await real_names.open_real_name(
                connection, campus.keyring, campus.operator, first.real_name_id, by="anna"
            )
    left = await owner.fetchrow(
        "SELECT name_sealed, number_sealed, picture_sealed, number_hash FROM real_name"
    )
    assert left is not None
    assert set(left) == {None}
    second = await campus.submit(campus.lin)
    assert second.real_name_id != first.real_name_id
    async with campus.pool.acquire() as connection:
        assert await real_names.find_real_name(connection, campus.operator, campus.lin) == second
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE detail LIKE '%blurred%'") == 0


async def test_two_at_once_are_one(campus: Campus, owner: Connection) -> None:
    made = await asyncio.gather(*(campus.submit(campus.lin, number=numbered(at)) for at in range(6)))
    assert len({one.real_name_id for one in made}) == 1
    assert await owner.fetchval("SELECT count(*) FROM real_name") == 1
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'real_name.submit'") == 1
    assert await owner.fetchval("SELECT count(*) FROM person_key") == 1


async def test_an_approved_name_is_not_replaced_by_handing_in_another(campus: Campus) -> None:
    approved = await campus.approved(campus.lin)
    again = await campus.submit(campus.lin, number=numbered(7))
    assert (again.real_name_id, again.state) == (approved.real_name_id, RealNameState.APPROVED)
    assert await campus.matches(campus.lin, NUMBER[-4:]) is True


async def test_a_number_in_many_accounts_is_left_to_a_person(campus: Campus, owner: Connection) -> None:
    family = await campus.customers(5)
    await asyncio.gather(*(campus.submit(customer) for customer in family))
    await campus.submit(campus.mei, number=numbered(7))
    async with campus.pool.acquire() as connection:
        notes = [one.note for one in await real_names.list_pending(connection, campus.operator, 10)]
        assert sorted(map(bool, notes)) == [False] * 4 + [True] * 2
        for customer in family:
            found = await real_names.find_real_name(connection, campus.operator, customer)
            assert found is not None
            assert found.reason == ""  # nobody learns that a number is known here
        assert await real_names.approve_waiting(connection, 0, by="demo") == 4
        assert len(await real_names.list_pending(connection, campus.operator, 10)) == 2
        assert await real_names.approve_waiting(connection, 0, by="demo") == 0
    # At another operator the number is a stranger's: the hashes have nothing in common.
    [stranger] = await asyncio.gather(
        owner.fetchval(
            "INSERT INTO customer (operator_id, customer_id) VALUES ($1, 'cus_x') RETURNING customer_id",
            campus.other,
        )
    )
    await campus.submit(stranger, operator=campus.other)
    assert await owner.fetchval("SELECT count(DISTINCT number_hash) FROM real_name") == 3


async def test_the_automatic_reviewer_waits(campus: Campus, owner: Connection) -> None:
    await campus.submit(campus.lin)
    async with campus.pool.acquire() as connection:
        assert await real_names.approve_waiting(connection, 60, by="demo") == 0
        await owner.execute("UPDATE real_name SET submitted_at = now() - interval '61 s'")
        assert await real_names.approve_waiting(connection, 60, by="demo") == 1
    assert await owner.fetchval("SELECT decided_by FROM real_name WHERE picture_sealed IS NULL") == "demo"
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'real_name.approve'") == 1


async def test_of_two_reviewers_one_decides(campus: Campus, owner: Connection) -> None:
    submitted = await campus.submit(campus.lin)

    async def decide(approves: bool) -> object:
        async with campus.pool.acquire() as connection:
            if approves:
                return await real_names.approve(connection, campus.operator, submitted.real_name_id, by="a")
            return await real_names.reject(
                connection, campus.operator, submitted.real_name_id, reason="no", by="b"
            )

    answers = await asyncio.gather(*(decide(at % 2 == 0) for at in range(6)), return_exceptions=True)
    assert sorted(str(type(answer).__name__) for answer in answers) == ["Decided"] * 5 + ["NoneType"]
    assert (
        await owner.fetchval(
            "SELECT count(*) FROM audit WHERE action IN ('real_name.approve', 'real_name.reject')"
        )
        == 1
    )


async def test_the_tail_of_a_number_is_compared_as_it_is_typed(campus: Campus) -> None:
    await campus.approved(campus.lin)
    for tail in ("002X", "002x", " 00 2x", "００２Ｘ"):
        assert await campus.matches(campus.lin, tail) is True
    for tail in ("", "X", "2X", "1002X", "0021", NUMBER, "é02X", "\ud800", "x" * 10_000):
        assert await campus.matches(campus.lin, tail) is False
    assert await campus.matches(campus.mei, "002X") is None


async def test_a_name_is_needed_until_one_is_approved(campus: Campus) -> None:
    async with campus.pool.acquire() as connection:

        async def is_needed() -> bool:
            return await real_names.needed(connection, campus.operator, campus.lin)

        assert not await is_needed()
        await set_rules(connection, campus.operator, real_name=RealNameRule.BEFORE_FIRST_USE, by="test")
        assert await is_needed()
        submitted = await campus.submit(campus.lin)
        assert await is_needed()
        await real_names.approve(connection, campus.operator, submitted.real_name_id, by="test")
        assert not await is_needed()
        assert await real_names.needed(connection, campus.operator, campus.mei)


async def test_another_operator_finds_nothing(campus: Campus) -> None:
    submitted = await campus.submit(campus.lin)
    async with campus.pool.acquire() as connection:
        assert await real_names.find_real_name(connection, campus.other, campus.lin) is None
        assert await real_names.list_pending(connection, campus.other, 10) == []
        approved = await campus.approved(campus.mei, numbered(7))
        assert (
            await real_names.matches_tail(connection, campus.keyring, campus.other, campus.mei, "002X")
            is None
        )
        for key in (submitted.real_name_id, approved.real_name_id, "rnm_none", "a\0b", "\ud800"):
            with pytest.raises(MissingError):
                await real_names.open_real_name(connection, campus.keyring, campus.other, key, by="x")
            with pytest.raises(MissingError):
                await real_names.approve(connection, campus.other, key, by="x")
            with pytest.raises(MissingError):
                await real_names.reject(connection, campus.other, key, reason="no", by="x")
    with pytest.raises(MissingError):
        await campus.submit(campus.lin, operator=campus.other)


async def test_a_bad_form_is_refused_as_a_whole(campus: Campus, owner: Connection) -> None:
    with pytest.raises(FieldErrors) as refused:
        await campus.submit(campus.lin, name="", number="20250230", picture=b"<svg/>")
    assert [error.field for error in refused.value.errors] == ["name", "id_number", "picture"]
    assert await owner.fetchval("SELECT count(*) FROM real_name") == 0
    assert await owner.fetchval("SELECT count(*) FROM person_key") == 0


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE real_name a SET number_sealed = b.number_sealed FROM real_name b WHERE a.customer_id <> b.customer_id",
        "UPDATE real_name a SET name_sealed = b.name_sealed FROM real_name b WHERE a.customer_id <> b.customer_id",
        "UPDATE real_name SET name_sealed = number_sealed",
        "UPDATE real_name SET picture_sealed = name_sealed",
        "UPDATE real_name SET number_sealed = set_byte(number_sealed, 20, get_byte(number_sealed, 20) # 1)",
        "UPDATE person_key a SET wrapped = b.wrapped FROM person_key b WHERE a.customer_id <> b.customer_id",
    ],
)
async def test_sealed_values_that_were_swapped_do_not_open(
    campus: Campus, owner: Connection, spoil: str
) -> None:
    submitted = await campus.submit(campus.lin)
    await campus.submit(campus.mei, number=numbered(7))
    await owner.execute(spoil)
    async with campus.pool.acquire() as connection:
        with pytest.raises(Unopenable):
            await real_names.open_real_name(
                connection, campus.keyring, campus.operator, submitted.real_name_id, by="anna"
            )


async def test_a_new_secret_opens_what_an_earlier_one_sealed(campus: Campus, owner: Connection) -> None:
    approved = await campus.approved(campus.lin)
    wrapped = await owner.fetchval("SELECT wrapped FROM person_key")
    campus.keyring = Keyring("another secret")
    with pytest.raises(Unopenable):
        await campus.matches(campus.lin, "002X")
    assert await owner.fetchval("SELECT wrapped FROM person_key") == wrapped
    campus.keyring = Keyring("another secret", ["one between", "the secret in force"])
    assert await campus.matches(campus.lin, "002X") is True
    assert await owner.fetchval("SELECT wrapped FROM person_key") != wrapped
    family = await campus.customers(3)
    for customer in family:
        await campus.submit(customer)
    async with campus.pool.acquire() as connection:
        notes = [one.note for one in await real_names.list_pending(connection, campus.operator, 10)]
        assert [bool(note) for note in notes] == [False, False, True]  # Lin's, of the old secret, counts too
        campus.keyring = Keyring("another secret")
        opened = await real_names.open_real_name(
            connection, campus.keyring, campus.operator, approved.real_name_id, by="anna"
        )
    assert opened.name == NAME


async def test_the_database_itself_keeps_nothing_too_long(campus: Campus, owner: Connection) -> None:
    await campus.submit(campus.lin)
    for change in (
        "state = 'approved', decided_at = now()",
        "state = 'rejected', decided_at = now(), picture_sealed = NULL",
        "picture_sealed = NULL",
        "number_hash = NULL",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            await owner.execute(f"UPDATE real_name SET {change}")
    with pytest.raises(asyncpg.UniqueViolationError):
        await owner.execute(
            "INSERT INTO real_name SELECT operator_id, 'rnm_2', customer_id, state, name_sealed, number_sealed,"
            " picture_sealed, number_hash FROM real_name"
        )


def test_the_picture_of_these_tests_says_something_that_must_not_be_kept() -> None:
    assert b"canary-7f3a" in PICTURE
