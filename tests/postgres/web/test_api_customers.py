"""Customers by the API: registered, found, topped up; what was asked twice is done once."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import timedelta

import asyncpg
import httpx
import msgspec
import pytest

from coinslot.engines.connect import Connection
from coinslot.keyring import Keyring
from coinslot.ledger import store as ledger
from coinslot.ledger.events import late_usage
from coinslot.web.api.bodies import RegisterBody, Registered
from coinslot.web.api.once import KEPT_HOURS, forget_old_answers, once
from coinslot.web.problems import Problem
from coinslot.web.services import Services
from tests.postgres.web.conftest import SECRET, Api
from tests.support.api_world import World

WRONG_AMOUNTS = (
    "-1",
    "0",
    "0.001",
    "1.0",
    str(10**9 + 1),
    str(2**63),
    str(2**200),
    "1e3",
    "true",
    '"5"',
    "null",
)


async def post(api: Api, world: World, path: str, body: object, key: str = "one") -> httpx.Response:
    headers = {**world.auth, "Idempotency-Key": key}
    return await api.http.post(f"/api/v1{path}", json=body, headers=headers)


async def get(api: Api, world: World, path: str) -> httpx.Response:
    return await api.http.get(f"/api/v1{path}", headers=world.auth)


def fields(answer: httpx.Response) -> list[str]:
    """What a 422 names."""
    assert answer.status_code == 422, answer.text
    return [error["field"] for error in answer.json()["errors"]]


async def test_somebody_registered_is_found_by_id_and_by_any_spelling_of_the_number(
    api: Api, north: World
) -> None:
    made = await post(api, north, "/customers", {"name": "  Lin ", "phone": "135 0013-5000"})
    assert made.status_code == 201, made.text
    customer = made.json()
    assert customer == {
        "id": customer["id"],
        "name": "Lin",
        "phone": "+86135****5000",
        "blocked": False,
        "real_name": None,
        "created_at": customer["created_at"],
    }
    assert (await get(api, north, f"/customers/{customer['id']}")).json() == customer
    for spelling in ("13500135000", "+86 135 0013 5000", "0086-13500135000"):
        found = await post(api, north, "/customers/search", {"phone": spelling})
        assert (found.status_code, found.json()) == (200, customer)
    assert (await get(api, north, f"/customers/{customer['id']}/points")).json() == {"points": 0}
    assert (await get(api, north, f"/customers/{customer['id']}/real-name")).status_code == 404


async def test_ids_are_ids_and_neither_names_nor_numbers(api: Api, north: World) -> None:
    await post(api, north, "/customers", {"name": "Lin", "phone": "13500135000"})
    for text in (
        "Lin",
        "13500135000",
        "%2B8613500135000",
        "%00",
        "a" * 400,
        "%F0%9F%92%A7",
        "..%2F..",
        "%ff",
    ):
        for rest in ("", "/balance", "/points", "/real-name"):
            answer = await get(api, north, f"/customers/{text}{rest}")
            assert answer.status_code == 404, (text, rest, answer.text)
            assert answer.json()["reason"] == "not_found"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "a\u0000b"}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"name": "a" * 81}, "name"),
        ({"phone": "1380013800"}, "phone"),
        ({"phone": "138001380001"}, "phone"),
        ({"phone": "12345"}, "phone"),
        ({"phone": "+86\u0000138"}, "phone"),
        ({"phone": 13800138000}, "phone"),
        ({"phone": "1" * 33}, "phone"),
        ({"name": "Lin", "balance_minor": 1}, "balance_minor"),
        ({"name": "Lin", "role": "owner"}, "role"),
        ({"name": "Lin", "operator": "x"}, "operator"),
        ({"name": "Lin", "blocked": False}, "blocked"),
    ],
)
async def test_a_registration_that_cannot_be_names_its_field_and_registers_nobody(
    api: Api, north: World, body: dict[str, object], field: str
) -> None:
    before = await api.pool.fetchval("SELECT count(*) FROM customer")
    answer = await post(api, north, "/customers", body)
    assert fields(answer) == [field]
    assert "138" not in answer.text.replace("138 0013 8000", "")
    assert await api.pool.fetchval("SELECT count(*) FROM customer") == before
    # The key is not used up by what failed.
    assert (await post(api, north, "/customers", {"name": "Lin"})).status_code == 201


async def test_text_that_is_half_a_character_is_refused(api: Api, north: World) -> None:
    for body in (
        b'{"name":"\\ud800"}',
        b'{"name":"a\\udc00b"}',
        b'{"name":"\xed\xa0\x80"}',
        b'{"name":"\xff"}',
    ):
        answer = await api.http.post(
            "/api/v1/customers",
            content=body,
            headers={**north.auth, "Idempotency-Key": "one", "Content-Type": "application/json"},
        )
        assert (answer.status_code, answer.json()["reason"]) == (400, "not_json")


async def test_a_number_has_one_customer(api: Api, north: World) -> None:
    taken = await post(api, north, "/customers", {"phone": north.phone})
    assert (taken.status_code, taken.json()["reason"]) == (409, "phone_taken")
    answers = await asyncio.gather(
        *(post(api, north, "/customers", {"phone": "13500135000"}, f"key-{n}") for n in range(8))
    )
    assert sorted(one.status_code for one in answers) == [201, *[409] * 7]


async def test_a_registration_sent_twenty_times_at_once_is_one_customer(api: Api, north: World) -> None:
    before = await api.pool.fetchval("SELECT count(*) FROM customer")
    answers = await asyncio.gather(*(post(api, north, "/customers", {"name": "Lin"}) for _ in range(20)))
    assert {one.status_code for one in answers} == {201}
    assert len({one.content for one in answers}) == 1
    assert await api.pool.fetchval("SELECT count(*) FROM customer") == before + 1


async def test_the_same_key_for_anything_else_is_a_conflict(api: Api, north: World) -> None:
    assert (await post(api, north, "/customers", {"name": "Lin"})).status_code == 201
    customer, other = north.customers[2:4]
    for path, body in (
        ("/customers", {"name": "Mei"}),
        ("/customers", {"name": "Lin", "phone": "13500135000"}),
        (f"/customers/{customer}/top-ups", {"amount_minor": 1}),
    ):
        answer = await post(api, north, path, body)
        assert (answer.status_code, answer.json()["reason"]) == (409, "key_conflict")
    before = await api.entries()
    assert (
        await post(api, north, f"/customers/{customer}/top-ups", {"amount_minor": 5}, "two")
    ).status_code == 201
    for path, body in (
        (f"/customers/{customer}/top-ups", {"amount_minor": 6}),
        (f"/customers/{customer}/top-ups", {"amount_minor": 5, "bonus_minor": 1}),
        (f"/customers/{other}/top-ups", {"amount_minor": 5}),
    ):
        answer = await post(api, north, path, body, "two")
        assert (answer.status_code, answer.json()["reason"]) == (409, "key_conflict")
    assert await api.entries() == before + 1


async def test_a_payment_sent_twenty_times_at_once_is_taken_once(api: Api, north: World) -> None:
    path = f"/customers/{north.known}/top-ups"
    before = await api.entries()
    answers = await asyncio.gather(
        *(post(api, north, path, {"amount_minor": 2000, "bonus_minor": 200}) for _ in range(20))
    )
    assert {one.status_code for one in answers} == {201}
    assert len({one.content for one in answers}) == 1
    balance = {
        "customer_id": north.known,
        "currency": "CNY",
        "principal_minor": 2000,
        "bonus_minor": 200,
        "held_minor": 0,
        "arrears_minor": 0,
    }
    assert answers[0].json() == {"repaid_minor": 0, "balance": balance}
    assert (await get(api, north, f"/customers/{north.known}/balance")).json() == balance
    assert await api.entries() == before + 1
    told = await api.pool.fetch("SELECT actor, detail FROM audit WHERE action = 'customer.top_up'")
    assert [tuple(row) for row in told] == [("api", "2000 minor units of CNY, 200 bonus")]


@pytest.mark.parametrize("field", ["amount_minor", "bonus_minor"])
async def test_money_that_cannot_be_is_refused_and_nothing_is_posted(
    api: Api, north: World, field: str
) -> None:
    before = await api.entries()
    for text in WRONG_AMOUNTS:
        if (field, text) == ("bonus_minor", "0"):
            continue
        rest = {"amount_minor": "100", field: text}
        body = "{" + ",".join(f'"{name}":{value}' for name, value in rest.items()) + "}"
        answer = await api.http.post(
            f"/api/v1/customers/{north.known}/top-ups",
            content=body,
            headers={**north.auth, "Idempotency-Key": "one", "Content-Type": "application/json"},
        )
        assert fields(answer) == [field], text
    for text in ("NaN", "Infinity", "-Infinity", "0x10", "1_000", "+5"):
        answer = await api.http.post(
            f"/api/v1/customers/{north.known}/top-ups",
            content=f'{{"amount_minor":{text}}}',
            headers={**north.auth, "Idempotency-Key": "one", "Content-Type": "application/json"},
        )
        assert (answer.status_code, answer.json()["reason"]) in ((400, "not_json"), (422, "invalid")), text
    for extra in ("balance_minor", "principal_minor", "currency", "customer", "by", "price"):
        answer = await post(api, north, f"/customers/{north.known}/top-ups", {"amount_minor": 1, extra: "1"})
        assert fields(answer) == [extra]
    assert await api.entries() == before


async def test_a_payment_needs_a_key_of_its_own(api: Api, north: World) -> None:
    for key in (None, "", "a b", "x" * 129):
        headers = {**north.auth, **({} if key is None else {"Idempotency-Key": key})}
        answer = await api.http.post(
            f"/api/v1/customers/{north.known}/top-ups", json={"amount_minor": 1}, headers=headers
        )
        assert fields(answer) == ["Idempotency-Key"]


async def test_arrears_are_repaid_first_once_under_whatever_key(api: Api, north: World) -> None:
    path = f"/customers/{north.known}/top-ups"
    for key in ("x:arrears", "arrears:api:x"):  # what the repayment of the next could be called
        assert (await post(api, north, path, {"amount_minor": 100}, key)).status_code == 201
    owed = late_usage(north.operator, north.ended, north.known, "CNY", arrears_minor=250)
    await ledger.post(api.pool, [owed])
    answers = await asyncio.gather(*(post(api, north, path, {"amount_minor": 100}, "x") for _ in range(5)))
    assert {one.status_code for one in answers} == {201}
    assert {one.json()["repaid_minor"] for one in answers} == {250}
    balance = answers[0].json()["balance"]
    assert (balance["principal_minor"], balance["arrears_minor"]) == (50, 0)


async def test_after_a_day_the_answer_is_forgotten_and_the_payment_is_not(
    api: Api, north: World, owner: Connection
) -> None:
    path = f"/customers/{north.known}/top-ups"
    first = await post(api, north, path, {"amount_minor": 500})
    named = await post(api, north, "/customers", {"phone": "13500135000"}, "two")
    assert await forget_old_answers(owner) == 0
    await owner.execute(
        "UPDATE api_answer SET made_at = made_at - $1::interval", timedelta(hours=KEPT_HOURS, minutes=1)
    )
    assert await forget_old_answers(owner) == 2
    before = await api.entries()
    again = await post(api, north, path, {"amount_minor": 500})
    assert (again.status_code, again.json()) == (201, first.json())
    other = await post(api, north, "/customers", {"phone": "13500135000"}, "two")
    assert (named.status_code, other.status_code, other.json()["reason"]) == (201, 409, "phone_taken")
    await owner.execute("DELETE FROM api_answer")
    changed = await post(api, north, path, {"amount_minor": 501})
    assert (changed.status_code, changed.json()["reason"]) == (409, "key_conflict")
    assert await api.entries() == before


async def test_a_customer_looks_as_they_are_now_and_not_as_when_the_answer_was_kept(
    api: Api, north: World, owner: Connection
) -> None:
    first = (await post(api, north, "/customers", {"name": "Lin", "phone": "13500135000"})).json()
    await owner.execute(
        "UPDATE customer SET name = 'Mei', blocked_at = now() WHERE customer_id = $1", first["id"]
    )
    again = (await post(api, north, "/customers", {"name": "Lin", "phone": "13500135000"})).json()
    assert again == {**first, "name": "Mei", "blocked": True}


class Asker:
    """Asks `once` for an effect that can fail, with whatever secret is in force."""

    def __init__(self, api: Api, world: World) -> None:
        self.services: Services = api.app.state["services"]
        self.world = world
        self.failures: list[Exception] = []
        self.worked = 0

    async def __call__(self, key: str = "one", name: str = "Lin") -> Registered:
        return await once(
            self.services, self.world.operator, key, RegisterBody(name=name), Registered, self.work
        )

    async def work(self, connection: Connection) -> Registered:
        await connection.execute(
            "UPDATE customer SET name = name || '+' WHERE customer_id = $1", self.world.known
        )
        if self.failures:
            raise self.failures.pop()
        self.worked += 1
        return Registered(customer=self.world.known)


async def test_what_failed_leaves_no_trace_and_those_who_waited_do_it_themselves(
    api: Api, north: World
) -> None:
    asker = Asker(api, north)
    asker.failures = [asyncpg.DeadlockDetectedError("deadlock detected"), OSError("gone"), ValueError("ours")]
    answers = await asyncio.gather(*(asker() for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(one, Exception) for one in answers) == 3
    assert {one.customer for one in answers if isinstance(one, Registered)} == {north.known}
    assert asker.worked == 1
    name = await api.pool.fetchval("SELECT name FROM customer WHERE customer_id = $1", north.known)
    assert name == "+"


async def test_a_new_secret_knows_what_was_asked_under_the_old_one(api: Api, north: World) -> None:
    asker = Asker(api, north)
    await asker()
    asker.services = replace(asker.services, keyring=Keyring("another secret", [SECRET]))
    assert await asker() == Registered(customer=north.known)
    assert asker.worked == 1
    with pytest.raises(Problem, match="key_conflict"):
        await asker(name="Mei")
    stored = await api.pool.fetchval("SELECT encode(request_hash, 'hex') FROM api_answer")
    bare = hashlib.sha256(msgspec.json.encode(RegisterBody(name="Lin"))).hexdigest()
    assert stored != bare


async def test_an_answer_forgotten_while_it_is_asked_for_is_made_anew(
    api: Api, north: World, owner: Connection
) -> None:
    asker = Asker(api, north)
    await asker()
    async with owner.transaction():
        await owner.execute("DELETE FROM api_answer")
        again = asyncio.create_task(asker())
        while not await owner.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert await again == Registered(customer=north.known)
    assert asker.worked == 2
