"""Staff log in with their own password at their own operator; customers are found by who they are."""

from __future__ import annotations

import pytest

from coinslot.engines.connect import Connection, Pool
from coinslot.fields import FieldError, MissingError, TakenError
from coinslot.fleet.api_keys import create_api_key, key_owner, revoke_api_key
from coinslot.fleet.models import Operator
from coinslot.fleet.store import create_operator
from coinslot.people import customers
from coinslot.people.staff import add_staff, disable_staff, log_in, set_password

PASSWORD = "correct horse battery"
CANARY = "+8613912345678"


@pytest.fixture
async def operator(pool: Pool) -> Operator:
    async with pool.acquire() as connection:
        return await create_operator(connection, name="North", currency="CNY", timezone="UTC", by="test")


async def test_staff_log_in_and_out(pool: Pool, operator: Operator) -> None:
    own = operator.operator_id
    async with pool.acquire() as connection:
        other = await create_operator(connection, name="South", currency="CNY", timezone="UTC", by="test")
        anna = await add_staff(
            connection, own, login="anna", name="Anna", role="desk", password=PASSWORD, by="test"
        )
        assert await log_in(connection, own, "ANNA", PASSWORD) == anna
        for operator_id, login, password in (
            (own, "anna", PASSWORD + "x"),
            (own, "anna", ""),
            (own, "nobody", PASSWORD),
            (own, "an\0na", PASSWORD),
            (other.operator_id, "anna", PASSWORD),
        ):
            assert await log_in(connection, operator_id, login, password) is None
        with pytest.raises(TakenError, match=r"^login"):
            await add_staff(
                connection, own, login="Anna", name="B", role="desk", password=PASSWORD, by="test"
            )
        with pytest.raises(MissingError):
            await set_password(connection, other.operator_id, anna.staff_id, PASSWORD, by="test")
        await set_password(connection, own, anna.staff_id, "another good one", by="test")
        assert await log_in(connection, own, "anna", PASSWORD) is None
        await disable_staff(connection, own, anna.staff_id, by="test")
        assert await log_in(connection, own, "anna", "another good one") is None


async def test_a_hash_of_old_parameters_is_renewed_at_log_in(
    pool: Pool, owner: Connection, operator: Operator
) -> None:
    # "old password 1" with ln=1: what an installation of long ago might hold.
    import base64
    import hashlib

    key = hashlib.scrypt(b"old password 1", salt=b"salt", n=2, r=8, p=1, dklen=32)
    old = f"scrypt$ln=1,r=8,p=1${base64.b64encode(b'salt').decode()}${base64.b64encode(key).decode()}"
    async with pool.acquire() as connection:
        anna = await add_staff(
            connection,
            operator.operator_id,
            login="anna",
            name="A",
            role="owner",
            password=PASSWORD,
            by="test",
        )
        await owner.execute("UPDATE staff SET password_hash = $1", old)
        assert await log_in(connection, operator.operator_id, "anna", "old password 1") == anna
        assert await owner.fetchval("SELECT password_hash FROM staff") != old
        assert await log_in(connection, operator.operator_id, "anna", "old password 1") == anna


async def test_customers_are_found_by_id_phone_or_name(
    pool: Pool, owner: Connection, operator: Operator
) -> None:
    own = operator.operator_id
    async with pool.acquire() as connection:
        lin = await customers.add_customer(connection, own, name="Lin", phone=CANARY, by="test")
        for key in (lin.customer_id, "lin", "139 1234 5678", CANARY):
            assert await customers.find_customer(connection, own, key) == lin
        with pytest.raises(TakenError, match=r"^phone") as taken:
            await customers.add_customer(connection, own, phone="13912345678", by="test")
        with pytest.raises(FieldError, match=r"^name"):
            await customers.add_customer(connection, own, by="test")
        await customers.add_customer(connection, own, name="Lin", by="test")
        with pytest.raises(TakenError, match=r"^customer"):
            await customers.find_customer(connection, own, "lin")
        with pytest.raises(MissingError) as missing:
            await customers.find_customer(connection, own, "13912345679")
        await customers.block_customer(connection, own, lin.customer_id, by="test")
        assert (await customers.find_customer(connection, own, lin.customer_id)).blocked_at is not None
        await customers.unblock_customer(connection, own, lin.customer_id, by="test")
        assert await customers.find_customer(connection, own, lin.customer_id) == lin
        other = await create_operator(connection, name="South", currency="CNY", timezone="UTC", by="test")
        for key in (lin.customer_id, CANARY, "lin"):
            with pytest.raises(MissingError):
                await customers.find_customer(connection, other.operator_id, key)
    told = f"{taken.value}{missing.value}" + await owner.fetchval(
        "SELECT string_agg(a::text, '|') FROM audit a"
    )
    assert "1391234567" not in told


async def test_an_api_key_works_until_it_is_revoked(
    pool: Pool, owner: Connection, operator: Operator
) -> None:
    own = operator.operator_id
    async with pool.acquire() as connection:
        key, secret = await create_api_key(connection, own, name="booking", by="test")
        assert await key_owner(connection, secret) == key
        assert await key_owner(connection, secret[:-1]) is None
        with pytest.raises(TakenError, match=r"^name"):
            await create_api_key(connection, own, name="Booking", by="test")
        await revoke_api_key(connection, own, "booking", by="test")
        assert await key_owner(connection, secret) is None
        with pytest.raises(MissingError):
            await revoke_api_key(connection, own, "booking", by="test")
        await create_api_key(connection, own, name="booking", by="test")
    assert secret not in await owner.fetchval("SELECT string_agg(k::text, '|') FROM api_key k")
