"""Numbers, codes, tokens and proofs stay out of logs, errors and every table but the customer's own row."""

from __future__ import annotations

import logging
import traceback
from datetime import timedelta

import asyncpg
import pytest

from coinslot.engines.connect import Connection, Pool
from coinslot.fields import FieldError
from coinslot.people import logins
from coinslot.people.logins import TooManyCodes
from coinslot.wire.ids import OperatorId
from tests.support.logging_in import LIN, FrontDoor, front_door, other_code

DIGITS = LIN.removeprefix("+86")


async def everything_stored(owner: Connection) -> dict[str, str]:
    """Each table with all its rows as text."""
    tables = await owner.fetch(
        "SELECT format('%I', c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind = 'r'"
    )
    found = {}
    for table in tables:
        name = table["name"]
        found[name] = await owner.fetchval(f"SELECT COALESCE(string_agg(t::text, '|'), '') FROM {name} t")
    return found


async def test_nothing_secret_is_kept_logged_or_raised(
    pool: Pool, owner: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    door = await front_door(pool, owner)
    told: list[str] = []
    first = await door.ask()
    told.append(repr(first))
    told.append(repr(await door.answer(first, other_code(first.code))))
    inside = await door.answer(first)
    assert isinstance(inside, logins.LoggedIn)
    told.append(repr(inside))
    await door.has_real_name(inside.customer_id)
    await door.days_pass(91)
    proof, token = await door.doubts(), inside.token
    told.append(repr(await door.prove(proof, "1111")))
    fresh = await door.begin_anew(proof, token=token)
    assert isinstance(fresh, logins.LoggedIn)
    told.append(repr(fresh))
    for phone, operator_id, language in (
        (DIGITS + "0", door.operator_id, "zh"),
        (DIGITS, OperatorId("opr_none"), "zh"),
        (DIGITS, door.operator_id, DIGITS),
        (DIGITS, OperatorId("opr\0"), "zh"),
        (DIGITS, door.operator_id, "zh"),
        (DIGITS, door.operator_id, "zh"),
    ):
        await door.codes_age(timedelta(days=1))
        there = FrontDoor(pool, owner, operator_id, door.keyring)
        try:
            await there.answer(await there.ask(phone), first.code, language=language)
        except (ValueError, asyncpg.PostgresError) as error:
            told.append("".join(traceback.format_exception(error)) + repr(vars(error)))
    told.append(caplog.text + "".join(str(vars(record)) for record in caplog.records))
    secrets = (DIGITS, first.code, token, fresh.token, proof)
    for text in told:
        assert not [secret for secret in secrets if secret in text]
    stored = await everything_stored(owner)
    assert {"login_code", "login_proof", "browser_login", "audit", "customer"} <= stored.keys()
    assert DIGITS in stored.pop("customer")
    for name, text in stored.items():
        clear = [DIGITS, DIGITS.encode().hex(), token, fresh.token, proof]
        if name in ("login_code", "audit", "message"):  # elsewhere six digits are there by chance
            clear += [f",{first.code},", f'"{first.code}"', first.code.encode().hex()]
        assert not [secret for secret in clear if secret in text], name


async def test_refusals_name_the_field_and_repeat_nothing(pool: Pool, owner: Connection) -> None:
    door = await front_door(pool, owner)
    await door.ask()
    with pytest.raises(TooManyCodes) as again:
        await door.ask()
    with pytest.raises(FieldError) as wrong:
        await door.ask(DIGITS + "0")
    for error in (again.value, wrong.value):
        assert str(error).startswith("phone: ")
        assert DIGITS not in str(error)
