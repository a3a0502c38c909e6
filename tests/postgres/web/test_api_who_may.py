"""Every route of the API, asked by strangers and by another operator about everything an operator has.

A route without a case here fails the first test.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace

import httpx
import pytest
from litestar.routes import HTTPRoute

from coinslot.engines.connect import Connection
from coinslot.fleet.secrets import new_api_key
from coinslot.people.customers import add_customer
from coinslot.wire.ids import CustomerId, TerminalId, new_id
from tests.postgres.people.conftest import NAME, NUMBER, PICTURE
from tests.postgres.web.conftest import Api
from tests.support.api_document import Document
from tests.support.api_world import World

PICTURE_TEXT = base64.b64encode(PICTURE).decode()
OLD_PHONE = "+8613700137000"
"""Of a customer who never proved it and is registered for long: a code alone does not open the wallet."""


@dataclass(frozen=True)
class Asked:
    """An operator's things, and what a login on the way knows."""

    world: World
    login_code: str
    code: str
    proof: str


@dataclass(frozen=True)
class Case:
    """How a route is asked about `Asked`'s things."""

    path: Callable[[Asked], str]
    body: Callable[[Asked], object] | None = None
    own: int = 200
    """What the operator itself gets."""
    other: int = 404
    """What another operator gets; lists and what names nothing are answered with its own."""


def at(text: str) -> Callable[[Asked], str]:
    """The path with the ids in their places."""
    return lambda asked: text.format(
        customer=asked.world.customers[2],
        known=asked.world.known,
        code=asked.world.codes[3],
        running=asked.world.running,
        ended=asked.world.ended,
        payment=asked.world.payment,
        withdrawal=asked.world.withdrawal,
        keypad_code=asked.world.keypad_code,
    )


CASES: dict[tuple[str, str], Case] = {
    ("GET", "/appliances"): Case(at("/appliances"), other=200),
    ("GET", "/appliances/{code}"): Case(at("/appliances/{code}")),
    ("POST", "/customers"): Case(at("/customers"), lambda _: {"name": "Mei"}, own=201, other=201),
    ("POST", "/customers/search"): Case(at("/customers/search"), lambda a: {"phone": a.world.phone}),
    ("GET", "/customers/{customer_id}"): Case(at("/customers/{customer}")),
    ("GET", "/customers/{customer_id}/balance"): Case(at("/customers/{customer}/balance")),
    ("GET", "/customers/{customer_id}/points"): Case(at("/customers/{customer}/points")),
    ("POST", "/customers/{customer_id}/top-ups"): Case(
        at("/customers/{customer}/top-ups"), lambda _: {"amount_minor": 500}, own=201
    ),
    ("GET", "/top-up-choices"): Case(at("/top-up-choices"), other=200),
    ("POST", "/customers/{customer_id}/payments"): Case(
        at("/customers/{customer}/payments"),
        lambda _: {"amount_minor": 500, "merchant": "mer_1", "channel": "qr"},
        # Of this installation's merchants none has keys.
        own=409,
    ),
    ("GET", "/payments/{payment_id}"): Case(at("/payments/{payment}")),
    ("POST", "/payments/{payment_id}/attempts"): Case(
        at("/payments/{payment}/attempts"), lambda _: {"merchant": "mer_1", "channel": "qr"}, own=409
    ),
    ("POST", "/payments/{payment_id}/ask"): Case(at("/payments/{payment}/ask")),
    ("POST", "/customers/{customer_id}/withdrawals/preview"): Case(
        at("/customers/{customer}/withdrawals/preview"), lambda _: {}
    ),
    ("POST", "/customers/{customer_id}/withdrawals"): Case(
        at("/customers/{customer}/withdrawals"), lambda _: {"amount_minor": 100}, own=201
    ),
    ("GET", "/withdrawals/{withdrawal_id}"): Case(at("/withdrawals/{withdrawal}")),
    ("POST", "/customers/{customer_id}/real-name"): Case(
        at("/customers/{known}/real-name"),
        lambda _: {"name": NAME, "id_number": NUMBER, "picture": PICTURE_TEXT},
        own=201,
    ),
    ("GET", "/customers/{customer_id}/real-name"): Case(at("/customers/{known}/real-name")),
    ("POST", "/login-codes"): Case(
        at("/login-codes"),
        lambda _: {"phone": "13600136000", "address": "203.0.113.9"},
        own=202,
        # The number's own limit, which is the same for all operators, and tells nobody who has it.
        other=429,
    ),
    ("POST", "/logins"): Case(
        at("/logins"),
        lambda a: {"login_code": a.login_code, "phone": a.world.phone, "code": a.code},
        other=410,
    ),
    ("POST", "/logins/still-mine"): Case(
        at("/logins/still-mine"), lambda a: {"proof": a.proof, "id_tail": "002X"}, own=403, other=410
    ),
    ("POST", "/logins/anew"): Case(at("/logins/anew"), lambda a: {"proof": a.proof}, other=410),
    ("GET", "/sessions"): Case(at("/sessions"), other=200),
    ("POST", "/sessions"): Case(
        at("/sessions"),
        lambda a: {"customer": a.world.customers[3], "terminal": a.world.terminals[3], "outlet": 0},
        own=201,
    ),
    ("GET", "/sessions/{session_id}"): Case(at("/sessions/{running}")),
    ("GET", "/sessions/{session_id}/live"): Case(at("/sessions/{running}/live")),
    ("POST", "/sessions/{session_id}/stop"): Case(at("/sessions/{running}/stop")),
    ("POST", "/sessions/{session_id}/reports"): Case(
        at("/sessions/{ended}/reports"), lambda _: {"kind": "amount"}
    ),
}
CASES |= {
    ("POST", "/keypad-codes"): Case(
        at("/keypad-codes"),
        lambda a: {"customer": a.world.customers[3], "appliance": a.world.codes[2]},
        own=201,
    ),
    ("GET", "/keypad-codes/{code_id}"): Case(at("/keypad-codes/{keypad_code}")),
    ("POST", "/keypad-codes/{code_id}/cancel"): Case(at("/keypad-codes/{keypad_code}/cancel")),
}
OPEN = {("POST", "/terminals/claim")}
"""Asks for no key: its one-time code is one."""
LATER = (("POST", "/logins/anew"), ("GET", "/customers/{customer_id}/real-name"))
"""What an earlier case makes, or a later one would spoil."""


