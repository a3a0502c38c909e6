"""A name, a number and a picture that nobody may ever see again, taken through everything that can go wrong."""

from __future__ import annotations

import asyncio
import base64
import logging

import pytest

from coinslot.engines.connect import Connection
from coinslot.fields import InputError
from coinslot.keyring import Keyring
from coinslot.people import real_names
from coinslot.people.erasing import forget_person
from coinslot.people.real_names import RealName
from coinslot.people.vault import Erased, Unopenable
from coinslot.wire.ids import CustomerId
from tests.postgres.people.conftest import NAME, NUMBER, PICTURE, Campus, numbered

PHONE = "+8613912345678"


async def everything(owner: Connection) -> str:
    """Every row of every table as text; bytes are in hexadecimal there."""
    tables = await owner.fetch(
        "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    assert len(tables) > 25
    rows = [await owner.fetchval(f"SELECT string_agg(t::text, E'\\n') FROM {table} t") for (table,) in tables]
    return "\n".join(filter(None, rows))


def traces(picture: bytes) -> list[str]:
    """How the canaries would look, plain, in hexadecimal and in base 64, whole and in their telling parts."""
    parts = [NAME.encode(), NAME[:3].encode(), NUMBER.encode(), NUMBER[6:14].encode(), NUMBER[-6:].encode()]
    parts += [PICTURE[200:232], b"canary-7f3a", picture[:24], picture[300:332], picture[-24:]]
    looks = [part.hex() for part in parts]
    looks += [base64.b64encode(part).decode()[:16] for part in parts]
    looks += [part.decode() for part in parts[:5]]
    return looks


async def test_no_canary_is_seen_again(
    campus: Campus, owner: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    errors: list[BaseException] = []

    async def fails(**changes: object) -> None:
        good: dict[str, object] = {"name": NAME, "number": NUMBER, "picture": PICTURE}
        with pytest.raises((InputError, Unopenable)) as refused:
            await campus.submit(campus.lin, **{**good, **changes})  # type: ignore[arg-type]
        error: BaseException | None = refused.value
        while error is not None:
            errors.append(error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)

    for changes in (
        {"number": NUMBER[:-1] + "1"},
        {"number": NUMBER + "9"},
        {"name": NAME + "9"},
        {"name": NAME * 20},
        {"picture": PICTURE[:1000]},
        {"picture": PICTURE + bytes(9_000_000)},
        {"operator": campus.other},
    ):
        await fails(**changes)
    submitted = await campus.submit(campus.lin)
    async with campus.pool.acquire() as connection:
        opened = await real_names.open_real_name(
            connection, campus.keyring, campus.operator, submitted.real_name_id, by="anna"
        )
        assert opened.picture is not None
        wanted = traces(opened.picture)
        while_it_waits = await everything(owner)
        assert not [trace for trace in wanted if trace in while_it_waits]
        for use in (
            lambda: real_names.approve(connection, campus.other, submitted.real_name_id, by="x"),
            lambda: real_names.open_real_name(
                connection, Keyring("a wrong secret"), campus.operator, submitted.real_name_id, by="x"
            ),
        ):
            with pytest.raises((InputError, Unopenable)) as refused:
                await use()
            errors.append(refused.value)
        await real_names.approve(connection, campus.operator, submitted.real_name_id, by="anna")
        assert await campus.matches(campus.lin, NUMBER[-4:]) is True
    said = "\n".join(f"{error!r} {error} {vars(error)}" for error in errors) + repr(opened) + caplog.text
    dump = await everything(owner)
    for trace in wanted:
        assert trace not in said
        assert trace not in dump


async def test_the_search_would_find_them(campus: Campus, owner: Connection) -> None:
    for column, value in (("body", PICTURE), ("body", NAME.encode()), ("detail", NUMBER), ("detail", NAME)):
        await owner.execute(
            f"INSERT INTO review (operator_id, reason, {column}) VALUES ($1, 'test', $2)",
            campus.operator,
            value,
        )
        dump = await everything(owner)
        assert any(trace in dump for trace in traces(PICTURE)), column
        await owner.execute("DELETE FROM review")


async def test_what_was_sealed_is_useless_once_the_person_is_forgotten(
    campus: Campus, owner: Connection
) -> None:
    approved = await campus.approved(campus.lin)
    await campus.approved(campus.mei, numbered(7))
    await owner.execute(
        "UPDATE customer SET phone = $1, phone_proved_at = now() WHERE customer_id = $2", PHONE, campus.lin
    )
    await owner.execute(
        "INSERT INTO browser_login (operator_id, token_hash, customer_id, expires_at)"
        " SELECT operator_id, decode(md5(customer_id) || md5(customer_id), 'hex'), customer_id, now() + interval '1 day'"
        " FROM customer WHERE operator_id = $1",
        campus.operator,
    )
    backup = await owner.fetchrow("SELECT * FROM real_name WHERE customer_id = $1", campus.lin)
    assert backup is not None
    async with campus.pool.acquire() as connection:
        for _ in range(2):  # twice is no error
            await forget_person(connection, campus.operator, campus.lin, by="anna")
        # Somebody puts the rows of yesterday's backup back, without the key.
        await owner.execute("INSERT INTO real_name SELECT ($1::real_name).*", backup)
        with pytest.raises(InputError):
            await real_names.open_real_name(
                connection, campus.keyring, campus.operator, approved.real_name_id, by="anna"
            )
        assert await campus.matches(campus.lin, NUMBER[-4:]) is None
        await owner.execute("DELETE FROM real_name WHERE customer_id = $1", campus.lin)
        with pytest.raises(InputError, match="erased"):
            await campus.submit(campus.lin)
    left = await owner.fetchrow("SELECT * FROM customer WHERE customer_id = $1", campus.lin)
    assert left is not None
    assert (left["name"], left["phone"], left["phone_proved_at"]) == ("", None, None)
    assert left["blocked_at"] is not None
    key = await owner.fetchrow(
        "SELECT wrapped, destroyed_at FROM person_key WHERE customer_id = $1", campus.lin
    )
    assert key is not None
    assert (key["wrapped"], key["destroyed_at"] is None) == (None, False)
    assert PHONE not in await everything(owner)
    # Nobody else lost anything.
    assert [row[0] for row in await owner.fetch("SELECT customer_id FROM browser_login")] == [campus.mei]
    assert await campus.matches(campus.mei, numbered(7)[-4:]) is True
    assert await owner.fetchval("SELECT count(*) FROM audit WHERE action = 'customer.erase'") == 2


async def test_what_is_handed_in_while_a_person_is_forgotten_is_forgotten_too(
    campus: Campus, owner: Connection
) -> None:
    async def forget(customer: CustomerId) -> None:
        async with campus.pool.acquire() as connection:
            await forget_person(connection, campus.operator, customer, by="anna")

    people = await campus.customers(6)
    answers = await asyncio.gather(
        *(campus.submit(customer, number=numbered(at)) for at, customer in enumerate(people)),
        *map(forget, people),
        return_exceptions=True,
    )
    assert {type(answer) for answer in answers} <= {RealName, Erased, type(None)}
    assert await owner.fetchval("SELECT count(*) FROM real_name") == 0
    assert await owner.fetchval("SELECT count(*) FROM person_key WHERE wrapped IS NULL") == 6


async def test_nobody_is_forgotten_by_another_operator(campus: Campus, owner: Connection) -> None:
    await campus.approved(campus.lin)
    async with campus.pool.acquire() as connection:
        with pytest.raises(InputError):
            await forget_person(connection, campus.other, campus.lin, by="x")
    assert await campus.matches(campus.lin, NUMBER[-4:]) is True
    assert (await owner.fetchval("SELECT count(*) FROM person_key WHERE operator_id = $1", campus.other)) == 0
