"""Claiming terminals, health, and the document."""

from __future__ import annotations

import asyncio

import httpx
import msgspec
from nats.aio.client import Client

from coinslot.engines.connect import Pool
from coinslot.fleet.provisioning import authenticate, issue_claim_code
from coinslot.terminal.identity import Identity
from coinslot.web.api.terminals import BURST
from coinslot.wire.ids import SiteId
from tests.postgres.web.conftest import DOOR, Api, House


async def claim(api: Api, code: str) -> httpx.Response:
    return await api.http.post("/api/v1/terminals/claim", json={"code": code})


async def new_code(api: Api, house: House) -> str:
    async with api.pool.acquire() as connection:
        site = await connection.fetchval("SELECT site_id FROM site WHERE operator_id = $1", house.operator)
        return await issue_claim_code(
            connection, house.operator, SiteId(site), name="Shower 9", hours=1, by="test"
        )


async def test_a_code_becomes_the_identity_that_the_agent_reads(api: Api, house: House) -> None:
    answer = await claim(api, await new_code(api, house))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    identity = msgspec.json.decode(answer.content, type=Identity)
    assert (identity.mqtt_host, identity.mqtt_port) == (DOOR.mqtt_host, DOOR.mqtt_port)
    async with api.pool.acquire() as connection:
        assert await authenticate(connection, identity.terminal_id, identity.secret) == house.operator


async def test_a_code_works_once_however_many_ask(api: Api, house: House) -> None:
    code = await new_code(api, house)
    answers = await asyncio.gather(*(claim(api, code) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422, 422]
    refused = {answer.content for answer in answers if answer.status_code == 422}
    assert len(refused) == 1
    assert (await claim(api, "7K2M-0QX9-B4ZC")).content == refused.pop()


async def test_guessing_is_slowed_and_good_codes_cost_nothing(api: Api, house: House) -> None:
    for _ in range(2 * BURST):
        assert (await claim(api, await new_code(api, house))).status_code == 200
    for _ in range(BURST):
        assert (await claim(api, "0000-0000-0000")).status_code == 422
    answer = await claim(api, await new_code(api, house))
    assert (answer.status_code, answer.json()["reason"]) == (429, "too_many_tries")
    assert int(answer.headers["retry-after"]) >= 1


async def test_health_tells_of_both_engines(api: Api, client: Client) -> None:
    answer = await api.http.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"database": "ok", "broker": "ok"})
    await client.close()
    answer = await api.http.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "ok"
    assert answer.json()["broker"].startswith("no answer")


async def test_a_database_that_is_gone_is_a_503_that_names_nobody(api: Api, house: House, pool: Pool) -> None:
    assert (await api.http.get("/api/v1/sessions", headers=house.auth)).status_code == 200
    pool.terminate()
    answer = await api.http.get("/api/v1/sessions", headers=house.auth)
    assert (answer.status_code, answer.json()["reason"]) == (503, "unavailable")
    assert (await api.start(house)).status_code == 503
    assert (await api.http.get("/healthz")).status_code == 503


async def test_the_document_describes_every_route_with_examples(api: Api) -> None:
    document = (await api.http.get("/api/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    start = document["paths"]["/api/v1/sessions"]["post"]
    assert {"201", "402", "409", "422", "503"} <= set(start["responses"])
    header = next(one for one in start["parameters"] if one["name"] == "Idempotency-Key")
    assert header["required"]
    examples = start["responses"]["402"]["content"]["application/problem+json"]["examples"]
    assert {one["value"]["reason"] for one in examples.values()} == {"arrears", "no_balance"}
    assert document["components"]["schemas"]["StartBody"]["properties"]["customer"]["examples"]
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"]