async def ask(
    api: Api, case: tuple[str, str], asked: Asked, auth: dict[str, str], key: str = "one"
) -> httpx.Response:
    made = CASES[case]
    body = None if made.body is None else made.body(asked)
    headers = {**auth, "Idempotency-Key": key}
    return await api.http.request(case[0], "/api/v1" + made.path(asked), json=body, headers=headers)


async def rows_of(owner: Connection, world: World) -> dict[str, str | None]:
    """Every row that belongs to the operator, as text, by table."""
    tables = await owner.fetch(
        "SELECT table_schema || '.' || table_name FROM information_schema.columns JOIN information_schema.tables"
        " USING (table_schema, table_name) WHERE column_name = 'operator_id' AND table_type = 'BASE TABLE'"
    )
    assert len(tables) > 20
    return {
        table: await owner.fetchval(
            f"SELECT string_agg(t::text, E'\\n' ORDER BY t::text) FROM {table} t WHERE operator_id = $1",
            world.operator,
        )
        for (table,) in tables
    }


@pytest.fixture
async def asked(api: Api, north: World, owner: Connection) -> Asked:
    """The first operator's, with a login half way and another at the question whose number it is."""
    async with api.pool.acquire() as connection:
        old = await add_customer(connection, north.operator, phone=OLD_PHONE, by="test")
    headers = {**north.auth, "Idempotency-Key": "old"}
    paid = await api.http.post(
        f"/api/v1/customers/{old.customer_id}/top-ups", json={"amount_minor": 100}, headers=headers
    )
    assert paid.status_code == 201
    await owner.execute(
        "UPDATE customer SET created_at = now() - interval '400 days' WHERE customer_id = $1", old.customer_id
    )
    code = await send(api, north, OLD_PHONE)
    doubted = await api.http.post(
        "/api/v1/logins",
        json={"login_code": code, "phone": OLD_PHONE, "code": api.phones.last_code},
        headers=north.auth,
    )
    assert (doubted.status_code, doubted.json()["reason"]) == (409, "still_yours")
    waiting = await send(api, north, north.phone)
    return Asked(north, waiting, api.phones.last_code, doubted.json()["proof"])


async def send(api: Api, world: World, phone: str) -> str:
    answer = await api.http.post(
        "/api/v1/login-codes", json={"phone": phone, "address": "203.0.113.7"}, headers=world.auth
    )
    assert answer.status_code == 202, answer.text
    code: str = answer.json()["login_code"]
    return code


