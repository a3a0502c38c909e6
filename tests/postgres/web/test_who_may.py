"""Keys: whose they are, what others see (nothing), and how soon a revoked one ends."""

from __future__ import annotations

import asyncio

import pytest

from coinslot.fleet.api_keys import revoke_api_key
from coinslot.fleet.secrets import new_api_key
from coinslot.web import keys
from coinslot.web.keys import ApiKeys
from coinslot.wire.ids import new_id
from tests.postgres.web.conftest import Api, House

ROUTES = (
    ("POST", "/api/v1/sessions"),
    ("GET", "/api/v1/sessions"),
    ("GET", "/api/v1/sessions/ses_1"),
    ("POST", "/api/v1/sessions/ses_1/stop"),
    ("GET", "/api/v1/customers/cus_1/balance"),
)


@pytest.fixture
async def south(api: Api) -> House:
    return await api.house("South")


async def test_every_route_asks_for_a_live_key(api: Api, house: House, subtests: pytest.Subtests) -> None:
    for method, path in ROUTES:
        with subtests.test(method=method, path=path):
            wrong = (
                {},
                {"Authorization": house.key},
                {"Authorization": "Bearer "},
                {"Authorization": f"Basic {house.key}"},
                {"Authorization": f"Bearer {new_api_key()}"},
                {"Authorization": f"Bearer {house.key}x"},
                {"Authorization": f"Bearer {house.key.swapcase()}"},
                {"Authorization": "Bearer csk_" + "\xe9" * 43},
            )
            for headers in wrong:
                encoded = {name: value.encode("latin-1") for name, value in headers.items()}
                answer = await api.http.request(method, path, headers=encoded)
                assert answer.status_code == 401, headers
                assert answer.headers["www-authenticate"] == "Bearer"
                assert answer.json()["reason"] == "no_key"


async def test_another_operators_things_look_as_if_they_did_not_exist(
    api: Api, house: House, south: House
) -> None:
    session = (await api.start(house)).json()["id"]
    customer = house.customers[0]
    for theirs, nobodys in (
        (f"/api/v1/sessions/{session}", f"/api/v1/sessions/{new_id('ses')}"),
        (f"/api/v1/sessions/{session}", "/api/v1/sessions/%00"),
        (f"/api/v1/sessions/{session}", "/api/v1/sessions/" + "a" * 500),
        (f"/api/v1/sessions/{session}", "/api/v1/sessions/%27%20OR%201=1"),
        (f"/api/v1/customers/{customer}/balance", f"/api/v1/customers/{new_id('cus')}/balance"),
        (f"/api/v1/customers/{customer}/balance", "/api/v1/customers/%F0%9F%92%A7/balance"),
    ):
        answers = [await api.http.get(path, headers=south.auth) for path in (theirs, nobodys)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content
        assert answers[0].headers == answers[1].headers
    for known in (session, new_id("ses")):
        answer = await api.http.post(f"/api/v1/sessions/{known}/stop", headers=south.auth)
        assert answer.status_code == 404
        assert session not in answer.text
    still = await api.http.get(f"/api/v1/sessions/{session}", headers=house.auth)
    assert still.json()["stop_asked_at"] is None


async def test_nobody_starts_at_another_operators_outlet_or_for_its_customers(
    api: Api, house: House, south: House
) -> None:
    before = await api.entries()
    outlet = await api.start(south, terminal=house.terminals[0].terminal_id)
    unknown = await api.start(south, terminal=new_id("trm"))
    code = await api.start(south, terminal=None, appliance=house.terminals[0].appliance_code)
    assert outlet.status_code == unknown.status_code == code.status_code == 404
    assert outlet.content == unknown.content == code.content
    customer = await api.start(south, customer=house.customers[0])
    nobody = await api.start(south, customer=new_id("cus"))
    assert customer.status_code == 404
    assert customer.content == nobody.content
    assert await api.entries() == before


async def test_the_same_key_at_two_operators_is_two_sessions(api: Api, house: House, south: House) -> None:
    ours, theirs = await api.start(house), await api.start(south)
    assert ours.status_code == theirs.status_code == 201
    assert ours.json()["id"] != theirs.json()["id"]
    for own, session in ((house, ours), (south, theirs)):
        listed = (await api.http.get("/api/v1/sessions", headers=own.auth)).json()
        assert [one["id"] for one in listed["sessions"]] == [session.json()["id"]]


async def test_lists_page_and_filter(api: Api, house: House) -> None:
    made = []
    for number in range(5):
        answer = await api.start(house, f"key-{number}", customer=house.customers[number % 2])
        made.append(answer.json()["id"])
        await api.pool.execute(
            "UPDATE session SET state = 'released', settled_at = now(), wake_at = NULL WHERE session_id = $1",
            made[-1],
        )

    async def ids(query: str) -> tuple[list[str], str | None]:
        page = (await api.http.get(f"/api/v1/sessions?{query}", headers=house.auth)).json()
        return [one["id"] for one in page["sessions"]], page["next"]

    newest = made[::-1]
    if sorted(made) != made:  # made within the same hundredth of a second
        newest = sorted(made, reverse=True)
    first, more = await ids("limit=2")
    second, more = await ids(f"limit=2&before={more}")
    third, end = await ids(f"limit=2&before={more}")
    assert first + second + third == newest
    assert end is None
    assert set((await ids(f"customer={house.customers[1]}"))[0]) == {made[1], made[3]}
    assert (await ids("state=running"))[0] == []
    assert len((await ids("state=released"))[0]) == 5


async def test_a_balance_tells_what_is_held_apart(api: Api, house: House) -> None:
    held = (await api.start(house)).json()["hold_minor"]
    answer = await api.http.get(f"/api/v1/customers/{house.customers[0]}/balance", headers=house.auth)
    assert answer.json() == {
        "customer_id": house.customers[0],
        "currency": "CNY",
        "principal_minor": 20_00 - held,
        "bonus_minor": 0,
        "held_minor": held,
        "arrears_minor": 0,
    }


async def test_a_key_is_looked_up_once_for_many_requests(api: Api, house: House) -> None:
    lookups = ApiKeys(api.pool)
    found = await asyncio.gather(*(lookups.operator_of(house.key) for _ in range(100)))
    assert set(found) == {house.operator}
    async with api.pool.acquire() as connection:
        await revoke_api_key(connection, house.operator, "test", by="test")
    assert await lookups.operator_of(house.key) == house.operator  # remembered, for five seconds at most
    assert keys.KEPT_S <= 5
    assert await ApiKeys(api.pool).operator_of(house.key) is None


async def test_a_revoked_key_ends_when_it_is_looked_up_again(
    api: Api, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "KEPT_S", 0.0)
    assert (await api.http.get("/api/v1/sessions", headers=house.auth)).status_code == 200
    async with api.pool.acquire() as connection:
        await revoke_api_key(connection, house.operator, "test", by="test")
    assert (await api.http.get("/api/v1/sessions", headers=house.auth)).status_code == 401