async def test_every_route_has_a_case_here(api: Api) -> None:
    prefix = "/api/v1"
    routes = {
        (method, route.path_format.removeprefix(prefix))
        for route in api.app.routes
        if isinstance(route, HTTPRoute) and route.path.startswith(prefix)
        for method in route.methods - {"OPTIONS"}
    }
    told = {(one.method, one.path.removeprefix(prefix)) for one in Document(api.app).operations()}
    assert routes == told == set(CASES) | OPEN


async def test_nothing_is_answered_without_a_live_key(api: Api, asked: Asked) -> None:
    for case in CASES:
        for auth in ({}, {"Authorization": f"Bearer {new_api_key()}"}, {"Authorization": asked.world.key}):
            answer = await ask(api, case, asked, auth)
            assert (answer.status_code, answer.json()["reason"]) == (401, "no_key"), case
            assert answer.headers["www-authenticate"] == "Bearer"


async def test_another_operator_finds_and_changes_nothing_and_cannot_tell_it_from_what_is_not_there(
    api: Api, asked: Asked, south: World, owner: Connection
) -> None:
    first = await ask(api, ("POST", "/customers/{customer_id}/real-name"), asked, asked.world.auth)
    assert first.status_code == 201  # so that there is one to be found
    assert (await ask(api, ("POST", "/login-codes"), asked, asked.world.auth)).status_code == 202
    before = await rows_of(owner, asked.world)
    nowhere = invented(asked)
    north = asked.world
    ids = {north.known, *north.customers, *north.terminals, *north.codes, north.running, north.ended}
    ids |= {north.payment, north.withdrawal}
    for number, (case, made) in enumerate(CASES.items()):
        answer = await ask(api, case, asked, south.auth, f"theirs-{number}")
        assert answer.status_code == made.other, (case, answer.text)
        assert not [one for one in ids if one in answer.text], case
        if made.other in (404, 410):
            unknown = await ask(api, case, nowhere, south.auth, f"nobodys-{number}")
            assert unknown.content == answer.content, case
            assert unknown.headers == answer.headers, case
    assert await rows_of(owner, asked.world) == before


async def test_the_operator_itself_gets_what_it_asks_for(api: Api, asked: Asked) -> None:
    # Also the proof that the test above asks rightly: what is refused there is granted here.
    for number, case in enumerate([*(one for one in CASES if one not in LATER), *LATER]):
        answer = await ask(api, case, asked, asked.world.auth, f"own-{number}")
        assert answer.status_code == CASES[case].own, (case, answer.text)
        assert answer.status_code >= 400 or answer.headers["cache-control"] == "no-store"


async def test_a_customer_of_one_operator_is_not_started_at_anothers_terminal(
    api: Api, north: World, south: World
) -> None:
    for body in (
        {"customer": north.customers[3], "terminal": south.terminals[3]},
        {"customer": south.customers[3], "terminal": north.terminals[3]},
        {"customer": south.customers[3], "appliance": north.codes[3]},
    ):
        answer = await api.http.post(
            "/api/v1/sessions",
            json={"outlet": 0, **body},
            headers={**south.auth, "Idempotency-Key": "mixed"},
        )
        assert answer.status_code == 404


async def test_one_key_of_two_operators_and_one_number_at_two_are_two_things(
    api: Api, north: World, south: World
) -> None:
    made = []
    for world in (north, south):
        answer = await api.http.post(
            "/api/v1/customers",
            json={"phone": "13500135000"},
            headers={**world.auth, "Idempotency-Key": "one"},
        )
        assert answer.status_code == 201
        made.append(answer.json()["id"])
    assert made[0] != made[1]


def invented(asked: Asked) -> Asked:
    """The same questions about what nobody has."""
    world = replace(
        asked.world,
        phone="+8613300133000",
        known=CustomerId(new_id("cus")),
        customers=[CustomerId(new_id("cus")) for _ in asked.world.customers],
        terminals=[TerminalId(new_id("trm")) for _ in asked.world.terminals],
        codes=["0000000A" for _ in asked.world.codes],
        running=new_id("ses"),
        ended=new_id("ses"),
        payment=new_id("pay"),
        withdrawal=new_id("wdr"),
        keypad_code=new_id("cod"),
    )
    return Asked(world, new_id("lgc"), asked.code, "x" * 43)
